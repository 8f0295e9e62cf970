//! Files that are not derived from the log: versions of models, runs of trainings, and a world's truth. Each is checked against the
//! checksum that it was written with.

use std::path::Path;

use datasets::world::{check_files, read_manifest};
use phoenix::{ModelKind, Registry};
use phoenix_train::trainer;

use super::Check;

pub(super) fn checks(data: &Path) -> Vec<Check> {
    let models = data.join("models");
    let checks = [
        ("models", versions(&models)),
        ("trainings", runs(&models.join("runs"))),
        ("world", world(&data.join("world"))),
    ];
    checks.into_iter().map(|(name, result)| Check::of(name, result)).collect()
}

fn versions(folder: &Path) -> Result<String, String> {
    let registry = Registry::open(folder).map_err(|e| e.to_string())?;
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

/// Runs of trainings that can be resumed.
fn runs(folder: &Path) -> Result<String, String> {
    let mut problems = Vec::new();
    let mut seen = 0;
    for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
        let run = folder.join(kind.name());
        if run.is_dir() {
            seen += 1;
            problems.extend(trainer::check_run(&run).err().map(|e| e.to_string()));
        }
    }
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
