//! Embedded projections of the event log: posts, profiles, the graph both ways, histories, impressions, labels, popularity.
//!
//! Start with [`StateStore`] (what is known) and [`Ingestor`] (how events come in).
//!
//! Invariants:
//! * The state is a function of the log: the same events leave the same bytes, however they were split into batches. So it can be
//!   deleted at any time. If it does not fit the log, it is rebuilt with a warning ([`StateStore::open`]).
//! * A batch and the position it reaches are written together. After a crash the state covers whole batches and continues from
//!   there. Nothing is synced: the log is what survives a power cut.
//! * Events are applied in the order of the log, and their times decide what they change. So any order of arrival leads to the same
//!   state. Two exceptions: the rings of seen and served posts hold the newest arrivals, and a post that is created twice keeps its
//!   first creation (ingestion refuses the second). Each table's file says what that means for it.
//! * A read either answers or fails ([`StateError`]): an unreadable block list is never treated as empty.

mod acted;
mod apply;
mod bytes;
mod clock;
mod error;
mod feed_clients;
mod graph;
mod history;
mod ingest;
mod keys;
mod keywords;
mod labels;
mod popularity;
mod posts;
mod profiles;
mod read_cache;
mod settings;
mod shown;
mod storage;
mod store;
mod tx;

pub use clock::{LogClock, folder_clock};
pub use error::StateError;
pub use feed_clients::{
    LogServedRecorder, PopularityRanking, PopularityRetrieval, StateGizmoduck, StateSocialGraph, StateStrato,
    StateTweetEntities, StateVisibility,
};
pub use ingest::{IngestError, Ingestor, Outcome, Rejection};
pub use popularity::PopularPost;
pub use posts::StoredPost;
pub use profiles::StoredProfile;
pub use store::{StateMemory, StateStore};
