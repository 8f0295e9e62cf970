//! `SHA256SUMS`: the checksum of each file of a world, in the form of `sha256sum`.
//!
//! A world's truth decides what is learned from and what is measured on, and a changed number in it looks like any other. So each
//! file is checked against its checksum before it is used. A world of an earlier version has no checksums and is read without them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::WorldError;

pub(super) const SUMS: &str = "SHA256SUMS";

/// A line of the file.
pub(super) fn line(name: &str, bytes: &[u8]) -> String {
    format!("{:x}  {name}\n", Sha256::digest(bytes))
}

/// The bytes of a file of a world, checked against its checksum.
pub(super) fn read(dir: &Path, name: &str) -> Result<Vec<u8>, WorldError> {
    let path = dir.join(name);
    let bytes = read_file(&path)?;
    if let Some((_, wanted)) = list(dir)?.into_iter().find(|(listed, _)| listed == name) {
        check(&path, &bytes, &wanted)?;
    }
    Ok(bytes)
}

/// Checks every file of a world against its checksum; returns the number of checked files.
pub fn check_files(dir: &Path) -> Result<usize, WorldError> {
    let listed = list(dir)?;
    for (name, wanted) in &listed {
        let path = dir.join(name);
        check(&path, &read_file(&path)?, wanted)?;
    }
    Ok(listed.len())
}

/// The lines of existing files.
pub(super) fn lines(dir: &Path, names: &[&str]) -> Result<String, WorldError> {
    names.iter().map(|name| Ok(line(name, &read_file(&dir.join(name))?))).collect()
}

fn read_file(path: &Path) -> Result<Vec<u8>, WorldError> {
    fs::read(path).map_err(|source| WorldError::Io { path: path.to_owned(), source })
}

fn check(path: &Path, bytes: &[u8], wanted: &str) -> Result<(), WorldError> {
    if format!("{:x}", Sha256::digest(bytes)) == wanted {
        return Ok(());
    }
    let problem = format!("its checksum is not the one in {SUMS}: it was changed or damaged since it was written");
    Err(WorldError::Changed { path: path.to_owned(), problem })
}

/// The files that have a checksum, each with it.
fn list(dir: &Path) -> Result<Vec<(String, String)>, WorldError> {
    let path: PathBuf = dir.join(SUMS);
    let bytes = match fs::read(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.map_err(|source| WorldError::Io { path: path.clone(), source })?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let entries: Option<Vec<_>> = text
        .lines()
        .map(|line| {
            let (sum, name) = line.split_once("  ")?;
            let is_sum = sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
            is_sum.then(|| (name.to_owned(), sum.to_owned()))
        })
        .collect();
    match entries {
        Some(entries) if !entries.is_empty() && text.ends_with('\n') => Ok(entries),
        _ => Err(WorldError::Changed { path, problem: "is not a list of checksums".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_bit_in_any_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("truth")).unwrap();
        let names = ["world.json", "truth/slates.jsonl"];
        for name in names {
            fs::write(dir.path().join(name), format!("the text of {name}")).unwrap();
        }
        assert_eq!(check_files(dir.path()).unwrap(), 0, "of an earlier version");
        fs::write(dir.path().join(SUMS), lines(dir.path(), &names).unwrap()).unwrap();
        assert_eq!(check_files(dir.path()).unwrap(), 2);
        for name in names.into_iter().chain([SUMS]) {
            let path = dir.path().join(name);
            let whole = fs::read(&path).unwrap();
            for place in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[place] ^= 1;
                fs::write(&path, bytes).unwrap();
                check_files(dir.path()).unwrap_err();
            }
            fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            check_files(dir.path()).unwrap_err();
            fs::write(&path, whole).unwrap();
        }
        fs::write(dir.path().join(names[1]), "other").unwrap();
        let error = read(dir.path(), names[1]).unwrap_err().to_string();
        assert!(error.contains("slates.jsonl: its checksum is not the one in SHA256SUMS"), "{error}");
        fs::remove_file(dir.path().join(names[1])).unwrap();
        check_files(dir.path()).unwrap_err();
    }
}
