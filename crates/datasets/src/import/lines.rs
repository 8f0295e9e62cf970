//! Lines of a file, one after the other in bounded memory.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// The longest row that is read; a longer one is refused, so that a file without line ends cannot fill the memory.
pub(super) const MAX_ROW_BYTES: usize = 1024 * 1024;

/// The byte-order mark that some editors write in front of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines of a reader, each at most [`MAX_ROW_BYTES`] in memory.
///
/// A line ends with a line feed, with or without a carriage return in front of it. Where the beginning of the file has
/// carriage returns and no line feed (old Macintosh files), a line ends with a carriage return.
pub(super) struct Lines<R> {
    input: R,
    end: Option<u8>,
    current: Line,
    /// Lines that were given back, the next one first.
    back: VecDeque<Line>,
    read: u64,
}

/// One line.
#[derive(Clone, Default)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// Its bytes without the line end, or what was kept of a line that is too long.
    pub(super) bytes: Vec<u8>,
    /// The hash of a line that is too long to keep.
    pub(super) long: Option<u64>,
    /// Whether it has a line end: without one, the file may break off in the middle of it.
    pub(super) is_ended: bool,
}

impl Line {
    /// The XXH3-64 of the bytes.
    pub(super) fn hash(&self) -> u64 {
        self.long.unwrap_or_else(|| xxh3_64(&self.bytes))
    }

    /// Whether the line has nothing but white space.
    pub(super) fn is_blank(&self) -> bool {
        self.long.is_none() && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, end: None, current: Line::default(), back: VecDeque::new(), read: 0 }
    }

    /// The line that [`Self::next`] read last.
    pub(super) const fn line(&self) -> &Line {
        &self.current
    }

    /// The number of the next line.
    pub(super) fn next_number(&self) -> u64 {
        self.back.front().map_or(self.read + 1, |line| line.number)
    }

    /// Takes lines back, which are read again.
    pub(super) fn give_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.back.push_front(line);
        }
    }

    /// Reads the next line; false at the end.
    pub(super) fn next(&mut self) -> io::Result<bool> {
        if let Some(line) = self.back.pop_front() {
            self.current = line;
            return Ok(true);
        }
        let end = match self.end {
            Some(end) => end,
            None => *self.end.insert(line_end(filled(&mut self.input)?)),
        };
        let line = &mut self.current;
        line.bytes.clear();
        (line.long, line.is_ended) = (None, false);
        let (mut any, mut hasher) = (false, None::<Box<Xxh3Default>>);
        while !line.is_ended {
            let available = filled(&mut self.input)?;
            if available.is_empty() {
                break;
            }
            any = true;
            let found = available.iter().position(|&byte| byte == end);
            let part = &available[..found.unwrap_or(available.len())];
            if let Some(hasher) = &mut hasher {
                hasher.update(part);
            } else if line.bytes.len() + part.len() > MAX_ROW_BYTES {
                let started = hasher.insert(Box::new(Xxh3Default::new()));
                started.update(&line.bytes);
                started.update(part);
            } else {
                line.bytes.extend_from_slice(part);
            }
            line.is_ended = found.is_some();
            let used = part.len() + usize::from(line.is_ended);
            self.input.consume(used);
        }
        if !any {
            return Ok(false);
        }
        line.long = hasher.map(|hasher| hasher.digest());
        if self.read == 0 && line.bytes.starts_with(BYTE_ORDER_MARK) {
            line.bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if line.bytes.last() == Some(&b'\r') {
            line.bytes.pop();
        }
        self.read += 1;
        line.number = self.read;
        Ok(true)
    }
}

/// What the reader has in its buffer.
fn filled<R: BufRead>(input: &mut R) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // The buffer is full now: this reads nothing.
    input.fill_buf()
}

/// The byte that ends lines, by the beginning of a file.
fn line_end(beginning: &[u8]) -> u8 {
    let has = |byte, bytes: &[u8]| bytes.contains(&byte);
    // A carriage return at the very end may be the first half of a line end of two bytes.
    let inside = beginning.split_last().map_or(beginning, |(_, inside)| inside);
    if has(b'\r', inside) && !has(b'\n', beginning) { b'\r' } else { b'\n' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(u64, String, bool)> {
        let mut lines = Lines::new(text);
        let mut all = Vec::new();
        while lines.next().unwrap() {
            let line = lines.line();
            all.push((line.number, String::from_utf8_lossy(&line.bytes).into_owned(), line.is_ended));
        }
        all
    }

    fn expected(lines: &[(&str, bool)]) -> Vec<(u64, String, bool)> {
        (1..).zip(lines).map(|(number, (text, ended))| (number, (*text).to_owned(), *ended)).collect()
    }

    #[test]
    fn line_ends_of_every_sort_and_the_byte_order_mark_are_no_part_of_a_line() {
        assert_eq!(
            all(b"\xef\xbb\xbfab\r\nab\n\nab"),
            expected(&[("ab", true), ("ab", true), ("", true), ("ab", false)])
        );
        assert_eq!(all(b"ab\rcd\ref"), expected(&[("ab", true), ("cd", true), ("ef", false)]));
        assert_eq!(all(b"ab\r"), expected(&[("ab", false)]));
        assert!(all(b"").is_empty());
    }

    #[test]
    fn lines_that_are_given_back_come_again_before_the_others() {
        let mut lines = Lines::new(&b"a\nb\nc\n"[..]);
        let mut taken = Vec::new();
        for _ in 0..2 {
            assert!(lines.next().unwrap());
            taken.push(lines.line().clone());
        }
        lines.give_back(taken);
        assert_eq!(lines.next_number(), 1);
        let mut numbers = Vec::new();
        while lines.next().unwrap() {
            numbers.push(lines.line().number);
        }
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn a_line_that_is_too_long_keeps_its_hash() {
        let mut text = vec![b'x'; MAX_ROW_BYTES + 3];
        text.extend_from_slice(b"\nshort\n");
        let mut lines = Lines::new(&text[..]);
        assert!(lines.next().unwrap());
        assert_eq!(lines.line().long, Some(xxh3_64(&text[..MAX_ROW_BYTES + 3])));
        assert!(lines.next().unwrap());
        assert_eq!((lines.line().long, lines.line().bytes.as_slice()), (None, b"short".as_slice()));
    }
}
