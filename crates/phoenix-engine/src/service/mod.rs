//! The models as services: behind the seams of [`foryou_types::seams`], filled from the log, exchanged while they serve.
//!
//! ```text
//! log ── follow_posts ──> Corpus ──────────────┐
//!            └─ CorpusListener ──> PhoenixRetrieval (index per model)   PhoenixRanking (contexts per model)
//! Registry ── ModelHost ── loads, swaps ──────────┴───────────────────────────┘
//! ```
//!
//! Start with [`ModelHost`]: it owns the models, loads what the registry promotes and gives out the seam objects. Which family makes a
//! version ready to serve, its manifest says; the host knows none of them by name.
//!
//! Invariants:
//! * A request takes one model when it begins and keeps it: an answer never mixes two versions, and a swap fails no request.
//! * A checkpoint that does not load, or was trained for other actions, changes nothing but the status.
//! * A post can be retrieved once the reader's position is past its creation, and no longer once it is past its delete.
//! * The work runs on the runtime's blocking threads, as much of it at a time as there are cores; the calls must be made within a
//!   tokio runtime.

mod admission;
mod config;
mod corpus_reader;
mod fallback;
mod fleet;
mod host;
mod inputs;
mod load_error;
mod ranking;
mod recent_posts;
mod retrieval;

pub use config::ServingConfig;
pub use corpus_reader::{CorpusListener, follow_posts, read_posts};
pub use fleet::{Fleet, Loaded, Serving};
pub use host::{HostParts, HostStatus, KindStatus, ModelHost};
pub use load_error::LoadError;
pub use ranking::PhoenixRanking;
pub use retrieval::{AnyRetrieval, PhoenixRetrieval};
