//! Experiments on recorded feeds.
//!
//! * [`stream`]: lives through a log. Every event is first predicted, then learned; the report compares models with counting baselines.
//! * [`evaluate`]: versions of the models on the held-out slates of a synthetic world, between popularity and the oracle.
//! * [`Watcher`]: who is told how an experiment goes on; [`ExperimentError`]: why one ended.
//!
//! An experiment reads a log and writes only into the folder that it is given. Seed and threads are parameters: the same log, settings,
//! seed and threads give the same report, byte for byte. Start reading at [`stream::Stream::live`].

mod error;
pub mod evaluate;
mod ready;
#[cfg(test)]
mod snapshots;
pub mod stream;
#[cfg(test)]
mod testing;
mod vectors;
mod watcher;

pub use error::ExperimentError;
pub use watcher::Watcher;
