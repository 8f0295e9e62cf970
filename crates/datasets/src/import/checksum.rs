//! Checksums of files, to say which files a figure was measured on.

use std::fs::File;
use std::io::Read;

use sha2::{Digest, Sha256};

use super::files::BUFFER;
use super::{ImportError, SetFile};

/// The SHA-256 of each file as it is (compressed or not): `sha256:HEX NAME`, separated by commas.
pub fn checksum(files: &[SetFile]) -> Result<String, ImportError> {
    let one = |file: &SetFile| -> Result<String, ImportError> {
        let io_error = |source| ImportError::Io { path: file.path.display().to_string(), source };
        let mut reader = File::open(&file.path).map_err(io_error)?;
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
        loop {
            match reader.read(&mut buffer).map_err(io_error)? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
        Ok(format!("sha256:{:x} {}", hash.finalize(), file.name()))
    };
    Ok(files.iter().map(one).collect::<Result<Vec<_>, _>>()?.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{RowForm, RowOrder};

    #[test]
    fn the_known_hash_of_abc_and_a_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "abc").unwrap();
        let file = SetFile::new("rows", path, RowForm::Lines, RowOrder::File);
        // FIPS 180-2, appendix B.1.
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad rows.csv";
        assert_eq!(checksum(std::slice::from_ref(&file)).unwrap(), expected);
        std::fs::remove_file(&file.path).unwrap();
        assert!(checksum(&[file]).unwrap_err().to_string().contains("rows.csv"));
    }
}
