//! The cells of a line of a table (RFC 4180, but for line ends of any sort).

/// How the columns of a table are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Separator(pub(super) u8);

impl Separator {
    /// Those that are looked for, in this order.
    pub(super) const ALL: [Self; 5] = [Self(b'\t'), Self(b','), Self(b';'), Self(b'|'), Self(b' ')];

    /// Its name, for messages.
    pub(super) const fn name(self) -> &'static str {
        match self.0 {
            b'\t' => "tabs",
            b',' => "commas",
            b';' => "semicolons",
            b'|' => "bars (|)",
            b' ' => "spaces",
            _ => "another character",
        }
    }

    /// Whether cells may stand in quotes. Files with tabs do not quote: a quote is a character there.
    pub(super) const fn quotes(self) -> bool {
        !matches!(self.0, b'\t' | b' ')
    }
}

/// The cells of one record, put together from one line or, where a quoted cell goes over several, from more.
pub(super) struct Cells {
    separator: Separator,
    bytes: Vec<u8>,
    /// Where each cell ends in `bytes`.
    ends: Vec<usize>,
    /// A quoted cell is open.
    is_open: bool,
    /// Behind the last quote of a cell that went over several lines stands something else than a separator.
    is_torn: bool,
}

impl Cells {
    pub(super) const fn new(separator: Separator) -> Self {
        Self { separator, bytes: Vec::new(), ends: Vec::new(), is_open: false, is_torn: false }
    }

    /// Forgets the record.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        (self.is_open, self.is_torn) = (false, false);
    }

    /// Adds a line; false while a quoted cell is still open at its end.
    pub(super) fn add(&mut self, line: &[u8]) -> bool {
        let Separator(separator) = self.separator;
        let mut rest = line;
        let mut goes_on = self.is_open;
        if goes_on {
            self.bytes.push(b'\n');
        }
        loop {
            if self.is_open || (self.separator.quotes() && rest.first() == Some(&b'"')) {
                if !self.is_open {
                    rest = &rest[1..];
                    self.is_open = true;
                }
                match self.quoted(rest) {
                    Some(after) => rest = after,
                    None => return false,
                }
                self.is_torn |= goes_on && rest.first().is_some_and(|&byte| byte != separator);
                goes_on = false;
            }
            let end = rest.iter().position(|&byte| byte == separator);
            self.bytes.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            self.ends.push(self.bytes.len());
            match end {
                Some(end) => rest = &rest[end + 1..],
                None => return true,
            }
        }
    }

    /// Takes a quoted cell up to its last quote, and gives what stands behind it; `None` where the line ends first.
    fn quoted<'a>(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let Some(quote) = rest.iter().position(|&byte| byte == b'"') else {
                self.bytes.extend_from_slice(rest);
                return None;
            };
            self.bytes.extend_from_slice(&rest[..quote]);
            rest = &rest[quote + 1..];
            // Two quotes are one in the cell.
            if rest.first() != Some(&b'"') {
                self.is_open = false;
                return Some(rest);
            }
            self.bytes.push(b'"');
            rest = &rest[1..];
        }
    }

    /// Whether a cell that went over several lines ended in the middle of one: its last quote is then another one's first.
    pub(super) const fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all cells.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// A cell.
    pub(super) fn get(&self, place: usize) -> &[u8] {
        let Some(&end) = self.ends.get(place) else { return &[] };
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..end]
    }

    /// All cells, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(separator: u8, lines: &[&str]) -> Result<Vec<String>, ()> {
        let mut cells = Cells::new(Separator(separator));
        let (last, first) = lines.split_last().unwrap();
        assert!(first.iter().all(|line| !cells.add(line.as_bytes())));
        let is_whole = cells.add(last.as_bytes());
        is_whole.then(|| cells.iter().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect()).ok_or(())
    }

    #[test]
    fn cells_are_cut_at_separators_outside_quotes() {
        assert_eq!(cells(b',', &["a,b,,"]).unwrap(), ["a", "b", "", ""]);
        assert_eq!(cells(b',', &["\"a,\"\"b\"\"\",c"]).unwrap(), ["a,\"b\"", "c"]);
        assert_eq!(cells(b';', &["a;\"b;c\"d;e\"f"]).unwrap(), ["a", "b;cd", "e\"f"]);
        assert_eq!(cells(b'\t', &["\"a\tb"]).unwrap(), ["\"a", "b"]);
        assert_eq!(cells(b',', &[""]).unwrap(), [""]);
        assert_eq!(cells(b',', &["\"\",\"\""]).unwrap(), ["", ""]);
    }

    #[test]
    fn a_quoted_cell_may_go_on_in_the_next_line() {
        assert_eq!(cells(b',', &["a,\"b", "", "c\",d"]).unwrap(), ["a", "b\n\nc", "d"]);
        assert_eq!(cells(b',', &["a,\"b"]), Err(()));
    }

    #[test]
    fn a_separator_has_a_name() {
        let names = [b'\t', b',', b';', b'|', b' ', b'^'].map(|byte| Separator(byte).name());
        assert_eq!(names, ["tabs", "commas", "semicolons", "bars (|)", "spaces", "another character"]);
    }
}
