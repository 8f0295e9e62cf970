//! Both Phoenix models in Burn, with its autodiff: what the models of this crate are held against.
//!
//! They are written as plainly as a tensor library allows, and share nothing with the models but the arrays of a batch.

mod attention;
mod dense;
mod device;
mod embed;
mod leaves;
mod ops;
mod ranker;
mod retrieval;
mod rotary;
mod tests;
mod transformer;
mod visibility;

use dense::DenseParams;
use device::device;
use ranker::ranker_logits;
use retrieval::{candidate_representation, user_representations_at};
