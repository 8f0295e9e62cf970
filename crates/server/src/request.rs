//! A feed request as callers write it, the same over REST, gRPC and the command line.

use foryou_types::{IdError, Surface, TimeMs};
use home_mixer::bloom::ImpressionBloomFilterEntry;
use home_mixer::query::ScoredPostsQuery;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::ids::IdText;
use crate::problem::Problem;

/// A moment as a caller gave it: Unix milliseconds or RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "2012-07-04T12:00:00Z")]
pub struct TimeText(pub TimeMs);

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = IdText::deserialize(deserializer)?;
        TimeMs::parse(&text.0).map(TimeText).map_err(serde::de::Error::custom)
    }
}

/// Everything a caller may say about a feed: the unhydrated fields of the documents' `ScoredPostsQuery` by their names, and
/// ours.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedRequest {
    /// The viewer.
    pub user_id: IdText,
    /// The app the viewer uses.
    pub client_app_id: i32,
    /// Where the viewer is, ISO 3166-1 alpha-2.
    pub country_code: String,
    /// What the viewer reads, BCP 47.
    pub language_code: String,
    /// Posts the viewer has seen.
    pub seen_ids: Vec<IdText>,
    /// Posts served in this session.
    pub served_ids: Vec<IdText>,
    /// Only posts of followed accounts.
    pub in_network_only: bool,
    /// A request for more at the bottom of the feed.
    pub is_bottom_request: bool,
    /// Impressions as bloom filters.
    #[schema(value_type = Vec<Object>)]
    pub bloom_filter_entries: Vec<ImpressionBloomFilterEntry>,
    /// Made up by the server when empty.
    pub request_id: String,
    /// No posts with video.
    pub exclude_videos: bool,
    /// Only posts with video.
    pub video_only: bool,
    /// Only posts of these topics.
    pub topic_ids: Vec<u32>,
    /// Posts wanted.
    pub limit: Option<usize>,
    /// The moment of the request, instead of the folder's clock. Such a feed is only a look: it is never recorded.
    pub now: Option<TimeText>,
    /// The product surface.
    #[schema(value_type = Option<String>)]
    pub surface: Option<Surface>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Record the posts as served (the default) or not.
    pub record: Option<bool>,
    /// Tell every decision about every candidate.
    pub explain: bool,
}

impl FeedRequest {
    /// The pipeline's query, with the ids of earlier pages (from the cursor) among the served.
    pub fn into_query(self, app: &App) -> Result<ScoredPostsQuery, Problem> {
        let ids = app.ids();
        if self.user_id.0.is_empty() {
            return Err(Problem::bad_request("user_id: say whose feed"));
        }
        let user = match ids.user(&self.user_id.0) {
            Ok(user) => user,
            // Whom the dictionary does not know is a viewer without history.
            Err(IdError::Unknown { .. }) => ids.stranger(&self.user_id.0),
            Err(e) => return Err(Problem::bad_request(format!("user_id: {e}"))),
        };
        let posts = |key: &str, texts: &[IdText]| {
            texts
                .iter()
                .filter_map(|t| match ids.post(&t.0) {
                    Ok(post) => Some(Ok(post)),
                    // A post that nobody knows is in no feed.
                    Err(IdError::Unknown { .. }) => None,
                    Err(e) => Some(Err(Problem::bad_request(format!("{key}: {e}")))),
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let now = self.now.map_or_else(|| app.clock.now(), |t| t.0);
        let mut query = ScoredPostsQuery::new(user, now, app.profile.clone(), self.request_id);
        query.dictionary = home_mixer::Dictionary(app.log.clone());
        query.client_app_id = self.client_app_id;
        query.country_code = self.country_code;
        query.language_code = self.language_code;
        query.seen_ids = posts("seen_ids", &self.seen_ids)?;
        query.served_ids = posts("served_ids", &self.served_ids)?;
        query.in_network_only = self.in_network_only;
        query.is_bottom_request = self.is_bottom_request;
        for (i, entry) in self.bloom_filter_entries.iter().enumerate() {
            entry.check().map_err(|e| Problem::bad_request(format!("bloom_filter_entries[{i}]: {e}")))?;
        }
        query.bloom_filter_entries = self.bloom_filter_entries;
        query.exclude_videos = self.exclude_videos;
        query.video_only = self.video_only;
        query.topic_ids = self.topic_ids;
        query.surface = self.surface.unwrap_or(Surface::Home);
        query.limit = self.limit.unwrap_or(app.default_limit);
        if let Some(cursor) = &self.cursor {
            query.served_ids.extend(crate::cursor::decode(cursor)?);
            query.is_bottom_request = true;
        }
        Ok(query)
    }
}
