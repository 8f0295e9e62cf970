//! What a family of models knows of its files.

use std::fmt;

use crate::checkpoint::{CheckpointError, Manifest, ModelFiles};

/// A family of models: it knows what a manifest's payload and the tensors mean.
pub trait Family: fmt::Debug + Send + Sync {
    /// Its name, as [`Manifest::family`] has it.
    fn name(&self) -> &'static str;

    /// The first thing wrong with a manifest of this family, by its key: what it says of the model is contradictory, or out of range.
    fn problem(&self, manifest: &Manifest) -> Option<String>;

    /// Reads a checkpoint of this family whole, or says what is wrong with it: no [`Self::problem`], every tensor there, none unknown,
    /// each of its shape and finite.
    fn check(&self, files: &ModelFiles) -> Result<(), CheckpointError>;
}

/// The families that a program knows, filled where the program is put together.
pub type Families = &'static [&'static dyn Family];
