//! Reading a checkpoint whole, or saying what is wrong with it.

use std::path::{Path, PathBuf};

use model_registry::{CheckpointError, Family, Manifest, ModelFiles, Stored, TensorView, Tensors};

use super::{Checkpoint, CheckpointConfig, DENSE, FAMILY, Payload, TABLES, Tables};
use crate::config::ModelKind;
use crate::hashing::{PRIME, TableSpec};
use crate::params::dense_params;

/// Most rows of a table.
const MOST_TABLE_ROWS: u32 = 1 << 31;

/// The family of the Phoenix models, for a registry.
#[derive(Clone, Copy, Debug)]
pub struct Phoenix;

impl Family for Phoenix {
    fn name(&self) -> &'static str {
        FAMILY
    }

    fn problem(&self, manifest: &Manifest) -> Option<String> {
        CheckpointConfig::of(manifest.clone()).err()
    }

    fn check(&self, files: &ModelFiles) -> Result<(), CheckpointError> {
        Checkpoint::read(files).map(drop)
    }
}

impl Checkpoint {
    /// Reads a checkpoint whole, or says what is wrong with it: every file as it was saved, every tensor there, none unknown, each of its
    /// shape and finite, the padding rows zero.
    pub fn load(folder: &Path) -> Result<Self, CheckpointError> {
        Self::read(&ModelFiles::open(folder)?)
    }

    /// Reads a checkpoint that is open already.
    pub fn read(files: &ModelFiles) -> Result<Self, CheckpointError> {
        let config = config_of(files.folder(), files.manifest().clone())?;
        let mut found = files.tensors(DENSE)?;
        let dense = dense_params(config.kind, &config.model)
            .iter()
            .map(|spec| found.take(&spec.name, &spec.shape))
            .collect::<Result<_, _>>()?;
        found.finish()?;

        let (mut found, d) = (files.tensors(TABLES)?, config.model.emb_size);
        let mut table = |name: &str, spec: &TableSpec| take_table(&mut found, name, spec, d);
        let tables = Tables {
            user: table("user", &config.hashes.user)?,
            post: table("post", &config.hashes.post)?,
            author: table("author", &config.hashes.author)?,
            text: if config.model.text { table("text", &config.hashes.text)? } else { Vec::new() },
        };
        found.finish()?;
        Ok(Self { config, dense, tables })
    }
}

fn take_table(found: &mut Tensors, name: &str, spec: &TableSpec, d: usize) -> Result<Vec<f32>, CheckpointError> {
    let rows = found.take(name, &[spec.rows as usize, d])?.data;
    check_padding(found.path(), name, &rows, d)?;
    Ok(rows)
}

/// The first thing wrong with a model that is to be saved, by the file in `folder` it belongs to.
pub(super) fn check(model: &Checkpoint, folder: &Path) -> Result<(), CheckpointError> {
    let Checkpoint { config, dense, tables } = model;
    if let Some(problem) = config.problem() {
        return Err(CheckpointError::format(&folder.join("config.json"), problem));
    }
    let path = tensor_path(folder, DENSE);
    let specs = dense_params(config.kind, &config.model);
    for (i, spec) in specs.iter().enumerate() {
        match dense.get(i).filter(|t| t.name == spec.name) {
            Some(tensor) => TensorView::from(tensor).check(&path, &spec.shape)?,
            None => return Err(CheckpointError::tensor(&path, &spec.name, "is missing")),
        }
    }
    if let Some(extra) = dense.get(specs.len()) {
        return Err(unknown(&path, &extra.name));
    }
    let (path, d) = (tensor_path(folder, TABLES), config.model.emb_size);
    for (table, (_, spec)) in model.tensors(TABLES).iter().zip(config.tables()) {
        table.check(&path, &[spec.rows as usize, d])?;
        check_padding(&path, table.name, table.data, d)?;
    }
    if !config.model.text && !tables.text.is_empty() {
        return Err(unknown(&path, "text"));
    }
    Ok(())
}

impl Payload<'_> {
    /// As it stands in a manifest. By its text, in which an f32 has no more digits than it needs.
    pub(super) fn value(&self) -> serde_json::Value {
        let text = serde_json::to_string(self);
        text.and_then(|text| serde_json::from_str(&text)).unwrap_or_default()
    }
}

impl CheckpointConfig {
    /// Reads and checks what the checkpoint in a folder is.
    pub fn load(folder: &Path) -> Result<Self, CheckpointError> {
        config_of(folder, Manifest::read(folder)?)
    }

    /// What a manifest says, or the first thing wrong with it, by its key.
    pub fn of(manifest: Manifest) -> Result<Self, String> {
        let Manifest { family, kind, action_set, seed, trained_until, metrics, files, payload } = manifest;
        if family != FAMILY {
            return Err(format!("family: is {family}, not {FAMILY}"));
        }
        let kind = ModelKind::of(&kind).ok_or_else(|| format!("kind: {FAMILY} has no {kind} models"))?;
        if files != [DENSE, TABLES] {
            return Err(format!("files: must be {DENSE} and {TABLES}"));
        }
        let payload: Payload<'_> = serde_json::from_value(payload).map_err(|e| e.to_string())?;
        let (model, hashes) = (payload.model.into_owned(), payload.hashes.into_owned());
        let config = Self { kind, model, action_set, hashes, seed, trained_until, metrics };
        config.problem().map_or(Ok(config), Err)
    }

    /// The first thing wrong with it, by its key.
    fn problem(&self) -> Option<String> {
        if let Err(e) = self.model.check() {
            return Some(format!("model.{e}"));
        }
        if self.action_set.len() != self.model.num_actions {
            return Some(format!(
                "action_set: has {} actions, model.num_actions says {}",
                self.action_set.len(),
                self.model.num_actions
            ));
        }
        let (model, hashes) = (&self.model, &self.hashes);
        [
            ("user", &hashes.user, model.num_user_hashes),
            ("post", &hashes.post, model.num_item_hashes),
            ("author", &hashes.author, model.num_author_hashes),
            ("text", &hashes.text, 1),
        ]
        .into_iter()
        .find_map(|(name, spec, functions)| table_problem(spec, functions).map(|p| format!("hashes.{name}.{p}")))
    }
}

fn config_of(folder: &Path, manifest: Manifest) -> Result<CheckpointConfig, CheckpointError> {
    CheckpointConfig::of(manifest).map_err(|problem| CheckpointError::format(&folder.join("config.json"), problem))
}

fn table_problem(spec: &TableSpec, functions: usize) -> Option<String> {
    if !(2..=MOST_TABLE_ROWS).contains(&spec.rows) {
        return Some(format!("rows: must be between 2 and {MOST_TABLE_ROWS}, is {}", spec.rows));
    }
    if spec.functions.len() != functions {
        return Some(format!("functions: has {}, the model {functions}", spec.functions.len()));
    }
    let bad = spec.functions.iter().position(|f| !(1..PRIME).contains(&f.a) || f.b >= PRIME)?;
    Some(format!("functions[{bad}]: a must be in 1 .. 2^61 - 1 and b in 0 .. 2^61 - 1"))
}

fn tensor_path(folder: &Path, file: &str) -> PathBuf {
    folder.join(format!("{file}.safetensors"))
}

fn unknown(path: &Path, tensor: &str) -> CheckpointError {
    CheckpointError::tensor(path, tensor, "is not part of this model")
}

fn check_padding(path: &Path, name: &str, rows: &[f32], d: usize) -> Result<(), CheckpointError> {
    if rows.iter().take(d).any(|&x| x != 0.0) {
        return Err(CheckpointError::tensor(path, name, "row 0 is not zero (it is padding)"));
    }
    Ok(())
}
