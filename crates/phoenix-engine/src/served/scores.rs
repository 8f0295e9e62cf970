//! The scores that one viewer's candidates were given.

use std::sync::atomic::{AtomicUsize, Ordering};

use foryou_types::PostId;
use parking_lot::Mutex;
use phoenix::CandidateItem;
use rustc_hash::FxHashMap;

/// Candidates whose scores are kept for a viewer: some pages of a feed.
const MOST: usize = 8_192;

/// Logits of candidates under one context of one ranker.
///
/// A score stands for the very inputs it was computed from: a candidate of which anything has changed (its age, the words of its text)
/// is computed again, and a viewer whose history has changed has another context with scores of its own. A ranker's scores do not
/// depend on the other candidates, so a kept score is the fresh one, bit for bit.
#[derive(Default)]
pub(super) struct Scores {
    of: Mutex<FxHashMap<PostId, Scored>>,
    bytes: AtomicUsize,
}

struct Scored {
    item: CandidateItem,
    logits: Box<[f32]>,
}

impl Scores {
    /// Logits of every candidate, `[C, A]` row-major, into `logits`; `score` computes those that are not kept. Gives how many were kept.
    pub(super) fn fill(
        &self,
        actions: usize,
        candidates: &[CandidateItem],
        logits: &mut Vec<f32>,
        score: impl FnOnce(&[CandidateItem], &mut Vec<f32>),
    ) -> usize {
        logits.clear();
        logits.resize(candidates.len() * actions, 0.0);
        let mut missing = Vec::new();
        {
            let of = self.of.lock();
            for (place, item) in candidates.iter().enumerate() {
                match of.get(&item.post).filter(|scored| scored.item == *item) {
                    Some(scored) => logits[place * actions..][..actions].copy_from_slice(&scored.logits),
                    None => missing.push(place),
                }
            }
        }
        if missing.is_empty() {
            return candidates.len();
        }
        // Not under the lock: two requests of one viewer at the same moment may compute the same scores.
        let items: Vec<_> = missing.iter().map(|&place| candidates[place].clone()).collect();
        let mut fresh = Vec::new();
        score(&items, &mut fresh);
        for (&place, row) in missing.iter().zip(fresh.chunks_exact(actions.max(1))) {
            logits[place * actions..][..actions].copy_from_slice(row);
        }
        self.keep(items, &fresh, actions);
        candidates.len() - missing.len()
    }

    fn keep(&self, items: Vec<CandidateItem>, fresh: &[f32], actions: usize) {
        let mut of = self.of.lock();
        if of.len() + items.len() > MOST {
            of.clear();
        }
        for (item, row) in items.into_iter().zip(fresh.chunks_exact(actions.max(1))).take(MOST) {
            of.insert(item.post, Scored { item, logits: row.into() });
        }
        let each = size_of::<(PostId, Scored)>() + actions * size_of::<f32>();
        self.bytes.store(of.len() * each, Ordering::Relaxed);
    }

    /// About how much memory they take, in bytes, without the content words that the candidates share with others.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(post: u64, age_bucket: u8) -> CandidateItem {
        CandidateItem { post: PostId(post), age_bucket, ..CandidateItem::default() }
    }

    /// Two logits of a candidate; `asked` are the posts that were computed.
    fn ask(scores: &Scores, candidates: &[CandidateItem]) -> (Vec<f32>, Vec<u64>, usize) {
        let (mut logits, mut asked) = (vec![9.0; 3], Vec::new());
        let kept = scores.fill(2, candidates, &mut logits, |items, fresh| {
            asked.extend(items.iter().map(|item| item.post.0));
            fresh.extend(items.iter().flat_map(|item| [item.post.0 as f32, f32::from(item.age_bucket)]));
        });
        (logits, asked, kept)
    }

    #[test]
    fn only_what_is_new_or_has_changed_is_computed() {
        let scores = Scores::default();
        let first = ask(&scores, &[item(1, 5), item(2, 5)]);
        assert_eq!(first, (vec![1.0, 5.0, 2.0, 5.0], vec![1, 2], 0));
        let other_order = ask(&scores, &[item(3, 1), item(2, 5), item(1, 6)]);
        assert_eq!(other_order, (vec![3.0, 1.0, 2.0, 5.0, 1.0, 6.0], vec![3, 1], 1));
        assert_eq!(ask(&scores, &[item(1, 6), item(3, 1)]), (vec![1.0, 6.0, 3.0, 1.0], vec![], 2));
        assert_eq!(ask(&scores, &[]), (vec![], vec![], 0));
        let mut reworded = item(3, 1);
        reworded.content = [7].into();
        assert_eq!(ask(&scores, &[reworded]).1, [3]);
    }

    #[test]
    fn memory_is_bounded_and_told() {
        let scores = Scores::default();
        let many: Vec<_> = (1..=MOST as u64 + 5).map(|post| item(post, 0)).collect();
        let (logits, ..) = ask(&scores, &many);
        assert_eq!(logits.len(), 2 * many.len(), "all are answered, however few are kept");
        let full = scores.bytes();
        assert_eq!(scores.of.lock().len(), MOST);
        ask(&scores, &[item(1, 1), item(MOST as u64 + 9, 1)]);
        assert!(scores.bytes() < full && scores.bytes() > 0);
    }
}
