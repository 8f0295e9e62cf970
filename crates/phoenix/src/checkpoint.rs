//! A trained model in a folder.
//!
//! ```text
//! checkpoint/
//!   config.json              what it is: sizes, action set, hash functions, seed, metrics
//!   dense.safetensors        every tensor of `dense_params`, f32
//!   tables.safetensors       user, post, author and (with text) text, each [rows, D], f32
//!   optimizer.safetensors    what training needs to continue; absent in a model that is only served
//!   manifest.json            the checksum of each of these files
//! ```
//!
//! [`Checkpoint::save`] makes a new folder next to the old one and renames it into place: whatever happens, what is read afterwards is the
//! old checkpoint or the new one, never parts of both.

mod load;
mod manifest;
mod save;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use foryou_types::{ActionSet, Rng, SplitMix64, TimeMs};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::{ModelConfig, ModelKind};
use crate::hashing::{HashTables, TableSpec};
use crate::params::{Init, dense_params};

/// The version of the format that this code reads and writes.
pub const FORMAT: u32 = 1;

pub(crate) use manifest::sum_of_manifest;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const DENSE: &str = "dense.safetensors";
pub(crate) const TABLES: &str = "tables.safetensors";
pub(crate) const OPTIMIZER: &str = "optimizer.safetensors";

/// A tensor with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Name.
    pub name: String,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Vec<f32>,
}

/// The embedding tables, each `[rows, D]` row-major; row 0 is padding and zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// User ids.
    pub user: Vec<f32>,
    /// Post ids.
    pub post: Vec<f32>,
    /// Author ids.
    pub author: Vec<f32>,
    /// Content words; empty where the model has no text.
    pub text: Vec<f32>,
}

impl Tables {
    /// The tables that a model has, with their names and values, in the order of the file.
    pub(crate) fn named(&self, text: bool) -> impl Iterator<Item = (&'static str, &Vec<f32>)> {
        let all = [("user", &self.user), ("post", &self.post), ("author", &self.author), ("text", &self.text)];
        all.into_iter().take(if text { 4 } else { 3 })
    }
}

/// Standard deviations of the rows of the tables of a new model. Row 0 is zero in any case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableInit {
    /// User rows.
    pub user: f32,
    /// Post rows.
    pub post: f32,
    /// Author rows.
    pub author: f32,
    /// Content-word rows.
    pub text: f32,
}

impl Default for TableInit {
    /// Small rows everywhere but for posts, which start at zero: nearly every candidate is a post nobody has touched, and a random
    /// row would be noise on all of them.
    fn default() -> Self {
        Self { user: 0.05, post: 0.0, author: 0.05, text: 0.05 }
    }
}

/// `config.json` of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Version of the format, [`FORMAT`].
    pub format: u32,
    /// Which model.
    pub kind: ModelKind,
    /// Its sizes and switches.
    pub model: ModelConfig,
    /// What its heads predict.
    pub action_set: ActionSet,
    /// Tables and hash functions.
    pub hashes: HashTables,
    /// Everything random in it came from here.
    pub seed: u64,
    /// It learned from events before this moment.
    #[serde(default)]
    pub trained_until: Option<TimeMs>,
    /// What the trainer measured, by name, e.g. `validation/ndcg@10`. Values that are not finite are not saved.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
}

impl CheckpointConfig {
    /// The tables that the model has, by name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static str, &TableSpec)> {
        let hashes = &self.hashes;
        let all = [("user", &hashes.user), ("post", &hashes.post), ("author", &hashes.author), ("text", &hashes.text)];
        all.into_iter().take(if self.model.text { 4 } else { 3 })
    }

    /// The first place where the actions that the model predicts differ from the data's by name or kind; `None` where it can serve
    /// the data. Weights may differ: they are the data's, and not part of the model.
    pub fn action_difference(&self, data: &ActionSet) -> Option<String> {
        let model = &self.action_set;
        for (i, (m, d)) in model.actions.iter().zip(&data.actions).enumerate() {
            if m.name != d.name {
                return Some(format!("action {i} is {} in the model and {} in the data", m.name, d.name));
            }
            if m.kind != d.kind {
                return Some(format!("{} is {:?} in the model and {:?} in the data", m.name, m.kind, d.kind));
            }
        }
        (model.len() != data.len()).then(|| format!("it predicts {} actions, the data has {}", model.len(), data.len()))
    }

    /// Number of values of a model with this configuration: dense tensors and tables.
    pub fn parameters(&self) -> u64 {
        let dense: usize = dense_params(self.kind, &self.model).iter().map(crate::params::ParamSpec::len).sum();
        let rows: u64 = self.tables().map(|(_, spec)| u64::from(spec.rows)).sum();
        dense as u64 + rows * self.model.emb_size as u64
    }
}

/// A model: its configuration, its dense tensors in the order of [`crate::params::dense_params`], its tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What it is.
    pub config: CheckpointConfig,
    /// The dense tensors.
    pub dense: Vec<NamedTensor>,
    /// The tables.
    pub tables: Tables,
}

/// A checkpoint that cannot be read or written.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// A file that cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that cannot be parsed: it is truncated, or of another format.
    #[error("{}: {problem}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A tensor that is missing, of another shape, or not finite.
    #[error("{}: tensor {tensor}: {problem}", .path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
}

impl Checkpoint {
    /// A new model, fixed by `config.seed`: dense tensors as [`dense_params`] says, table rows normal with the standard deviations
    /// of `init`, row 0 zero.
    pub fn initial(config: CheckpointConfig, init: TableInit) -> Self {
        let seed = config.seed;
        let dense = dense_params(config.kind, &config.model)
            .into_iter()
            .map(|spec| {
                let data = match spec.init {
                    Init::Normal(std) => normal(spec.len(), std, seed, &spec.name),
                    Init::Constant(value) => vec![value; spec.len()],
                };
                NamedTensor { name: spec.name, shape: spec.shape, data }
            })
            .collect();
        let d = config.model.emb_size;
        let table = |name: &str, spec: &TableSpec, std: f32| {
            let mut rows = normal(spec.rows as usize * d, std, seed, name);
            rows.iter_mut().take(d).for_each(|x| *x = 0.0);
            rows
        };
        let hashes = &config.hashes;
        let tables = Tables {
            user: table("user table", &hashes.user, init.user),
            post: table("post table", &hashes.post, init.post),
            author: table("author table", &hashes.author, init.author),
            text: if config.model.text { table("text table", &hashes.text, init.text) } else { Vec::new() },
        };
        Self { config, dense, tables }
    }

    /// The dense tensor of that name (see [`dense_params`]).
    pub fn dense(&self, name: &str) -> Option<&NamedTensor> {
        self.dense.iter().find(|tensor| tensor.name == name)
    }

    /// Number of values: dense tensors and tables, padding rows included.
    pub fn parameters(&self) -> u64 {
        self.config.parameters()
    }
}

/// Normal values from the stream of that name; zeros for a standard deviation of 0.
fn normal(len: usize, std: f32, seed: u64, name: &str) -> Vec<f32> {
    if std == 0.0 {
        return vec![0.0; len];
    }
    let mut rng = SplitMix64::fork(seed, name);
    (0..len).map(|_| (rng.normal() * f64::from(std)) as f32).collect()
}
