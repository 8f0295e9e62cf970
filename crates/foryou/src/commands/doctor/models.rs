//! Files that are not derived from the log: versions of models, runs of trainings, and a world's truth. Each is checked against the
//! checksum that it was written with.

use std::path::Path;

use datasets::world::{check_files, read_manifest};

use super::Check;
use crate::models::registry;

pub(super) fn checks(data: &Path) -> Vec<Check> {
    let models = data.join("models");
    let checks =
        [("models", versions(data)), ("trainings", runs(&models.join("runs"))), ("world", world(&data.join("world")))];
    checks.into_iter().map(|(name, result)| Check::of(name, result)).collect()
}

fn versions(data: &Path) -> Result<String, String> {
    let registry = registry(data).map_err(|e| e.to_string())?;
    let versions = registry.list().map_err(|e| e.to_string())?;
    if versions.is_empty() {
        return Ok("none yet".to_owned());
    }
    let newest = registry.check_newest();
    let wrong = versions.iter().map(|version| registry.verify(&version.name)).chain([newest]);
    let problems: Vec<_> = wrong.filter_map(Result::err).map(|e| e.to_string()).collect();
    if problems.is_empty() {
        return Ok(format!("{} versions, every file is unchanged", versions.len()));
    }
    Err(format!("{}; promote another version, or train again", problems.join("; ")))
}

/// Runs of trainings that can be resumed, one of each kind.
fn runs(folder: &Path) -> Result<String, String> {
    let entries = folder.read_dir().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut runs: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    runs.sort();
    let seen = runs.len();
    let problems: Vec<_> =
        runs.iter().filter_map(|run| train_core::check_run(run).err()).map(|e| e.to_string()).collect();
    match (problems.is_empty(), seen) {
        (true, 0) => Ok("none yet".to_owned()),
        (true, _) => Ok(format!("{seen} runs, every file is unchanged")),
        _ => Err(format!("{}; train again, without --resume", problems.join("; "))),
    }
}

/// A synthetic world's held-out slates.
fn world(folder: &Path) -> Result<String, String> {
    if !folder.is_dir() {
        return Ok("the folder has no held-out slates".to_owned());
    }
    let held = check_files(folder).map_err(|e| e.to_string()).and_then(|files| {
        read_manifest(folder).map_err(|e| e.to_string())?;
        if files > 0 {
            Ok(files)
        } else {
            Err("SHA256SUMS is missing, and nothing else says what was written".to_owned())
        }
    });
    let remedy = "delete the folder, and import the world again";
    held.map(|files| format!("{files} files of the world are unchanged")).map_err(|e| format!("{e}; {remedy}"))
}
