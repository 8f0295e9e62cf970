//! Rows of a file, one after the other in bounded memory, each with its identity.

use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Read},
    ops::ControlFlow,
    rc::Rc,
};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::{
    ImportError,
    files::{BUFFER, Meter, RowForm, SetFile, Unpacked},
};

/// The longest row that is read; a longer one is rejected, so that a file without line ends cannot fill the memory.
pub(super) const MAX_ROW_BYTES: usize = 1024 * 1024;

/// What is said of a record that is longer.
const TOO_LONG: &str = "a row is longer than 1 MiB";

/// One row.
pub(super) struct Row<'a> {
    /// Its number in the file, from 0, the header not counted.
    pub number: u64,
    /// The line it starts in, from 1.
    pub line: u64,
    /// The low 32 bits of the XXH3-64 of its bytes (line end not counted): an unchanged row is known by it.
    pub hash: u32,
    bytes: &'a [u8],
    fault: Option<&'static str>,
}

impl<'a> Row<'a> {
    /// Bytes of the row in memory.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The row's text, without its line end; or why it has none.
    pub(super) fn text(&self) -> Result<&'a str, String> {
        if let Some(fault) = self.fault {
            return Err(fault.to_owned());
        }
        std::str::from_utf8(self.bytes).map_err(|_| "the row is not UTF-8 text".to_owned())
    }
}

/// Where a file cannot be read on.
pub(super) struct FileFault {
    /// The line of the first row that cannot be read.
    pub line: u64,
    /// What the reader met.
    pub reason: String,
}

/// Calls `visit` with each row until it breaks off; `Some` where the file is damaged.
pub(super) fn for_each_row(
    file: &SetFile,
    meter: &Meter,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, ImportError>,
) -> Result<Option<FileFault>, ImportError> {
    let read = file.open(meter, |reader| match file.form {
        RowForm::Lines => each_line(reader, visit),
        RowForm::Table(columns) => each_record(file, Some(columns), reader, visit),
        RowForm::Records => each_record(file, None, reader, visit),
    })?;
    Ok(match read {
        Unpacked::Read(fault) => fault,
        Unpacked::Broken(reason) => Some(FileFault { line: 1, reason }),
    })
}

fn each_line(
    reader: &mut dyn Read,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, ImportError>,
) -> Result<Option<FileFault>, ImportError> {
    let mut lines = Lines { input: BufReader::with_capacity(BUFFER, reader), line: Vec::new(), long: None };
    for number in 0.. {
        match lines.next() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Ok(Some(FileFault { line: number + 1, reason: error.to_string() })),
        }
        let mut bytes = lines.line.as_slice();
        if number == 0 {
            // The byte-order mark that some editors write is no part of the first row.
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let (hash, fault) = match &lines.long {
            Some(hasher) => (hasher.digest(), Some("the row is longer than 1 MiB")),
            None => (xxh3_64(bytes), None),
        };
        if visit(&Row { number, line: number + 1, hash: hash as u32, bytes, fault })?.is_break() {
            break;
        }
    }
    Ok(None)
}

/// Lines of a reader, each at most [`MAX_ROW_BYTES`] in memory.
struct Lines<R> {
    input: R,
    line: Vec<u8>,
    /// The hash of a line that is too long to keep.
    long: Option<Box<Xxh3Default>>,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.long = None;
        let mut any = false;
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if available.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = available.iter().position(|&b| b == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            if let Some(hasher) = &mut self.long {
                hasher.update(part);
            } else if self.line.len() + part.len() > MAX_ROW_BYTES {
                let mut hasher = Box::new(Xxh3Default::new());
                hasher.update(&self.line);
                hasher.update(part);
                self.long = Some(hasher);
            } else {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Hands a reader's bytes on, and fails where a record would take more than [`MAX_ROW_BYTES`] and a buffer: a quote
/// that is never closed would otherwise bring the rest of the file into memory.
struct Bounded<'a> {
    reader: &'a mut dyn Read,
    /// Bytes handed on since the last record ended.
    since: Rc<Cell<usize>>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > MAX_ROW_BYTES + BUFFER {
            return Err(io::Error::other(TOO_LONG));
        }
        let n = self.reader.read(buffer)?;
        self.since.set(self.since.get() + n);
        Ok(n)
    }
}

/// A field of a record; the carriage return of a line end is no part of the last one.
fn field(record: &csv::ByteRecord, place: usize) -> &[u8] {
    let field = record.get(place).unwrap_or_default();
    if place + 1 == record.len() { field.strip_suffix(b"\r").unwrap_or(field) } else { field }
}

/// Rows of these columns, or of all.
fn each_record(
    file: &SetFile,
    columns: Option<&'static [&'static str]>,
    reader: &mut dyn Read,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, ImportError>,
) -> Result<Option<FileFault>, ImportError> {
    let delimiter = file.delimiter();
    let since = Rc::new(Cell::new(0));
    let reader = Bounded { reader, since: Rc::clone(&since) };
    // The reader's own line end of two bytes leaves the second one to the next record, and counts its line one too low.
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .terminator(csv::Terminator::Any(b'\n'))
        .quoting(delimiter != b'\t')
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(reader);
    let mut record = csv::ByteRecord::new();
    let mut next = |record: &mut csv::ByteRecord| loop {
        let read = csv.read_byte_record(record);
        since.set(0);
        // An empty line is no row; the reader skips only those without a carriage return.
        if matches!(read, Ok(true)) && record.len() == 1 && record.get(0) == Some(b"\r".as_slice()) {
            continue;
        }
        let line = record.position().map_or_else(|| csv.position().line(), csv::Position::line);
        break (read.map_err(|error| error.to_string()), line);
    };

    let header = match next(&mut record).0 {
        Ok(true) => record.clone(),
        // A file of nothing: its caller says that it holds no rows.
        Ok(false) => return Ok(None),
        Err(reason) => return Ok(Some(FileFault { line: 1, reason })),
    };
    let places = match columns {
        Some(columns) => {
            places(&header, columns).map_err(|problem| ImportError::Header { file: file.name(), problem })?
        }
        None => (0..header.len()).collect(),
    };

    let mut bytes = Vec::new();
    let mut last_line = 1;
    for number in 0.. {
        let (read, line) = next(&mut record);
        match read {
            Ok(true) => last_line = line,
            Ok(false) => break,
            Err(reason) => return Ok(Some(FileFault { line: last_line + 1, reason })),
        }
        let sound = record.len() == header.len();
        bytes.clear();
        let all: Vec<usize> = if sound { Vec::new() } else { (0..record.len()).collect() };
        for (i, &place) in if sound { places.iter() } else { all.iter() }.enumerate() {
            if i > 0 {
                bytes.push(b'\t');
            }
            bytes.extend_from_slice(field(&record, place));
        }
        let hash = xxh3_64(&bytes) as u32;
        let fault = (!sound).then_some("the row has another number of columns than the file's first line");
        if visit(&Row { number, line, hash, bytes: &bytes, fault })?.is_break() {
            break;
        }
    }
    Ok(None)
}

/// Where the columns stand in the header.
fn places(header: &csv::ByteRecord, columns: &[&str]) -> Result<Vec<usize>, String> {
    columns
        .iter()
        .map(|column| {
            (0..header.len())
                .find(|&place| field(header, place) == column.as_bytes())
                .ok_or_else(|| format!("the first line names no column {column:?} (wanted: {})", columns.join(", ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::files::RowOrder;

    /// Line, hash and text of a row.
    type Seen = (u64, u32, Result<String, String>);

    /// The rows of a table, and line and reason of its fault.
    fn records_of(text: &str) -> (Vec<Seen>, Option<(u64, String)>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, text).unwrap();
        let file = SetFile { role: "table", path, form: RowForm::Table(&["a", "b"]), order: RowOrder::File };
        let mut rows = Vec::new();
        let fault = for_each_row(&file, &Meter::default(), &mut |row| {
            rows.push((row.line, row.hash, row.text().map(str::to_owned)));
            Ok(ControlFlow::Continue(()))
        });
        (rows, fault.unwrap().map(|fault| (fault.line, fault.reason)))
    }

    #[test]
    fn line_ends_of_two_bytes_are_no_part_of_a_record_and_count_as_one_line() {
        let text = "x,a,b\n0,1,2\n0,1\n0,\"3\",\"4\"\n";
        let (rows, fault) = records_of(text);
        assert_eq!(fault, None);
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((rows[0].2.as_deref(), rows[2].2.as_deref()), (Ok("1\t2"), Ok("3\t4")));
        assert!(rows[1].2.as_ref().unwrap_err().contains("number of columns"));
        assert_eq!(records_of(&text.replace('\n', "\r\n")), (rows, None));
        // Empty lines are no rows, with either line end.
        let texts = |text: &str| records_of(text).0.into_iter().map(|row| row.2).collect::<Vec<_>>();
        assert_eq!(texts("a,b\r\n\r\n1,2\r\n\r\n"), [Ok("1\t2".to_owned())]);
        assert_eq!(texts("a,b\n\n1,2\n\n"), [Ok("1\t2".to_owned())]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_a_fault_in_its_line() {
        let rest = "12345678,abcdefgh\n".repeat(3 * MAX_ROW_BYTES / 18);
        let (rows, fault) = records_of(&format!("a,b\n1,2\n3,4\n5,\"6\n{rest}"));
        assert_eq!(fault, Some((4, TOO_LONG.to_owned())));
        let texts: Vec<_> = rows.iter().map(|row| row.2.as_deref()).collect();
        assert_eq!(texts, [Ok("1\t2"), Ok("3\t4")]);
        // As long a file of sound rows has none.
        let (rows, fault) = records_of(&format!("a,b\n{rest}"));
        assert_eq!((rows.len(), fault), (3 * MAX_ROW_BYTES / 18, None));
    }

    fn lines_of(text: &[u8]) -> Vec<Seen> {
        let mut rows = Vec::new();
        let fault = each_line(&mut &text[..], &mut |row| {
            rows.push((row.line, row.hash, row.text().map(str::to_owned)));
            Ok(ControlFlow::Continue(()))
        });
        assert!(fault.unwrap().is_none());
        rows
    }

    #[test]
    fn line_ends_and_byte_order_marks_are_no_part_of_a_row() {
        let rows = lines_of(b"\xef\xbb\xbfab\r\nab\n\nab");
        let texts: Vec<_> = rows.iter().map(|r| r.2.clone().unwrap()).collect();
        assert_eq!(texts, ["ab", "ab", "", "ab"]);
        assert!(rows.iter().filter(|r| r.2.as_deref() == Ok("ab")).all(|r| r.1 == xxh3_64(b"ab") as u32));
        assert!(lines_of(b"").is_empty());
    }

    #[test]
    fn rows_without_text_keep_their_identity() {
        let mut text = vec![b'x'; MAX_ROW_BYTES + 3];
        text.extend_from_slice(b"\nshort\n\xff\n");
        let rows = lines_of(&text);
        assert_eq!(rows[0].1, xxh3_64(&text[..MAX_ROW_BYTES + 3]) as u32);
        assert!(rows[0].2.as_ref().unwrap_err().contains("1 MiB"));
        assert_eq!(rows[1].2.as_deref(), Ok("short"));
        assert_eq!((rows[2].0, rows[2].2.as_ref().unwrap_err().as_str()), (3, "the row is not UTF-8 text"));
    }
}
