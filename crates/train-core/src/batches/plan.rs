//! Which units make up which step.

use foryou_types::{Rng, SplitMix64};

use crate::streams::stream;

/// Noise on the lengths that units are sorted by, as a standard deviation of their logarithm: so that not always the same units meet.
const LENGTH_NOISE: f64 = 0.05;

/// What a unit costs: a sequence, its targets, and one token for what both belong to. Units of a step are padded to the longest of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Tokens of the sequence, e.g. a viewer's history.
    pub sequence: usize,
    /// Targets that take tokens of their own, e.g. candidates.
    pub targets: usize,
}

impl Size {
    /// The sequence, the targets, and one.
    pub const fn tokens(self) -> usize {
        1 + self.sequence + self.targets
    }

    /// The size that holds both.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { sequence: self.sequence.max(other.sequence), targets: self.targets.max(other.targets) }
    }
}

/// The steps of every epoch.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    sizes: Vec<Size>,
    tokens_per_step: usize,
    seed: u64,
}

impl BatchPlan {
    /// A plan for units of these sizes: steps of at most `tokens_per_step` tokens, padding included; a larger unit is a step alone.
    pub fn new(sizes: Vec<Size>, tokens_per_step: usize, seed: u64) -> Self {
        Self { sizes, tokens_per_step, seed }
    }

    /// The steps of an epoch, in order: the numbers of the units of each, from the shortest. Every unit stands in exactly one.
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<u32>> {
        let mut rng = stream(self.seed, "batches", epoch, 0);
        let keys = self.sizes.iter().map(|size| size.tokens() as f64 * (LENGTH_NOISE * rng.normal()).exp()).collect();
        let mut steps = self.cut(keys);
        shuffle(&mut steps, &mut rng);
        steps
    }

    /// All units in order of length, without noise: for an evaluation.
    pub fn in_order(&self) -> Vec<Vec<u32>> {
        self.cut(self.sizes.iter().map(|size| size.tokens() as f64).collect())
    }

    fn cut(&self, keys: Vec<f64>) -> Vec<Vec<u32>> {
        let mut order: Vec<u32> = (0..self.sizes.len() as u32).collect();
        order.sort_by(|&a, &b| keys[a as usize].total_cmp(&keys[b as usize]).then(a.cmp(&b)));
        let mut steps: Vec<Vec<u32>> = Vec::new();
        let mut step = Vec::new();
        let mut most = Size { sequence: 0, targets: 0 };
        for unit in order {
            let size = self.sizes[unit as usize];
            let grown = most.max(size);
            if !step.is_empty() && grown.tokens() * (step.len() + 1) > self.tokens_per_step {
                steps.push(std::mem::take(&mut step));
                most = size;
            } else {
                most = grown;
            }
            step.push(unit);
        }
        if !step.is_empty() {
            steps.push(step);
        }
        steps
    }
}

/// Fisher–Yates.
fn shuffle<T>(items: &mut [T], rng: &mut SplitMix64) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.below(i + 1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_unit_stands_once_within_the_budget(sizes in prop::collection::vec((0usize..40, 1usize..30), 0..80), budget in 20usize..400) {
            let sizes: Vec<Size> = sizes.into_iter().map(|(sequence, targets)| Size { sequence, targets }).collect();
            let plan = BatchPlan::new(sizes.clone(), budget, 3);
            for steps in [plan.epoch(0), plan.epoch(1), plan.in_order()] {
                let mut seen: Vec<u32> = steps.concat();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..sizes.len() as u32).collect::<Vec<_>>());
                for step in steps {
                    let most = step.iter().map(|&i| sizes[i as usize]).fold(Size { sequence: 0, targets: 0 }, Size::max);
                    prop_assert!(!step.is_empty() && (step.len() == 1 || most.tokens() * step.len() <= budget));
                }
            }
        }
    }

    #[test]
    fn epochs_differ_and_repeat() {
        let sizes = (0..200).map(|i| Size { sequence: i % 17, targets: 1 + i % 5 }).collect();
        let plan = BatchPlan::new(sizes, 100, 9);
        assert_eq!(plan.epoch(2), plan.epoch(2));
        assert_ne!(plan.epoch(2), plan.epoch(3));
    }
}
