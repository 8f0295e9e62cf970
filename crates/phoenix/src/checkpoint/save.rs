//! Writing a checkpoint so that a crash leaves the old one or the new one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{CONFIG, Checkpoint, CheckpointConfig, CheckpointError, DENSE, NamedTensor, OPTIMIZER, TABLES, manifest};
use crate::tensor_file::{self, Borrowed};

impl Checkpoint {
    /// Writes the checkpoint, replacing the one in `folder` if there is one. A model that [`Self::load`] would refuse is not written.
    ///
    /// The files are written into `.NAME.saving` next to the folder, each through to the disk; the folder is set aside as `.NAME.old`
    /// and the new one renamed into its place. Loading after a crash between the two renames finds the one set aside, and the next save
    /// clears away what an interrupted one left. One process at a time may save to a folder.
    pub fn save(&self, folder: &Path, optimizer: Option<&[NamedTensor]>) -> Result<(), CheckpointError> {
        self.check(folder)?;
        let (Some(saving), Some(old)) = (sibling(folder, "saving"), set_aside(folder)) else {
            let source = io::Error::new(ErrorKind::InvalidInput, "the path does not name a folder");
            return Err(CheckpointError::Io { path: folder.to_owned(), source });
        };
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        at(parent, fs::create_dir_all(parent))?;
        if old.is_dir() && !folder.exists() {
            at(&old, fs::rename(&old, folder))?;
        }
        for leftover in [&saving, &old] {
            at(leftover, remove(leftover))?;
        }

        at(&saving, fs::create_dir(&saving))?;
        self.write_files(&saving, optimizer)?;
        at(&saving, tensor_file::sync_folder(&saving))?;
        if folder.exists() {
            at(folder, fs::rename(folder, &old))?;
        }
        at(folder, fs::rename(&saving, folder))?;
        at(parent, tensor_file::sync_folder(parent))?;
        at(&old, remove(&old))
    }

    fn write_files(&self, folder: &Path, optimizer: Option<&[NamedTensor]>) -> Result<(), CheckpointError> {
        let path = folder.join(CONFIG);
        at(&path, write_config(&path, &self.config))?;
        let path = folder.join(DENSE);
        let dense: Vec<_> = self.dense.iter().map(borrowed).collect();
        at(&path, tensor_file::write(&path, &dense))?;
        let path = folder.join(TABLES);
        let d = self.config.model.emb_size;
        let named: Vec<_> =
            self.tables.named(self.config.model.text).map(|(name, rows)| (name, [rows.len() / d, d], rows)).collect();
        let tables: Vec<Borrowed<'_>> =
            named.iter().map(|(name, shape, rows)| (*name, &shape[..], &rows[..])).collect();
        at(&path, tensor_file::write(&path, &tables))?;
        if let Some(tensors) = optimizer {
            let path = folder.join(OPTIMIZER);
            let tensors: Vec<_> = tensors.iter().map(borrowed).collect();
            at(&path, tensor_file::write(&path, &tensors))?;
        }
        at(folder, manifest::write(folder))
    }
}

/// Where the folder stands while a new one is put into its place.
pub(super) fn set_aside(folder: &Path) -> Option<PathBuf> {
    sibling(folder, "old")
}

fn sibling(folder: &Path, role: &str) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(folder.file_name()?);
    name.push(".");
    name.push(role);
    Some(folder.with_file_name(name))
}

fn borrowed(tensor: &NamedTensor) -> Borrowed<'_> {
    (&tensor.name, &tensor.shape, &tensor.data)
}

fn write_config(path: &Path, config: &CheckpointConfig) -> io::Result<()> {
    let mut config = config.clone();
    // JSON has no NaN: written as null it could not be read back.
    config.metrics.retain(|_, value| value.is_finite());
    let mut file = File::create(path)?;
    file.write_all(&serde_json::to_vec_pretty(&config)?)?;
    file.sync_all()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn at<T>(path: &Path, done: io::Result<T>) -> Result<T, CheckpointError> {
    done.map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}
