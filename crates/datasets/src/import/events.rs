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
use foryou_types::{ClockKind, DayTimes, Dictionary, Profile, TimeMs};
use serde::Deserialize;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{
    ImportError, Importer, RowForm, RowOrder, Rules, Run, SetFile, SetKind,
    batch::Mapped,
    files::Meter,
    header::Header,
    ordered::TimeOrder,
    rows::{Row, for_each_row},
    run::RowMapper,
    table_map::{Columns, TableMap, time},
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
    /// Per file, where its keys stand, if it is a table.
    tables: Vec<Option<Columns>>,
    /// What came on standard input and through pipes: files are read more than once.
    _spooled: Vec<NamedTempFile>,
}

impl Events {
    /// The events at these paths: files of any name, folders with `events.jsonl`, pipes, `-` for standard input. `map` says how
    /// tables become events.
    pub fn open(paths: &[PathBuf], map: Option<&Path>, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let map = map.map(read_map).transpose()?;
        let (mut files, mut spooled, mut beside) = (Vec::new(), Vec::new(), None);
        for (place, path) in paths.iter().enumerate() {
            let twice = |path: &Path| {
                let problem = "it is given twice".to_owned();
                ImportError::NoSuchSet { path: path.display().to_string(), kind: EVENTS, problem }
            };
            if paths[..place].contains(path) {
                return Err(twice(path));
            }
            let is_stdin = path.as_os_str() == STDIN;
            let file = if is_stdin || is_pipe(path) {
                let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
                let copy = spool(path, is_stdin).map_err(|source| ImportError::Io { path: name.clone(), source })?;
                let file = SetFile::new("events", copy.path().to_owned(), RowForm::Json, RowOrder::File);
                spooled.push(copy);
                SetFile { label: Some(name), is_whole: true, ..file }
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
        let profile = Self::profile(&files, beside, folder)?;
        let mut tables = Vec::with_capacity(files.len());
        for file in &mut files {
            let table = table_of(file, map.as_ref())?;
            if table.is_some() {
                file.form = RowForm::Records;
            }
            tables.push(table);
        }
        // The copies are deleted when this importer is dropped.
        Ok(Importer::new(EVENTS, profile, files, Self { tables, _spooled: spooled }))
    }

    /// The world in the folder `path`.
    pub(super) fn open_world(path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let found = if path.is_dir() { SetFile::find(path, &FILES) } else { None };
        let file = found.ok_or_else(|| super::missing(path, WORLD, &FILES))?;
        let beside = profile_beside(&file)?.ok_or_else(|| super::missing(path, WORLD, &[PROFILE]))?;
        let files = vec![SetFile::new("events", file, RowForm::Json, RowOrder::File)];
        let profile = Self::profile(&files, Some(beside), folder)?;
        Ok(Importer::new(WORLD, profile, files, Self { tables: vec![None], _spooled: Vec::new() }))
    }

    /// The profile of a folder that a plain file of events fills: as a live feed, but history runs on its own clock, or its age
    /// filter would empty every feed.
    pub(super) fn default_profile() -> Profile {
        Profile { clock: ClockKind::Log, ..Profile::live() }
    }

    /// The profile that files of events are read by; refused if it is not that of the folder.
    fn profile(files: &[SetFile], beside: Option<Profile>, folder: Option<&Profile>) -> Result<Profile, ImportError> {
        let path = files.first().map(|file| file.path.clone()).unwrap_or_default();
        match (&beside, folder) {
            (Some(beside), _) => super::same_kind(folder, &beside.name, &path)?,
            // Plain events may go into any folder but one that holds a set of its own.
            (None, Some(of)) if of.name != EVENTS && SetKind::of(&of.name).is_some() => {
                super::same_kind(folder, EVENTS, &path)?;
            }
            (None, _) => {}
        }
        Ok(folder.cloned().or(beside).unwrap_or_else(Self::default_profile))
    }
}

/// Whether a path can be read only once from its beginning to its end: a named pipe, `/dev/stdin`, `<(...)` of a shell.
fn is_pipe(path: &Path) -> bool {
    path.exists() && !path.is_dir() && !path.is_file()
}

/// What a pipe, or standard input, holds: in a file.
fn spool(path: &Path, is_stdin: bool) -> io::Result<NamedTempFile> {
    let mut copy = NamedTempFile::new()?;
    if is_stdin {
        io::copy(&mut io::stdin().lock(), &mut copy)?;
    } else {
        io::copy(&mut fs::File::open(path)?, &mut copy)?;
    }
    Ok(copy)
}

fn read_map(path: &Path) -> Result<TableMap, ImportError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| ImportError::Io { path: name.clone(), source })?;
    TableMap::from_toml(&text).map_err(|problem| ImportError::Map { file: name, problem })
}

/// Where the keys stand in a file that is a table; `None` for JSON lines, and for what is neither: its rows are refused.
fn table_of(file: &SetFile, map: Option<&TableMap>) -> Result<Option<Columns>, ImportError> {
    let as_lines = SetFile { form: RowForm::Lines, ..file.clone() };
    let mut first = None;
    for_each_row(&as_lines, &Meter::default(), &mut |row| {
        let line = row.text().unwrap_or_default().trim();
        if line.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        if !line.starts_with(['{', '[', '<']) {
            first = Some(line.to_owned());
        }
        Ok(ControlFlow::Break(()))
    })?;
    let Some(first) = first else { return Ok(None) };
    let in_header = |problem| ImportError::Header { file: file.name(), problem };
    if map.is_none() && !TableMap::is_of_events(&Header::columns(first.as_bytes()).0) {
        return Ok(None);
    }
    let header = Header::all(first.as_bytes()).map_err(in_header)?;
    if map.is_none()
        && let Some(problem) = TableMap::problem_without_map(&header.names)
    {
        return Err(in_header(problem));
    }
    map.unwrap_or(&TableMap::default()).of(&header.names).map(Some).map_err(in_header)
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

impl Rules for Events {
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError> {
        let mut empty = None;
        // Of all files together: in which order they are given, and how their rows are cut into batches, must not decide
        // whether a few rows are behind a gap or many.
        let (mut times, mut units) = (DayTimes::default(), Vec::new());
        for (file, table) in set.files.iter().zip(&self.tables) {
            let unit = table.as_ref().map(|columns| unit_of(run, file, columns)).transpose()?;
            for_each_row(file, &Meter::default(), &mut |row| {
                let at = match (table, unit) {
                    (Some(columns), Some((unit, _))) => columns.at(row, unit),
                    _ => json_time(row),
                };
                if let Some(at) = at {
                    times.observe(at);
                }
                Ok(ControlFlow::Continue(()))
            })?;
            units.push(unit);
        }
        run.judge(&times);
        for ((file, table), unit) in set.files.iter().zip(&self.tables).zip(units) {
            let unit = match unit {
                Some((unit, Known::Pinned)) => unit,
                Some((unit, Known::Decided)) => {
                    run.pin(&run.role(file), vec![unit as u32]);
                    run.report.note(format!(
                        "{}: the times are in {}, where they are numbers",
                        file.name(),
                        unit.name()
                    ));
                    unit
                }
                None => TimeUnit::Millis,
            };
            let mut rows = Rows::new(&set.profile, run.names(), table.as_ref(), unit);
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

/// Whence the unit of a table's times is known.
#[derive(Clone, Copy)]
enum Known {
    /// An earlier import decided it.
    Pinned,
    /// The rows of the file.
    Decided,
}

/// The unit of the times of a table: decided from all its rows, and kept for those by which it grows.
fn unit_of(run: &Run<'_>, file: &SetFile, columns: &Columns) -> Result<(TimeUnit, Known), ImportError> {
    if let [unit, ..] = run.pinned(&run.role(file))?[..] {
        return Ok((TimeUnit::ALL.get(unit as usize).copied().unwrap_or(TimeUnit::Millis), Known::Pinned));
    }
    let mut votes = UnitVotes::default();
    for_each_row(file, &Meter::default(), &mut |row| {
        if let Some(time) = columns.time(row) {
            votes.see(time);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((votes.decided(), Known::Decided))
}

/// The time of an event in JSON, where it has a sound one.
fn json_time(row: &Row<'_>) -> Option<TimeMs> {
    #[derive(Deserialize)]
    struct Timed {
        at: Value,
    }
    serde_json::from_str::<Timed>(row.text().ok()?).ok().and_then(|timed| time(&timed.at))
}

/// Reads events, with the names that are new in the batch.
struct Rows<'a> {
    profile: &'a Profile,
    log: &'a dyn Dictionary,
    decoder: EventDecoder<'a>,
    table: Option<&'a Columns>,
    unit: TimeUnit,
    order: TimeOrder,
}

impl<'a> Rows<'a> {
    fn new(profile: &'a Profile, log: &'a dyn Dictionary, table: Option<&'a Columns>, unit: TimeUnit) -> Self {
        Self { profile, log, decoder: decoder(profile, log), table, unit, order: TimeOrder::default() }
    }
}

/// A decoder for one batch. Rows of a file need their own time, so no present moment is wanted.
fn decoder<'a>(profile: &'a Profile, log: &'a dyn Dictionary) -> EventDecoder<'a> {
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
