//! The graph, both ways.
//!
//! The event with the latest *time* decides about an edge; of two at one moment, the later in the log. A removed edge keeps its time,
//! so that an older event that arrives late changes nothing. A follow that is sent again takes the later time.
//! Lists are newest first; among equals the greater id comes first.

use event_log::{EdgeEvent, EdgeKind};
use foryou_types::{Accounts, TimeMs, UserId};

use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table, number_at};
use crate::read_cache::Cached;
use crate::store::StateStore;

impl Cached for Accounts {
    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }
}

/// The list that an edge's key is in.
pub(crate) fn list_of(edge: &Key) -> Key {
    edge.longer(edge.as_bytes().get(..LIST_BYTES).unwrap_or_default())
}

/// Whose number of edges a key of the degrees holds.
pub(crate) fn whose_degree(key: &Key) -> Option<UserId> {
    number_at(key.as_bytes(), 2).map(UserId)
}

/// Table, kind, person.
const LIST_BYTES: usize = 10;

/// Edges of one kind at one person.
#[derive(Clone, Copy, Debug, Default)]
struct Degree {
    targets: u64,
    sources: u64,
}

fn list_key(table: Table, kind: EdgeKind, user: UserId) -> Key {
    Key::of(table).kind(kind).user(user)
}

fn edge_key(table: Table, kind: EdgeKind, user: UserId, other: UserId) -> Key {
    list_key(table, kind, user).user(other)
}

/// Whether the edge exists, and since when (or since when not).
fn decode_edge(mut value: Decoder<'_>) -> Option<(bool, TimeMs)> {
    let edge = (value.flag()?, value.time()?);
    value.end(edge)
}

fn decode_degree(mut value: Decoder<'_>) -> Option<Degree> {
    let degree = Degree { targets: value.number()?, sources: value.number()? };
    value.end(degree)
}

impl StateStore {
    /// The people that `user` follows, blocks, mutes or subscribes to, newest first.
    pub fn targets(&self, kind: EdgeKind, user: UserId) -> Result<Accounts, StateError> {
        self.neighbours(Table::Targets, kind, user)
    }

    /// The people who follow, block, mute or subscribe to `user`, newest first.
    pub fn sources(&self, kind: EdgeKind, user: UserId) -> Result<Accounts, StateError> {
        self.neighbours(Table::Sources, kind, user)
    }

    /// Whether `user` follows, blocks, mutes or subscribes to `target`.
    pub fn has_edge(&self, kind: EdgeKind, user: UserId, target: UserId) -> Result<bool, StateError> {
        Ok(self.edge_at(kind, user, target)?.is_some())
    }

    /// Since when `user` follows, blocks, mutes or subscribes to `target`.
    pub fn edge_at(&self, kind: EdgeKind, user: UserId, target: UserId) -> Result<Option<TimeMs>, StateError> {
        let key = edge_key(Table::Targets, kind, user, target);
        let Some(value) = self.storage.get(&key)? else { return Ok(None) };
        match decode_edge(Decoder(&value)) {
            Some((is_there, at)) => Ok(is_there.then_some(at)),
            None => Err(self.storage.corrupt(key.table(), "an edge cannot be read")),
        }
    }

    /// Number of [`Self::sources`].
    pub fn source_count(&self, kind: EdgeKind, user: UserId) -> Result<u64, StateError> {
        self.degree(kind, user).map(|degree| degree.sources)
    }

    fn degree(&self, kind: EdgeKind, user: UserId) -> Result<Degree, StateError> {
        let key = list_key(Table::Degrees, kind, user);
        let Some(value) = self.storage.get(&key)? else { return Ok(Degree::default()) };
        decode_degree(Decoder(&value)).ok_or_else(|| self.storage.corrupt(key.table(), "a count cannot be read"))
    }

    fn neighbours(&self, table: Table, kind: EdgeKind, user: UserId) -> Result<Accounts, StateError> {
        let key = list_key(table, kind, user);
        // Some people have hundreds of thousands: reading them takes a tenth of a second.
        let known = self.graph_cache.get(key, || self.read_neighbours(table, &key).map(Some))?;
        Ok(known.as_deref().cloned().unwrap_or_default())
    }

    fn read_neighbours(&self, table: Table, list: &Key) -> Result<Accounts, StateError> {
        let mut edges = Vec::new();
        for pair in self.storage.scan(list)? {
            let (key, value) = pair?;
            let (Some(other), Some((is_there, at))) = (number_at(&key, 10), decode_edge(Decoder(&value))) else {
                return Err(self.storage.corrupt(table, "an edge cannot be read"));
            };
            if is_there {
                edges.push((at, UserId(other)));
            }
        }
        edges.sort_unstable_by(|a, b| b.cmp(a));
        Ok(edges.into_iter().map(|(_, other)| other).collect())
    }
}

impl Applier<'_, '_> {
    /// Returns whether the edge was added or removed.
    pub(crate) fn edge(&mut self, at: TimeMs, edge: &EdgeEvent) -> Result<bool, StateError> {
        let EdgeEvent { user_id, target_id, kind, added } = *edge;
        let out = edge_key(Table::Targets, kind, user_id, target_id);
        let back = edge_key(Table::Sources, kind, target_id, user_id);
        let known = self.tx.read(&out, decode_edge)?;
        if known.is_some_and(|(_, latest)| at < latest) {
            return Ok(false);
        }
        let existed = known.is_some_and(|(is_there, _)| is_there);
        let write = |value: &mut Encoder| {
            value.flag(added).time(at);
        };
        self.tx.put(out, write);
        if added {
            self.tx.put(back, write);
        } else if existed {
            self.tx.delete(back);
        }
        if added != existed {
            let step = |n: u64| if added { n + 1 } else { n.saturating_sub(1) };
            self.change_degree(kind, user_id, |degree| degree.targets = step(degree.targets))?;
            self.change_degree(kind, target_id, |degree| degree.sources = step(degree.sources))?;
        }
        Ok(added != existed)
    }

    fn change_degree(
        &mut self,
        kind: EdgeKind,
        user: UserId,
        change: impl FnOnce(&mut Degree),
    ) -> Result<(), StateError> {
        let key = list_key(Table::Degrees, kind, user);
        let mut degree = self.tx.read(&key, decode_degree)?.unwrap_or_default();
        change(&mut degree);
        if degree.targets == 0 && degree.sources == 0 {
            self.tx.delete(key);
            return Ok(());
        }
        self.tx.put(key, |out| {
            out.number(degree.targets).number(degree.sources);
        });
        Ok(())
    }
}
