//! Events in the JSONL form of the wire: kind `events` (one file, or a folder with `events.jsonl`), and kind `world` (what
//! `foryou world` writes: `events.jsonl` and `profile.toml`).
//!
//! The rows are read by the profile of the data folder; where that has none yet, by the `profile.toml` beside the file, which a
//! world must have; without either, by that of a live feed. String ids get their numbers here, in front of the events of the batch that
//! uses them first. An event with an `id` that the log has is a duplicate, whatever its row.

use std::{
    fs,
    path::{Path, PathBuf},
};

use event_log::EventDecoder;
use foryou_types::{ClockKind, Names, Profile, TimeMs};

use super::{ImportError, Importer, RowForm, RowOrder, Run, SetFile, batch::Mapped, rows::Row, run::RowMapper};

/// The name of the kind that is one file of events.
pub(super) const EVENTS: &str = "events";

/// The name of the kind that is a synthetic world.
pub(super) const WORLD: &str = "world";

/// Names of the file in a folder.
pub(super) const FILES: [&str; 3] = ["events.jsonl", "events.jsonl.zst", "events.jsonl.gz"];

/// The profile beside the events.
pub(super) const PROFILE: &str = "profile.toml";

/// The importer of events in JSONL.
pub struct Events {
    kind: &'static str,
    profile: Profile,
    files: [SetFile; 1],
}

impl Events {
    /// The events at `path`: a folder with `events.jsonl`, or a file of any name.
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Self, ImportError> {
        let file = if path.is_file() { Some(path.to_owned()) } else { SetFile::find(path, &FILES) };
        let file = file.ok_or_else(|| super::missing(path, EVENTS, &FILES))?;
        let beside = profile_beside(&file)?;
        Self::with(EVENTS, file, beside, folder)
    }

    /// The world in the folder `path`.
    pub(super) fn open_world(path: &Path, folder: Option<&Profile>) -> Result<Self, ImportError> {
        let found = if path.is_dir() { SetFile::find(path, &FILES) } else { None };
        let file = found.ok_or_else(|| super::missing(path, WORLD, &FILES))?;
        let beside = profile_beside(&file)?.ok_or_else(|| super::missing(path, WORLD, &[PROFILE]))?;
        Self::with(WORLD, file, Some(beside), folder)
    }

    /// The profile of a folder that a plain file of events fills: as a live feed, but history runs on its own clock, or its age
    /// filter would empty every feed.
    pub fn default_profile() -> Profile {
        Profile { clock: ClockKind::Log, ..Profile::live() }
    }

    fn with(
        kind: &'static str,
        path: PathBuf,
        beside: Option<Profile>,
        folder: Option<&Profile>,
    ) -> Result<Self, ImportError> {
        match (&beside, folder) {
            (Some(beside), _) => super::same_kind(folder, &beside.name, &path)?,
            // Plain events may go into any folder but one that holds a set of its own.
            (None, Some(of)) if of.name != EVENTS && super::KINDS.contains(&of.name.as_str()) => {
                super::same_kind(folder, EVENTS, &path)?;
            }
            (None, _) => {}
        }
        let profile = folder.cloned().or(beside).unwrap_or_else(Self::default_profile);
        let files = [SetFile::new("events", path, RowForm::Json, RowOrder::File)];
        Ok(Self { kind, profile, files })
    }
}

/// The profile in the folder of a file, where there is one.
fn profile_beside(file: &Path) -> Result<Option<Profile>, ImportError> {
    let path = file.with_file_name(PROFILE);
    if !path.is_file() {
        return Ok(None);
    }
    let name = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|source| ImportError::Io { path: name.clone(), source })?;
    Profile::from_toml(&text).map(Some).map_err(|source| ImportError::Profile { path: name, source })
}

impl Importer for Events {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn files(&self) -> &[SetFile] {
        &self.files
    }

    fn run(&self, run: &mut Run<'_>) -> Result<(), ImportError> {
        let mut rows = Rows::new(&self.profile, run.names());
        run.import_rows(&self.files[0], &mut rows)
    }
}

/// Reads events, with the names that are new in the batch.
struct Rows<'a> {
    profile: &'a Profile,
    log: &'a dyn Names,
    decoder: EventDecoder<'a>,
}

impl<'a> Rows<'a> {
    fn new(profile: &'a Profile, log: &'a dyn Names) -> Self {
        Self { profile, log, decoder: decoder(profile, log) }
    }
}

/// A decoder for one batch. Rows of a file need their own time, so no present moment is wanted.
fn decoder<'a>(profile: &'a Profile, log: &'a dyn Names) -> EventDecoder<'a> {
    EventDecoder::for_import(profile, log, TimeMs::default())
}

impl RowMapper for Rows<'_> {
    fn map(&mut self, row: &Row<'_>, out: &mut Mapped) -> Result<(), String> {
        let text = row.text()?;
        if text.trim().is_empty() {
            out.skip("blank_lines");
            return Ok(());
        }
        let event = self.decoder.decode(text).map_err(|error| error.to_string())?;
        for mut name in self.decoder.take_new_names() {
            name.at = event.at;
            out.push_event(name);
        }
        out.push_event(event);
        Ok(())
    }

    fn submitted(&mut self) {
        // The log knows these names now: kept here, they would grow with the file.
        self.decoder = decoder(self.profile, self.log);
    }
}
