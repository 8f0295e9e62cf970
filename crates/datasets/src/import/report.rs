//! What an import did, as `foryou import --json` prints it.

use std::collections::BTreeMap;

use event_log::{Event, EventBody};
use serde::Serialize;

/// Rejected rows that a report lists one by one; the rest are only counted, so that a file of garbage cannot fill the memory.
pub const MAX_LISTED: usize = 1_000;

/// Distinct reasons that a report counts apart; further ones share a line.
const MAX_REASONS: usize = 100;

/// Events that a run added, by what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Posts, replies, reposts and quotes.
    pub posts: u64,
    /// Deletes of posts.
    pub deletes: u64,
    /// Edges that came or went: follows, blocks, mutes, subscriptions.
    pub edges: u64,
    /// Keywords muted or unmuted.
    pub keywords: u64,
    /// Profiles of people.
    pub profiles: u64,
    /// Actions on posts.
    pub actions: u64,
    /// Lists of posts shown.
    pub impressions: u64,
    /// Served feeds.
    pub served: u64,
    /// Labels on posts and people.
    pub labels: u64,
}

impl Imported {
    /// Events of every kind.
    pub const fn total(&self) -> u64 {
        self.posts
            + self.deletes
            + self.edges
            + self.keywords
            + self.profiles
            + self.actions
            + self.impressions
            + self.served
            + self.labels
    }

    fn count(&mut self, kind: EventKind) {
        match kind {
            EventKind::Post => self.posts += 1,
            EventKind::Delete => self.deletes += 1,
            EventKind::Edge => self.edges += 1,
            EventKind::Keyword => self.keywords += 1,
            EventKind::Profile => self.profiles += 1,
            EventKind::Action => self.actions += 1,
            EventKind::Impression => self.impressions += 1,
            EventKind::Served => self.served += 1,
            EventKind::Label => self.labels += 1,
            EventKind::Bookkeeping => {}
        }
    }
}

/// What an event counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    Post,
    Delete,
    Edge,
    Keyword,
    Profile,
    Action,
    Impression,
    Served,
    Label,
    /// Names and marks of progress: the importer's own, counted nowhere.
    Bookkeeping,
}

impl EventKind {
    pub(super) const fn of(event: &Event) -> Self {
        match event.body {
            EventBody::Post(_) => Self::Post,
            EventBody::Delete { .. } => Self::Delete,
            EventBody::Edge(_) => Self::Edge,
            EventBody::MuteKeyword { .. } => Self::Keyword,
            EventBody::Profile(_) => Self::Profile,
            EventBody::Action(_) => Self::Action,
            EventBody::Impression(_) => Self::Impression,
            EventBody::Served(_) => Self::Served,
            EventBody::Label(_) => Self::Label,
            EventBody::Name { .. } | EventBody::ImportProgress(_) => Self::Bookkeeping,
        }
    }
}

/// A row that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The file's name.
    pub file: String,
    /// The row's line in it, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImportReport {
    /// The kind of set.
    pub kind: String,
    /// Events that this run added.
    pub imported: Imported,
    /// Events that the log had already, known by their own id.
    pub duplicates: u64,
    /// The first rejected rows ([`MAX_LISTED`] at most).
    pub rejected: Vec<Rejection>,
    /// All rejected rows.
    pub rejected_total: u64,
    /// All rejected rows by reason; what differs between rows of one reason (numbers, quoted texts) is written `…`.
    pub rejected_reasons: BTreeMap<String, u64>,
    /// Rows that are sound but, by the rules of the set, no event (Higgs: `self_actions`).
    pub skipped: BTreeMap<String, u64>,
    /// Rows that this run dealt with for the first time (rejected and skipped ones included), and those that an earlier run
    /// had refused and this one took.
    pub rows: u64,
    /// Rows that an earlier run had taken.
    pub rows_already_there: u64,
    /// Rows that an earlier run had refused and this one refused again.
    pub rows_refused_again: u64,
    /// What else is to be said of the files: how they were read, and what was left out.
    pub notes: Vec<String>,
    /// Wall-clock seconds, measured by the caller.
    pub seconds: f64,
}

impl ImportReport {
    pub(super) fn count(&mut self, kind: EventKind) {
        self.imported.count(kind);
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether nothing of the files is in the log, neither by this run nor by an earlier one.
    pub(super) fn is_nothing(&self) -> bool {
        self.in_log() == 0
    }

    /// What the log has of the files, in events and rows: it grows with everything that is taken.
    pub(super) const fn in_log(&self) -> u64 {
        self.imported.total() + self.duplicates + self.rows_already_there
    }

    pub(super) fn skip(&mut self, name: &str) {
        if let Some(count) = self.skipped.get_mut(name) {
            *count += 1;
        } else {
            self.skipped.insert(name.to_owned(), 1);
        }
    }

    pub(super) fn reject(&mut self, file: &str, line: u64, reason: String) {
        self.rejected_total += 1;
        let mut class = class_of(&reason);
        if self.rejected_reasons.len() >= MAX_REASONS && !self.rejected_reasons.contains_key(&class) {
            "other reasons".clone_into(&mut class);
        }
        *self.rejected_reasons.entry(class).or_default() += 1;
        if self.rejected.len() < MAX_LISTED {
            self.rejected.push(Rejection { file: file.to_owned(), line, reason });
        }
    }
}

/// A reason without what is particular to its row: numbers, times and quoted texts become `…`.
fn class_of(reason: &str) -> String {
    let mut class = String::with_capacity(reason.len());
    let mut chars = reason.chars().peekable();
    let mut in_word = false;
    while let Some(c) = chars.next() {
        let quote = matches!(c, '"' | '`');
        if quote {
            let mut escaped = false;
            for inner in chars.by_ref() {
                if inner == c && !escaped {
                    break;
                }
                escaped = inner == '\\' && !escaped;
            }
            class.push('…');
        } else if c.is_ascii_digit() && !in_word {
            while chars.next_if(char::is_ascii_digit).is_some() {}
            // A date and a time of RFC 3339 go on with "-07-25T17:20:04.5Z".
            let mut rest = chars.clone();
            if rest.next() == Some('-') && rest.next().is_some_and(|c| c.is_ascii_digit()) {
                while chars.next_if(|c| c.is_ascii_digit() || matches!(c, '-' | 'T' | ':' | '.' | 'Z')).is_some() {}
            }
            if class.ends_with('-') {
                class.pop();
            }
            class.push('…');
        } else {
            class.push(c);
        }
        in_word = c.is_alphabetic() || c == '_' || (in_word && c.is_ascii_digit());
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_only_in_values_are_one() {
        assert_eq!(class_of("user \"a\\\"b\" is not a number"), "user … is not a number");
        assert_eq!(class_of("post -17 was deleted"), "post … was deleted");
        assert_eq!(class_of("not UTF-8, int64 of 3 columns"), "not UTF…, int64 of … columns");
        assert_eq!(class_of("open \"quote"), "open …");
        assert_eq!(class_of("2099-01-01T00:00:00.25Z is after (2026-07-25T17:20:04Z)"), "… is after (…)");
    }

    #[test]
    fn lists_are_capped_and_counts_are_not() {
        let mut report = ImportReport::default();
        for line in 1..=(MAX_LISTED as u64 + 5) {
            report.reject("f", line, format!("bad {line}"));
        }
        assert_eq!(report.rejected.len(), MAX_LISTED);
        assert_eq!(report.rejected_total, MAX_LISTED as u64 + 5);
        assert_eq!(report.rejected_reasons, BTreeMap::from([("bad …".to_owned(), MAX_LISTED as u64 + 5)]));
        for i in 0..300u32 {
            let letters: String =
                format!("{i:x}").chars().map(|c| char::from(b'g' + c.to_digit(16).unwrap_or(0) as u8)).collect();
            report.reject("f", 1, letters);
        }
        assert_eq!(report.rejected_reasons.len(), MAX_REASONS + 1);
        assert_eq!(report.rejected_reasons.values().sum::<u64>(), report.rejected_total);
    }
}
