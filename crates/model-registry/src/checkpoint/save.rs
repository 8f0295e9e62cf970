//! Writing a checkpoint so that a crash leaves the old one or the new one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use foryou_io::sync_folder;

use super::{
    CONFIG, CheckpointError, Manifest, NamedTensor, OPTIMIZER, Stored, TensorView, checksums, place, tensor_path,
};
use crate::tensor_file;

/// Writes a checkpoint of a model, replacing the one in `folder` if there is one; `training` is what training needs to continue. A
/// model that its family would not load is not written.
///
/// The files are written into `.NAME.saving` next to the folder, each through to the disk; the folder is set aside as `.NAME.old` and
/// the new one renamed into its place. Loading after a crash between the two renames finds the one set aside, and the next save clears
/// away what an interrupted one left. One process at a time may save to a folder.
pub fn save(model: &dyn Stored, folder: &Path, training: Option<&[NamedTensor]>) -> Result<(), CheckpointError> {
    let manifest = model.manifest();
    if let Some(problem) = manifest.problem() {
        return Err(CheckpointError::format(&folder.join(CONFIG), problem));
    }
    model.check(folder)?;
    let (Some(saving), Some(old)) = (place::saving(folder), place::set_aside(folder)) else {
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
    write_files(model, &manifest, &saving, training)?;
    at(&saving, sync_folder(&saving))?;
    if folder.exists() {
        at(folder, fs::rename(folder, &old))?;
    }
    at(folder, fs::rename(&saving, folder))?;
    at(parent, sync_folder(parent))?;
    at(&old, remove(&old))
}

fn write_files(
    model: &dyn Stored,
    manifest: &Manifest,
    folder: &Path,
    training: Option<&[NamedTensor]>,
) -> Result<(), CheckpointError> {
    let path = folder.join(CONFIG);
    at(&path, write_manifest(&path, manifest))?;
    for file in &manifest.files {
        let path = tensor_path(folder, file);
        at(&path, tensor_file::write(&path, &model.tensors(file)))?;
    }
    if let Some(tensors) = training {
        let path = folder.join(OPTIMIZER);
        let tensors: Vec<_> = tensors.iter().map(TensorView::from).collect();
        at(&path, tensor_file::write(&path, &tensors))?;
    }
    at(folder, checksums::write(folder, &manifest.files))
}

fn write_manifest(path: &Path, manifest: &Manifest) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&manifest.text()?)?;
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
