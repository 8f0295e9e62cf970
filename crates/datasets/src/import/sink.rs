//! Where an importer's events go.

use std::error::Error;

use event_log::{Event, EventBody};
use foryou_types::{Names, Namespace};
use rustc_hash::{FxHashMap, FxHashSet};

/// A failure of a sink, in its own words.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkOutcome {
    /// Events taken.
    pub accepted: usize,
    /// Places in the batch of events whose id was there already.
    pub duplicates: Vec<usize>,
    /// Places in the batch of events that were refused, with the reason.
    pub rejected: Vec<(usize, String)>,
}

/// A log, as an importer sees it.
pub trait ImportSink {
    /// Takes a batch of events. What is taken is taken at once: after a crash all of it is there or none. The batch's
    /// [`event_log::ImportProgress`] events are never refused.
    fn submit(&mut self, events: Vec<Event>) -> Result<SinkOutcome, SinkError>;

    /// Hashes of the rows that `role` of a set of `kind` has in the log, by row
    /// ([`event_log::EventLog::import_progress`]).
    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError>;

    /// The dictionary of string ids, with every name submitted so far.
    fn names(&self) -> &dyn Names;
}

/// A sink that keeps everything in memory: for tests, and to look at a set without a data folder.
#[derive(Debug, Default)]
pub struct MemorySink {
    events: Vec<Event>,
    batches: usize,
    ids: FxHashSet<String>,
    progress: FxHashMap<(String, String), Vec<u32>>,
    names: MemoryNames,
}

/// The dictionary of a [`MemorySink`].
#[derive(Debug, Default)]
struct MemoryNames {
    by_name: FxHashMap<(bool, String), u64>,
    by_id: FxHashMap<(bool, u64), String>,
}

impl Names for MemoryNames {
    fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64> {
        self.by_name.get(&(namespace == Namespace::Posts, name.to_owned())).copied()
    }

    fn name_of(&self, namespace: Namespace, id: u64) -> Option<String> {
        self.by_id.get(&(namespace == Namespace::Posts, id)).cloned()
    }
}

impl MemorySink {
    /// Every event taken, in order, without marks of progress.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Number of batches taken.
    pub const fn batches(&self) -> usize {
        self.batches
    }
}

impl ImportSink for MemorySink {
    fn submit(&mut self, events: Vec<Event>) -> Result<SinkOutcome, SinkError> {
        self.batches += 1;
        let mut outcome = SinkOutcome::default();
        for (place, event) in events.into_iter().enumerate() {
            if let Some(id) = &event.id
                && !self.ids.insert(id.clone())
            {
                outcome.duplicates.push(place);
                continue;
            }
            match &event.body {
                EventBody::ImportProgress(mark) => {
                    let rows = self.progress.entry((mark.kind.clone(), mark.role.clone())).or_default();
                    if rows.len() as u64 != mark.first_row {
                        return Err(format!("{} has {} rows, not {}", mark.role, rows.len(), mark.first_row).into());
                    }
                    rows.extend(&mark.row_hashes);
                    outcome.accepted += 1;
                    continue;
                }
                EventBody::Name { namespace, id, name } => {
                    let posts = *namespace == Namespace::Posts;
                    self.names.by_name.insert((posts, name.clone()), *id);
                    self.names.by_id.insert((posts, *id), name.clone());
                }
                _ => {}
            }
            outcome.accepted += 1;
            self.events.push(event);
        }
        Ok(outcome)
    }

    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError> {
        Ok(self.progress.get(&(kind.to_owned(), role.to_owned())).cloned().unwrap_or_default())
    }

    fn names(&self) -> &dyn Names {
        &self.names
    }
}
