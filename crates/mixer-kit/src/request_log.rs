//! What was asked and answered lately, for support and debugging.

use std::collections::VecDeque;
use std::sync::Arc;

use foryou_types::{Clock, TimeMs};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// A request is remembered for this long (the documents' TTL): 3 h.
const TTL_MS: i64 = 3 * 3_600 * 1_000;
/// Bytes of the requests remembered; with 35 items each about 2.5 KiB, so some 3,000 requests.
const CAPACITY_BYTES: usize = 8 << 20;

/// A request and its answer, as far as they are remembered.
pub trait Logged: Send + Sync {
    /// The request's id.
    fn request_id(&self) -> &str;
    /// Bytes that it takes, about.
    fn bytes(&self) -> usize;
}

/// The latest requests, bounded in bytes and age.
pub struct RequestLog<T> {
    clock: Arc<dyn Clock>,
    capacity_bytes: usize,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    by_id: FxHashMap<String, Entry<T>>,
    /// Oldest first; an entry whose number is not the one in the map was replaced.
    order: VecDeque<(u64, String)>,
    next: u64,
    /// Of all entries of the map.
    bytes: usize,
}

impl<T> Default for Inner<T> {
    fn default() -> Self {
        Self { by_id: FxHashMap::default(), order: VecDeque::new(), next: 0, bytes: 0 }
    }
}

struct Entry<T> {
    number: u64,
    at: TimeMs,
    bytes: usize,
    info: Arc<T>,
}

impl<T: Logged> RequestLog<T> {
    /// A cache of 8 MiB and 3 hours by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, capacity_bytes: CAPACITY_BYTES, inner: Mutex::new(Inner::default()) }
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// The request of an id, unless it is unknown, too old or pushed out by newer ones.
    pub fn get(&self, request_id: &str) -> Option<Arc<T>> {
        let now = self.clock.now();
        let inner = self.inner.lock();
        inner.by_id.get(request_id).filter(|entry| now.since(entry.at) < TTL_MS).map(|entry| Arc::clone(&entry.info))
    }

    /// Remembers a request; one with the same id is replaced.
    pub fn put(&self, info: T) {
        let at = self.clock.now();
        let mut inner = self.inner.lock();
        let number = inner.next;
        inner.next += 1;
        let (id, bytes) = (info.request_id().to_owned(), info.bytes());
        let replaced = inner.by_id.insert(id.clone(), Entry { number, at, bytes, info: Arc::new(info) });
        inner.bytes = inner.bytes + bytes - replaced.map_or(0, |entry| entry.bytes);
        inner.order.push_back((number, id));
        while let Some((number, id)) = inner.order.front() {
            let current = inner.by_id.get(id).filter(|entry| entry.number == *number);
            let old = current.is_some_and(|entry| at.since(entry.at) >= TTL_MS);
            // `order` is bounded too: a replaced entry goes as soon as it is the oldest.
            if current.is_some() && !old && inner.bytes <= self.capacity_bytes {
                break;
            }
            let stays = current.is_none();
            if let Some((_, id)) = inner.order.pop_front()
                && !stays
                && let Some(gone) = inner.by_id.remove(&id)
            {
                inner.bytes -= gone.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::ManualClock;

    use super::*;

    struct Asked(&'static str, u64);

    impl Logged for Asked {
        fn request_id(&self) -> &str {
            self.0
        }
        fn bytes(&self) -> usize {
            100
        }
    }

    #[test]
    fn requests_are_forgotten_by_age_and_by_number() {
        let clock = Arc::new(ManualClock::new(TimeMs(1_000)));
        let mut log = RequestLog::new(Arc::clone(&clock) as Arc<dyn Clock>);
        // Room for two and a half.
        log.capacity_bytes = 250;
        let remember = |id, viewer| log.put(Asked(id, viewer));
        let viewer = |id| log.get(id).map(|asked| asked.1);
        remember("a", 1);
        clock.advance(TTL_MS - 1);
        assert_eq!(viewer("a"), Some(1));
        clock.advance(1);
        assert_eq!(viewer("a"), None);

        remember("b", 2);
        assert_eq!(log.inner.lock().by_id.len(), 1, "the old one is gone, not only hidden");
        remember("c", 3);
        remember("b", 4);
        remember("d", 5);
        assert_eq!(viewer("b"), Some(4), "asked again: the newer answer, and newer age");
        assert_eq!((viewer("c"), viewer("d")), (None, Some(5)));
        let inner = log.inner.lock();
        assert_eq!((inner.by_id.len(), inner.order.len(), inner.bytes), (2, 2, 200));
    }
}
