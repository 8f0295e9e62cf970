//! One trait per outside service of the documents, so that the pipeline never knows where its data lives.
//!
//! Thunder, Phoenix retrieval and Phoenix ranking are [`foryou_types::seams`]; the others are here. [`state`] and [`popularity`]
//! implement them over the embedded state store; [`hot_swap`] lets a service exchange a model while it serves.

pub mod gizmoduck;
pub mod hot_swap;
pub mod popularity;
pub mod served_recorder;
pub mod social_graph;
pub mod state;
pub mod strato;
pub mod tweet_entities;
pub mod visibility;

use candidate_pipeline::StageError;
use foryou_types::seams::SeamError;

pub use gizmoduck::{Gizmoduck, UserProfile};
pub use hot_swap::HotSwap;
pub use served_recorder::ServedRecorder;
pub use social_graph::{SocialGraph, ViewerGraph};
pub use strato::{RecordWindow, SeenAndServed, Strato, ViewerPreferences};
pub use tweet_entities::{CoreData, TweetEntities};
pub use visibility::{VisibilityFiltering, VisibilityRequest};

/// A client's failure as the failure of the component that asked it.
pub(crate) fn failed(error: SeamError) -> StageError {
    match error {
        SeamError::DeadlineExceeded => StageError::DeadlineExceeded,
        other => StageError::failed(other),
    }
}

/// A client's answer. Refused unless it has one value for each thing asked.
pub(crate) fn one_each<T>(answer: Result<Vec<T>, SeamError>, expected: usize) -> Result<Vec<T>, StageError> {
    let answer = answer.map_err(failed)?;
    if answer.len() == expected { Ok(answer) } else { Err(StageError::WrongLength { expected, got: answer.len() }) }
}
