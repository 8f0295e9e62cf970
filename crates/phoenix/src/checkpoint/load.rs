//! Reading a checkpoint whole, or saying what is wrong with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::save::set_aside;
use super::{
    CONFIG, Checkpoint, CheckpointConfig, CheckpointError, DENSE, FORMAT, NamedTensor, OPTIMIZER, TABLES, Tables,
    manifest,
};
use crate::hashing::{PRIME, TableSpec};
use crate::params::dense_params;
use crate::tensor_file::{self, ReadProblem, Values};

/// Most rows of a table.
const MOST_TABLE_ROWS: u32 = 1 << 31;

impl Checkpoint {
    /// Reads a checkpoint whole, or says what is wrong with it: every file as it was saved, every tensor there, none unknown, each of its shape and finite, the
    /// padding rows zero.
    pub fn load(folder: &Path) -> Result<Self, CheckpointError> {
        let folder = current(folder);
        let config = Self::load_config(&folder)?;
        manifest::verify(&folder, false)?;
        let specs = dense_params(config.kind, &config.model);

        let path = folder.join(DENSE);
        let mut found = by_name(read(&path)?);
        let dense = specs.iter().map(|spec| take(&mut found, &path, &spec.name)).collect::<Result<_, _>>()?;
        nothing_else(&found, &path)?;

        let path = folder.join(TABLES);
        let mut found = by_name(read(&path)?);
        let mut table = |name: &str, spec: &TableSpec| {
            let tensor = take(&mut found, &path, name)?;
            check_shape(&tensor, &[spec.rows as usize, config.model.emb_size]).map_err(|p| p.of(&path, name))?;
            Ok(tensor.data)
        };
        let tables = Tables {
            user: table("user", &config.hashes.user)?,
            post: table("post", &config.hashes.post)?,
            author: table("author", &config.hashes.author)?,
            text: if config.model.text { table("text", &config.hashes.text)? } else { Vec::new() },
        };
        nothing_else(&found, &path)?;

        let checkpoint = Self { config, dense, tables };
        checkpoint.check(&folder)?;
        Ok(checkpoint)
    }

    /// Reads and checks `config.json` alone.
    pub fn load_config(folder: &Path) -> Result<CheckpointConfig, CheckpointError> {
        let path = current(folder).join(CONFIG);
        let text = fs::read(&path).map_err(|source| CheckpointError::Io { path: path.clone(), source })?;
        let format = |problem: String| CheckpointError::Format { path: path.clone(), problem };
        // The version first: another version may have other fields.
        let any: serde_json::Value = serde_json::from_slice(&text).map_err(|e| format(e.to_string()))?;
        match any.get("format").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(FORMAT) => {}
            Some(version) => {
                return Err(format(format!("format: is version {version}; version {FORMAT} is read here")));
            }
            None => {
                return Err(format("format: is missing, so this is not the config.json of a checkpoint".to_owned()));
            }
        }
        let config: CheckpointConfig = serde_json::from_slice(&text).map_err(|e| format(e.to_string()))?;
        config.problem().map_or(Ok(config), |problem| Err(format(problem)))
    }

    /// Reads what [`Self::save`] was given to continue training, in the same order.
    pub fn load_optimizer(folder: &Path) -> Result<Vec<NamedTensor>, CheckpointError> {
        let folder = current(folder);
        manifest::verify(&folder, true)?;
        let path = folder.join(OPTIMIZER);
        let tensors = read(&path)?;
        for tensor in &tensors {
            check_finite(tensor).map_err(|p| p.of(&path, &tensor.name))?;
        }
        Ok(tensors)
    }

    /// Holds every file of a checkpoint against its manifest, also what only training reads.
    pub(crate) fn verify_files(folder: &Path) -> Result<(), CheckpointError> {
        manifest::verify(&current(folder), true)
    }

    /// Checks the files as loading does, but the manifest must exist: nothing else knows what the files were.
    pub fn check_files(folder: &Path) -> Result<(), CheckpointError> {
        let path = current(folder).join(manifest::MANIFEST);
        fs::metadata(&path).map_err(|source| CheckpointError::Io { path, source })?;
        Self::verify_files(folder)
    }

    /// The error for a missing file.
    pub(crate) fn missing_file(folder: &Path) -> Option<String> {
        let missing = [DENSE, TABLES].into_iter().find(|name| !folder.join(name).is_file())?;
        Some(format!("{}: is missing", folder.join(missing).display()))
    }

    /// The first thing wrong with the model, by the file in `folder` it belongs to.
    pub(super) fn check(&self, folder: &Path) -> Result<(), CheckpointError> {
        if let Some(problem) = self.config.problem() {
            return Err(CheckpointError::Format { path: folder.join(CONFIG), problem });
        }
        let path = folder.join(DENSE);
        let specs = dense_params(self.config.kind, &self.config.model);
        for (i, spec) in specs.iter().enumerate() {
            let Some(tensor) = self.dense.get(i).filter(|t| t.name == spec.name) else {
                return Err(Problem("is missing".to_owned()).of(&path, &spec.name));
            };
            check_shape(tensor, &spec.shape)
                .and_then(|()| check_finite(tensor))
                .map_err(|p| p.of(&path, &spec.name))?;
        }
        if let Some(extra) = self.dense.get(specs.len()) {
            return Err(unknown(&path, &extra.name));
        }
        let path = folder.join(TABLES);
        let d = self.config.model.emb_size;
        for ((name, values), (_, spec)) in self.tables.named(self.config.model.text).zip(self.config.tables()) {
            check_table(values, spec.rows as usize, d).map_err(|p| p.of(&path, name))?;
        }
        if !self.config.model.text && !self.tables.text.is_empty() {
            return Err(unknown(&path, "text"));
        }
        Ok(())
    }
}

impl CheckpointConfig {
    /// The first thing wrong with it, by its key.
    pub(super) fn problem(&self) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!("format: is version {}; version {FORMAT} is written here", self.format));
        }
        if let Err(e) = self.model.check() {
            return Some(format!("model.{e}"));
        }
        if let Some(problem) = self.action_set.problem() {
            return Some(format!("action_set.{problem}"));
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

/// What is wrong with a tensor.
struct Problem(String);

impl Problem {
    fn of(self, path: &Path, tensor: &str) -> CheckpointError {
        CheckpointError::Tensor { path: path.to_owned(), tensor: tensor.to_owned(), problem: self.0 }
    }
}

fn unknown(path: &Path, tensor: &str) -> CheckpointError {
    Problem("is not part of this model".to_owned()).of(path, tensor)
}

fn check_shape(tensor: &NamedTensor, shape: &[usize]) -> Result<(), Problem> {
    if tensor.shape != shape {
        return Err(Problem(format!("has shape {:?}, {shape:?} is needed", tensor.shape)));
    }
    let len: usize = shape.iter().product();
    if tensor.data.len() != len {
        return Err(Problem(format!("has {} values for shape {shape:?}", tensor.data.len())));
    }
    Ok(())
}

fn check_finite(tensor: &NamedTensor) -> Result<(), Problem> {
    finite(&tensor.data)
}

fn finite(values: &[f32]) -> Result<(), Problem> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(i) => Err(Problem(format!("value {i} is {}", values[i]))),
        None => Ok(()),
    }
}

fn check_table(values: &[f32], rows: usize, d: usize) -> Result<(), Problem> {
    if rows.checked_mul(d) != Some(values.len()) {
        return Err(Problem(format!("has {} values, [{rows}, {d}] is needed", values.len())));
    }
    finite(values)?;
    if values.iter().take(d).any(|&x| x != 0.0) {
        return Err(Problem("row 0 is not zero (it is padding)".to_owned()));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<NamedTensor>, CheckpointError> {
    let file = tensor_file::read(path).map_err(|problem| match problem {
        ReadProblem::Io(source) => CheckpointError::Io { path: path.to_owned(), source },
        ReadProblem::Format(problem) => CheckpointError::Format { path: path.to_owned(), problem },
        ReadProblem::Tensor { tensor, problem } => Problem(problem).of(path, &tensor),
    })?;
    file.tensors
        .into_iter()
        .map(|tensor| match tensor.values {
            Values::F32(data) => Ok(NamedTensor { name: tensor.name, shape: tensor.shape, data }),
            Values::I32(_) => Err(Problem("is I32, F32 is needed".to_owned()).of(path, &tensor.name)),
        })
        .collect()
}

fn by_name(tensors: Vec<NamedTensor>) -> BTreeMap<String, NamedTensor> {
    tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect()
}

fn take(found: &mut BTreeMap<String, NamedTensor>, path: &Path, name: &str) -> Result<NamedTensor, CheckpointError> {
    found.remove(name).ok_or_else(|| Problem("is missing".to_owned()).of(path, name))
}

fn nothing_else(left: &BTreeMap<String, NamedTensor>, path: &Path) -> Result<(), CheckpointError> {
    left.keys().next().map_or(Ok(()), |name| Err(unknown(path, name)))
}

/// The folder itself, or, where a save ended between its two renames, the checkpoint it had just set aside.
fn current(folder: &Path) -> PathBuf {
    let gone = matches!(fs::metadata(folder), Err(e) if e.kind() == ErrorKind::NotFound);
    match set_aside(folder) {
        Some(old) if gone && old.is_dir() => old,
        _ => folder.to_owned(),
    }
}
