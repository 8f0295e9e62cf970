//! A feed request as callers write it, the same over REST, gRPC and the command line.

use std::sync::Arc;

use foryou_types::{PostId, Surface};
use home_mixer::query::ScoredPostsQuery;
use mixer_kit::ImpressionBloomFilterEntry;
use serde::Deserialize;
use server::{Asked, Common, Folder, GivenId, Ids, Problem, TimeText};
use utoipa::ToSchema;

use crate::{limits, schema};

/// Everything that a caller may say about a feed: the unhydrated fields of the documents' `ScoredPostsQuery` under their names,
/// and a few of our own.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedRequest {
    /// The viewer.
    #[schema(schema_with = server::schema::user_id)]
    pub user_id: GivenId,
    /// The app the viewer uses.
    #[serde(default)]
    #[schema(schema_with = schema::client_app)]
    pub client_app_id: i32,
    /// Where the viewer is, ISO 3166-1 alpha-2.
    #[serde(default)]
    #[schema(schema_with = schema::country)]
    pub country_code: String,
    /// What the viewer reads, BCP 47.
    #[serde(default)]
    #[schema(schema_with = schema::language)]
    pub language_code: String,
    /// Posts the viewer has seen.
    #[serde(default)]
    #[schema(schema_with = schema::listed_posts)]
    pub seen_ids: Vec<GivenId>,
    /// Posts served in this session.
    #[serde(default)]
    #[schema(schema_with = schema::listed_posts)]
    pub served_ids: Vec<GivenId>,
    /// Only posts of followed accounts.
    #[serde(default)]
    pub in_network_only: bool,
    /// A request for more at the bottom of the feed.
    #[serde(default)]
    pub is_bottom_request: bool,
    /// Impressions as bloom filters.
    #[serde(default)]
    #[schema(schema_with = schema::bloom_filters)]
    pub bloom_filter_entries: Vec<ImpressionBloomFilterEntry>,
    /// Id of the request; generated if it is empty.
    #[serde(default)]
    #[schema(schema_with = server::schema::request_id)]
    pub request_id: String,
    /// No posts with video.
    #[serde(default)]
    pub exclude_videos: bool,
    /// Only posts with video.
    #[serde(default)]
    pub video_only: bool,
    /// Only posts of these topics.
    #[serde(default)]
    #[schema(schema_with = schema::topics)]
    pub topic_ids: Vec<u32>,
    /// Number of posts.
    #[serde(default)]
    #[schema(schema_with = server::schema::optional_limit)]
    pub limit: Option<usize>,
    /// The moment of the request, instead of the folder's clock. Such a feed is never recorded as served.
    #[serde(default)]
    #[schema(schema_with = server::schema::optional_time)]
    pub now: Option<TimeText>,
    /// The product surface.
    #[serde(default)]
    #[schema(schema_with = schema::optional_surface)]
    pub surface: Option<Surface>,
    /// `next_cursor` of the page before. It is valid only for the same viewer and the same kind of feed.
    #[serde(default)]
    #[schema(schema_with = server::schema::optional_cursor)]
    pub cursor: Option<String>,
    /// Record the posts as served (the default) or not.
    #[serde(default)]
    pub record: Option<bool>,
    /// Explain every decision about every candidate.
    #[serde(default)]
    pub explain: bool,
}

impl FeedRequest {
    /// What every feed understands of it.
    pub(crate) fn common(&self) -> Result<Common, Problem> {
        self.check()?;
        Ok(Common {
            user_id: self.user_id.clone(),
            limit: self.limit,
            now: self.now,
            cursor: self.cursor.clone(),
            record: self.record,
            request_id: self.request_id.clone(),
            explain: self.explain,
        })
    }

    /// The pipeline's query.
    pub(crate) fn query(self, asked: Asked, folder: &Folder) -> Result<ScoredPostsQuery, Problem> {
        let ids = folder.ids();
        let profile = Arc::clone(&folder.profile);
        let mut query = ScoredPostsQuery::new(asked.viewer, asked.now, profile, asked.request_id);
        query.dictionary = home_mixer::PrintedIds(folder.names.clone());
        query.client_app_id = self.client_app_id;
        query.country_code = self.country_code;
        query.language_code = self.language_code;
        query.seen_ids = posts(ids, "seen_ids", &self.seen_ids)?;
        query.served_ids = posts(ids, "served_ids", &self.served_ids)?;
        query.in_network_only = self.in_network_only;
        query.is_bottom_request = self.is_bottom_request;
        query.bloom_filter_entries = self.bloom_filter_entries;
        query.exclude_videos = self.exclude_videos;
        query.video_only = self.video_only;
        query.topic_ids = self.topic_ids;
        query.surface = self.surface.unwrap_or(Surface::Home);
        query.limit = asked.limit;
        Ok(query)
    }

    /// Refuses strings and lists that are longer than the schema allows; the error names the field.
    fn check(&self) -> Result<(), Problem> {
        server::limits::text("country_code", &self.country_code, event_log::limits::COUNTRY)?;
        server::limits::text("language_code", &self.language_code, event_log::limits::LANGUAGE)?;
        server::limits::list("seen_ids", &self.seen_ids, limits::LISTED_POSTS)?;
        server::limits::list("served_ids", &self.served_ids, limits::LISTED_POSTS)?;
        server::limits::list("topic_ids", &self.topic_ids, limits::TOPICS)?;
        server::limits::list("bloom_filter_entries", &self.bloom_filter_entries, limits::BLOOM_FILTERS)?;
        for (i, entry) in self.bloom_filter_entries.iter().enumerate() {
            server::limits::list(&format!("bloom_filter_entries[{i}].bits"), &entry.bits, limits::BLOOM_BYTES)?;
            entry.check().map_err(|e| Problem::field(&format!("bloom_filter_entries[{i}]"), e.to_string()))?;
        }
        Ok(())
    }
}

fn posts(ids: Ids<'_>, field: &str, given: &[GivenId]) -> Result<Vec<PostId>, Problem> {
    let mut posts = Vec::with_capacity(given.len());
    for (i, id) in given.iter().enumerate() {
        posts.extend(ids.post(id).map_err(|e| Problem::field(&format!("{field}[{i}]"), e))?);
    }
    Ok(posts)
}
