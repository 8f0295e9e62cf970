//! The score of a post from three numbers.
//!
//! The prior's score is `Σ w_a (n_a + 20 r_a) / (max(N, max_a n_a) + 20)`, and all counts of a post fade alike, so it is
//! `(left · Σ w_a n_a + 20 · Σ w_a r_a) / (max(N, left · max_a n_a) + 20)` where `left` is the share of
//! the counts that is left now. So ranking needs only the weighted sum and the largest of each post's counts, not all counts.

use foryou_types::PRIOR_IMPRESSIONS;
use foryou_types::{ActionKind, PopularityPrior, TimeMs};

use super::fading::Fading;
use crate::settings::Settings;

/// The part of a post's counts that its score depends on, as of one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weight {
    at: TimeMs,
    /// `Σ w_a n_a`.
    sum: f64,
    impressions: f64,
    /// The largest count of a discrete action.
    most: f64,
}

impl Weight {
    pub(crate) fn of(counts: &Fading, settings: &Settings) -> Self {
        let mut weight = Self { at: counts.newest().unwrap_or_default(), ..Self::default() };
        let (mut last, mut count) = (None, 0.0);
        for (counter, left) in counts.left(settings.half_life_ms) {
            let Some(action) = counter else {
                weight.impressions += left;
                continue;
            };
            let Some(def) = settings.actions.get(action) else { continue };
            if settings.dwell_head == Some(action) {
                weight.sum += def.weight * (left / 1_000.0);
                continue;
            }
            weight.sum += def.weight * left;
            // A counter of two epochs comes twice in a row.
            count = if last == counter { count + left } else { left };
            last = counter;
            if def.kind == ActionKind::Discrete {
                weight.most = weight.most.max(count);
            }
        }
        weight
    }
}

/// The global side of scores.
pub(crate) struct Scorer<'a> {
    prior: &'a PopularityPrior,
    /// `20 · Σ w_a r_a`.
    rates: f64,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(prior: &'a PopularityPrior, settings: &Settings) -> Self {
        let rates = settings.actions.actions.iter().zip(&prior.rates).map(|(action, r)| action.weight * r).sum::<f64>();
        Self { prior, rates: PRIOR_IMPRESSIONS * rates }
    }

    pub(crate) fn score(&self, post: Weight) -> f64 {
        let left = if post.sum == 0.0 && post.impressions == 0.0 {
            0.0 // nothing that could fade
        } else {
            self.prior.half_life.left_after(self.prior.now.since(post.at))
        };
        let shown = self.prior.viewers.unwrap_or(post.impressions * left).max(post.most * left);
        (post.sum * left + self.rates) / (shown + PRIOR_IMPRESSIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foryou_types::Profile;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_score_of_the_prior(
            steps in proptest::collection::vec((0u8..19, 1u64..50, -100_000_000i64..0), 0..30),
            rates in proptest::collection::vec(0.0..1.0f64, 19),
            impressions in 0u32..500,
            viewers in proptest::option::of(0.0..900.0f64),
            age in -10i64..100_000_000,
        ) {
            let settings = Settings::of(&Profile::live());
            let prior = PopularityPrior {
                now: TimeMs(age),
                half_life: settings.half_life,
                rates: rates.into(),
                discrete: settings.discrete.clone(),
                viewers,
            };
            let mut fading = Fading::default();
            (0..impressions).for_each(|_| fading.add_impression(TimeMs(0), settings.half_life_ms));
            for (action, amount, at) in steps {
                fading.add(action, amount, TimeMs(at), settings.half_life_ms);
            }
            let counts = fading.counts(settings.half_life_ms, settings.dwell_head);
            let scorer = Scorer::new(&prior, &settings);
            for (weight, counts) in [(Weight::of(&fading, &settings), Some(&counts)), (Weight::default(), None)] {
                let heads = prior.heads(counts);
                let want: f64 = settings.actions.actions.iter().zip(&heads).map(|(a, p)| a.weight * p).sum();
                let found = scorer.score(weight);
                prop_assert!((found - want).abs() <= 1e-9 * (1.0 + want.abs()), "{} {}", found, want);
            }
        }
    }
}
