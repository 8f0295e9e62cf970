//! Optimisers of the dense tensors, on plain arrays.

mod adamw;
mod clip;
mod schedule;

pub use adamw::{AdamW, AdamWRule};
pub use clip::{clip_global_norm, global_norm};
pub use schedule::{Decay, Schedule};
