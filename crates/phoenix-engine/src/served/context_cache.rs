//! A user's encoded context, kept between requests.

use std::marker::PhantomData;
use std::sync::Arc;

use foryou_types::UserId;
use phoenix::HistoryItem;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::ranker::{ServedContext, ServedRanker};

/// The contexts of one ranker's users, bounded by memory. It goes with the ranker: another version never sees them.
///
/// A cached context is used for what it was made of and nothing else: tokens are taken over only while they, with the content
/// their posts had, are the very same. So a cached answer is the fresh answer, bit for bit.
pub(super) struct ContextCache<C>(Option<Cache<UserId, Arc<C>, ByBytes<C>>>);

struct ByBytes<C>(PhantomData<fn(&C)>);

impl<C> Clone for ByBytes<C> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<C: ServedContext> Weighter<UserId, Arc<C>> for ByBytes<C> {
    fn weight(&self, _: &UserId, context: &Arc<C>) -> u64 {
        context.bytes() as u64
    }
}

impl<C: ServedContext> ContextCache<C> {
    /// A cache of at most `megabytes` (10^6 bytes) of contexts that take about `each` bytes; none for 0.
    pub(super) fn new(each: usize, megabytes: u64) -> Self {
        let bytes = megabytes * 1_000_000;
        // Only how many contexts to expect depends on it.
        let expected = bytes / (each as u64).max(1);
        let cache = || Cache::with_weighter((expected as usize).clamp(1, 1_000_000), bytes, ByBytes(PhantomData));
        Self((megabytes > 0).then(cache))
    }

    /// The context of a user with a history: the cached one, the cached one brought up to date, or a fresh one.
    pub(super) fn context(
        &self,
        ranker: &impl ServedRanker<Context = C>,
        user: UserId,
        history: &[HistoryItem],
    ) -> Arc<C> {
        let Some(cache) = &self.0 else { return Arc::new(ranker.encode(user, history)) };
        let (context, outcome) = match cache.get(&user) {
            Some(cached) if cached.history() == history => (cached, "hit"),
            Some(cached) => {
                let context = ranker.extend(&cached, history);
                let outcome = if context.reused() > 1 { "extended" } else { "miss" };
                (Arc::new(context), outcome)
            }
            None => (Arc::new(ranker.encode(user, history)), "miss"),
        };
        metrics::counter!("phoenix_context_cache_total", "outcome" => outcome).increment(1);
        if outcome != "hit" {
            cache.insert(user, Arc::clone(&context));
            metrics::gauge!("foryou_memory_bytes", "cache" => "contexts").set(cache.weight() as f64);
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{ActionSet, PostId};
    use phoenix::{Checkpoint, CheckpointConfig, HashTables, IdCounts, ModelConfig, ModelKind, TableInit};

    use super::*;
    use crate::Ranker;

    fn ranker() -> Ranker {
        let model = ModelConfig {
            emb_size: 16,
            num_layers: 1,
            key_size: 8,
            history_seq_len: 16,
            num_actions: 2,
            ..ModelConfig::default()
        };
        let config = CheckpointConfig {
            kind: ModelKind::Ranker,
            hashes: HashTables::draw(&model, IdCounts::default(), 1),
            model,
            action_set: ActionSet::discrete(1, &[("a", 1.0), ("b", 1.0)]),
            seed: 1,
            trained_until: None,
            metrics: std::collections::BTreeMap::default(),
        };
        Ranker::from_owned(Checkpoint::initial(config, TableInit::default())).unwrap()
    }

    fn history(n: u64) -> Vec<HistoryItem> {
        (1..=n).map(|post| HistoryItem { post: PostId(post), ..HistoryItem::default() }).collect()
    }

    #[test]
    fn a_context_is_reused_extended_and_kept_apart_by_user() {
        let ranker = ranker();
        let cache = ContextCache::new(ranker.context_bytes(), 10);
        let first = cache.context(&ranker, UserId(1), &history(5));
        assert_eq!(first.reused(), 0);
        assert!(Arc::ptr_eq(&first, &cache.context(&ranker, UserId(1), &history(5))), "a hit");
        let longer = cache.context(&ranker, UserId(1), &history(7));
        assert_eq!((longer.reused(), longer.history().len()), (6, 7));
        assert!(Arc::ptr_eq(&longer, &cache.context(&ranker, UserId(1), &history(7))));
        assert_eq!(cache.context(&ranker, UserId(2), &history(7)).reused(), 0);
        let mut changed = history(7);
        changed[6].dwell_seconds = 3.0;
        assert_eq!(cache.context(&ranker, UserId(1), &changed).reused(), 7, "only the last token is computed");
    }

    #[test]
    fn it_holds_no_more_than_its_memory_and_nothing_with_none() {
        let ranker = ranker();
        let cache = ContextCache::new(ranker.context_bytes(), 1);
        let size = cache.context(&ranker, UserId(1), &history(16)).bytes();
        for user in 1..2_000 {
            cache.context(&ranker, UserId(user), &history(16));
        }
        let held = cache.0.as_ref().unwrap();
        assert!(held.len() * size <= 1_000_000 && held.len() > 10, "{} of {size} bytes", held.len());
        let none = ContextCache::new(ranker.context_bytes(), 0);
        let first = none.context(&ranker, UserId(1), &history(5));
        assert!(!Arc::ptr_eq(&first, &none.context(&ranker, UserId(1), &history(5))));
    }
}
