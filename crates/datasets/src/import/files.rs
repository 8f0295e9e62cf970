//! The files of a set: which one is read for a role, and how it is decompressed.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{
    ImportError, first_bytes,
    packing::{head_of, unpack},
};

pub(super) use super::packing::Unpacked;

/// Size of a reader's buffer, in bytes.
pub(super) const BUFFER: usize = 256 * 1024;

/// In what order a file's rows become events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOrder {
    /// As they stand in the file.
    File,
    /// By their time: all rows that the log lacks when an import begins are sorted together.
    Time,
}

/// What a row of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowForm {
    /// Every line is a row.
    Lines,
    /// Every line is a row, and a JSON object: without its line end it shows by its last brace that it is whole.
    Json,
    /// The first line names columns. A row is one line, and of it these columns, in this order, joined by tabs: so two files
    /// that hold the same rows with more columns, or with another separator, have equal rows.
    Table(&'static [&'static str]),
    /// The first line names columns. A row is all of them, in the order of the file, joined by tabs. Quoted cells may go over
    /// several lines.
    Records,
}

/// The file that is read for one role of a set.
#[derive(Clone, Debug)]
pub struct SetFile {
    /// The role, as the log keeps it.
    pub role: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// What a row is.
    pub form: RowForm,
    /// In what order rows become events.
    pub order: RowOrder,
    /// What messages call the file, where it has no name of its own.
    pub label: Option<String>,
    /// Nothing can be added to it, as to what came through a pipe: its last line is whole, even without a line end.
    pub is_whole: bool,
    /// The set may have several files of this role, each with marks of its own.
    pub is_one_of_many: bool,
}

impl SetFile {
    /// A file for a role.
    pub(super) const fn new(role: &'static str, path: PathBuf, form: RowForm, order: RowOrder) -> Self {
        Self { role, path, form, order, label: None, is_whole: false, is_one_of_many: false }
    }

    /// The file's name, for messages.
    pub fn name(&self) -> String {
        let name = || self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        self.label.clone().or_else(name).unwrap_or_else(|| self.path.display().to_string())
    }

    /// The first of `names` that the folder `path` has; or `path` itself, where it is a file of one of these names.
    pub(super) fn find(path: &Path, names: &[&str]) -> Option<PathBuf> {
        if path.is_dir() {
            return names.iter().map(|name| path.join(name)).find(|file| file.is_file());
        }
        let own = path.file_name()?.to_str()?;
        (path.is_file() && names.contains(&own)).then(|| path.to_owned())
    }

    /// Opens the file unpacked, and hands its reader to `read`, with whether the file was packed.
    pub(super) fn open<T>(
        &self,
        meter: &Meter,
        read: impl FnOnce(&mut dyn Read, bool) -> Result<T, ImportError>,
    ) -> Result<Unpacked<T>, ImportError> {
        let file = File::open(&self.path).map_err(|source| self.io_error(source))?;
        meter.total.set(file.metadata().map_err(|source| self.io_error(source))?.len());
        meter.read.set(0);
        let file = Metered { file, read: Rc::clone(&meter.read) };
        match unpack(&self.path, file, BUFFER, read).map_err(|source| self.io_error(source))? {
            Ok(answer) => answer.map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// What the (unpacked) file looks like by its first bytes.
    pub(super) fn looks_like(&self) -> String {
        let head = self.open(&Meter::default(), |reader, is_packed| {
            let head = head_of(reader).map_err(|source| self.io_error(source))?;
            let described = first_bytes::describe(&head);
            Ok(if is_packed { format!("{described} (unpacked)") } else { described })
        });
        match head {
            Ok(Ok(what) | Err(what)) => what,
            Err(error) => error.to_string(),
        }
    }

    /// A problem with the first line, with what the file looks like where that is not a table.
    pub(super) fn header_problem(&self, problem: String) -> ImportError {
        let looks_like = self.looks_like();
        let is_table = looks_like.starts_with(first_bytes::TABLE) || looks_like.starts_with(first_bytes::TEXT);
        let more = if is_table { String::new() } else { format!("; by its first bytes the file is {looks_like}") };
        ImportError::Header { file: self.name(), problem: problem + &more }
    }

    fn io_error(&self, source: io::Error) -> ImportError {
        ImportError::Io { path: self.path.display().to_string(), source }
    }
}

/// How much of a compressed file was read, for progress bars.
#[derive(Default)]
pub(super) struct Meter {
    read: Rc<Cell<u64>>,
    total: Cell<u64>,
}

impl Meter {
    /// Bytes of the compressed file read so far, and its size.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let total = self.total.get();
        (self.read.get().min(total), total)
    }
}

struct Metered {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.set(self.read.get() + n as u64);
        Ok(n)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
