//! The versions of models: the registry can be read, and every file is what it was when its version was saved.

use std::path::Path;

use phoenix::Registry;

use super::Check;

pub(super) fn check(data: &Path) -> Check {
    Check::of("models", versions(&data.join("models")))
}

fn versions(folder: &Path) -> Result<String, String> {
    let registry = Registry::open(folder).map_err(|e| e.to_string())?;
    let versions = registry.list().map_err(|e| e.to_string())?;
    if versions.is_empty() {
        return Ok("none yet".to_owned());
    }
    let problems: Vec<_> =
        versions.iter().filter_map(|version| registry.verify(&version.name).err()).map(|e| e.to_string()).collect();
    if problems.is_empty() {
        return Ok(format!("{} versions, every file is what was saved", versions.len()));
    }
    Err(format!("{}; promote another version, or train again", problems.join("; ")))
}
