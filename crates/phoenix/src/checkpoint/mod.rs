//! A Phoenix model as it is kept: what it is, its dense tensors, its tables.
//!
//! On the disk it is a checkpoint of the family `phoenix` (see [`model_registry`]). Its manifest's payload holds the sizes and the hash
//! functions; `dense.safetensors` has every tensor of [`dense_params`], and `tables.safetensors` the tables user, post, author and (with
//! text) text, each `[rows, D]`.

mod load;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::{ActionSet, Rng, SplitMix64, TimeMs};
use model_registry::{CheckpointError, Manifest, NamedTensor, Stored, TensorView};
use serde::{Deserialize, Serialize};

use crate::config::{ModelConfig, ModelKind};
use crate::hashing::{HashTables, TableSpec};
use crate::params::{Init, dense_params};

pub use load::Phoenix;

/// The family's name.
const FAMILY: &str = "phoenix";
/// The file of the dense tensors.
const DENSE: &str = "dense";
/// The file of the tables.
const TABLES: &str = "tables";

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

/// What a model is.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointConfig {
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
    pub trained_until: Option<TimeMs>,
    /// What the trainer measured, by name, e.g. `validation/ndcg@10`. Values that are not finite are not saved.
    pub metrics: BTreeMap<String, f64>,
}

/// A manifest's payload.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload<'a> {
    model: Cow<'a, ModelConfig>,
    hashes: Cow<'a, HashTables>,
}

impl CheckpointConfig {
    /// The tables that the model has, by name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static str, &TableSpec)> {
        let hashes = &self.hashes;
        let all = [("user", &hashes.user), ("post", &hashes.post), ("author", &hashes.author), ("text", &hashes.text)];
        all.into_iter().take(if self.model.text { 4 } else { 3 })
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

    /// Writes the model to a folder, see [`model_registry::save`]; `training` is what training needs to continue.
    pub fn save(&self, folder: &Path, training: Option<&[NamedTensor]>) -> Result<(), CheckpointError> {
        model_registry::save(self, folder, training)
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

impl Stored for Checkpoint {
    fn manifest(&self) -> Manifest {
        let config = self.config.clone();
        let payload = Payload { model: Cow::Borrowed(&self.config.model), hashes: Cow::Borrowed(&self.config.hashes) };
        Manifest {
            family: FAMILY.to_owned(),
            kind: config.kind.into(),
            action_set: config.action_set,
            seed: config.seed,
            trained_until: config.trained_until,
            metrics: config.metrics,
            files: [DENSE, TABLES].map(str::to_owned).into(),
            payload: payload.value(),
        }
    }

    fn tensors(&self, file: &str) -> Vec<TensorView<'_>> {
        if file == DENSE {
            return self.dense.iter().map(TensorView::from).collect();
        }
        let d = self.config.model.emb_size;
        let tables = self.tables.named(self.config.model.text);
        tables.map(|(name, rows)| TensorView { name, shape: vec![rows.len() / d, d], data: rows }).collect()
    }

    fn check(&self, folder: &Path) -> Result<(), CheckpointError> {
        load::check(self, folder)
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
