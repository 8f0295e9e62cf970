//! One trait per outside service of the documents, so that the pipeline never knows where its data lives.
//!
//! Thunder, Phoenix retrieval and Phoenix ranking are [`foryou_types::seams`]; the others are here.

pub mod gizmoduck;
pub mod social_graph;
pub mod strato;
pub mod tweet_entities;
pub mod visibility;

pub use gizmoduck::{Gizmoduck, UserProfile};
pub use social_graph::{SocialGraph, ViewerGraph};
pub use strato::{SeenAndServed, Strato, ViewerPreferences};
pub use tweet_entities::{CoreData, TweetEntities};
pub use visibility::{VisibilityFiltering, VisibilityRequest};
