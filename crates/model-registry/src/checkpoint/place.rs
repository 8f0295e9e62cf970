//! Where a checkpoint stands, also while another one takes its place.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folder itself, or, where a save ended between its two renames, the checkpoint it had just set aside.
pub(super) fn current(folder: &Path) -> PathBuf {
    let gone = matches!(fs::metadata(folder), Err(e) if e.kind() == ErrorKind::NotFound);
    match set_aside(folder) {
        Some(old) if gone && old.is_dir() => old,
        _ => folder.to_owned(),
    }
}

/// Where the folder stands while a new one is put into its place.
pub(super) fn set_aside(folder: &Path) -> Option<PathBuf> {
    sibling(folder, "old")
}

/// Where the new one is written.
pub(super) fn saving(folder: &Path) -> Option<PathBuf> {
    sibling(folder, "saving")
}

fn sibling(folder: &Path, role: &str) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(folder.file_name()?);
    name.push(".");
    name.push(role);
    Some(folder.with_file_name(name))
}
