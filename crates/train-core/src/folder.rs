//! The folder of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use foryou_io::{FolderLock, LOCK_FILE};
use foryou_types::ActionSet;
use model_registry::{Kind, ModelFiles};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::TrainError;

/// What tells the data of a run from other data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataMark {
    /// Sizes of the training part, of the objective's choice: whether it is the same data.
    pub sizes: [u64; 3],
    /// Events of the log that were read: a resumed run reads the same events, even if a service has added some.
    pub events: u64,
}

/// `config.json` of a run: all that decides its result.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunConfig {
    pub(crate) kind: Kind,
    /// As the objective has it, by its text: this crate does not know what it means.
    pub(crate) recipe: Box<RawValue>,
    pub(crate) action_set: ActionSet,
    pub(crate) seed: u64,
    /// Sums run in the order of the threads' shards: another count gives other last bits.
    pub(crate) threads: usize,
    /// [`DataMark::sizes`].
    pub(crate) data: [u64; 3],
    /// [`DataMark::events`].
    #[serde(default)]
    pub(crate) events: u64,
    /// Fingerprint of the checkpoint it began from, see [`crate::RunOptions::from`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// XXH3-64 of the rest, in hexadecimal; absent in a file of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<String>,
}

/// ```text
/// run/
///   config.json     what is trained and how
///   metrics.jsonl   what was measured
///   checkpoint/     the last state, with the optimiser's
///   best/           the best model so far, ready to serve
///   curves.svg      at the end
///   lock            held by the training that writes here; knows which config.json was written last
/// ```
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    _lock: FolderLock,
}

const PART: &str = "config.part";
const CHECKPOINT: &str = "checkpoint";
const BEST: &str = "best";

impl RunFolder {
    /// Begins a run, replacing an earlier one. A folder that holds anything else is refused.
    pub(crate) fn create(path: &Path, config: &RunConfig) -> Result<Self, TrainError> {
        fs::create_dir_all(path).map_err(TrainError::io(path))?;
        let mut entries = fs::read_dir(path).map_err(TrainError::io(path))?;
        // What a training leaves that was killed while it began.
        let begun = [LOCK_FILE, PART];
        let empty = !entries.any(|entry| entry.is_ok_and(|entry| !begun.iter().any(|name| entry.file_name() == *name)));
        if !empty && read_config(path)?.is_none() {
            return Err(refuse(path, "is not empty and holds no run; name another folder"));
        }
        let folder = Self::lock(path)?;
        for old in [folder.checkpoint(), folder.best()] {
            match fs::remove_dir_all(&old) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(TrainError::io(&old)(e)),
                _ => {}
            }
        }
        folder.write_config(config)?;
        Ok(folder)
    }

    /// Continues with a run. Another model, recipe, seed or data is refused.
    pub(crate) fn resume(path: &Path, config: &RunConfig) -> Result<Self, TrainError> {
        if read_config(path)?.is_none() {
            return Err(refuse(path, "holds no run to resume"));
        }
        let folder = Self::lock(path)?;
        // Again under the lock: another training may have ended just now.
        let Some(found) = read_config(path)? else {
            return Err(refuse(path, "holds no run to resume"));
        };
        check_newest(path, &found)?;
        let differs = if found.kind != config.kind {
            Some(format!("the model ({}, not {})", found.kind, config.kind))
        } else if let Some(key) = first_difference(&found.recipe, &config.recipe) {
            Some(format!("the recipe ({key})"))
        } else if found.action_set != config.action_set {
            Some("the action set".to_owned())
        } else if found.seed != config.seed {
            Some(format!("the seed ({}, not {})", found.seed, config.seed))
        } else if found.data != config.data {
            Some("the training data".to_owned())
        } else if found.from != config.from {
            Some("the checkpoint it began from".to_owned())
        } else {
            None
        };
        if let Some(what) = differs {
            return Err(refuse(path, &format!("holds another run: {what} differs; start a new run without --resume")));
        }
        if found.threads != config.threads {
            tracing::warn!(before = found.threads, now = config.threads, "resumed with another number of threads");
            folder.write_config(config)?;
        }
        Ok(folder)
    }

    /// Keeps other trainings out of the folder.
    fn lock(path: &Path) -> Result<Self, TrainError> {
        match FolderLock::take_unsigned(path).map_err(TrainError::io(&path.join(LOCK_FILE)))? {
            Some(lock) => Ok(Self { path: path.to_owned(), _lock: lock }),
            None => {
                Err(refuse(path, "another training is writing to this run folder; wait for it, or name another folder"))
            }
        }
    }

    fn write_config(&self, config: &RunConfig) -> Result<(), TrainError> {
        let path = self.path.join("config.json");
        let (text, check) = written(config).map_err(|e| TrainError::io(&path)(e.into()))?;
        // An older copy of the file would be consistent in itself, so the lock's file knows which is the last. It says nothing
        // while the file is replaced: a process that is killed leaves no contradiction.
        let (lock, part) = (self.path.join(LOCK_FILE), self.path.join(PART));
        fs::write(&lock, "").map_err(TrainError::io(&lock))?;
        fs::write(&part, text).and_then(|()| fs::rename(&part, &path)).map_err(TrainError::io(&path))?;
        fs::write(&lock, check).map_err(TrainError::io(&lock))
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    pub(crate) fn best(&self) -> PathBuf {
        self.path.join(BEST)
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    pub(crate) fn curves(&self) -> PathBuf {
        self.path.join("curves.svg")
    }
}

/// Checks the files of the run in a folder against the checksums that they were written with. A run that is still being written passes.
pub fn check_run(run: &Path) -> Result<(), TrainError> {
    let mut checkpoints = [CHECKPOINT, BEST].map(|name| run.join(name)).into_iter().filter(|folder| folder.is_dir());
    match read_config(run)? {
        Some(config) => check_newest(run, &config)?,
        // One that was killed while it began.
        None if checkpoints.next().is_none() => return Ok(()),
        None => return Err(refuse(run, "holds no run: config.json is missing")),
    }
    let wrong = checkpoints.find_map(|folder| ModelFiles::verify_checksums(&folder).err());
    match wrong {
        Some(_) if FolderLock::is_held(run) => Ok(()),
        wrong => wrong.map_or(Ok(()), |error| Err(error.into())),
    }
}

/// How many events of the log the run in a folder read: to be resumed, it must be given the same data, and the log may have grown
/// since. `None` without a run.
pub fn events_of_run(run: &Path) -> Result<Option<u64>, TrainError> {
    Ok(read_config(run)?.map(|config| config.events).filter(|events| *events > 0))
}

/// Whether there is a run in a folder.
pub(crate) fn holds_run(run: &Path) -> Result<bool, TrainError> {
    Ok(read_config(run)?.is_some())
}

fn refuse(path: &Path, problem: &str) -> TrainError {
    TrainError::Folder { folder: path.to_owned(), problem: problem.to_owned() }
}

/// The text of a configuration, one setting a line for a person to read, and its checksum.
fn written(config: &RunConfig) -> Result<(Vec<u8>, String), serde_json::Error> {
    let recipe: Value = serde_json::from_str(config.recipe.get())?;
    let check = checksum(&RunConfig { recipe: RawValue::from_string(recipe.to_string())?, ..config.clone() });
    let recipe = RawValue::from_string(serde_json::to_string_pretty(&recipe)?.replace('\n', "\n  "))?;
    let text = serde_json::to_vec_pretty(&RunConfig { recipe, check: Some(check.clone()), ..config.clone() })?;
    Ok((text, check))
}

fn read_config(folder: &Path) -> Result<Option<RunConfig>, TrainError> {
    let path = folder.join("config.json");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(TrainError::io(&path)(e)),
    };
    let wrong = |problem: &dyn std::fmt::Display| refuse(folder, &format!("config.json: {problem}"));
    let mut config: RunConfig = serde_json::from_slice(&text).map_err(|e| wrong(&e))?;
    config.recipe = RawValue::from_string(compact(config.recipe.get())).map_err(|e| wrong(&e))?;
    match config.check.take() {
        Some(check) if check != checksum(&config) => Err(wrong(&"was changed or damaged since it was written")),
        _ => Ok(Some(config)),
    }
}

/// JSON without the spaces between its parts.
fn compact(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |c: &char| {
        match (in_text, c) {
            (true, '"') if !escaped => in_text = false,
            (false, '"') => in_text = true,
            (false, ' ' | '\n' | '\r' | '\t') => return false,
            _ => {}
        }
        escaped = in_text && *c == '\\' && !escaped;
        true
    };
    json.chars().filter(keep).collect()
}

/// Whether a run's `config.json` is the one that was written last, which the lock's file knows.
fn check_newest(folder: &Path, config: &RunConfig) -> Result<(), TrainError> {
    let noted = fs::read_to_string(folder.join(LOCK_FILE)).unwrap_or_default();
    let is_check = noted.len() == 16 && noted.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_check && noted != checksum(config) {
        return Err(refuse(folder, "config.json: is an older copy, not the one that was written last"));
    }
    Ok(())
}

fn checksum(config: &RunConfig) -> String {
    // A value that was read from JSON can be written as JSON.
    format!("{:016x}", xxh3_64(&serde_json::to_vec(config).unwrap_or_default()))
}

/// The first section or value in which two recipes differ.
fn first_difference(a: &RawValue, b: &RawValue) -> Option<String> {
    let fields = |recipe: &RawValue| match serde_json::from_str(recipe.get()) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (a, b) = (fields(a), fields(b));
    let differs = a.iter().find(|(key, value)| b.get(*key) != Some(value)).map(|(key, _)| key.clone());
    differs.or_else(|| b.keys().find(|key| !a.contains_key(*key)).cloned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn compacted_json_is_what_serde_writes(text in ".*", number in any::<f64>().prop_filter("finite", |x| x.is_finite()), more in prop::collection::vec(".*", 0..4)) {
            let value = serde_json::json!({"a \\\" b": text, "list": more, "n": number, "none": null});
            prop_assert_eq!(compact(&serde_json::to_string_pretty(&value).unwrap()), value.to_string());
        }
    }
}
