//! A world as a folder: `events.jsonl`, `profile.toml`, `truth/slates.jsonl`, `SHA256SUMS`, and `world.json`, which is written last.

use std::fs::{self, File};
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;

use event_log::Event;
use foryou_io::replace_file;
use foryou_types::{TimeMs, UserId};
use serde::{Deserialize, Serialize};

use super::sums;
use super::{Slate, World, WorldConfig, WorldError, WorldReport};

const MANIFEST: &str = "world.json";
const SLATES: &str = "truth/slates.jsonl";

/// Viewers named in `world.json`.
const DEMO_VIEWERS: usize = 20;

/// `world.json`: what the folder holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldManifest {
    /// Version of the folder's form.
    pub version: u32,
    /// What the world was made from.
    pub config: WorldConfig,
    /// Where the held-out part begins.
    pub cut: TimeMs,
    /// Events in `events.jsonl`.
    pub events: u64,
    /// Slates in `truth/slates.jsonl`.
    pub slates: u64,
    /// Viewers worth showing, as strings.
    pub demo_viewers: Vec<String>,
    /// The world's numbers.
    pub report: WorldReport,
}

impl WorldManifest {
    /// The form this version writes.
    pub const VERSION: u32 = 1;
}

impl World {
    /// Writes the world as files. `to_json` gives an event's form on the wire.
    ///
    /// `world.json` comes last: a folder without it was interrupted.
    pub fn write(
        &self,
        dir: &Path,
        mut to_json: impl FnMut(&Event) -> serde_json::Value,
    ) -> Result<WorldManifest, WorldError> {
        let truth = dir.join("truth");
        fs::create_dir_all(&truth).map_err(|source| WorldError::Io { path: truth.clone(), source })?;
        let manifest_path = dir.join("world.json");
        match fs::remove_file(&manifest_path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(WorldError::Io { path: manifest_path, source });
            }
            _ => {}
        }
        write_lines(&dir.join("events.jsonl"), self.events.iter().map(|e| serde_json::to_vec(&to_json(e))))?;
        write_lines(&truth.join("slates.jsonl"), self.slates.iter().map(serde_json::to_vec))?;
        write_whole(&dir.join("profile.toml"), self.profile.to_toml().as_bytes())?;
        let manifest = WorldManifest {
            version: WorldManifest::VERSION,
            config: self.config.clone(),
            cut: self.cut(),
            events: self.events.len() as u64,
            slates: self.slates.len() as u64,
            demo_viewers: self.viewers_with_history(DEMO_VIEWERS).iter().map(|UserId(id)| id.to_string()).collect(),
            report: self.report.clone(),
        };
        let mut text = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| WorldError::Io { path: manifest_path.clone(), source: e.into() })?;
        text.push(b'\n');
        let listed = sums::lines(dir, &["events.jsonl", "profile.toml", SLATES])? + &sums::line(MANIFEST, &text);
        write_whole(&dir.join(sums::SUMS), listed.as_bytes())?;
        write_whole(&manifest_path, &text)?;
        Ok(manifest)
    }
}

fn write_lines(path: &Path, lines: impl Iterator<Item = Result<Vec<u8>, serde_json::Error>>) -> Result<(), WorldError> {
    let failed = |source: std::io::Error| WorldError::Io { path: path.to_owned(), source };
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    for line in lines {
        let mut line = line.map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        file.write_all(&line).map_err(failed)?;
    }
    file.into_inner().map_err(|e| failed(e.into_error()))?.sync_all().map_err(failed)
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WorldError> {
    fs::write(path, bytes).map_err(|source| WorldError::Io { path: path.to_owned(), source })
}

/// Copies the held-out part of a world, which must be whole, into another folder. `world.json` comes last here too.
pub fn keep_truth(world: &Path, kept: &Path) -> Result<(), WorldError> {
    let (slates, manifest) = (sums::read(world, SLATES)?, sums::read(world, MANIFEST)?);
    let truth = kept.join("truth");
    fs::create_dir_all(&truth).map_err(|source| WorldError::Io { path: truth, source })?;
    let listed = sums::line(SLATES, &slates) + &sums::line(MANIFEST, &manifest);
    for (name, bytes) in [(SLATES, &slates[..]), (sums::SUMS, listed.as_bytes()), (MANIFEST, &manifest)] {
        let path = kept.join(name);
        replace_file(&path, bytes).map_err(|source| WorldError::Io { path, source })?;
    }
    Ok(())
}

/// Reads a world's `world.json`.
pub fn read_manifest(dir: &Path) -> Result<WorldManifest, WorldError> {
    let path = dir.join("world.json");
    let text = sums::read(dir, MANIFEST)?;
    let manifest: WorldManifest = serde_json::from_slice(&text).map_err(|e| WorldError::Line {
        path: path.clone(),
        line: e.line(),
        problem: e.to_string(),
    })?;
    if manifest.version != WorldManifest::VERSION {
        let problem = format!("version {} is not the {} this program reads", manifest.version, WorldManifest::VERSION);
        return Err(WorldError::Line { path, line: 1, problem });
    }
    Ok(manifest)
}

/// Reads a world's held-out slates, all of them or none: a wrong line is an error with its number.
pub fn read_slates(dir: &Path) -> Result<Vec<Slate>, WorldError> {
    let path = dir.join("truth").join("slates.jsonl");
    let failed = |source| WorldError::Io { path: path.clone(), source };
    let mut slates = Vec::new();
    for (n, text) in sums::read(dir, SLATES)?.lines().enumerate() {
        let text = text.map_err(failed)?;
        let wrong = |problem| WorldError::Line { path: path.clone(), line: n + 1, problem };
        let slate: Slate = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        match slate.problem() {
            Some(problem) => return Err(wrong(problem)),
            None => slates.push(slate),
        }
    }
    Ok(slates)
}
