//! Events in the form of the wire: kind `events` (one file or several, or a folder with `events.jsonl`), and kind `world` (what
//! `foryou world` writes: `events.jsonl` and `profile.toml`).
//!
//! A file is JSON lines, or a table (CSV, TSV) with one event per row. The columns have the names of keys, or a map says which column is
//! which key ([`super::table_map`]). Rows are read with the profile of the data folder; if it has none yet, with the `profile.toml` next
//! to the file (a world must have one); without either, with that of a live feed. String ids get
//! their numbers here, in front of the events of the batch that uses them first. An event with an `id` that the log has is a
//! duplicate, whatever its row.
//!
//! Events need not be in the order of time: the state is the same in any order, since the time of each event decides.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use event_log::EventDecoder;
use foryou_types::{ClockKind, Names, Profile, TimeMs};
use tempfile::NamedTempFile;

use super::{
    ImportError, Importer, RowForm, RowOrder, Run, SetFile,
    batch::Mapped,
    files::Meter,
    header::Header,
    ordered::TimeOrder,
    rows::{Row, for_each_row},
    run::RowMapper,
    table_map::{Columns, TableMap},
    time_unit::{TimeUnit, UnitVotes},
};

/// The name of the kind that is files of events.
pub(super) const EVENTS: &str = "events";

/// The name of the kind that is a synthetic world.
pub(super) const WORLD: &str = "world";

/// Names of the file in a folder.
pub(super) const FILES: [&str; 3] = ["events.jsonl", "events.jsonl.zst", "events.jsonl.gz"];

/// The profile in the folder of the events.
pub(super) const PROFILE: &str = "profile.toml";

/// The path that means standard input.
const STDIN: &str = "-";

/// The importer of events.
pub struct Events {
    kind: &'static str,
    profile: Profile,
    files: Vec<SetFile>,
    /// Per file, where its keys stand, if it is a table.
    tables: Vec<Option<Columns>>,
    /// What came on standard input: files are read more than once.
    spooled: Option<NamedTempFile>,
}

impl Events {
    /// The events at these paths: files of any name, folders with `events.jsonl`, `-` for standard input. `map` says how
    /// tables become events.
    pub fn open(paths: &[PathBuf], map: Option<&Path>, folder: Option<&Profile>) -> Result<Self, ImportError> {
        let map = map.map(read_map).transpose()?;
        let (mut files, mut spooled, mut beside) = (Vec::new(), None, None);
        for path in paths {
            let twice = |path: &Path| {
                let problem = "it is given twice".to_owned();
                ImportError::NoSuchSet { path: path.display().to_string(), kind: EVENTS, problem }
            };
            let file = if path.as_os_str() == STDIN {
                if spooled.is_some() {
                    return Err(twice(path));
                }
                let stdin = spooled.insert(spool()?);
                SetFile {
                    label: Some("standard input"),
                    ..SetFile::new("events", stdin.path().to_owned(), RowForm::Json, RowOrder::File)
                }
            } else {
                let found =
                    if path.is_dir() { SetFile::find(path, &FILES) } else { path.is_file().then(|| path.clone()) };
                let found = found.ok_or_else(|| super::missing(path, EVENTS, &FILES))?;
                beside = beside.or(profile_beside(&found)?);
                SetFile::new("events", found, RowForm::Json, RowOrder::File)
            };
            if files.iter().any(|other: &SetFile| other.path == file.path) {
                return Err(twice(path));
            }
            files.push(SetFile { is_one_of_many: true, ..file });
        }
        let mut events = Self::with(EVENTS, files, beside, folder)?;
        for (file, table) in events.files.iter_mut().zip(&mut events.tables) {
            *table = table_of(file, map.as_ref())?;
            if table.is_some() {
                file.form = RowForm::Records;
            }
        }
        // The file is deleted when this importer is dropped.
        events.spooled = spooled;
        Ok(events)
    }

    /// The world in the folder `path`.
    pub(super) fn open_world(path: &Path, folder: Option<&Profile>) -> Result<Self, ImportError> {
        let found = if path.is_dir() { SetFile::find(path, &FILES) } else { None };
        let file = found.ok_or_else(|| super::missing(path, WORLD, &FILES))?;
        let beside = profile_beside(&file)?.ok_or_else(|| super::missing(path, WORLD, &[PROFILE]))?;
        let file = SetFile::new("events", file, RowForm::Json, RowOrder::File);
        Self::with(WORLD, vec![file], Some(beside), folder)
    }

    /// The profile of a folder that a plain file of events fills: as a live feed, but history runs on its own clock, or its age
    /// filter would empty every feed.
    pub fn default_profile() -> Profile {
        Profile { clock: ClockKind::Log, ..Profile::live() }
    }

    fn with(
        kind: &'static str,
        files: Vec<SetFile>,
        beside: Option<Profile>,
        folder: Option<&Profile>,
    ) -> Result<Self, ImportError> {
        let path = files.first().map(|file| file.path.clone()).unwrap_or_default();
        match (&beside, folder) {
            (Some(beside), _) => super::same_kind(folder, &beside.name, &path)?,
            // Plain events may go into any folder but one that holds a set of its own.
            (None, Some(of)) if of.name != EVENTS && super::KINDS.contains(&of.name.as_str()) => {
                super::same_kind(folder, EVENTS, &path)?;
            }
            (None, _) => {}
        }
        let profile = folder.cloned().or(beside).unwrap_or_else(Self::default_profile);
        let tables = files.iter().map(|_| None).collect();
        Ok(Self { kind, profile, files, tables, spooled: None })
    }
}

/// Standard input in a file.
fn spool() -> Result<NamedTempFile, ImportError> {
    let error = |source| ImportError::Io { path: "standard input".to_owned(), source };
    let mut file = NamedTempFile::new().map_err(error)?;
    io::copy(&mut io::stdin().lock(), &mut file).map_err(error)?;
    Ok(file)
}

fn read_map(path: &Path) -> Result<TableMap, ImportError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| ImportError::Io { path: name.clone(), source })?;
    TableMap::from_toml(&text).map_err(|problem| ImportError::Map { file: name, problem })
}

/// Where the keys stand in a file that is a table; `None` for JSON lines, and for what is neither: its rows are refused.
fn table_of(file: &SetFile, map: Option<&TableMap>) -> Result<Option<Columns>, ImportError> {
    let as_lines = SetFile { form: RowForm::Lines, ..file.clone() };
    let mut header = None;
    for_each_row(&as_lines, &Meter::default(), &mut |row| {
        let line = row.text().unwrap_or_default().trim();
        if line.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        if !line.starts_with(['{', '[', '<']) {
            header = Header::all(line.as_bytes()).ok();
        }
        Ok(ControlFlow::Break(()))
    })?;
    let Some(header) = header else { return Ok(None) };
    let plain = TableMap::default();
    let map = match map {
        Some(map) => map,
        None if TableMap::is_plain(&header.names) => &plain,
        None => return Ok(None),
    };
    map.of(&header.names).map(Some).map_err(|problem| ImportError::Header { file: file.name(), problem })
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
        let mut empty = None;
        for (file, table) in self.files.iter().zip(&self.tables) {
            let unit = match table {
                Some(columns) => unit_of(run, file, columns)?,
                None => TimeUnit::Millis,
            };
            let mut rows = Rows::new(&self.profile, run.names(), table.as_ref(), unit);
            let before = run.report.in_log();
            run.import_rows(file, &mut rows)?;
            let falls = rows.order.falls;
            if falls {
                let note = "the events are not in the order of time; this makes no difference, because the time of each event decides";
                run.report.note(format!("{}: {note}", file.name()));
            }
            if run.report.in_log() == before {
                empty.get_or_insert(file);
            }
        }
        match empty {
            Some(file) => Err(super::nothing_taken(std::slice::from_ref(file), std::mem::take(&mut run.report))),
            None => Ok(()),
        }
    }
}

/// The unit of the times of a table: decided from all its rows, and kept for those by which it grows.
fn unit_of(run: &mut Run<'_>, file: &SetFile, columns: &Columns) -> Result<TimeUnit, ImportError> {
    let role = run.role(file);
    if let [unit, ..] = run.pinned(&role)?[..] {
        return Ok(TimeUnit::ALL.get(unit as usize).copied().unwrap_or(TimeUnit::Millis));
    }
    let mut votes = UnitVotes::default();
    for_each_row(file, &Meter::default(), &mut |row| {
        if let Some(time) = columns.time(row) {
            votes.see(time);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let unit = votes.decided();
    run.pin(&role, vec![unit as u32]);
    run.report.note(format!("{}: the times are in {}, where they are numbers", file.name(), unit.name()));
    Ok(unit)
}

/// Reads events, with the names that are new in the batch.
struct Rows<'a> {
    profile: &'a Profile,
    log: &'a dyn Names,
    decoder: EventDecoder<'a>,
    table: Option<&'a Columns>,
    unit: TimeUnit,
    order: TimeOrder,
}

impl<'a> Rows<'a> {
    fn new(profile: &'a Profile, log: &'a dyn Names, table: Option<&'a Columns>, unit: TimeUnit) -> Self {
        Self { profile, log, decoder: decoder(profile, log), table, unit, order: TimeOrder::default() }
    }
}

/// A decoder for one batch. Rows of a file need their own time, so no present moment is wanted.
fn decoder<'a>(profile: &'a Profile, log: &'a dyn Names) -> EventDecoder<'a> {
    EventDecoder::for_import(profile, log, TimeMs::default())
}

impl RowMapper for Rows<'_> {
    fn map(&mut self, row: &Row<'_>, out: &mut Mapped) -> Result<(), String> {
        let event = if let Some(columns) = self.table {
            columns.event(row, self.unit, &mut self.decoder)?
        } else {
            let text = row.text()?;
            if text.trim().is_empty() {
                out.skip("blank_lines");
                return Ok(());
            }
            self.decoder.decode(text).map_err(|error| error.to_string())?
        };
        self.order.see(event.at);
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
