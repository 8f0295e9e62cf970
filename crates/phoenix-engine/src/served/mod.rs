//! What serving asks of a model, whatever family it is of.
//!
//! A family that is to serve implements [`ServedRanker`], [`ServedRetrieval`] or both for its models, and [`ServedFamily`] to make them
//! ready. The program that serves has a table of such families; which one a version is of, its manifest says. Its kind says what it
//! serves as: [`model_registry::Kind::RANKER`] or [`model_registry::Kind::RETRIEVAL`].

mod any_ranker;
mod context_cache;
mod family;
mod ranker;
mod retrieval;
mod scores;

pub use any_ranker::AnyRanker;
pub use family::{NotServed, RankerOptions, ServedFamilies, ServedFamily, family_of};
pub use ranker::{ServedContext, ServedRanker};
pub use retrieval::ServedRetrieval;
