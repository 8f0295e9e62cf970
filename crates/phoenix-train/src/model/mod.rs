//! Both Phoenix models in Burn, as functions of plain tensors.
//!
//! [`ranker_logits`], [`user_representations_at`] and [`candidate_representation`] take [`DenseParams`] (the dense tensors, tracked or not)
//! and row-major arrays ([`HistoryArrays`], [`CandidateArrays`]) whose embeddings were looked up before. They answer with the output
//! and [`Leaves`]: the looked-up embeddings as tensors of the graph, so that after `backward` their gradients come back as plain
//! vectors and the tables stay outside autodiff.
//!
//! The arithmetic is the isolated form of the transformer: the context `[user | history]` attends to itself, and each candidate
//! to the context tokens it may see and to itself. Context and candidates go through each layer as two tensors: putting them
//! into one would need a copy forward and two zero-filled copies backward around each attention, which cost more than the
//! second (small) matrix product.
//!
//! # Threads
//!
//! On the CPU backend element-wise work runs on the calling thread; only large matrix products and batches of small ones are
//! handed to rayon, to the pool that the calling thread belongs to, or to the global one. To use a second core for the
//! element-wise work too, run two halves of a batch as two shards, each inside `install` of its own pool of one thread
//! (the bench `step` times one thread and two):
//!
//! ```ignore
//! let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
//! let gradients = pool.install(|| { /* DenseParams::from_values, forward, loss, backward, gradients */ });
//! ```
//!
//! Every shard must make its own [`DenseParams`]. The autodiff graph lives in a global registry keyed by node: graphs that share a
//! leaf are merged and then run under one lock, one after the other. Tensors are `Send`, but a loss and its graph belong to
//! the shard that made them; carry plain vectors across threads.

mod arrays;
mod attention;
mod check;
mod dense;
mod device;
mod embed;
mod leaves;
mod ops;
mod ranker;
mod retrieval;
mod rotary;
#[cfg(test)]
mod tests;
mod transformer;
mod visibility;

pub(crate) use arrays::{CandidateArrays, HistoryArrays};
pub use check::{CheckError, check};
pub use dense::DenseError;
pub(crate) use dense::DenseParams;
pub(crate) use device::device;
pub(crate) use leaves::{LeafGradients, Leaves};
pub(crate) use ranker::ranker_logits;
pub(crate) use retrieval::{candidate_representation, user_representations_at};
