//! No group fills a feed.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};
use foryou_types::UserId;
use rustc_hash::FxHashMap;

use crate::ranked::{FeedQuery, Ranked, multiplied};
use crate::ties::tie_break;

/// Multiplies the k-th best item of a group (k from 0) by `floor + (1 - floor)·decay^k`.
///
/// The group is the original's ([`Ranked::group_id`]). Items that belong to nobody are left alone. Equal items are walked as the
/// selector orders them: the newest first.
#[derive(Clone, Copy, Debug)]
pub struct GroupDiversityScorer {
    name: &'static str,
    decay: f64,
    floor: f64,
}

impl GroupDiversityScorer {
    /// A scorer of this name with decay and floor, both meant to be in `0 ..= 1`.
    pub const fn new(name: &'static str, decay: f64, floor: f64) -> Self {
        Self { name, decay, floor }
    }

    /// The multiplier of a group's `k`-th item.
    pub fn multiplier(&self, k: u32) -> f64 {
        self.floor + (1.0 - self.floor) * self.decay.powi(k.cast_signed())
    }
}

#[async_trait]
impl<Q: FeedQuery, C: Ranked> Scorer<Q, C> for GroupDiversityScorer {
    type Fields = Option<f64>;

    fn name(&self) -> &'static str {
        self.name
    }

    async fn score(&self, query: &Q, candidates: &[C], _: &Budget) -> Result<Vec<Option<f64>>, StageError> {
        let mut scores: Vec<_> = candidates.iter().map(Ranked::score).collect();
        // As the selector would sort them now. What has no finite score has no place in this order and counts for no group.
        let mut ranked: Vec<_> = (0..candidates.len())
            .filter_map(|i| scores[i].filter(|score| score.is_finite()).map(|score| (score, i)))
            .collect();
        let viewer = query.viewer();
        let tie = |i: usize| (tie_break(&candidates[i], viewer), i);
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| tie(a.1).cmp(&tie(b.1))));

        let mut appearances: FxHashMap<UserId, u32> = FxHashMap::default();
        for (score, i) in ranked {
            let Some(group) = candidates[i].group_id().some() else { continue };
            let k = appearances.entry(group).or_default();
            scores[i] = Some(multiplied(score, self.multiplier(*k)));
            *k += 1;
        }
        Ok(scores)
    }

    fn update(&self, candidate: &mut C, score: Option<f64>) {
        candidate.set_score(score);
    }
}
