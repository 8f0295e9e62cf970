//! Positive and negative scores on one scale.

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};
use foryou_types::{ActionKind, ActionSet};

use crate::ranked::{FeedQuery, Ranked};

/// The last step of scoring: brings scores that predict harm into `[0, 0.001)` and all others to 0.001 and above, in the order
/// they had. Takes no part where the [`WeightedScorer`](crate::WeightedScorer) applies the offset before the multipliers.
#[derive(Clone, Copy, Debug)]
pub struct OffsetScorer {
    enabled: bool,
}

impl OffsetScorer {
    /// The component's name.
    pub const NAME: &'static str = "OffsetScorer";

    /// A scorer that takes part, or not.
    pub const fn new(enabled: bool) -> Self {
        Self { enabled }
    }
}

/// The offset of an action set.
///
/// With W = Σ|w| and N = Σ|negative w| over the discrete heads: `s < 0 → (s + N) / W · 0.001`, else `s + 0.001`; where W = 0,
/// `max(s, 0)`. The worst a post can be by its discrete heads is -N.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreOffset {
    total: f64,
    negative: f64,
}

/// The score of a post that is worth nothing; posts that hurt are below it.
const ZERO: f64 = 0.001;

impl ScoreOffset {
    /// The offset for the weights of a set.
    pub fn of(set: &ActionSet) -> Self {
        let discrete = || set.actions.iter().filter(|a| a.kind == ActionKind::Discrete).map(|a| a.weight);
        Self {
            total: discrete().map(f64::abs).sum(),
            negative: discrete().filter(|weight| *weight < 0.0).map(f64::abs).sum(),
        }
    }

    /// The score after the offset. NaN stays NaN.
    pub fn apply(self, score: f64) -> f64 {
        match (score < 0.0, self.total > 0.0) {
            (true, true) => (score + self.negative) / self.total * ZERO,
            (false, true) => score + ZERO,
            (true, false) => 0.0,
            (false, false) => score,
        }
    }
}

#[async_trait]
impl<Q: FeedQuery, C: Ranked> Scorer<Q, C> for OffsetScorer {
    type Fields = Option<f64>;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, _: &Q) -> bool {
        self.enabled
    }

    async fn score(&self, query: &Q, candidates: &[C], _: &Budget) -> Result<Vec<Option<f64>>, StageError> {
        let offset = ScoreOffset::of(&query.profile().action_set);
        Ok(candidates.iter().map(|candidate| candidate.score().map(|score| offset.apply(score))).collect())
    }

    fn update(&self, candidate: &mut C, score: Option<f64>) {
        candidate.set_score(score);
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::ActionDef;
    use proptest::prelude::*;

    use super::*;

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-15, "{got} is not {expected}");
    }

    #[test]
    fn each_branch_by_hand() {
        // W = 2 + 1 + 5 = 8, N = 6.
        let offset = ScoreOffset::of(&ActionSet::discrete(1, &[("a", 2.0), ("b", -1.0), ("c", -5.0)]));
        close(offset.apply(1.5), 1.501);
        close(offset.apply(0.0), 0.001);
        close(offset.apply(-2.0), 4.0 / 8.0 * 0.001);
        close(offset.apply(-6.0), 0.0);
        assert!(offset.apply(f64::NAN).is_nan());
    }

    #[test]
    fn continuous_heads_have_no_part_in_the_offset() {
        let seconds = |weight| ActionDef { name: "seconds".to_owned(), weight, kind: ActionKind::Continuous };
        let mut set = ActionSet::discrete(1, &[("a", 2.0), ("b", -1.0)]);
        let without = ScoreOffset::of(&set);
        set.actions.push(seconds(-70.0));
        assert_eq!(ScoreOffset::of(&set), without);

        // Nothing but seconds: W = 0.
        let only = ScoreOffset::of(&ActionSet { version: 1, actions: vec![seconds(0.004)] });
        assert_eq!([only.apply(-0.5), only.apply(0.0), only.apply(0.12)], [0.0, 0.0, 0.12]);
        assert!(only.apply(f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn order_is_kept_and_negatives_stay_below(
            weights in prop::collection::vec(-100.0f64..100.0, 1..20),
            a in -1.0f64..1.0,
            b in -1.0f64..1.0,
        ) {
            let actions = weights.iter().enumerate();
            let kind = ActionKind::Discrete;
            let actions = actions.map(|(i, &weight)| ActionDef { name: i.to_string(), weight, kind }).collect();
            let offset = ScoreOffset::of(&ActionSet { version: 1, actions });
            // Scores that the set can give: from -N to W - N.
            let reach = |x: f64| if x < 0.0 { x * offset.negative } else { x * (offset.total - offset.negative) };
            let (low, high) = (reach(a.min(b)), reach(a.max(b)));
            prop_assert!(offset.apply(low) <= offset.apply(high));
            prop_assert!(offset.apply(low) >= 0.0);
            if low < 0.0 {
                prop_assert!(offset.apply(low) <= ZERO);
            }
            if high >= 0.0 {
                prop_assert!(offset.apply(high) >= ZERO);
            }
        }
    }
}
