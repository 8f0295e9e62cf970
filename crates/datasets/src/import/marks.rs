//! Which rows of a file the log has, and which of them it refused.
//!
//! The log keeps the hash of every row that an import dealt with, in the order of the file (the marks of a role). Rows that were
//! refused have one too, and are told from the others by a journal, the marks of `ROLE/refused`. A refused row may be put right
//! in the file: it is tried again with every import, and the check for changed files leaves it out.
//!
//! An entry of the journal is three words: the row's number (the low and the high half), and how many rows from there on were
//! refused. With [`TAKEN`] set in the second word the row was refused before and is taken now, and the third is its new hash.
//! Folders of before the journal have none: all of their rows count as taken.

use event_log::ImportProgress;

use super::{ImportError, files::SetFile, rows::Row};

/// Says of an entry that its row is taken.
const TAKEN: u32 = 1 << 31;

/// Words of an entry.
const ENTRY_WORDS: usize = 3;

/// Rows of one mark: the marks of a large file are many values of 256 KiB in the log's index rather than one of any size.
const MARK_ROWS: usize = 64 * 1024;

/// The role of the rows of windows that were begun (see [`super::ordered`]).
pub(super) fn planned(role: &str) -> String {
    format!("{role}/planned")
}

/// The role of the rows of windows that were submitted, in the order of import.
pub(super) fn ordered(role: &str) -> String {
    format!("{role}/ordered")
}

/// The role of the journal of a role.
fn refused(role: &str) -> String {
    format!("{role}/refused")
}

/// What the log knows of a file's rows.
pub(super) struct Ledger {
    /// Hashes of the rows that were dealt with.
    hashes: Vec<u32>,
    /// One bit a row: it was refused.
    refused: Vec<u64>,
    refused_rows: u64,
    pub(super) journal: Journal,
}

impl Ledger {
    /// Reads what the log knows: the rows from the marks of the role `rows`, the refused ones from the journal of `role`. `progress`
    /// gives what the log has for a role.
    pub(super) fn read(
        progress: impl Fn(&str) -> Result<Vec<u32>, ImportError>,
        rows: &str,
        role: &str,
    ) -> Result<Self, ImportError> {
        let journal = refused(role);
        let words = progress(&journal)?;
        if words.len() % ENTRY_WORDS != 0 {
            return Err(ImportError::Sink(format!("the marks {journal:?} of an import cannot be read").into()));
        }
        Ok(Self::of(progress(rows)?, &words, journal))
    }

    fn of(hashes: Vec<u32>, words: &[u32], journal: String) -> Self {
        let journal = Journal { role: journal, words: words.len() as u64 };
        let mut ledger = Self { hashes, refused: Vec::new(), refused_rows: 0, journal };
        for entry in words.chunks_exact(ENTRY_WORDS) {
            let row = u64::from(entry[0]) | u64::from(entry[1] & !TAKEN) << 32;
            if entry[1] & TAKEN == 0 {
                (row..row + u64::from(entry[2])).for_each(|row| ledger.refuse(row));
            } else {
                ledger.take(row, entry[2]);
            }
        }
        ledger
    }

    fn refuse(&mut self, row: u64) {
        if row >= self.len() || self.is_refused(row) {
            return;
        }
        self.refused.resize(self.hashes.len().div_ceil(64), 0);
        self.refused[row as usize / 64] |= 1 << (row % 64);
        self.refused_rows += 1;
    }

    fn take(&mut self, row: u64, hash: u32) {
        if self.is_refused(row) {
            self.refused[row as usize / 64] &= !(1 << (row % 64));
            self.refused_rows -= 1;
            self.hashes[row as usize] = hash;
        }
    }

    /// Rows that were dealt with, the refused ones included.
    pub(super) fn len(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Whether no row was dealt with.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Rows that are in the log.
    pub(super) fn taken_rows(&self) -> u64 {
        self.len() - self.refused_rows
    }

    /// Rows up to the last one that was taken: a file that has fewer lacks some of them.
    pub(super) fn needed_rows(&self) -> u64 {
        (0..self.len()).rev().find(|&row| !self.is_refused(row)).map_or(0, |row| row + 1)
    }

    /// Whether a row was refused, the last time it was tried.
    pub(super) fn is_refused(&self, row: u64) -> bool {
        self.refused.get(row as usize / 64).is_some_and(|bits| bits >> (row % 64) & 1 == 1)
    }

    /// Whether a row is in the log.
    pub(super) fn is_taken(&self, row: u64) -> bool {
        row < self.len() && !self.is_refused(row)
    }

    /// Rows among those from `first` on that were refused.
    pub(super) fn refused_from(&self, first: u64) -> u64 {
        (first..self.len()).filter(|&row| self.is_refused(row)).count() as u64
    }

    /// The hashes from a row on.
    pub(super) fn hashes_from(&self, first: u64) -> &[u32] {
        self.hashes.get(first as usize..).unwrap_or_default()
    }

    /// Whether a row is the one that was taken in its place; `None` where none was.
    pub(super) fn is_unchanged(&self, row: u64, hash: u32) -> Option<bool> {
        self.is_taken(row).then(|| self.hashes[row as usize] == hash)
    }

    /// Refuses a row that differs from the one taken in its place.
    pub(super) fn check(&self, file: &SetFile, row: &Row<'_>) -> Result<(), ImportError> {
        if self.is_unchanged(row.number, row.hash) != Some(false) {
            return Ok(());
        }
        Err(ImportError::Changed {
            file: file.name(),
            line: row.line,
            problem: format!("row {} differs from the one that was imported in its place", row.number + 1),
        })
    }
}

/// The journal of a role, as far as the log has it.
pub(super) struct Journal {
    role: String,
    words: u64,
}

impl Journal {
    /// The marks of new entries, of an import of `kind`.
    pub(super) fn marks(&self, kind: &str, entries: &Entries) -> Vec<ImportProgress> {
        marks(kind, &self.role, self.words, &entries.0).collect()
    }

    /// The entries are in the log.
    pub(super) fn written(&mut self, entries: &Entries) {
        self.words += entries.0.len() as u64;
    }
}

/// Entries of a journal, on their way into the log.
#[derive(Clone, Default)]
pub(super) struct Entries(Vec<u32>);

impl Entries {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that a row is refused. Rows come in any order; consecutive ones share an entry.
    pub(super) fn refuse(&mut self, row: u64) {
        if let Some([low, high, count]) = self.0.last_chunk_mut()
            && *high & TAKEN == 0
            && *count < u32::MAX
            && (u64::from(*low) | u64::from(*high) << 32) + u64::from(*count) == row
        {
            *count += 1;
            return;
        }
        self.0.extend([row as u32, (row >> 32) as u32, 1]);
    }

    /// Notes that a row that was refused before is taken.
    pub(super) fn take(&mut self, row: u64, hash: u32) {
        self.0.extend([row as u32, (row >> 32) as u32 | TAKEN, hash]);
    }
}

/// A mark of progress of an import of `kind`.
pub(super) fn mark(kind: &str, role: &str, first_row: u64, row_hashes: &[u32]) -> ImportProgress {
    ImportProgress { kind: kind.to_owned(), role: role.to_owned(), first_row, row_hashes: row_hashes.to_vec() }
}

/// Marks for consecutive rows of a role.
pub(super) fn marks<'a>(
    kind: &'a str,
    role: &'a str,
    first_row: u64,
    hashes: &'a [u32],
) -> impl Iterator<Item = ImportProgress> + 'a {
    let rows = (first_row..).step_by(MARK_ROWS);
    rows.zip(hashes.chunks(MARK_ROWS)).map(move |(row, hashes)| mark(kind, role, row, hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(rows: u32, entries: &Entries) -> Ledger {
        Ledger::of((0..rows).collect(), &entries.0, String::new())
    }

    #[test]
    fn consecutive_rows_share_an_entry() {
        let mut entries = Entries::default();
        for row in [3, 4, 5, 9, 8, 1 << 40] {
            entries.refuse(row);
        }
        assert_eq!(entries.0.len(), 4 * 3);
        assert_eq!(entries.0[9..], [0, 256, 1]);
    }

    #[test]
    fn a_ledger_tells_refused_rows_from_taken_ones() {
        let mut entries = Entries::default();
        for row in [2, 3, 98, 99] {
            entries.refuse(row);
        }
        entries.take(3, 77);
        let ledger = ledger(100, &entries);
        assert_eq!((ledger.len(), ledger.taken_rows(), ledger.needed_rows()), (100, 97, 98));
        assert_eq!(
            [ledger.is_refused(2), ledger.is_refused(3), ledger.is_taken(3), ledger.is_taken(100)],
            [true, false, true, false]
        );
        assert_eq!(
            (ledger.is_unchanged(3, 77), ledger.is_unchanged(3, 3), ledger.is_unchanged(2, 9)),
            (Some(true), Some(false), None)
        );
        assert_eq!((ledger.refused_from(0), ledger.refused_from(50)), (3, 2));
    }
}
