//! `manifest.json`: the checksum of every file of a checkpoint.
//!
//! A model with flipped bits in its weights still loads and still ranks, but wrongly. So each file is checked against the checksum
//! that it had when it was written. A checkpoint of an earlier version has no checksums and is read without this check.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CONFIG, CheckpointError, OPTIMIZER};

/// The file.
pub(crate) const FILE: &str = "manifest.json";

const CHUNK_BYTES: usize = 1 << 20;

/// Checksums of the files of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checksums {
    /// SHA-256 in hexadecimal, by file name.
    sha256: BTreeMap<String, String>,
}

/// The names of the files of a model with those tensor files.
fn names(tensors: &[String]) -> impl Iterator<Item = String> + '_ {
    std::iter::once(CONFIG.to_owned()).chain(tensors.iter().map(|file| format!("{file}.safetensors")))
}

/// Writes the checksums of the files in a folder.
pub(super) fn write(folder: &Path, tensors: &[String]) -> io::Result<()> {
    let mut sha256 = BTreeMap::new();
    for name in names(tensors).chain([OPTIMIZER.to_owned()]) {
        match sum(&folder.join(&name)) {
            Ok(sum) => drop(sha256.insert(name, sum)),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    let mut file = File::create(folder.join(FILE))?;
    file.write_all(&serde_json::to_vec_pretty(&Checksums { sha256 })?)?;
    file.sync_all()
}

/// Holds the files in a folder against their checksums, if there are any. `training`: also the one that only training reads.
pub(super) fn verify(folder: &Path, tensors: &[String], training: bool) -> Result<(), CheckpointError> {
    let path = folder.join(FILE);
    let text = match fs::read(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.map_err(|source| CheckpointError::Io { path: path.clone(), source })?,
    };
    let checksums: Checksums =
        serde_json::from_slice(&text).map_err(|e| CheckpointError::format(&path, e.to_string()))?;
    let of_model: Vec<String> = names(tensors).collect();
    if let Some(name) = of_model.iter().find(|name| !checksums.sha256.contains_key(*name)) {
        return Err(CheckpointError::format(&path, format!("sha256: the checksum of {name} is missing")));
    }
    for (name, wanted) in checksums.sha256.iter().filter(|(name, _)| training || *name != OPTIMIZER) {
        if name != OPTIMIZER && !of_model.contains(name) {
            return Err(CheckpointError::format(&path, format!("sha256: {name:?} is not a file of this model")));
        }
        let path = folder.join(name);
        let found = sum(&path).map_err(|source| CheckpointError::Io { path: path.clone(), source })?;
        if found != *wanted {
            let problem = "its checksum is not the one in manifest.json: it was changed or damaged since it was saved";
            return Err(CheckpointError::format(&path, problem));
        }
    }
    Ok(())
}

/// The checksum of the file of checksums itself, if there is one.
pub(crate) fn sum_of_manifest(folder: &Path) -> io::Result<Option<String>> {
    match sum(&folder.join(FILE)) {
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
    use crate::testing::{Toy, load, toy};

    use super::*;

    #[test]
    fn a_changed_bit_in_any_file_is_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("model");
        crate::save(&toy(1), &folder, None).unwrap();
        load(&folder).unwrap();
        for name in [CONFIG, "weights.safetensors", "bias.safetensors", FILE] {
            let path = folder.join(name);
            let whole = fs::read(&path).unwrap();
            for place in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
                let mut bytes = whole.clone();
                bytes[place] ^= 4;
                fs::write(&path, bytes).unwrap();
                let error = load(&folder).unwrap_err().to_string();
                assert!(error.contains(name) || name == FILE, "{name}, byte {place}: {error}");
            }
            fs::write(&path, whole).unwrap();
        }
        let loaded: Toy = load(&folder).unwrap();
        assert_eq!(loaded, toy(1));
        // As an earlier version wrote it.
        fs::remove_file(folder.join(FILE)).unwrap();
        assert_eq!(load(&folder).unwrap(), loaded);
        assert!(crate::ModelFiles::verify(&folder).is_ok() && crate::ModelFiles::verify_checksums(&folder).is_err());
    }
}
