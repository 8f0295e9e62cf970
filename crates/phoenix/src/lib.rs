//! The Phoenix model family as data: two models on one transformer, described without the code that trains or serves them.
//!
//! Start with [`config::ModelConfig`] (sizes and switches) and [`params::dense_params`] (every dense tensor of a model, by name and
//! shape). What goes into a model is in [`inputs`], how ids and words become table rows in [`hashing`], what a training pass is in
//! [`examples`], how a trained model is kept in [`checkpoint`], and which versions serve in [`registry`]. What the heads predict is a
//! [`domain`]; [`golden`] reads the reference vectors that every implementation is held against.
//!
//! Invariants:
//! * Trainer and engine turn a viewer's tokens and a post into model inputs through the same functions ([`inputs::history_item`],
//!   [`inputs::CandidateItem`], [`hashing::HashTables`]); the window is [`foryou_types::window_start`] for both.
//! * A checkpoint is read whole or refused: every tensor present, of the right shape and finite.
//! * Nothing here depends on a tensor library, on reading a log or on a transport; of the log it knows only the form of a post's event.

pub mod checkpoint;
pub mod config;
pub mod content;
pub mod corpus;
pub mod domain;
pub mod examples;
pub mod golden;
pub mod hashing;
pub mod inputs;
pub mod params;
mod post_info;
pub mod registry;

mod tensor_file;
#[cfg(test)]
mod testing;

pub use checkpoint::{Checkpoint, CheckpointConfig, CheckpointError, NamedTensor, TableInit, Tables};
pub use config::{ConfigError, HistoryAttention, ModelConfig, ModelKind, Positions};
pub use content::{PostText, content_words};
pub use corpus::{Corpus, PostInfo};
pub use domain::{Domain, DomainError};
pub use examples::{Candidate, Pass};
pub use golden::{Golden, GoldenData, GoldenError, GoldenTensor};
pub use hashing::{HashFn, HashTables, IdCounts, TableSpec};
pub use inputs::{CandidateItem, HistoryItem, age_bucket, history_item};
pub use params::{Init, ParamSpec, dense_params};
pub use post_info::post_info;
pub use registry::{Gate, Registry, RegistryError, RolledBack, Routing, Version, VersionInfo};
