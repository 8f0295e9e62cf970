//! Embedded projections of the event log. (Signatures first; bodies are being filled in.)
#![expect(unused_variables, clippy::unused_self, clippy::unnecessary_wraps, reason = "signatures published ahead of their bodies")]

use std::{path::Path, sync::Arc, time::Duration};

use event_log::{EdgeKind, Event, EventLog, PostEvent, Position, Record};
use foryou_types::{
    ActionMask, Clock, EngagementCounts, PopularityPrior, PostId, Profile, TimeMs, UserActionSequence, UserId,
};
use rustc_hash::FxHashSet;
use thiserror::Error;

/// The state cannot be read or written.
#[derive(Debug, Error)]
pub enum StateError {
    /// placeholder
    #[error("state {path}: {problem}")]
    Open {
        /// folder
        path: String,
        /// problem
        problem: String,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] event_log::LogError),
}

/// A post as the state knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredPost {
    /// The fields of its creation; of a post of which only the delete is known, just its id.
    pub post: PostEvent,
    /// When it was created; when it was deleted where only that is known.
    pub created_at: TimeMs,
    /// Deleted.
    pub deleted: bool,
}

/// A person's profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredProfile {
    /// The person.
    pub user_id: UserId,
    /// The name shown.
    pub screen_name: Option<String>,
    /// Followers: as the platform counts them where it said so, else followers in the graph.
    pub followers: u64,
    /// Verified.
    pub verified: bool,
    /// Only followers see this person's posts.
    pub protected: bool,
    /// Suspended by the platform.
    pub suspended: bool,
    /// Country, as ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Language, as a BCP 47 tag.
    pub language: Option<String>,
    /// When the account was made.
    pub created_at: Option<TimeMs>,
}

/// What a person did with a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    /// Every action not taken back, the continuous one included.
    pub actions: ActionMask,
    /// When the last of them was.
    pub last_at: TimeMs,
}

/// A post of the popular list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PopularPost {
    /// The post.
    pub post_id: PostId,
    /// Its author.
    pub author_id: UserId,
    /// Weighted score of the popularity prior.
    pub score: f64,
}

/// The projections.
pub struct StateStore(());

type R<T> = Result<T, StateError>;

/// published ahead
#[expect(missing_docs, reason = "signatures published ahead of their bodies")]
impl StateStore {
    pub fn open(dir: &Path, log: Arc<dyn EventLog>, profile: &Profile) -> R<Self> { Ok(Self(())) }
    pub fn rebuild(dir: &Path, log: Arc<dyn EventLog>, profile: &Profile) -> R<Self> { Ok(Self(())) }
    pub fn catch_up(&self) -> R<Position> { Ok(Position::default()) }
    pub fn position(&self) -> Position { Position::default() }
    pub fn wait_for(&self, next_seq: u64, timeout: Duration) -> bool { true }
    pub fn apply(&self, records: &[Record], position: Position) -> R<()> { Ok(()) }
    pub fn newest_event_at(&self) -> Option<TimeMs> { None }

    pub fn post(&self, id: PostId) -> R<Option<Arc<StoredPost>>> { Ok(None) }
    pub fn posts(&self, ids: &[PostId]) -> R<Vec<Option<Arc<StoredPost>>>> { Ok(vec![]) }
    pub fn is_deleted(&self, id: PostId) -> R<bool> { Ok(false) }
    pub fn ancestors(&self, id: PostId, limit: usize) -> R<Vec<PostId>> { Ok(vec![]) }
    pub fn profile(&self, id: UserId) -> R<Option<StoredProfile>> { Ok(None) }
    pub fn profiles(&self, ids: &[UserId]) -> R<Vec<Option<StoredProfile>>> { Ok(vec![]) }
    pub fn targets(&self, kind: EdgeKind, user: UserId) -> R<Vec<UserId>> { Ok(vec![]) }
    pub fn sources(&self, kind: EdgeKind, user: UserId) -> R<Vec<UserId>> { Ok(vec![]) }
    pub fn has_edge(&self, kind: EdgeKind, user: UserId, target: UserId) -> R<bool> { Ok(false) }
    pub fn edge_at(&self, kind: EdgeKind, user: UserId, target: UserId) -> R<Option<TimeMs>> { Ok(None) }
    pub fn target_count(&self, kind: EdgeKind, user: UserId) -> R<u64> { Ok(0) }
    pub fn source_count(&self, kind: EdgeKind, user: UserId) -> R<u64> { Ok(0) }
    pub fn muted_keywords(&self, user: UserId) -> R<Vec<String>> { Ok(vec![]) }
    pub fn action_sequence(&self, user: UserId) -> R<UserActionSequence> { Ok(UserActionSequence::default()) }
    pub fn acted_posts(&self, user: UserId) -> R<FxHashSet<PostId>> { Ok(FxHashSet::default()) }
    pub fn acted(&self, user: UserId, post: PostId) -> R<Option<Acted>> { Ok(None) }
    pub fn seen_posts(&self, user: UserId, since: TimeMs) -> R<Vec<PostId>> { Ok(vec![]) }
    pub fn served_posts(&self, user: UserId, since: TimeMs, limit: usize) -> R<Vec<(PostId, TimeMs)>> { Ok(vec![]) }
    pub fn labels_of_post(&self, post: PostId, now: TimeMs) -> R<Vec<String>> { Ok(vec![]) }
    pub fn labels_of_user(&self, user: UserId, now: TimeMs) -> R<Vec<String>> { Ok(vec![]) }

    pub fn popularity_prior(&self, now: TimeMs) -> Arc<PopularityPrior> { unreachable!() }
    pub fn engagement(&self, post: PostId) -> R<Option<EngagementCounts>> { Ok(None) }
    pub fn engagements(&self, posts: &[PostId]) -> R<Vec<Option<EngagementCounts>>> { Ok(vec![]) }
    pub fn raw_counts(&self, post: PostId) -> R<Vec<u64>> { Ok(vec![]) }
    pub fn raw_impressions(&self, post: PostId) -> R<u64> { Ok(0) }
    pub fn most_popular(
        &self,
        now: TimeMs,
        not_before: TimeMs,
        limit: usize,
        exclude: &dyn Fn(PostId, UserId) -> bool,
    ) -> R<Vec<PopularPost>> { Ok(vec![]) }

    pub fn dump_hash(&self) -> R<u64> { Ok(0) }
    pub fn for_each(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> R<()> { Ok(()) }
}

/// An event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Its place in the caller's list.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events appended and applied.
    pub accepted: usize,
    /// Events whose id the log had.
    pub duplicates: usize,
    /// Events refused.
    pub rejected: Vec<Rejection>,
    /// The state's position that covers the batch.
    pub position: Position,
}

/// A batch that was not taken at all.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The log could not be written.
    #[error(transparent)]
    Log(#[from] event_log::LogError),
    /// The batch is in the log, but the state could not follow.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The one way events come in.
pub struct Ingestor(());

#[expect(missing_docs, reason = "signatures published ahead of their bodies")]
impl Ingestor {
    pub fn new(log: Arc<dyn EventLog>, state: Arc<StateStore>, profile: Arc<Profile>, clock: Arc<dyn Clock>) -> Self { Self(()) }
    pub fn submit(&self, events: Vec<Event>) -> Result<Outcome, IngestError> { Ok(Outcome::default()) }
}

/// The clock of a folder.
pub fn folder_clock(profile: &Profile, log: Arc<dyn EventLog>) -> Arc<dyn Clock> { Arc::new(foryou_types::WallClock) }
