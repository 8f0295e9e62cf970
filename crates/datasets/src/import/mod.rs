//! Importers: files of a published data set in, events of the log out.
//!
//! [`SetKind::open`] finds the files of a set, [`import`] brings their rows into an [`ImportSink`] and says what happened to each.
//!
//! # Identity
//!
//! A row is known by the kind of set, the role of its file, its number in the file and a hash of its bytes; not by its content alone,
//! since real files hold exact duplicates that are real events. Which rows the log has stands in the log itself
//! ([`event_log::ImportProgress`]), written in the same batch as the events of these rows. Therefore:
//!
//! * an interrupted import continues where it stopped, and its result is that of an undisturbed one;
//! * an unchanged file adds nothing, a file that grew adds its tail;
//! * if a row that was already taken has changed, its file is refused with that row before anything is added;
//! * a file that breaks off (a truncated .zst) keeps the whole batches before the fault, and is reported as damaged;
//! * a refused row is counted and listed, and tried again by every import: it may be put right in its place (`marks`);
//! * a last line without a line end is not a row yet, unless it is known to be whole (a JSON object, a compressed file, a pipe);
//! * an import that adds nothing to the log fails, and says what the file looks like.
//!
//! What only the whole file can tell (the scale of its ratings, the unit of its times, the order of its rows, how its columns
//! are separated) is decided before the first row is taken, and kept in the log for the rows by which the file grows.
//!
//! # Invariants
//!
//! * Memory does not grow with the file, except for 4 bytes a row (its hash: of rows that the log has, and of rows that are being
//!   sorted) and what a set's rules need to know of earlier rows (Higgs: who acted on whom; Deskdrop: the articles; Globo: the
//!   articles and the people; MIND, KuaiRand, RecBole: the posts, and of MIND who clicked what). Rows that have to be sorted
//!   wait in a temporary file, in addition to one run of them in memory.
//! * Importers read no clock and no randomness: the same file gives the same events, ids and order.
//!
//! To add a set: a file here with its rules on top, and its kind in [`KINDS`].

mod assign;
mod batch;
mod catalog;
mod cells;
mod checksum;
mod deskdrop;
mod error;
mod events;
mod external_sort;
mod fields;
mod files;
mod first_bytes;
mod globo;
mod header;
mod higgs;
mod kuairand;
mod lines;
mod marks;
mod mind;
mod ordered;
mod outliers;
mod packing;
mod recbole;
mod report;
mod rows;
mod run;
mod scale;
mod sets;
mod sink;
mod table_map;
#[cfg(test)]
mod tests;
mod time_unit;

use std::path::Path;

use foryou_types::{ActionIndex, Profile};

use external_sort::Sorting;

pub use checksum::checksum;
pub use error::ImportError;
pub use events::Events;
pub use files::{RowForm, RowOrder, SetFile};
pub use report::{ImportReport, Imported, MAX_LISTED, Rejection};
pub use run::{DEFAULT_BATCH_ROWS, ImportOptions, ImportStatus, Run};
pub use sets::{KINDS, SetKind};
pub use sink::{ImportSink, LogSink, Marks, SinkError, SinkOutcome};

/// A set whose files were found, ready to be imported.
pub struct Importer {
    kind: &'static str,
    profile: Profile,
    files: Vec<SetFile>,
    /// How rows are sorted that have to be.
    sorting: Sorting,
    rules: Box<dyn Rules>,
}

/// What the rows of a set mean.
trait Rules {
    /// Brings the rows of the set that the log does not have into it.
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError>;
}

impl Importer {
    fn new(kind: &'static str, profile: Profile, files: Vec<SetFile>, rules: impl Rules + 'static) -> Self {
        Self { kind, profile, files, sorting: Sorting::default(), rules: Box::new(rules) }
    }

    #[cfg(test)]
    fn with_sorting(self, sorting: Sorting) -> Self {
        Self { sorting, ..self }
    }

    /// The profile that the rows are read by: the data folder's, or the one that an empty folder gets.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The files that are read, one per role.
    pub fn files(&self) -> &[SetFile] {
        &self.files
    }
}

/// Finds the set of a kind at `path`. `folder` is the profile of the data folder, where it has one already.
pub fn open(kind: &str, path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
    let known = || KINDS.each_ref().map(|kind| kind.name).join(", ");
    let kind = SetKind::of(kind).ok_or_else(|| ImportError::UnknownKind { kind: kind.to_owned(), known: known() })?;
    kind.open(path, folder)
}

/// Imports a set. First every file is held against the rows that the log has of it; only then anything is added.
pub fn import<'a>(
    importer: &Importer,
    sink: &'a dyn ImportSink,
    options: ImportOptions<'a>,
) -> Result<ImportReport, ImportError> {
    // A world's events and the same file under the other kind are the same rows.
    let identity = if importer.kind == events::WORLD { events::EVENTS } else { importer.kind };
    let mut run = Run::new(importer.kind, identity, sink, options);
    let result = (importer.files.iter().try_for_each(|file| run.assign(file)))
        .and_then(|()| importer.files.iter().try_for_each(|file| run.verify(file)))
        .and_then(|()| importer.rules.import(importer, &mut run));
    match result {
        Ok(()) if run.report.is_nothing() => Err(nothing_taken(&importer.files, run.report)),
        Ok(()) => Ok(run.report),
        Err(ImportError::Fault { file, line, reason, rows, .. }) => {
            Err(ImportError::Fault { file, line, reason, rows, report: Box::new(run.report) })
        }
        Err(ImportError::Stopped(_)) => Err(ImportError::Stopped(Box::new(run.report))),
        Err(error) => Err(error),
    }
}

/// The error for files that added nothing to the log.
fn nothing_taken(files: &[SetFile], report: ImportReport) -> ImportError {
    let of = |name: &str| files.iter().find(|file| file.name() == name);
    let first = report.rejected.iter().find(|rejection| of(&rejection.file).is_some());
    let file = first.and_then(|first| of(&first.file)).or_else(|| files.first());
    let reason = match (first, report.skipped.keys().next()) {
        (Some(first), _) => format!("line {}: {}", first.line, first.reason),
        (None, Some(skipped)) => format!("skipped by the rules of the set: {skipped}"),
        (None, None) => report.notes.first().cloned().unwrap_or_else(|| "no row was found".to_owned()),
    };
    let mut looks_like = file.map(SetFile::looks_like).unwrap_or_default();
    if looks_like.starts_with(first_bytes::TABLE) && file.is_some_and(|file| file.form == RowForm::Json) {
        looks_like.push_str(": --map says which column is which key of the event (foryou import --help)");
    }
    ImportError::NothingTaken {
        file: file.map(SetFile::name).unwrap_or_default(),
        reason,
        looks_like,
        report: Box::new(report),
    }
}

/// Refuses a data folder that holds another kind of data than the set.
fn same_kind(folder: Option<&Profile>, set: &str, path: &Path) -> Result<(), ImportError> {
    match folder {
        Some(folder) if folder.name != set => Err(ImportError::OtherKind {
            folder: folder.name.clone(),
            set: set.to_owned(),
            path: path.display().to_string(),
        }),
        _ => Ok(()),
    }
}

/// The index of an action that a set needs.
fn action_of(profile: &Profile, kind: &'static str, action: &'static str) -> Result<ActionIndex, ImportError> {
    profile.action_set.index_of(action).ok_or(ImportError::NoAction { kind, action })
}

/// The error for a set with a missing file; it says so if the path looks like a set of another kind.
fn missing(path: &Path, kind: &'static str, names: &[&str]) -> ImportError {
    let problem = if path.exists() {
        let wanted = match names {
            [only] => format!("{only} is missing"),
            [first, others @ ..] => format!("{first} is missing (or {})", others.join(", ")),
            [] => String::new(),
        };
        match SetKind::at(path) {
            Some(other) if other.name != kind => format!("{wanted}; it looks like a set of kind {}", other.name),
            _ => wanted,
        }
    } else {
        "the file or folder does not exist".to_owned()
    };
    ImportError::NoSuchSet { path: path.display().to_string(), kind, problem }
}
