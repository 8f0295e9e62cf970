//! `manifest.json`: the checksum of every file of a checkpoint.
//!
//! A model with flipped bits in its weights still loads and still ranks, but wrongly. So each file is checked against the checksum
//! that it had when it was written. A checkpoint of an earlier version has no manifest and is read without this check.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CONFIG, CheckpointError, DENSE, OPTIMIZER, TABLES};

/// The file.
pub(crate) const MANIFEST: &str = "manifest.json";

const CHUNK_BYTES: usize = 1 << 20;

/// Checksums of the files of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// SHA-256 in hexadecimal, by file name.
    sha256: BTreeMap<String, String>,
}

/// Writes the manifest of the files in a folder.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    let mut sha256 = BTreeMap::new();
    for name in [CONFIG, DENSE, TABLES, OPTIMIZER] {
        match sum(&folder.join(name)) {
            Ok(sum) => drop(sha256.insert(name.to_owned(), sum)),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    let mut file = File::create(folder.join(MANIFEST))?;
    file.write_all(&serde_json::to_vec_pretty(&Manifest { sha256 })?)?;
    file.sync_all()
}

/// Holds the files in a folder against their manifest, if it has one. `optimizer`: also the one that only training reads.
pub(super) fn verify(folder: &Path, optimizer: bool) -> Result<(), CheckpointError> {
    let path = folder.join(MANIFEST);
    let text = match fs::read(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.map_err(|source| CheckpointError::Io { path: path.clone(), source })?,
    };
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|e| CheckpointError::Format { path: path.clone(), problem: e.to_string() })?;
    for name in [CONFIG, DENSE, TABLES] {
        if !manifest.sha256.contains_key(name) {
            let problem = format!("sha256: the checksum of {name} is missing");
            return Err(CheckpointError::Format { path, problem });
        }
    }
    for (name, wanted) in manifest.sha256.iter().filter(|(name, _)| optimizer || *name != OPTIMIZER) {
        if ![CONFIG, DENSE, TABLES, OPTIMIZER].contains(&name.as_str()) {
            return Err(CheckpointError::Format {
                path,
                problem: format!("sha256: {name:?} is not a file of a model"),
            });
        }
        let path = folder.join(name);
        let found = sum(&path).map_err(|source| CheckpointError::Io { path: path.clone(), source })?;
        if found != *wanted {
            let problem = "its checksum is not the one in manifest.json: it was changed or damaged since it was saved";
            return Err(CheckpointError::Format { path, problem: problem.to_owned() });
        }
    }
    Ok(())
}

/// The checksum of the manifest itself, if it has one.
pub(crate) fn sum_of_manifest(folder: &Path) -> io::Result<Option<String>> {
    match sum(&folder.join(MANIFEST)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        sum => sum.map(Some),
    }
}

fn sum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        hash.update(&chunk[..n]);
    }
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
    Ok(hash.finalize().iter().flat_map(digits).collect())
}

#[cfg(test)]
mod tests {
    use crate::checkpoint::Checkpoint;
    use crate::config::ModelKind;
    use crate::testing::small;

    use super::*;

    #[test]
    fn a_changed_bit_in_any_file_is_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("model");
        small(ModelKind::Ranker).save(&folder, None).unwrap();
        Checkpoint::load(&folder).unwrap();
        for name in [CONFIG, DENSE, TABLES, MANIFEST] {
            let path = folder.join(name);
            let whole = fs::read(&path).unwrap();
            for place in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
                let mut bytes = whole.clone();
                bytes[place] ^= 4;
                fs::write(&path, bytes).unwrap();
                let error = Checkpoint::load(&folder).unwrap_err().to_string();
                assert!(error.contains(name) || name == MANIFEST, "{name}, byte {place}: {error}");
            }
            fs::write(&path, whole).unwrap();
        }
        Checkpoint::load(&folder).unwrap();
        // As an earlier version wrote it.
        fs::remove_file(folder.join(MANIFEST)).unwrap();
        Checkpoint::load(&folder).unwrap();
    }
}
