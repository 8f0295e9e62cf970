//! The progress of a stream in a file: a stopped stream continues from its last refresh.

use std::fs;
use std::path::{Path, PathBuf};

use evaluation::{Measured, PrequentialTable};
use foryou_io::replace_file;
use foryou_types::TimeMs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::actions::ActionTable;
use super::blend::Blend;
use super::models::Checkpoints;
use crate::ExperimentError;
use crate::error::During;

/// What determines a stream's result: two streams with equal settings on the same log are the same stream.
pub(crate) type Fingerprint = serde_json::Value;

/// Everything that the rest of a stream depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "O: Serialize", deserialize = "O: DeserializeOwned + Measured"))]
pub(crate) struct Progress<O> {
    /// Every judged event before this moment is judged.
    pub(crate) until: TimeMs,
    /// The newest event judged: rows of the report are in order even where a log is not.
    pub(crate) latest: TimeMs,
    /// Refreshes done, the first training counted.
    pub(crate) refreshes: u32,
    /// The log was lived through to its end.
    pub(crate) finished: bool,
    /// Events that could be judged; of these every n-th is.
    pub(crate) eligible: u64,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) table: PrequentialTable<O>,
    pub(crate) actions: ActionTable,
    pub(crate) blend: Blend,
}

impl<O: Measured> Progress<O> {
    /// Nothing is judged yet; next comes the first training, on the events before `until`.
    pub(crate) fn new(until: TimeMs, models: impl IntoIterator<Item = String>) -> Result<Self, ExperimentError> {
        Ok(Self {
            until,
            latest: until,
            refreshes: 0,
            finished: false,
            eligible: 0,
            checkpoints: Checkpoints::default(),
            table: PrequentialTable::new(models)?,
            actions: ActionTable::default(),
            blend: Blend::default(),
        })
    }
}

/// The file, with the progress not yet parsed: another stream's progress has another form.
#[derive(Serialize, Deserialize)]
struct Begun {
    fingerprint: Fingerprint,
    progress: serde_json::Value,
}

/// The folder of a stream: its progress, and the runs of its models.
pub(crate) struct StreamFolder {
    path: PathBuf,
    fingerprint: Fingerprint,
}

impl StreamFolder {
    /// The folder, and the progress of the same stream if it was begun. Another stream's is refused, unless `restart` removes it.
    pub(crate) fn open<O: Measured + Serialize + DeserializeOwned>(
        path: PathBuf,
        fingerprint: Fingerprint,
        restart: bool,
    ) -> Result<(Self, Option<Progress<O>>), ExperimentError> {
        let file = path.join(FILE);
        if restart && path.exists() {
            fs::remove_dir_all(&path).during(|| format!("removing {}", path.display()))?;
        }
        fs::create_dir_all(&path).during(|| format!("making {}", path.display()))?;
        let folder = Self { path, fingerprint };
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((folder, None)),
            Err(e) => return Err(e).during(|| format!("reading {}", file.display())),
        };
        let begin_anew = || format!("{}: is not the progress of a stream; --restart starts over", file.display());
        let begun: Begun = serde_json::from_str(&text).during(begin_anew)?;
        if begun.fingerprint != folder.fingerprint {
            return Err(ExperimentError::Unfit(format!(
                "{}: a stream with other settings ({}) was begun here: use the same settings, or start over with --restart",
                file.display(),
                difference(&begun.fingerprint, &folder.fingerprint)
            )));
        }
        let progress = serde_json::from_value(begun.progress).during(begin_anew)?;
        Ok((folder, Some(progress)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the progress file as a whole.
    pub(crate) fn save<O>(&self, progress: &Progress<O>) -> Result<(), ExperimentError>
    where
        O: Measured + Serialize,
    {
        let progress = serde_json::to_value(progress).during(|| "rendering the progress".to_owned())?;
        let begun = Begun { fingerprint: self.fingerprint.clone(), progress };
        let file = self.path.join(FILE);
        let text = serde_json::to_vec(&begun).during(|| "rendering the progress".to_owned())?;
        // On the disk before the checkpoints that it replaces are removed.
        replace_file(&file, &text).during(|| format!("writing {}", file.display()))
    }
}

const FILE: &str = "progress.json";

/// The settings in which two streams differ.
fn difference(a: &Fingerprint, b: &Fingerprint) -> String {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return "of another version".to_owned() };
    let differ = a.iter().filter(|(key, value)| b.get(*key) != Some(value)).map(|(key, _)| key.as_str());
    let new = b.keys().filter(|key| !a.contains_key(*key)).map(String::as_str);
    differ.chain(new).collect::<Vec<_>>().join(", ")
}
