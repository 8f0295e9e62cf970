//! The files of a set: which one is read for a role, and how it is unpacked.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    rc::Rc,
};

use super::ImportError;

/// Size of a reader's buffer, in bytes.
pub(super) const BUFFER: usize = 256 * 1024;

/// The largest window of a .zst file, as a power of two: what `zstd --long=27` writes (128 MiB).
const WINDOW_LOG_MAX: u32 = 27;

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
    /// The first line names columns. A row is these columns, in this order, joined by tabs: so two files that hold the same
    /// rows with other columns beside them, or with another delimiter, have equal rows.
    Table(&'static [&'static str]),
    /// The first line names columns. A row is all of them, in the order of the file, joined by tabs.
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
}

impl SetFile {
    /// The file's name, for messages.
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(|| self.path.display().to_string(), |n| n.to_string_lossy().into_owned())
    }

    /// The first of `names` that the folder `path` has; or `path` itself, where it is a file of one of these names.
    pub(super) fn find(path: &Path, names: &[&str]) -> Option<PathBuf> {
        if path.is_dir() {
            return names.iter().map(|name| path.join(name)).find(|file| file.is_file());
        }
        let own = path.file_name()?.to_str()?;
        (path.is_file() && names.contains(&own)).then(|| path.to_owned())
    }

    /// Opens the file unpacked, and hands its reader to `read`.
    pub(super) fn open<T>(
        &self,
        meter: &Meter,
        read: impl FnOnce(&mut dyn Read) -> Result<T, ImportError>,
    ) -> Result<Unpacked<T>, ImportError> {
        let io_error = |source| ImportError::Io { path: self.path.display().to_string(), source };
        let file = File::open(&self.path).map_err(io_error)?;
        meter.total.set(file.metadata().map_err(io_error)?.len());
        meter.read.set(0);
        let file = BufReader::with_capacity(BUFFER, Metered { file, read: Rc::clone(&meter.read) });
        let answer = match Packing::of(&self.path) {
            Packing::Plain => read(&mut { file })?,
            Packing::Gzip => read(&mut flate2::bufread::MultiGzDecoder::new(file))?,
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(io_error)?;
                decoder.window_log_max(WINDOW_LOG_MAX).map_err(io_error)?;
                read(&mut decoder)?
            }
            Packing::Zip => {
                // The directory of an archive stands at its end: a truncated one has none, and nothing of it can be read.
                let mut archive = match zip::ZipArchive::new(file) {
                    Ok(archive) if archive.len() == 1 => archive,
                    Ok(archive) => {
                        return Ok(Unpacked::Broken(format!("it holds {} files instead of one", archive.len())));
                    }
                    Err(error) => return Ok(Unpacked::Broken(error.to_string())),
                };
                let mut entry = match archive.by_index(0) {
                    Ok(entry) => entry,
                    Err(error) => return Ok(Unpacked::Broken(error.to_string())),
                };
                read(&mut entry)?
            }
        };
        Ok(Unpacked::Read(answer))
    }

    /// The delimiter of a table, by the file's name.
    pub(super) fn delimiter(&self) -> u8 {
        let name = self.name();
        if [".tsv", ".inter", ".item"].iter().any(|tabs| name.contains(tabs)) { b'\t' } else { b',' }
    }
}

/// What [`SetFile::open`] gave.
pub(super) enum Unpacked<T> {
    /// The answer of the reader's user.
    Read(T),
    /// Nothing of the file can be unpacked; why.
    Broken(String),
}

/// How a file is packed, by its name.
enum Packing {
    Plain,
    Gzip,
    Zstd,
    Zip,
}

impl Packing {
    fn of(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            Some("zip") => Self::Zip,
            _ => Self::Plain,
        }
    }
}

/// How much of a packed file was read, for progress bars.
#[derive(Default)]
pub(super) struct Meter {
    read: Rc<Cell<u64>>,
    total: Cell<u64>,
}

impl Meter {
    /// Bytes of the packed file read so far, and its size.
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
