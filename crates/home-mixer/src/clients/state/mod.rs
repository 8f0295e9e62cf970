//! The clients over the embedded state store.
//!
//! Its reads are short (a post is a point lookup, mostly from memory), so they are made where they are asked for, in one call
//! per stage, and not handed to a thread pool: the hand-over would cost more than the read.

mod gizmoduck;
mod served;
mod social_graph;
mod strato;
mod tweet_entities;
mod visibility;

pub use gizmoduck::StateGizmoduck;
pub use served::LogServedRecorder;
pub use social_graph::StateSocialGraph;
pub use strato::StateStrato;
pub use tweet_entities::StateTweetEntities;
pub use visibility::StateVisibility;

use foryou_types::seams::SeamError;
use state_store::StateError;

/// The store's failure as a client's.
pub(super) fn internal(error: StateError) -> SeamError {
    SeamError::Internal(error.to_string())
}
