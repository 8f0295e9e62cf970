//! Workloads with fixed sizes and seeds, and how long they take: the work behind `foryou bench`, and the inputs of the criterion
//! benches of this crate.
//!
//! * [`Machine`]: what it ran on, with the f32 products that this machine reaches at most. Every figure is read against it.
//! * [`ranker`], [`retrieval`]: the engine's models with random weights.
//! * [`train`]: steps of a training on random data.
//! * [`thunder`]: a store of recent posts.
//! * [`pipeline`]: the framework itself, with components that do nothing.
//! * [`Times`]: how long the runs of one thing took.
//!
//! The sizes of `ranker` and `train` are those of the public reference's scripts, so that other implementations can be timed beside
//! them in the same minutes. Nothing here reads a clock: it is passed in.

mod error;
mod machine;
pub mod pipeline;
pub mod ranker;
pub mod retrieval;
pub mod thunder;
mod times;
pub mod train;

pub use error::BenchError;
pub use machine::{Ceiling, Machine};
pub use times::{Micros, Millis, Times};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A pool of as many threads as a workload asks for.
fn pool(threads: usize) -> Result<ThreadPool, BenchError> {
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(BenchError::Threads)
}
