//! Exact fading counts: what is added can be removed again, and the order does not matter.
//!
//! A count that halves after every half-life H is `Σ 2^((t_i − now) / H)`. Floating-point sums of it depend on their order and cannot be
//! undone exactly. So the terms are whole numbers, `2^52 · 2^((t_i − start) / H)`, where `start` begins an epoch of 32
//! half-lives that holds `t_i`. The epoch of the newest event and the one before are kept; of anything older less than 2^-32 is left.

use foryou_types::{ActionIndex, EngagementCounts, TimeMs};

use crate::bytes::{Decoder, Encoder};

/// Half-lives of an epoch.
const EPOCH: i64 = 32;
/// How much older terms are worth less: `2^EPOCH`.
const EPOCH_WORTH: f64 = (1u64 << EPOCH) as f64;
/// One, with the fractional bits of a term.
const ONE: f64 = (1u64 << 52) as f64;
/// The counter of impressions; actions count under their index.
const IMPRESSIONS: u8 = u8::MAX;

/// One counter of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sum {
    counter: u8,
    /// Whether it belongs to the epoch before the newest event's.
    is_old: bool,
    amount: u128,
}

/// Fading counts of a post, or of all posts together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fading {
    /// The newest event that ever counted, even if it was taken back: it decides which epochs are kept.
    newest: Option<TimeMs>,
    /// Sums that are not zero, by counter and age.
    sums: Vec<Sum>,
}

/// A moment's place: its epoch, and what one event in it is worth.
fn place(at: TimeMs, half_life_ms: i64) -> (i64, u128) {
    let epoch_ms = half_life_ms.max(1).saturating_mul(EPOCH);
    let epoch = at.0.div_euclid(epoch_ms);
    let half_lives = at.0.rem_euclid(epoch_ms) as f64 / half_life_ms.max(1) as f64;
    (epoch, (half_lives.exp2() * ONE) as u128)
}

impl Fading {
    /// The newest event that ever counted.
    pub(crate) const fn newest(&self) -> Option<TimeMs> {
        self.newest
    }

    /// Records the time of an event: counts that are now too old are dropped.
    pub(crate) fn note(&mut self, at: TimeMs, half_life_ms: i64) {
        if self.newest.is_some_and(|newest| newest >= at) {
            return;
        }
        let epoch = place(at, half_life_ms).0;
        match self.newest.map_or(i64::MAX, |newest| epoch - place(newest, half_life_ms).0) {
            0 => {}
            1 => {
                self.sums.retain(|sum| !sum.is_old);
                self.sums.iter_mut().for_each(|sum| sum.is_old = true);
            }
            _ => self.sums.clear(),
        }
        self.newest = Some(at);
    }

    /// Counts `amount` of an action (milliseconds of a continuous one) at a moment.
    pub(crate) fn add(&mut self, action: ActionIndex, amount: u64, at: TimeMs, half_life_ms: i64) {
        self.note(at, half_life_ms);
        self.change(action, at, half_life_ms, |sum, worth| sum.saturating_add(worth * u128::from(amount)));
    }

    /// Removes what was added at a moment.
    pub(crate) fn take_away(&mut self, action: ActionIndex, amount: u64, at: TimeMs, half_life_ms: i64) {
        self.change(action, at, half_life_ms, |sum, worth| sum.saturating_sub(worth * u128::from(amount)));
    }

    /// Counts an impression.
    pub(crate) fn add_impression(&mut self, at: TimeMs, half_life_ms: i64) {
        self.add(IMPRESSIONS, 1, at, half_life_ms);
    }

    /// Adds other counts.
    pub(crate) fn merge(&mut self, other: &Self, half_life_ms: i64) {
        let Some(others) = other.newest else { return };
        self.note(others, half_life_ms);
        let gap = self.newest.map_or(0, |own| place(own, half_life_ms).0 - place(others, half_life_ms).0);
        for sum in &other.sums {
            match (gap, sum.is_old) {
                (0, is_old) => self.set(sum.counter, is_old, |amount| amount.saturating_add(sum.amount)),
                (1, false) => self.set(sum.counter, true, |amount| amount.saturating_add(sum.amount)),
                _ => {}
            }
        }
    }

    fn change(&mut self, counter: u8, at: TimeMs, half_life_ms: i64, change: impl FnOnce(u128, u128) -> u128) {
        let Some(newest) = self.newest else { return };
        let (epoch, worth) = place(at, half_life_ms);
        let is_old = match place(newest, half_life_ms).0 - epoch {
            0 => false,
            1 => true,
            _ => return,
        };
        self.set(counter, is_old, |sum| change(sum, worth));
    }

    fn set(&mut self, counter: u8, is_old: bool, change: impl FnOnce(u128) -> u128) {
        match self.sums.binary_search_by_key(&(counter, is_old), |sum| (sum.counter, sum.is_old)) {
            Ok(i) => match change(self.sums[i].amount) {
                0 => {
                    self.sums.remove(i);
                }
                amount => self.sums[i].amount = amount,
            },
            Err(i) => match change(0) {
                0 => {}
                amount => self.sums.insert(i, Sum { counter, is_old, amount }),
            },
        }
    }

    /// What is left of each counter at the newest event: counter and count, ascending, a counter of two epochs twice. `None` for
    /// impressions. A continuous action's count is in milliseconds.
    pub(crate) fn left(&self, half_life_ms: i64) -> impl Iterator<Item = (Option<ActionIndex>, f64)> + '_ {
        // One event at the newest moment is worth 1.
        let one = self.newest.map_or(1.0, |newest| place(newest, half_life_ms).1 as f64);
        let old = EPOCH_WORTH * one;
        self.sums.iter().map(move |sum| {
            let counter = (sum.counter != IMPRESSIONS).then_some(sum.counter);
            (counter, sum.amount as f64 / if sum.is_old { old } else { one })
        })
    }

    /// The counts as of the newest event. `continuous` is counted in seconds.
    pub(crate) fn counts(&self, half_life_ms: i64, continuous: Option<ActionIndex>) -> EngagementCounts {
        let mut counts = EngagementCounts::default();
        self.counts_into(half_life_ms, continuous, &mut counts);
        counts
    }

    /// As [`Self::counts`], in the place of other counts.
    pub(crate) fn counts_into(
        &self,
        half_life_ms: i64,
        continuous: Option<ActionIndex>,
        counts: &mut EngagementCounts,
    ) {
        counts.at = self.newest.unwrap_or_default();
        counts.impressions = 0.0;
        counts.actions.clear();
        for (counter, left) in self.left(half_life_ms) {
            let Some(action) = counter else {
                counts.impressions += left;
                continue;
            };
            let i = usize::from(action);
            if counts.actions.len() <= i {
                counts.actions.resize(i + 1, 0.0);
            }
            counts.actions[i] += if continuous == counter { left / 1_000.0 } else { left };
        }
    }

    pub(crate) fn encode(&self, out: &mut Encoder) {
        out.maybe_time(self.newest).number(self.sums.len() as u64);
        for sum in &self.sums {
            out.byte(sum.counter).flag(sum.is_old).wide(sum.amount);
        }
    }

    pub(crate) fn decode(value: &mut Decoder<'_>) -> Option<Self> {
        let newest = value.maybe_time()?;
        let mut sums = Vec::new();
        for _ in 0..value.number()? {
            sums.push(Sum { counter: value.byte()?, is_old: value.flag()?, amount: value.wide()? });
        }
        Some(Self { newest, sums })
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::HalfLife;
    use proptest::prelude::*;

    use super::*;

    const HALF_LIFE: i64 = 1_000;

    fn steps() -> impl Strategy<Value = Vec<(u8, u64, i64)>> {
        // Across three epochs, and before 1970.
        prop::collection::vec((0u8..4, 1u64..30_000, -40_000i64..60_000), 0..40)
    }

    fn sum(steps: &[(u8, u64, i64)]) -> Fading {
        let mut fading = Fading::default();
        for &(action, amount, at) in steps {
            fading.add(action, amount, TimeMs(at), HALF_LIFE);
        }
        fading
    }

    #[test]
    fn counts_halve() {
        let fading = sum(&[(1, 4, 0), (1, 1, 1_000)]);
        let counts = fading.counts(HALF_LIFE, None);
        assert_eq!((counts.at, counts.actions.as_slice()), (TimeMs(1_000), [0.0, 3.0].as_slice()));
        assert_eq!(fading.counts(HALF_LIFE, Some(1)).actions[1], 0.003);
        let mut fading = fading;
        fading.add_impression(TimeMs(2_000), HALF_LIFE);
        assert_eq!((fading.counts(HALF_LIFE, None).impressions, fading.counts(HALF_LIFE, None).actions[1]), (1.0, 1.5));
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter_and_taking_away_restores(
            steps in steps(), more in steps(), seed in any::<prop::sample::Index>(),
        ) {
            let mut shuffled = steps.clone();
            for i in (1..shuffled.len()).rev() {
                shuffled.swap(i, seed.index(i + 1));
            }
            let known = sum(&steps);
            prop_assert_eq!(&sum(&shuffled), &known);

            let mut both = known.clone();
            for (_, _, at) in &more {
                both.note(TimeMs(*at), HALF_LIFE);
            }
            let noted = both.clone();
            for &(action, amount, at) in &more {
                both.add(action, amount, TimeMs(at), HALF_LIFE);
            }
            let all: Vec<_> = steps.iter().chain(&more).copied().collect();
            prop_assert_eq!(&sum(&all), &both);
            let mut merged = sum(&more);
            merged.merge(&known, HALF_LIFE);
            prop_assert_eq!(&merged, &both);
            for &(action, amount, at) in &more {
                both.take_away(action, amount, TimeMs(at), HALF_LIFE);
            }
            prop_assert_eq!(&both, &noted);

            let mut out = Encoder::default();
            both.encode(&mut out);
            let mut value = Decoder(&out.0);
            prop_assert_eq!(Fading::decode(&mut value), Some(both));
            prop_assert_eq!(value.end(()), Some(()));
        }

        #[test]
        fn it_is_the_sum_of_what_is_left(steps in steps()) {
            let newest = steps.iter().map(|(_, _, at)| *at).max().unwrap_or_default();
            let half_life = HalfLife::seconds(HALF_LIFE / 1_000);
            let counts = sum(&steps).counts(HALF_LIFE, None);
            for action in 0..4 {
                let want: f64 = (steps.iter().filter(|step| step.0 == action))
                    .map(|(_, amount, at)| *amount as f64 * half_life.left_after(newest - at))
                    .sum();
                let found = counts.actions.get(usize::from(action)).copied().unwrap_or_default();
                // Of anything older than an epoch, next to nothing is left.
                let forgotten = steps.iter().map(|(_, amount, _)| *amount as f64).sum::<f64>() * (-EPOCH as f64).exp2();
                prop_assert!((found - want).abs() <= 1e-9 * want + forgotten, "{} {}", found, want);
            }
        }
    }
}
