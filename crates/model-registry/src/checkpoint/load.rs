//! Reading a checkpoint whole, or saying what is wrong with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::place::current;
use super::{CheckpointError, Manifest, NamedTensor, OPTIMIZER, TensorView, checksums, tensor_path};
use crate::tensor_file::{TensorFile, Values, count_values};

/// The files of a checkpoint, as they were saved.
#[derive(Debug)]
pub struct ModelFiles {
    folder: PathBuf,
    manifest: Manifest,
}

impl ModelFiles {
    /// Opens a checkpoint: reads its manifest and holds every file of the model against its checksum.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let folder = current(folder);
        let manifest = Manifest::read(&folder)?;
        checksums::verify(&folder, &manifest.files, false)?;
        Ok(Self { folder, manifest })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The tensors of a file.
    pub fn tensors(&self, file: &str) -> Result<Tensors, CheckpointError> {
        let path = tensor_path(&self.folder, file);
        let found = read(&path)?.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        Ok(Tensors { path, found })
    }

    /// Reads what training saved to continue, in the same order.
    pub fn training_state(folder: &Path) -> Result<Vec<NamedTensor>, CheckpointError> {
        let folder = current(folder);
        checksums::verify(&folder, &Manifest::read(&folder)?.files, true)?;
        let path = folder.join(OPTIMIZER);
        let tensors = read(&path)?;
        for tensor in &tensors {
            check_finite(&tensor.data).map_err(|problem| CheckpointError::tensor(&path, &tensor.name, problem))?;
        }
        Ok(tensors)
    }

    /// Holds every file against its checksum, also what only training reads. A checkpoint of an earlier version, without checksums,
    /// passes.
    pub fn verify(folder: &Path) -> Result<(), CheckpointError> {
        let folder = current(folder);
        checksums::verify(&folder, &Manifest::read(&folder)?.files, true)
    }

    /// As [`Self::verify`], but there must be checksums: nothing else knows what the files were.
    pub fn verify_checksums(folder: &Path) -> Result<(), CheckpointError> {
        let path = current(folder).join(checksums::FILE);
        fs::metadata(&path).map_err(|source| CheckpointError::Io { path, source })?;
        Self::verify(folder)
    }

    /// Number of values of a model with that manifest, by the headers of its tensor files.
    pub(crate) fn count(folder: &Path, manifest: &Manifest) -> Result<u64, CheckpointError> {
        let mut sum = 0u64;
        for file in &manifest.files {
            sum = sum.saturating_add(count_values(&tensor_path(folder, file))?);
        }
        Ok(sum)
    }
}

/// The tensors of a file, taken out one by one.
#[derive(Debug)]
pub struct Tensors {
    path: PathBuf,
    found: BTreeMap<String, NamedTensor>,
}

impl Tensors {
    /// Where they were read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a tensor out, which must have that shape and be finite.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<NamedTensor, CheckpointError> {
        let tensor = self.found.remove(name).ok_or_else(|| CheckpointError::tensor(&self.path, name, "is missing"))?;
        TensorView::from(&tensor).check(&self.path, shape)?;
        Ok(tensor)
    }

    /// Checks that every tensor of the file was taken.
    pub fn finish(self) -> Result<(), CheckpointError> {
        match self.found.keys().next() {
            Some(name) => Err(CheckpointError::tensor(&self.path, name, "is not part of this model")),
            None => Ok(()),
        }
    }
}

impl TensorView<'_> {
    /// Checks that it has a shape, the values for it, and only finite ones; `path` is the file that it belongs to.
    pub fn check(&self, path: &Path, shape: &[usize]) -> Result<(), CheckpointError> {
        let refuse = |problem: String| Err(CheckpointError::tensor(path, self.name, problem));
        if self.shape != shape {
            return refuse(format!("has shape {:?}, {shape:?} is needed", self.shape));
        }
        if Some(self.data.len()) != shape.iter().try_fold(1usize, |len, size| len.checked_mul(*size)) {
            return refuse(format!("has {} values for shape {shape:?}", self.data.len()));
        }
        check_finite(self.data).or_else(refuse)
    }
}

fn check_finite(values: &[f32]) -> Result<(), String> {
    values.iter().position(|x| !x.is_finite()).map_or(Ok(()), |i| Err(format!("value {i} is {}", values[i])))
}

/// The tensors of a file, in its order.
fn read(path: &Path) -> Result<Vec<NamedTensor>, CheckpointError> {
    let named = |tensor: crate::tensor_file::RawTensor| match tensor.values {
        Values::F32(data) => Ok(NamedTensor { name: tensor.name, shape: tensor.shape, data }),
        Values::I32(_) => Err(CheckpointError::tensor(path, &tensor.name, "is I32, F32 is needed")),
    };
    TensorFile::read(path)?.tensors.into_iter().map(named).collect()
}
