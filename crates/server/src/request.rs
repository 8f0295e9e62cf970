//! A feed request as callers write it, the same over REST, gRPC and the command line.

use foryou_types::{PostId, Surface, TimeMs};
use home_mixer::bloom::ImpressionBloomFilterEntry;
use home_mixer::query::ScoredPostsQuery;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::cursor::{self, Scope};
use crate::ids::{GivenId, Ids, Viewer};
use crate::limits;
use crate::problem::Problem;
use crate::schema;

/// A moment as a caller gave it: Unix milliseconds or RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeText(pub TimeMs);

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let GivenId::Text(text) = GivenId::deserialize(deserializer)? else {
            return Err(serde::de::Error::custom("a time is a string or an integer"));
        };
        event_log::json::read_time(&text).map(TimeText).map_err(serde::de::Error::custom)
    }
}

/// Everything that a caller may say about a feed: the unhydrated fields of the documents' `ScoredPostsQuery` under their names,
/// and a few of our own.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedRequest {
    /// The viewer.
    #[schema(schema_with = schema::user_id)]
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
    #[schema(schema_with = schema::request_id)]
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
    #[schema(schema_with = schema::optional_limit)]
    pub limit: Option<usize>,
    /// The moment of the request, instead of the folder's clock. Such a feed is never recorded as served.
    #[serde(default)]
    #[schema(schema_with = schema::optional_time)]
    pub now: Option<TimeText>,
    /// The product surface.
    #[serde(default)]
    #[schema(schema_with = schema::optional_surface)]
    pub surface: Option<Surface>,
    /// `next_cursor` of the page before. It is valid only for the same viewer and the same kind of feed.
    #[serde(default)]
    #[schema(schema_with = schema::optional_cursor)]
    pub cursor: Option<String>,
    /// Record the posts as served (the default) or not.
    #[serde(default)]
    pub record: Option<bool>,
    /// Explain every decision about every candidate.
    #[serde(default)]
    pub explain: bool,
}

/// A request whose ids were looked up, once.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) viewer: Viewer,
    /// The posts of earlier pages.
    pub(crate) earlier: Vec<PostId>,
    pub(crate) scope: Scope,
    pub(crate) query: ScoredPostsQuery,
    /// Whether the caller gave the moment of the feed.
    pub(crate) said_now: bool,
    pub(crate) record: bool,
    pub(crate) explain: bool,
}

impl FeedRequest {
    /// The pipeline's query. The posts of earlier pages (from the cursor) count as served.
    pub(crate) fn resolve(self, app: &App) -> Result<Resolved, Problem> {
        self.check()?;
        let ids = app.ids();
        let viewer = ids.viewer(&self.user_id).map_err(|e| Problem::field("user_id", e))?;
        let said_now = self.now.is_some();
        if said_now && self.record == Some(true) {
            let problem = "a feed with its own now is never recorded: leave out now or record";
            return Err(Problem::field("record", problem));
        }
        let now = self.now.map_or_else(|| app.clock.now(), |t| t.0);
        let mut query = ScoredPostsQuery::new(viewer.id, now, app.profile.clone(), self.request_id);
        query.dictionary = home_mixer::Dictionary(app.log.clone());
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
        query.limit = self.limit.unwrap_or(app.default_limit);
        let scope = Scope::of(&query);
        let mut earlier = Vec::new();
        if let Some(cursor) = &self.cursor {
            earlier = cursor::decode(&app.cursor_key, &scope, cursor)?;
            query.served_ids.extend(&earlier);
            query.is_bottom_request = true;
        }
        // A viewer who is missing from the dictionary has no name to record under, and a feed with its own now was shown to
        // nobody.
        let record = self.record.unwrap_or(true) && !viewer.stranger && !said_now;
        Ok(Resolved { viewer, earlier, scope, query, said_now, record, explain: self.explain })
    }

    /// Refuses strings and lists that are longer than the schema allows; the error names the field.
    fn check(&self) -> Result<(), Problem> {
        limits::text("country_code", &self.country_code, event_log::limits::COUNTRY)?;
        limits::text("language_code", &self.language_code, event_log::limits::LANGUAGE)?;
        check_request_id("request_id", &self.request_id)?;
        limits::list("seen_ids", &self.seen_ids, limits::LISTED_POSTS)?;
        limits::list("served_ids", &self.served_ids, limits::LISTED_POSTS)?;
        limits::list("topic_ids", &self.topic_ids, limits::TOPICS)?;
        limits::list("bloom_filter_entries", &self.bloom_filter_entries, limits::BLOOM_FILTERS)?;
        for (i, entry) in self.bloom_filter_entries.iter().enumerate() {
            limits::list(&format!("bloom_filter_entries[{i}].bits"), &entry.bits, limits::BLOOM_BYTES)?;
            entry.check().map_err(|e| Problem::field(&format!("bloom_filter_entries[{i}]"), e.to_string()))?;
        }
        if self.limit.is_some_and(|limit| !(1..=limits::FEED).contains(&limit)) {
            return Err(Problem::field("limit", format!("must be between 1 and {}", limits::FEED)));
        }
        Ok(())
    }
}

/// Refuses a request id that is too long, or that cannot be put into a header or a log line.
pub(crate) fn check_request_id(field: &str, id: &str) -> Result<(), Problem> {
    limits::text(field, id, event_log::limits::REQUEST_ID)?;
    if id.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Problem::field(field, "must consist of visible ASCII characters"))
}

fn posts(ids: Ids<'_>, field: &str, given: &[GivenId]) -> Result<Vec<PostId>, Problem> {
    let mut posts = Vec::with_capacity(given.len());
    for (i, id) in given.iter().enumerate() {
        posts.extend(ids.post(id).map_err(|e| Problem::field(&format!("{field}[{i}]"), e))?);
    }
    Ok(posts)
}
