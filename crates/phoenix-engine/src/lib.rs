//! Serves the Phoenix models on the CPU.
//!
//! Start with [`Ranker`] (action logits of candidates for a viewer) and [`RetrievalModel`] with [`ExactIndex`] (posts near a viewer).
//! What serving asks of a model of any family is [`ServedRanker`] and [`ServedRetrieval`]; the host in [`service`] knows only those.
//! The numeric code is that of [`kernels`]. Inside, `weights` is a model packed for it, `transformer` the layers, `cache` the keys and values of a
//! viewer's context.
//!
//! Why it is fast: the context (user and history) runs once, and its keys and values are kept per layer. Then tiles of candidates go
//! through all layers independently; each candidate costs one token, and its own key is one more logit. Weights are packed once, with
//! norm gains, the attention factor and the small tables' projections folded in.
//!
//! Invariants:
//! * Within one instruction set a candidate's logits are bit-equal alone, in any batch, in any order, on any number of threads, with a
//!   fresh or an extended context ([`kernels`] says why). With sequential positions (the January 2026 form, for parity only) they depend
//!   on a candidate's place, as they do there.
//! * A model is loaded whole or refused ([`EngineError`]); after that, no input can fail or lead to a value that is not finite.
//! * No allocation per candidate or layer: buffers belong to threads and are used again.
//! * Only [`service`] knows a log and a registry, only [`grpc`] a transport.

mod cache;
mod check;
mod context;
mod error;
pub mod grpc;
mod index;
mod matrix;
mod metrics;
mod phoenix_family;
mod ranker;
mod retrieval;
mod scratch;
mod served;
pub mod service;
mod tokens;
mod transformer;
mod weights;

pub use check::check;
pub use context::Context;
pub use error::EngineError;
pub use index::ExactIndex;
pub use matrix::Precision;
pub use ranker::Ranker;
pub use retrieval::RetrievalModel;
pub use served::{
    AnyRanker, NotServed, RankerOptions, ServedContext, ServedFamilies, ServedFamily, ServedRanker, ServedRetrieval,
    family_of,
};
