//! `log.toml`: the description of a log, with its own checksum.

use std::fs;
use std::path::Path;

use foryou_io::replace_file;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::LogError;
use crate::meaning::Meaning;
use crate::segment::{corrupt, io_error};

/// The file.
pub(crate) const DESCRIPTION: &str = "log.toml";

/// Newest format of the folder that this version reads, and the one that it writes. Format 1 has no checksum of this file, no
/// meaning, and no own checks of frames. A log of format 1 becomes format 2 when it is opened for writing.
const FORMAT: u32 = 2;

/// Most partitions of a topic: each costs 8 bytes in the header of every segment.
pub(crate) const MAX_PARTITIONS: u16 = 1_024;

const HEAD: &str = "# An event log of foryou. Written by the program: a change by hand is refused.\n";
const CHECK: &str = "# check ";

/// The description of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(super) format: u32,
    /// Partitions of the topics by key.
    pub(crate) partitions: u16,
    /// What its events mean; `None` until a profile is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) meaning: Option<Meaning>,
}

impl Description {
    /// The description of a new log.
    pub(crate) const fn new(partitions: u16) -> Self {
        Self { format: FORMAT, partitions, meaning: None }
    }

    /// Whether an older version wrote the log, in an older format.
    pub(crate) const fn is_old(&self) -> bool {
        self.format < FORMAT
    }

    /// Reads the description in a log's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, LogError> {
        let path = folder.join(DESCRIPTION);
        let bytes = fs::read(&path).map_err(io_error("reading", &path))?;
        Self::parse(&bytes).map_err(|problem| corrupt(&path, problem))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
        let description: Self = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        if description.format == 0 || description.format > FORMAT {
            return Err(format!(
                "format {} is not known to this program (newest: {FORMAT}); use a newer one",
                description.format
            ));
        }
        if !description.is_old() {
            let (content, check) =
                text.rsplit_once(CHECK).ok_or("was cut short: the checksum at its end is missing")?;
            if check.trim_end() != checksum(content) {
                return Err("was changed since the program wrote it".to_owned());
            }
        }
        if description.partitions == 0 || description.partitions > MAX_PARTITIONS {
            return Err(format!("partitions = {}: must be between 1 and {MAX_PARTITIONS}", description.partitions));
        }
        Ok(description)
    }

    fn to_text(&self) -> Result<String, toml::ser::Error> {
        let content = format!("{HEAD}{}", toml::to_string(&Self { format: FORMAT, ..self.clone() })?);
        let check = checksum(&content);
        Ok(format!("{content}{CHECK}{check}\n"))
    }

    /// Writes the description in the newest format; the file is replaced as a whole.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), LogError> {
        let path = folder.join(DESCRIPTION);
        let text = self.to_text().map_err(|e| corrupt(&path, e.to_string()))?;
        replace_file(&path, text.as_bytes()).map_err(io_error("writing", &path))
    }
}

fn checksum(content: &str) -> String {
    format!("{:016x}", xxh3_64(content.as_bytes()))
}

#[cfg(test)]
mod tests {
    use foryou_types::Profile;

    use super::*;

    #[test]
    fn a_description_survives_its_file_and_no_byte_of_it_can_change() {
        let dir = tempfile::tempdir().unwrap();
        let written = Description { meaning: Some(Meaning::of(&Profile::live())), ..Description::new(4) };
        written.write(dir.path()).unwrap();
        assert_eq!(Description::read(dir.path()).unwrap(), written);
        let path = dir.path().join(DESCRIPTION);
        let bytes = fs::read(&path).unwrap();
        for place in 0..bytes.len() - 1 {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            fs::write(&path, bytes).unwrap();
            let error = Description::read(dir.path()).unwrap_err().to_string();
            assert!(error.contains("log.toml"), "byte {place}: {error}");
        }
        for length in 0..bytes.len() - 1 {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(Description::read(dir.path()).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn one_of_format_1_is_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(DESCRIPTION), "# An event log of foryou.\nformat = 1\npartitions = 9\n").unwrap();
        let description = Description::read(dir.path()).unwrap();
        assert!(description.is_old() && description.partitions == 9 && description.meaning.is_none());
    }
}
