//! Rows of a file, one after the other in bounded memory, each with its identity.

use std::{
    io::{self, BufReader, Read},
    ops::{ControlFlow, Range},
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    ImportError,
    cells::Cells,
    files::{BUFFER, Meter, RowForm, SetFile},
    header::Header,
    lines::{Line, Lines, MAX_ROW_BYTES},
};

const TOO_LONG: &str = "the row is longer than 1 MiB";
const OTHER_COLUMNS: &str = "the row has another number of columns than the file's first line";
const OPEN_QUOTE: &str =
    "a quote is opened in this line and not closed: close it, or write it twice inside a quoted cell";

/// One row.
pub(super) struct Row<'a> {
    /// Its number in the file, from 0, the header not counted.
    pub number: u64,
    /// The line it starts in, from 1.
    pub line: u64,
    /// The low 32 bits of the XXH3-64 of its bytes (line end not counted): an unchanged row is known by it.
    pub hash: u32,
    bytes: &'a [u8],
    /// Where the cells of a table stand in `bytes`.
    cells: &'a [Range<usize>],
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
        let text = std::str::from_utf8(self.bytes).map_err(|_| "the row is not UTF-8 text".to_owned())?;
        if text.contains('\0') {
            return Err("the row holds a zero byte, so it is not text".to_owned());
        }
        Ok(text)
    }

    /// The cells of a row of a table; or why it has none.
    pub(super) fn cells(&self) -> Result<impl Iterator<Item = &'a str>, String> {
        let text = self.text()?;
        Ok(self.cells.iter().map(move |range| text.get(range.clone()).unwrap_or_default()))
    }
}

/// Where a file cannot be read on.
pub(super) struct FileFault {
    /// The line of the first row that cannot be read.
    pub line: u64,
    /// What the reader met.
    pub reason: String,
}

/// What a pass over a file met besides its rows.
#[derive(Default)]
pub(super) struct Pass {
    /// The file is damaged.
    pub fault: Option<FileFault>,
    /// The last line has no line end and is therefore not a row yet: whoever writes the file may be in the middle of it.
    pub unfinished: Option<u64>,
}

/// Calls `visit` with each row until it breaks off.
pub(super) fn for_each_row(
    file: &SetFile,
    meter: &Meter,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, ImportError>,
) -> Result<Pass, ImportError> {
    let read = file.open(meter, |reader, is_packed| {
        let is_whole = is_packed || file.is_whole;
        let mut rows = Rows { lines: Lines::new(BufReader::with_capacity(BUFFER, reader)), is_whole, unfinished: None };
        let fault = match file.form {
            RowForm::Lines | RowForm::Json => rows.each_line(file.form == RowForm::Json, visit)?,
            RowForm::Table(columns) => rows.each_record(file, Some(columns), visit)?,
            RowForm::Records => rows.each_record(file, None, visit)?,
        };
        Ok(Pass { fault, unfinished: rows.unfinished })
    })?;
    Ok(match read {
        Ok(pass) => pass,
        Err(reason) => Pass { fault: Some(FileFault { line: 1, reason }), unfinished: None },
    })
}

struct Rows<R: Read> {
    lines: Lines<BufReader<R>>,
    /// The last line is whole without a line end: of a compressed file that can be read to its end, and of a pipe.
    is_whole: bool,
    unfinished: Option<u64>,
}

impl<R: Read> Rows<R> {
    /// Reads the next line; `Break` at the end of the rows, with the fault where there is one.
    fn next(&mut self, is_json: bool) -> ControlFlow<Option<FileFault>> {
        let line = self.lines.next_number();
        match self.lines.next() {
            Ok(true) => {}
            Ok(false) => return ControlFlow::Break(None),
            Err(error) => return ControlFlow::Break(Some(FileFault { line, reason: reason(&error) })),
        }
        let line = self.lines.line();
        // A JSON object shows by its last brace that it is whole; of anything else the end may be missing.
        let is_whole = line.is_ended || self.is_whole || (is_json && is_json_object(&line.bytes));
        if is_whole || line.is_blank() {
            return ControlFlow::Continue(());
        }
        self.unfinished = Some(line.number);
        ControlFlow::Break(None)
    }

    fn each_line(
        &mut self,
        is_json: bool,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, ImportError>,
    ) -> Result<Option<FileFault>, ImportError> {
        for number in 0.. {
            if let ControlFlow::Break(fault) = self.next(is_json) {
                return Ok(fault);
            }
            if visit(&row(number, self.lines.line(), None))?.is_break() {
                break;
            }
        }
        Ok(None)
    }

    /// Rows of these columns, or of all.
    fn each_record(
        &mut self,
        file: &SetFile,
        columns: Option<&[&str]>,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, ImportError>,
    ) -> Result<Option<FileFault>, ImportError> {
        loop {
            // A header is not a row, so it may be a line without an end.
            match self.next(false) {
                ControlFlow::Break(fault) if self.unfinished.take().is_none() => return Ok(fault),
                _ if !self.lines.line().is_blank() => break,
                _ => {}
            }
        }
        let first = &self.lines.line().bytes;
        let header = match columns {
            Some(columns) => Header::find(first, columns),
            None => Header::all(first),
        };
        let header = header.map_err(|problem| file.header_problem(problem))?;
        let mut record = Record { cells: Cells::new(header.separator), bytes: Vec::new(), ranges: Vec::new() };
        let mut number = 0;
        loop {
            if let ControlFlow::Break(fault) = self.next(false) {
                return Ok(fault);
            }
            // An empty line is not a row.
            if self.lines.line().is_blank() {
                continue;
            }
            let line = self.lines.line().number;
            let fault = self.record(&header, columns.is_none(), &mut record);
            let flow = match fault {
                Some(fault) if record.cells.len() == 0 => visit(&row(number, self.lines.line(), Some(fault)))?,
                _ => visit(&record.row(number, line, &header, fault))?,
            };
            number += 1;
            if flow.is_break() {
                return Ok(None);
            }
        }
    }

    /// Puts the record together that begins in the current line; what is wrong with it, where something is. A line that
    /// cannot be cut into cells leaves none.
    fn record(&mut self, header: &Header, may_go_on: bool, record: &mut Record) -> Option<&'static str> {
        record.cells.clear();
        let first = self.lines.line();
        if first.long.is_some() {
            return Some(TOO_LONG);
        }
        if record.cells.add(&first.bytes) {
            return (record.cells.len() != header.names.len()).then_some(OTHER_COLUMNS);
        }
        if may_go_on {
            let first = first.clone();
            let mut taken = Vec::new();
            while record.cells.size() <= MAX_ROW_BYTES && self.next(false).is_continue() {
                let line = self.lines.line().clone();
                let is_whole = line.long.is_none() && record.cells.add(&line.bytes);
                taken.push(line);
                if is_whole {
                    break;
                }
            }
            if record.cells.len() == header.names.len() && !record.cells.is_torn() {
                return None;
            }
            // A quote that is never closed, or by a later row's quote, must not swallow the rows behind its line.
            taken.insert(0, first);
            self.lines.give_back(taken);
            self.unfinished = None;
            let _ = self.lines.next();
        }
        record.cells.clear();
        Some(OPEN_QUOTE)
    }
}

/// A row that is a line.
fn row<'a>(number: u64, line: &'a Line, fault: Option<&'static str>) -> Row<'a> {
    let fault = fault.or_else(|| line.long.map(|_| TOO_LONG));
    Row { number, line: line.number, hash: line.hash() as u32, bytes: &line.bytes, cells: &[], fault }
}

/// A record, as its row is made of it.
struct Record {
    cells: Cells,
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Record {
    fn row(&mut self, number: u64, line: u64, header: &Header, fault: Option<&'static str>) -> Row<'_> {
        self.bytes.clear();
        self.ranges.clear();
        let count = if fault.is_none() { header.places.len() } else { self.cells.len() };
        for i in 0..count {
            if i > 0 {
                self.bytes.push(b'\t');
            }
            let start = self.bytes.len();
            let place = if fault.is_none() { header.places[i] } else { i };
            self.bytes.extend_from_slice(self.cells.get(place));
            self.ranges.push(start..self.bytes.len());
        }
        Row { number, line, hash: xxh3_64(&self.bytes) as u32, bytes: &self.bytes, cells: &self.ranges, fault }
    }
}

/// Whether a line is one whole JSON object.
fn is_json_object(line: &[u8]) -> bool {
    line.trim_ascii_end().last() == Some(&b'}') && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

/// What a reader met, for a message.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends in the middle of its compressed data".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::files::RowOrder;

    /// Line, hash and text of a row.
    type Seen = (u64, u32, Result<String, String>);

    /// The rows of a file of a form, and what else was met.
    fn rows_of(form: RowForm, text: &[u8]) -> (Vec<Seen>, Pass) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.txt");
        std::fs::write(&path, text).unwrap();
        let file = SetFile::new("rows", path, form, RowOrder::File);
        let mut rows = Vec::new();
        let pass = for_each_row(&file, &Meter::default(), &mut |row| {
            assert_eq!(row.number, rows.len() as u64);
            rows.push((row.line, row.hash, row.text().map(str::to_owned)));
            Ok(ControlFlow::Continue(()))
        });
        (rows, pass.unwrap())
    }

    const TABLE: RowForm = RowForm::Table(&["a", "b"]);

    /// Texts, or the first words of what is wrong.
    fn texts(form: RowForm, text: &str) -> Vec<String> {
        let words = |fault: String| fault.split(' ').take(4).collect::<Vec<_>>().join(" ");
        rows_of(form, text.as_bytes()).0.into_iter().map(|row| row.2.unwrap_or_else(words)).collect()
    }

    #[test]
    fn line_ends_of_two_bytes_are_not_part_of_a_record_and_count_as_one_line() {
        let text = "x,a,b\n0,1,2\n0,1\n0,\"3\",\"4\"\n";
        let (rows, pass) = rows_of(TABLE, text.as_bytes());
        assert!(pass.fault.is_none() && pass.unfinished.is_none());
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((rows[0].2.as_deref(), rows[2].2.as_deref()), (Ok("1\t2"), Ok("3\t4")));
        assert_eq!(rows[0].1, xxh3_64(b"1\t2") as u32);
        assert!(rows[1].2.as_ref().unwrap_err().contains("number of columns"));
        for ends in ["\r\n", "\r"] {
            assert_eq!(rows_of(TABLE, text.replace('\n', ends).as_bytes()).0, rows);
        }
        // Empty lines are not rows, with either line end.
        assert_eq!(texts(TABLE, "a,b\r\n\r\n1,2\r\n\r\n"), ["1\t2"]);
        assert_eq!(texts(TABLE, "\na,b\n\n1,2\n\n"), ["1\t2"]);
    }

    #[test]
    fn an_open_quote_is_refused_in_its_line_and_swallows_no_row() {
        let open = "a quote is opened";
        assert_eq!(texts(TABLE, "a,b\n1,2\n5,\"6\n7,8\n\"9\",\"0\"\n"), ["1\t2", open, "7\t8", "9\t0"]);
        // Where cells may go over several lines, the quote of a later row must not close it.
        assert_eq!(texts(RowForm::Records, "a,b\n5,\"6\n7,8\n\"9\",0\n"), [open, "7\t8", "9\t0"]);
        assert_eq!(texts(RowForm::Records, "a,b\n5,\"6\n7,8\n"), [open, "7\t8"]);
        assert_eq!(texts(RowForm::Records, "a,b\n5,\"6\n\nseven\"\n7,8\n"), ["5\t6\n\nseven", "7\t8"]);
        let many = "1,\"2\n".repeat(3 * MAX_ROW_BYTES / 5);
        let rows = rows_of(RowForm::Records, format!("a,b\n{many}").as_bytes()).0;
        assert_eq!(rows.len(), 3 * MAX_ROW_BYTES / 5);
        let rest = "12345678,abcdefgh\n".repeat(3 * MAX_ROW_BYTES / 18);
        let (rows, pass) = rows_of(RowForm::Records, format!("a,b\n5,\"6\n{rest}").as_bytes());
        assert!(pass.fault.is_none());
        assert_eq!((rows.len(), rows[0].0), (1 + 3 * MAX_ROW_BYTES / 18, 2));
    }

    #[test]
    fn a_last_line_without_its_end_is_not_a_row_yet() {
        let (rows, pass) = rows_of(TABLE, b"a,b\n1,2\n3,4");
        assert_eq!((rows.len(), pass.unfinished), (1, Some(3)));
        let (rows, pass) = rows_of(RowForm::Lines, b"1 2\n3 4");
        assert_eq!((rows.len(), pass.unfinished), (1, Some(2)));
        // An object is whole with its last brace.
        let (rows, pass) = rows_of(RowForm::Json, b"{}\n{\"a\": {}} ");
        assert_eq!((rows.len(), pass.unfinished), (2, None));
        for cut in ["{\"a\": {}", "{\"a\": \"}", "x"] {
            let (rows, pass) = rows_of(RowForm::Json, format!("{{}}\n{cut}").as_bytes());
            assert_eq!((rows.len(), pass.unfinished), (1, Some(2)), "{cut}");
        }
        assert!(rows_of(TABLE, b"a,b").0.is_empty());
    }

    #[test]
    fn rows_without_text_keep_their_identity() {
        let mut text = vec![b'x'; MAX_ROW_BYTES + 3];
        text.extend_from_slice(b"\nshort\n\xff\n\0\n");
        let rows = rows_of(RowForm::Lines, &text).0;
        assert_eq!(rows[0].1, xxh3_64(&text[..MAX_ROW_BYTES + 3]) as u32);
        assert!(rows[0].2.as_ref().unwrap_err().contains("1 MiB"));
        assert_eq!(rows[1].2.as_deref(), Ok("short"));
        assert_eq!((rows[2].0, rows[2].2.as_ref().unwrap_err().as_str()), (3, "the row is not UTF-8 text"));
        assert!(rows[3].2.as_ref().unwrap_err().contains("zero byte"));
    }
}
