//! A user's encoded context and the scores computed under it, kept between requests.

use std::marker::PhantomData;
use std::sync::Arc;

use foryou_types::UserId;
use phoenix::{CandidateItem, HistoryItem};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::ranker::{ServedContext, ServedRanker};
use super::scores::Scores;

/// The contexts of one ranker's users, bounded by memory. It goes with the ranker: another version never sees them.
///
/// A cached context is used for what it was made of and nothing else: tokens are taken over only while they, with the content
/// their posts had, are the very same. So a cached answer is the fresh answer, bit for bit.
pub(super) struct ContextCache<C>(Option<Cache<UserId, Weighed<C>, ByBytes<C>>>);

/// What is kept for a user.
struct Kept<C> {
    context: C,
    /// Those of candidates under this context.
    scores: Scores,
}

impl<C> Kept<C> {
    fn new(context: C) -> Arc<Self> {
        Arc::new(Self { context, scores: Scores::default() })
    }
}

/// What is kept, with its bytes when it was put into the cache: a cache must find the weight it once counted.
struct Weighed<C> {
    kept: Arc<Kept<C>>,
    bytes: u64,
}

impl<C> Clone for Weighed<C> {
    fn clone(&self) -> Self {
        Self { kept: Arc::clone(&self.kept), bytes: self.bytes }
    }
}

impl<C: ServedContext> Weighed<C> {
    fn new(kept: &Arc<Kept<C>>) -> Self {
        Self { kept: Arc::clone(kept), bytes: (kept.context.bytes() + kept.scores.bytes()) as u64 }
    }
}

struct ByBytes<C>(PhantomData<fn(&C)>);

impl<C> Clone for ByBytes<C> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<C> Weighter<UserId, Weighed<C>> for ByBytes<C> {
    fn weight(&self, _: &UserId, weighed: &Weighed<C>) -> u64 {
        weighed.bytes
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

    /// Logits of every candidate under the history of a user, as [`ServedRanker::score`] gives them.
    pub(super) fn score(
        &self,
        ranker: &impl ServedRanker<Context = C>,
        user: UserId,
        history: &[HistoryItem],
        candidates: &[CandidateItem],
        logits: &mut Vec<f32>,
    ) {
        let kept = self.kept(ranker, user, history);
        let Some(cache) = self.0.as_ref().filter(|_| ranker.is_place_free()) else {
            return ranker.score(&kept.context, candidates, logits);
        };
        let before = kept.scores.bytes();
        let score = |items: &[CandidateItem], fresh: &mut Vec<f32>| ranker.score(&kept.context, items, fresh);
        let hits = kept.scores.fill(ranker.action_set().len(), candidates, logits, score);
        metrics::counter!("phoenix_score_cache_total", "outcome" => "hit").increment(hits as u64);
        metrics::counter!("phoenix_score_cache_total", "outcome" => "miss").increment((candidates.len() - hits) as u64);
        if kept.scores.bytes() != before {
            // Weighed anew, unless it was given up or replaced meanwhile.
            if cache.peek(&user).is_some_and(|now| Arc::ptr_eq(&now.kept, &kept)) {
                cache.insert(user, Weighed::new(&kept));
            }
            metrics::gauge!("foryou_memory_bytes", "cache" => "contexts").set(cache.weight() as f64);
        }
    }

    /// What is kept of a user with a history: the cached context, the cached one brought up to date, or a fresh one. Scores stay with
    /// the very context they were computed under.
    fn kept(&self, ranker: &impl ServedRanker<Context = C>, user: UserId, history: &[HistoryItem]) -> Arc<Kept<C>> {
        let Some(cache) = &self.0 else { return Kept::new(ranker.encode(user, history)) };
        let (kept, outcome) = match cache.get(&user).map(|weighed| weighed.kept) {
            Some(cached) if cached.context.history() == history => (cached, "hit"),
            Some(cached) => {
                let context = ranker.extend(&cached.context, history);
                let outcome = if context.reused() > 1 { "extended" } else { "miss" };
                (Kept::new(context), outcome)
            }
            None => (Kept::new(ranker.encode(user, history)), "miss"),
        };
        metrics::counter!("phoenix_context_cache_total", "outcome" => outcome).increment(1);
        if outcome != "hit" {
            cache.insert(user, Weighed::new(&kept));
            metrics::gauge!("foryou_memory_bytes", "cache" => "contexts").set(cache.weight() as f64);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{ActionSet, PostId};
    use phoenix::{Checkpoint, CheckpointConfig, HashTables, IdCounts, ModelConfig, ModelKind, TableInit};

    use super::*;
    use crate::Ranker;

    fn ranker() -> Ranker {
        Ranker::new(&checkpoint()).unwrap()
    }

    fn checkpoint() -> Checkpoint {
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
        Checkpoint::initial(config, TableInit::default())
    }

    fn history(n: u64) -> Vec<HistoryItem> {
        (1..=n).map(|post| HistoryItem { post: PostId(post), ..HistoryItem::default() }).collect()
    }

    #[test]
    fn a_context_is_reused_extended_and_kept_apart_by_user() {
        let ranker = ranker();
        let cache = ContextCache::new(ranker.context_bytes(), 10);
        let kept = |user, history: &[HistoryItem]| cache.kept(&ranker, UserId(user), history);
        let first = kept(1, &history(5));
        assert_eq!(first.context.reused(), 0);
        assert!(Arc::ptr_eq(&first, &kept(1, &history(5))), "a hit");
        let longer = kept(1, &history(7));
        assert_eq!((longer.context.reused(), longer.context.history().len()), (6, 7));
        assert!(Arc::ptr_eq(&longer, &kept(1, &history(7))));
        assert_eq!(kept(2, &history(7)).context.reused(), 0);
        let mut changed = history(7);
        changed[6].dwell_seconds = 3.0;
        assert_eq!(kept(1, &changed).context.reused(), 7, "only the last token is computed");
    }

    #[test]
    fn it_holds_no_more_than_its_memory_and_nothing_with_none() {
        let ranker = ranker();
        let cache = ContextCache::new(ranker.context_bytes(), 1);
        let size = cache.kept(&ranker, UserId(1), &history(16)).context.bytes();
        for user in 1..2_000 {
            cache.kept(&ranker, UserId(user), &history(16));
        }
        let held = cache.0.as_ref().unwrap();
        assert!(held.len() * size <= 1_000_000 && held.len() > 10, "{} of {size} bytes", held.len());
        let none = ContextCache::new(ranker.context_bytes(), 0);
        let first = none.kept(&ranker, UserId(1), &history(5));
        assert!(!Arc::ptr_eq(&first, &none.kept(&ranker, UserId(1), &history(5))));
    }

    #[test]
    fn scores_are_those_without_a_cache_bit_for_bit_and_count_as_memory() {
        let ranker = ranker();
        let (cache, none) = (ContextCache::new(ranker.context_bytes(), 10), ContextCache::new(1, 0));
        let items = |posts: std::ops::Range<u64>| {
            posts.map(|post| CandidateItem { post: PostId(post), ..CandidateItem::default() }).collect::<Vec<_>>()
        };
        let both = |history: &[HistoryItem], candidates: &[CandidateItem]| {
            let (mut cached, mut fresh) = (Vec::new(), Vec::new());
            cache.score(&ranker, UserId(1), history, candidates, &mut cached);
            none.score(&ranker, UserId(1), history, candidates, &mut fresh);
            assert!(!fresh.is_empty() && cached.iter().map(|x| x.to_bits()).eq(fresh.iter().map(|x| x.to_bits())));
        };
        let held = || cache.0.as_ref().unwrap().weight();
        both(&history(5), &items(1..40));
        let weight = held();
        both(&history(5), &items(20..60));
        assert!(held() > weight, "more scores weigh more");
        // A longer history: the context is another, and no score of before is taken for one of now.
        both(&history(6), &items(1..60));
        both(&history(6), &items(1..60));
        assert_eq!(cache.kept(&ranker, UserId(1), &history(6)).context.reused(), 6);
    }

    #[test]
    fn logits_that_depend_on_the_place_are_not_kept() {
        let mut checkpoint = checkpoint();
        checkpoint.config.model.positions = phoenix::Positions::Sequential;
        let ranker = Ranker::new(&checkpoint).unwrap();
        let cache = ContextCache::new(ranker.context_bytes(), 10);
        let [a, b] = [1, 2].map(|post| CandidateItem { post: PostId(post), ..CandidateItem::default() });
        let mut logits = [Vec::new(), Vec::new()];
        cache.score(&ranker, UserId(1), &history(5), &[a.clone(), b.clone()], &mut logits[0]);
        cache.score(&ranker, UserId(1), &history(5), &[b, a], &mut logits[1]);
        assert_ne!(logits[0][..2], logits[1][2..], "the first post at another place");
        assert_eq!(cache.kept(&ranker, UserId(1), &history(5)).scores.bytes(), 0);
    }
}
