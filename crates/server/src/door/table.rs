//! All connections: their number is limited, and idle ones make room for new ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::connection::{Close, Connection, Times};

/// The open connections.
#[derive(Debug)]
pub(super) struct Table {
    most: usize,
    times: Times,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    open: HashMap<u64, Arc<Connection>>,
}

/// A connection's place in the table, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    table: Arc<Table>,
    number: u64,
    pub(super) connection: Arc<Connection>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.table.inner.lock();
        inner.open.remove(&self.number);
        metrics::gauge!("http_connections").set(inner.open.len() as f64);
    }
}

impl Table {
    pub(super) fn new(most: usize, times: Times) -> Self {
        Self { most, times, inner: Mutex::default() }
    }

    /// A place for a new connection. If all are taken, the connection that was idle longest is closed. `None`: all are busy.
    pub(super) fn admit(self: &Arc<Self>, now: Instant) -> Option<Place> {
        let mut inner = self.inner.lock();
        if inner.open.len() >= self.most {
            let idlest = inner.idlest(now)?;
            if let Some(connection) = inner.open.remove(&idlest) {
                connection.end(Close::Now);
            }
            count_closed("made_room");
        }
        let number = inner.next;
        inner.next += 1;
        let connection = Arc::new(Connection::new(now));
        inner.open.insert(number, Arc::clone(&connection));
        metrics::gauge!("http_connections").set(inner.open.len() as f64);
        Some(Place { table: Arc::clone(self), number, connection })
    }

    /// Closes the connection that was idle longest, because the process has no file handle left. `false`: all are busy.
    pub(super) fn drop_idlest(&self, now: Instant) -> bool {
        let mut inner = self.inner.lock();
        let idlest = inner.idlest(now).and_then(|number| inner.open.remove(&number));
        idlest.is_some_and(|connection| connection.end(Close::Now))
    }

    /// Closes the connections that exceeded a time limit.
    pub(super) fn sweep(&self, now: Instant) {
        let inner = self.inner.lock();
        for connection in inner.open.values() {
            if let Some((why, how)) = connection.overdue(now, &self.times)
                && connection.end(how)
            {
                count_closed(why);
            }
        }
    }
}

impl Inner {
    /// Streams count as idle only if no other connection is.
    fn idlest(&self, now: Instant) -> Option<u64> {
        let idle = self.open.iter().filter_map(|(number, connection)| {
            connection.idle_for(now).map(|time| (!connection.has_streams(), time, *number))
        });
        idle.max().map(|(_, _, number)| number)
    }
}

fn count_closed(reason: &'static str) {
    metrics::counter!("http_connections_closed_total", "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::Version;

    use super::*;
    use crate::door::DoorConfig;

    #[test]
    fn the_longest_idle_makes_room_and_the_busy_stay() {
        let table = Arc::new(Table::new(3, Times::new(&DoorConfig::default())));
        let start = Instant::now();
        let places: Vec<_> = (0..3).map(|_| table.admit(start).unwrap()).collect();
        let busy = places[0].connection.begin(Version::HTTP_11, false);
        let stream = places[1].connection.begin(Version::HTTP_2, true);
        let closed = |place: &Place| *place.connection.told().borrow() == Close::Now;
        let later = start + Duration::from_secs(1);
        let fourth = table.admit(later).unwrap();
        assert_eq!(places.iter().map(closed).collect::<Vec<_>>(), [false, false, true]);
        let busy_too = fourth.connection.begin(Version::HTTP_11, false);
        // Only the stream is left to go.
        let fifth = table.admit(later).unwrap();
        assert!(closed(&places[1]) && !closed(&places[0]));
        let all = fifth.connection.begin(Version::HTTP_11, false);
        assert!(table.admit(later).is_none() && !table.drop_idlest(later));
        drop((busy, stream, busy_too, all));
        assert!(table.drop_idlest(later));
        drop((places, fourth, fifth));
        assert_eq!(table.inner.lock().open.len(), 0);
    }

    #[test]
    fn who_is_overdue_is_ended() {
        let table = Arc::new(Table::new(3, Times::new(&DoorConfig::default())));
        let start = Instant::now();
        let place = table.admit(start).unwrap();
        table.sweep(start + Duration::from_secs(9));
        assert_eq!(*place.connection.told().borrow(), Close::No);
        table.sweep(start + Duration::from_secs(11));
        assert_eq!(*place.connection.told().borrow(), Close::Now);
    }
}
