//! Rows of a file, one after the other in bounded memory, each with its identity.

use std::{
    io::{self, BufRead, BufReader, Read},
    ops::ControlFlow,
};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::{
    ImportError,
    files::{BUFFER, Meter, RowForm, SetFile, Unpacked},
};

/// The longest row that is read; a longer one is rejected, so that a file without line ends cannot fill the memory.
pub(super) const MAX_ROW_BYTES: usize = 1024 * 1024;

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

/// Rows of these columns, or of all.
fn each_record(
    file: &SetFile,
    columns: Option<&'static [&'static str]>,
    reader: &mut dyn Read,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, ImportError>,
) -> Result<Option<FileFault>, ImportError> {
    let delimiter = file.delimiter();
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(delimiter != b'\t')
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(reader);
    let mut record = csv::ByteRecord::new();
    let mut next = |record: &mut csv::ByteRecord| {
        let read = csv.read_byte_record(record);
        let line = record.position().map_or_else(|| csv.position().line(), csv::Position::line);
        (read.map_err(|error| error.to_string()), line)
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
            bytes.extend_from_slice(record.get(place).unwrap_or_default());
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
            header
                .iter()
                .position(|name| name == column.as_bytes())
                .ok_or_else(|| format!("the first line names no column {column:?} (wanted: {})", columns.join(", ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &[u8]) -> Vec<(u64, u32, Result<String, String>)> {
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
