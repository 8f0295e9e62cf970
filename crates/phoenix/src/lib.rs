//! The Phoenix model family as data: two models on one transformer, described without the code that trains or serves them.
//!
//! Start with [`ModelConfig`] (sizes and switches) and [`dense_params`] (every dense tensor of a model, by name and shape). What goes
//! into a model is in `inputs`, how ids and words become table rows in `hashing`, what a training pass is in `examples`. [`Checkpoint`]
//! is a trained model, and [`Phoenix`] what a registry of models asks of this family. [`golden`] reads the reference vectors that every
//! implementation is held against.
//!
//! Invariants:
//! * Trainer and engine turn a viewer's tokens and a post into model inputs through the same functions ([`history_item`],
//!   [`CandidateItem`], [`HashTables`]); the window is [`foryou_types::window_start`] for both.
//! * A checkpoint is read whole or refused: every tensor present, of the right shape and finite.
//! * Nothing here depends on a tensor library, on reading a log or on a transport; of the log it knows only the form of a post's event.

mod checkpoint;
mod config;
mod content;
mod corpus;
mod examples;
pub mod golden;
mod hashing;
mod inputs;
mod params;
mod post_info;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use checkpoint::{Checkpoint, CheckpointConfig, Phoenix, TableInit, Tables};
pub use config::{AGE_BUCKETS, DWELL_HIDDEN, HistoryAttention, ModelConfig, ModelKind, Positions};
pub use content::{PostText, content_words};
pub use corpus::{Corpus, PostInfo};
pub use examples::{Candidate, Pass};
pub use hashing::{HashFn, HashTables, IdCounts, MOST_ROWS, PRIME, TableSpec};
pub use inputs::{CandidateItem, HistoryItem, age_bucket, dwell_input, dwell_seconds, history_item};
pub use params::{Init, ParamSpec, dense_params, layer_param, prefix, tower_param};
pub use post_info::post_info;
