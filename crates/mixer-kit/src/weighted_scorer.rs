//! From what the viewer would do to what an item is worth.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};

use crate::offset_scorer::ScoreOffset;
use crate::ranked::{FeedQuery, Ranked};

/// Computes `s = Σ w·p` over the discrete heads and `w·seconds` over the continuous ones, with the weights of the profile's
/// action set as the item sees them ([`Ranked::weight`]); a missing head counts 0. Seconds count up to
/// [`DWELL_CLIP_SECONDS`](foryou_types::ActionSet::DWELL_CLIP_SECONDS).
///
/// The weighted score is s; the score is s, too, or, if the offset comes first, s after the offset. An item without information
/// (s = 0) gets [`NOTHING_KNOWN`] as its score. One with a head that is not a finite number gets none, and goes to the end.
#[derive(Clone, Copy, Debug)]
pub struct WeightedScorer {
    offset_first: bool,
}

/// The score of an item with s = 0, before multipliers: a hair above nothing, so that they act on it as on any other, and items that
/// nobody acted on come with groups mixed. This is too little to change the order of items with information.
pub const NOTHING_KNOWN: f64 = 1e-12;

impl WeightedScorer {
    /// The component's name.
    pub const NAME: &'static str = "WeightedScorer";

    /// A scorer that applies the offset itself, or leaves it to an [`OffsetScorer`](crate::OffsetScorer) behind the multipliers.
    pub const fn new(offset_first: bool) -> Self {
        Self { offset_first }
    }
}

/// The scores of one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighted {
    /// Raw s.
    weighted_score: Option<f64>,
    /// What the scorers after this one continue with.
    score: Option<f64>,
}

#[async_trait]
impl<Q: FeedQuery, C: Ranked> Scorer<Q, C> for WeightedScorer {
    type Fields = Weighted;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn score(&self, query: &Q, candidates: &[C], _: &Budget) -> Result<Vec<Weighted>, StageError> {
        let set = &query.profile().action_set;
        let offset = self.offset_first.then(|| ScoreOffset::of(set));
        let weigh = |candidate: &C| {
            if candidate.is_unscorable() {
                return Weighted { weighted_score: None, score: None };
            }
            let s = set.value_by(candidate.heads(), |action| candidate.weight(action));
            let score = match offset {
                Some(offset) => offset.apply(s),
                None if s == 0.0 => NOTHING_KNOWN,
                None => s,
            };
            Weighted { weighted_score: Some(s), score: Some(score) }
        };
        Ok(candidates.iter().map(weigh).collect())
    }

    fn update(&self, candidate: &mut C, Weighted { weighted_score, score }: Weighted) {
        candidate.set_weighted_score(weighted_score);
        candidate.set_score(score);
    }
}
