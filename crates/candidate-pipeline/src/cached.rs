//! A cache in front of a hydrator.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use foryou_io::MonotonicClock;
use metrics::Counter;
use quick_cache::sync::Cache;

use crate::budget::Budget;
use crate::error::StageError;
use crate::guard::guarded;
use crate::metrics::{CACHE_HITS, CACHE_MISSES};
use crate::stages::Hydrator;

/// How long before the end of its budget the wrapped hydrator is abandoned, so that what the cache had is given before
/// the executor abandons the whole. Tokio's timers tick in milliseconds.
const MARGIN: Duration = Duration::from_millis(1);

/// Fields that were fetched, and when.
#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    at: Duration,
}

/// Hits and misses of a [`CachedHydrator`], readable after it went into a pipeline.
#[derive(Debug, Default)]
pub struct CacheCounters {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl CacheCounters {
    /// Candidates whose fields the cache had.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Candidates whose fields were not there, too old, or not cacheable.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }
}

struct CacheMetrics {
    hits: Counter,
    misses: Counter,
}

impl CacheMetrics {
    fn new(component: &'static str) -> Self {
        Self {
            hits: metrics::counter!(CACHE_HITS, "component" => component),
            misses: metrics::counter!(CACHE_MISSES, "component" => component),
        }
    }
}

/// Wraps a hydrator so that it is asked only about what a cache does not have.
///
/// * The key is computed per candidate; a candidate without one is fetched every time. What is fetched for a candidate must
///   depend on its key alone: put into the key whatever of it matters. It must not depend on the query.
/// * Only misses are fetched, each key once per request however many candidates share it (concurrent requests may fetch the
///   same key at the same time).
/// * Only successes are cached; an error is asked again next time.
/// * The cache is bounded in entries (S3-FIFO eviction), and an entry lives for `ttl` from the start of its fetch, measured on
///   the clock that is passed in.
/// * When the wrapped hydrator fails or is late, candidates that hit are still filled.
///
/// The name, needs and `enable` are those of the wrapped hydrator.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use candidate_pipeline::{Budget, CachedHydrator, Hydrator, StageError};
/// # use foryou_io::SystemMonotonic;
/// # #[derive(Clone)] struct Book { isbn: u64, stars: f32 }
/// # struct Stars;
/// # #[async_trait::async_trait]
/// # impl Hydrator<(), Book> for Stars {
/// #     type Fields = f32;
/// #     fn name(&self) -> &'static str { "stars" }
/// #     async fn hydrate(&self, _: &(), c: &[Book], _: &Budget) -> Result<Vec<Result<f32, StageError>>, StageError> {
/// #         Ok(c.iter().map(|_| Ok(4.5)).collect())
/// #     }
/// #     fn update(&self, book: &mut Book, stars: f32) { book.stars = stars; }
/// # }
/// let clock = Arc::new(SystemMonotonic::new());
/// let stars = CachedHydrator::new(Stars, |book: &Book| Some(book.isbn), 100_000, Duration::from_secs(60), clock);
/// let counters = stars.counters();
/// # let books = [Book { isbn: 1, stars: 0.0 }, Book { isbn: 1, stars: 0.0 }];
/// # futures::executor::block_on(stars.hydrate(&(), &books, &Budget::UNLIMITED))?;
/// # futures::executor::block_on(stars.hydrate(&(), &books, &Budget::UNLIMITED))?;
/// assert_eq!((counters.hits(), counters.misses()), (2, 2));
/// # Ok::<(), StageError>(())
/// ```
pub struct CachedHydrator<H, K, V, F> {
    inner: H,
    key: F,
    cache: Cache<K, Entry<V>>,
    ttl: Duration,
    clock: Arc<dyn MonotonicClock>,
    counters: Arc<CacheCounters>,
    /// Taken at the first request, since the name is known only where the stage's types are.
    metrics: OnceLock<CacheMetrics>,
}

impl<H, K, V, F> CachedHydrator<H, K, V, F>
where
    K: Eq + Hash,
    V: Clone,
{
    /// A cache of at most `capacity` entries, each living for `ttl`, in front of `inner`.
    pub fn new<C>(inner: H, key: F, capacity: usize, ttl: Duration, clock: Arc<dyn MonotonicClock>) -> Self
    where
        F: Fn(&C) -> Option<K>,
    {
        Self { inner, key, cache: Cache::new(capacity), ttl, clock, counters: Arc::default(), metrics: OnceLock::new() }
    }

    /// The counters, which stay readable once the hydrator is in a pipeline.
    pub fn counters(&self) -> Arc<CacheCounters> {
        Arc::clone(&self.counters)
    }

    /// Entries held, those that are too old but not yet evicted included.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }

    fn fresh(&self, key: &K, now: Duration) -> Option<V> {
        self.cache.get(key).filter(|entry| now.saturating_sub(entry.at) < self.ttl).map(|entry| entry.value)
    }
}

/// Where the fields of one candidate come from.
enum Origin<V> {
    Cached(V),
    /// Position among the candidates that are fetched.
    Fetched(usize),
}

#[async_trait]
impl<Q, C, H, K, V, F> Hydrator<Q, C> for CachedHydrator<H, K, V, F>
where
    Q: Send + Sync,
    C: Clone + Send + Sync,
    H: Hydrator<Q, C, Fields = V>,
    K: Clone + Eq + Hash + Send + Sync,
    V: Clone + Send + Sync + 'static,
    F: Fn(&C) -> Option<K> + Send + Sync,
{
    type Fields = V;

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn needs(&self) -> &'static [&'static str] {
        self.inner.needs()
    }

    fn enable(&self, query: &Q) -> bool {
        self.inner.enable(query)
    }

    async fn hydrate(
        &self,
        query: &Q,
        candidates: &[C],
        budget: &Budget,
    ) -> Result<Vec<Result<V, StageError>>, StageError> {
        let now = self.clock.now();
        let mut origins = Vec::with_capacity(candidates.len());
        let mut missing: Vec<C> = Vec::new();
        let mut missing_keys: Vec<Option<K>> = Vec::new();
        let mut position_of: HashMap<K, usize> = HashMap::new();
        let mut hits = 0;
        for candidate in candidates {
            let key = (self.key)(candidate);
            if let Some(value) = key.as_ref().and_then(|key| self.fresh(key, now)) {
                hits += 1;
                origins.push(Origin::Cached(value));
                continue;
            }
            if let Some(&position) = key.as_ref().and_then(|key| position_of.get(key)) {
                origins.push(Origin::Fetched(position));
                continue;
            }
            if let Some(key) = &key {
                position_of.insert(key.clone(), missing.len());
            }
            origins.push(Origin::Fetched(missing.len()));
            missing.push(candidate.clone());
            missing_keys.push(key);
        }
        self.count(self.inner.name(), hits, candidates.len() as u64 - hits);

        let fetched = if missing.is_empty() { Ok(Vec::new()) } else { self.fetch(query, &missing, *budget).await };
        let fetched = match fetched {
            Err(error) if hits == 0 => return Err(error),
            Err(error) => vec![Err(error); missing.len()],
            Ok(fetched) => fetched,
        };
        for (key, value) in missing_keys.into_iter().zip(&fetched) {
            if let (Some(key), Ok(value)) = (key, value) {
                self.cache.insert(key, Entry { value: value.clone(), at: now });
            }
        }
        let result = |origin| match origin {
            Origin::Cached(value) => Ok(value),
            Origin::Fetched(position) => fetched[position].clone(),
        };
        Ok(origins.into_iter().map(result).collect())
    }

    fn update(&self, candidate: &mut C, fields: V) {
        self.inner.update(candidate, fields);
    }
}

impl<H, K, V, F> CachedHydrator<H, K, V, F> {
    async fn fetch<Q, C>(
        &self,
        query: &Q,
        missing: &[C],
        budget: Budget,
    ) -> Result<Vec<Result<V, StageError>>, StageError>
    where
        H: Hydrator<Q, C, Fields = V>,
    {
        let inner = budget.deadline().and_then(|end| end.checked_sub(MARGIN)).map_or(budget, Budget::until);
        let fetched = guarded(inner, async { self.inner.hydrate(query, missing, &inner).await }).await?;
        if fetched.len() == missing.len() {
            Ok(fetched)
        } else {
            Err(StageError::WrongLength { expected: missing.len(), got: fetched.len() })
        }
    }

    fn count(&self, name: &'static str, hits: u64, misses: u64) {
        self.counters.hits.fetch_add(hits, Ordering::Relaxed);
        self.counters.misses.fetch_add(misses, Ordering::Relaxed);
        let metrics = self.metrics.get_or_init(|| CacheMetrics::new(name));
        metrics.hits.increment(hits);
        metrics.misses.increment(misses);
    }
}
