//! The mixers' clients ([`foryou_types::seams`]) over the embedded state store.
//!
//! Reads may wait for the disk. So each call reads everything at once on a thread that may block (`off_worker`), never on the threads
//! that all requests share, and never with one hand-over per candidate.

mod gizmoduck;
mod popularity;
mod served;
mod social_graph;
mod strato;
mod tweet_entities;
mod visibility;

pub use gizmoduck::StateGizmoduck;
pub use popularity::{PopularityRanking, PopularityRetrieval};
pub use served::LogServedRecorder;
pub use social_graph::StateSocialGraph;
pub use strato::StateStrato;
pub use tweet_entities::StateTweetEntities;
pub use visibility::StateVisibility;

use std::sync::Arc;

use foryou_types::seams::SeamError;

use crate::{StateError, StateStore};

/// Reads the store on a thread that may wait for the disk.
async fn off_worker<T: Send + 'static>(
    store: &Arc<StateStore>,
    read: impl FnOnce(&Arc<StateStore>) -> Result<T, StateError> + Send + 'static,
) -> Result<T, SeamError> {
    let store = Arc::clone(store);
    let read = tokio::task::spawn_blocking(move || read(&store)).await;
    read.map_err(|e| SeamError::Internal(e.to_string()))?.map_err(internal)
}

/// The store's failure as a client's.
fn internal(error: StateError) -> SeamError {
    SeamError::Internal(error.to_string())
}
