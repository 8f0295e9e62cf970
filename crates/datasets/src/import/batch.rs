//! Rows on their way into the log.

use event_log::{Event, EventBody, Origin};
use foryou_types::TimeMs;

use super::{marks::Entries, report::EventKind};

/// What the rows of a batch became.
#[derive(Default)]
pub(super) struct Mapped {
    events: Vec<Event>,
    /// Rows that are sound, but not an event.
    skipped: Vec<&'static str>,
}

impl Mapped {
    /// Adds an event.
    pub(super) fn push(&mut self, at: TimeMs, body: EventBody) {
        self.push_event(Event { at, id: None, origin: Origin::Import, body });
    }

    /// Adds an event that has an id of its own.
    pub(super) fn push_event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.skipped.clear();
    }

    /// Counts the row under a name in [`super::ImportReport::skipped`].
    pub(super) fn skip(&mut self, name: &'static str) {
        self.skipped.push(name);
    }
}

/// A row of a batch.
pub(super) struct BatchRow {
    /// Its number in the file.
    pub(super) number: u64,
    /// Its line in the file.
    pub(super) line: u64,
    pub(super) hash: u32,
    /// An earlier run refused it.
    pub(super) is_retried: bool,
}

/// Rows on their way into the log.
#[derive(Default)]
pub(super) struct Batch {
    mapped: Mapped,
    /// Rows that were mapped, and per row where its events end.
    rows: Vec<(BatchRow, usize)>,
    /// Lines of rows that could not be mapped, with the reason.
    refused: Vec<(u64, String)>,
    /// Journal entries of those of them that are refused for the first time.
    unread: Entries,
    /// Rows that are dealt with for the first time.
    new_rows: u64,
    retried_unread: u64,
    bytes: usize,
}

/// A batch as it is submitted.
pub(super) struct Submission {
    pub(super) events: Vec<Event>,
    pub(super) kinds: Vec<EventKind>,
    pub(super) skipped: Vec<&'static str>,
    pub(super) refused: Vec<(u64, String)>,
    pub(super) new_rows: u64,
    pub(super) retried_unread: u64,
    rows: Vec<(BatchRow, usize)>,
    unread: Entries,
}

impl Batch {
    /// Adds a row.
    pub(super) fn add(&mut self, row: BatchRow, bytes: usize, map: impl FnOnce(&mut Mapped) -> Result<(), String>) {
        let (events, skipped) = (self.mapped.events.len(), self.mapped.skipped.len());
        self.bytes += bytes;
        self.new_rows += u64::from(!row.is_retried);
        match map(&mut self.mapped) {
            Ok(()) => self.rows.push((row, self.mapped.events.len())),
            Err(reason) => {
                self.mapped.events.truncate(events);
                self.mapped.skipped.truncate(skipped);
                if row.is_retried {
                    self.retried_unread += 1;
                } else {
                    self.unread.refuse(row.number);
                }
                self.refused.push((row.line, reason));
            }
        }
    }

    /// Events so far.
    pub(super) fn events(&self) -> usize {
        self.mapped.events.len()
    }

    /// Bytes of the rows so far.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the batch, and leaves an empty one.
    pub(super) fn take(&mut self) -> Submission {
        let Self { mapped: Mapped { events, skipped }, rows, refused, unread, new_rows, retried_unread, .. } =
            std::mem::take(self);
        let kinds = events.iter().map(EventKind::of).collect();
        Submission { events, kinds, skipped, refused, new_rows, retried_unread, rows, unread }
    }
}

impl Submission {
    /// What the journal must say, if the events at these places (in order) are refused.
    ///
    /// A row is refused if none of its events is taken, its names aside: to try it again later must add nothing twice.
    pub(super) fn entries(&self, rejected: &[usize]) -> Entries {
        let mut entries = self.unread.clone();
        self.for_each(rejected, &mut |row, is_refused| match (row.is_retried, is_refused) {
            (false, true) => entries.refuse(row.number),
            (true, false) => entries.take(row.number, row.hash),
            (true, true) | (false, false) => {}
        });
        entries
    }

    /// Rows that were refused before and are refused again.
    pub(super) fn refused_again(&self, rejected: &[usize]) -> u64 {
        let mut rows = self.retried_unread;
        self.for_each(rejected, &mut |row, is_refused| rows += u64::from(row.is_retried && is_refused));
        rows
    }

    /// Rows that were refused before and are taken now.
    pub(super) fn taken_now(&self, rejected: &[usize]) -> u64 {
        let mut rows = 0;
        self.for_each(rejected, &mut |row, is_refused| rows += u64::from(row.is_retried && !is_refused));
        rows
    }

    fn for_each(&self, rejected: &[usize], visit: &mut dyn FnMut(&BatchRow, bool)) {
        let mut rejected = rejected.iter().copied().peekable();
        let mut start = 0;
        for (row, end) in &self.rows {
            let (mut all, mut lost) = (0, 0);
            for place in start..*end {
                let is_lost = rejected.next_if_eq(&place).is_some();
                if self.kinds[place] != EventKind::Bookkeeping {
                    all += 1;
                    lost += u64::from(is_lost);
                }
            }
            start = *end;
            visit(row, all > 0 && lost == all);
        }
    }

    /// The line of the row that an event is of.
    pub(super) fn line_of(&self, place: usize) -> u64 {
        let row = self.rows.partition_point(|(_, end)| *end <= place);
        self.rows.get(row).map_or(0, |(row, _)| row.line)
    }
}
