//! Versions of models of any kind, and which of them serve.
//!
//! Start with [`Registry`]: a folder of versions, by [`Kind`]. A version is a checkpoint: a [`Manifest`] that says what the model is,
//! and tensor files that the model's family names. [`save`] writes a checkpoint of anything that is [`Stored`]; [`ModelFiles`] reads one.
//! A [`Family`] knows what its manifests and tensors mean; this crate does not.
//!
//! A new kind of model needs a family and nothing else here: no list of kinds or families is written down in this crate. Two kinds are
//! named, because a feed asks for their promoted versions: [`Kind::RANKER`] and [`Kind::RETRIEVAL`].
//!
//! Invariants:
//! * A checkpoint is written whole or not at all, and every file is held against its checksum when it is read.
//! * A version never changes once it has a number, and no number is given twice.
//! * `registry.json` is replaced whole, under a lock: a reader sees the state before a change or after it.
//! * What an earlier version of this crate wrote can still be read.

mod actions;
mod checkpoint;
mod family;
mod kind;
mod registry;
mod tensor_file;
#[cfg(test)]
mod testing;

pub use actions::action_difference;
pub use checkpoint::{CheckpointError, Manifest, ModelFiles, NamedTensor, Stored, TensorView, Tensors, save};
pub use family::{Families, Family};
pub use kind::{Kind, KindError};
pub use registry::{Gate, Registry, RegistryError, RolledBack, Routing, Version, VersionInfo};
pub use tensor_file::{RawTensor, TensorFile, Values};
