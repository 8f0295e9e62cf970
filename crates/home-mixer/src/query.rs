//! The query of a For You request (the documents' `ScoredPostsQuery`).

use std::sync::Arc;

use foryou_types::{Accounts, PostId, Profile, Surface, TimeMs, UserActionSequence, UserId};
use mixer_kit::{FeedQuery, ImpressionBloomFilterEntry, Known, RecordInFlight, RequestNotes};
use rustc_hash::FxHashSet;

use crate::ids::PrintedIds;

/// A request for scored posts. The first block is the caller's; the second is filled by the query hydrators, each field by
/// the component its comment names.
#[derive(Clone, Debug)]
pub struct ScoredPostsQuery {
    /// The viewer; never 0.
    pub user_id: UserId,
    /// The app the viewer uses.
    pub client_app_id: i32,
    /// Where the viewer is, ISO 3166-1 alpha-2; empty where unknown.
    pub country_code: String,
    /// What the viewer reads, BCP 47; empty where unknown.
    pub language_code: String,
    /// Posts the client says the viewer has seen.
    pub seen_ids: Vec<PostId>,
    /// Posts the client says it was served in this session.
    pub served_ids: Vec<PostId>,
    /// Only posts of followed accounts.
    pub in_network_only: bool,
    /// A request for more at the bottom of the feed.
    pub is_bottom_request: bool,
    /// Impressions as bloom filters; several are a union.
    pub bloom_filter_entries: Vec<ImpressionBloomFilterEntry>,
    /// No posts with video.
    pub exclude_videos: bool,
    /// Only posts with video.
    pub video_only: bool,
    /// Only posts of these topics, where not empty.
    pub topic_ids: Vec<u32>,
    /// The product surface the feed is for.
    pub surface: Surface,
    /// For tracing and logging; unique.
    pub request_id: String,
    /// How many posts the caller wants.
    pub limit: usize,
    /// The moment of the request.
    pub now: TimeMs,
    /// The profile of the data.
    pub profile: Arc<Profile>,
    /// The names of string ids, for the reasons that components give.
    pub dictionary: PrintedIds,
    /// Whether the feed is recorded as served.
    pub record: bool,
    /// What components say that fits neither query nor candidate.
    pub notes: Arc<RequestNotes>,
    /// Held while the feed's record is under way, so that the viewer's next request can wait for it.
    pub record_in_flight: Option<Arc<RecordInFlight>>,

    /// The viewer's history as the state keeps it (`UserActionSeqQueryHydrator`); models cut it. `None`: not fetched.
    pub user_action_sequence: Option<Arc<UserActionSequence>>,
    /// The viewer's graph and preferences (`UserFeaturesQueryHydrator`). `None`: not fetched, which the fail-closed filters
    /// take as their failure.
    pub user_features: Option<Arc<UserFeatures>>,
    /// What the server itself showed and served (`ImpressionHistoryQueryHydrator`).
    pub history: Option<Arc<ViewerRecord>>,
}

/// What the viewer follows, blocks, mutes and pays for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserFeatures {
    /// Accounts the viewer follows, newest first.
    pub followed_user_ids: Accounts,
    /// Accounts the viewer blocks.
    pub blocked_user_ids: Accounts,
    /// Accounts the viewer mutes.
    pub muted_user_ids: Accounts,
    /// Accounts that block the viewer.
    pub blocked_by_user_ids: Accounts,
    /// Accounts whose subscriber-only posts the viewer pays for.
    pub subscribed_user_ids: Accounts,
    /// Words and phrases the viewer does not want to read.
    pub muted_keywords: Arc<[String]>,
    /// The viewer's own factor on out-of-network posts, where set; else the profile's.
    pub oon_factor: Option<f64>,
}

impl UserFeatures {
    /// Whether the viewer follows an account.
    pub fn follows(&self, user: UserId) -> bool {
        self.followed_user_ids.contains(user)
    }
}

/// The server's own record of a viewer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewerRecord {
    /// Posts with a recorded impression, and originals of posts that the request lists as seen.
    pub seen: FxHashSet<PostId>,
    /// Posts served within the profile's window, and originals of posts that the request lists as served.
    pub served: FxHashSet<PostId>,
}

impl ScoredPostsQuery {
    /// A query with the defaults of a first page.
    pub fn new(user_id: UserId, now: TimeMs, profile: Arc<Profile>, request_id: String) -> Self {
        Self {
            user_id,
            client_app_id: 0,
            country_code: String::new(),
            language_code: String::new(),
            seen_ids: Vec::new(),
            served_ids: Vec::new(),
            in_network_only: false,
            is_bottom_request: false,
            bloom_filter_entries: Vec::new(),
            exclude_videos: false,
            video_only: false,
            topic_ids: Vec::new(),
            surface: Surface::Home,
            request_id,
            limit: crate::params::RESULT_SIZE,
            now,
            profile,
            dictionary: PrintedIds::default(),
            record: false,
            notes: Arc::default(),
            record_in_flight: None,
            user_action_sequence: None,
            user_features: None,
            history: None,
        }
    }

    /// A post's id as the data set writes it.
    pub fn print_post(&self, id: PostId) -> String {
        self.dictionary.post(&self.profile, id)
    }

    /// A user's id as the data set writes it.
    pub fn print_user(&self, id: UserId) -> String {
        self.dictionary.user(&self.profile, id)
    }

    /// Whether the viewer follows an account (false where the graph was not fetched).
    pub fn follows(&self, user: UserId) -> bool {
        self.user_features.as_ref().is_some_and(|f| f.follows(user))
    }
}

impl FeedQuery for ScoredPostsQuery {
    fn viewer(&self) -> UserId {
        self.user_id
    }

    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn now(&self) -> TimeMs {
        self.now
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn surface(&self) -> Surface {
        self.surface
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn actions(&self) -> Option<&Arc<UserActionSequence>> {
        self.user_action_sequence.as_ref()
    }

    fn known(&self) -> Known<'_> {
        let record = self.history.as_deref();
        Known {
            said_seen: &self.seen_ids,
            said_served: &self.served_ids,
            blooms: &self.bloom_filter_entries,
            seen: record.map(|record| &record.seen),
            served: record.map(|record| &record.served),
        }
    }

    fn notes(&self) -> &RequestNotes {
        &self.notes
    }

    fn print_item(&self, id: PostId) -> String {
        self.print_post(id)
    }
}
