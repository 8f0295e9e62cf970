//! Counts of one post: fading ones for the prior, whole ones for display.

use foryou_types::{ActionIndex, PostId, TimeMs};

use super::fading::Fading;
use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table};

/// What happened to one post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PostCounts {
    /// Fading counts.
    pub(crate) fading: Fading,
    /// Impressions ever.
    pub(crate) impressions: u64,
    /// Per action, the number of people whose action stands; for a continuous action, how often it was taken. May be shorter than the
    /// set.
    pub(crate) actions: Vec<u32>,
}

impl PostCounts {
    /// The whole count of an action, mutable.
    fn action_mut(&mut self, action: ActionIndex) -> &mut u32 {
        let i = usize::from(action);
        if self.actions.len() <= i {
            self.actions.resize(i + 1, 0);
        }
        &mut self.actions[i]
    }

    /// Whether anyone's action on it stands.
    pub(crate) fn is_engaged(&self) -> bool {
        self.actions.iter().any(|&n| n != 0)
    }

    /// Adds one action.
    pub(crate) fn count(&mut self, action: ActionIndex) {
        let whole = self.action_mut(action);
        *whole = whole.saturating_add(1);
    }

    /// Removes one action.
    pub(crate) fn uncount(&mut self, action: ActionIndex) {
        let whole = self.action_mut(action);
        *whole = whole.saturating_sub(1);
    }

    pub(crate) fn add_impression(&mut self, at: TimeMs, half_life_ms: i64) {
        self.fading.add_impression(at, half_life_ms);
        self.impressions = self.impressions.saturating_add(1);
    }

    /// Adds other counts.
    pub(crate) fn merge(&mut self, other: &Self, half_life_ms: i64) {
        self.fading.merge(&other.fading, half_life_ms);
        self.impressions = self.impressions.saturating_add(other.impressions);
        for (action, &n) in (0..).zip(&other.actions) {
            let whole = self.action_mut(action);
            *whole = whole.saturating_add(n);
        }
    }
}

pub(crate) fn key(post: PostId) -> Key {
    Key::of(Table::Counts).post(post)
}

/// Only what is not zero is written, so the bytes depend on the counts alone and not on how the vectors grew.
pub(crate) fn encode(counts: &PostCounts, out: &mut Encoder) {
    counts.fading.encode(out);
    let mask = counts.actions.iter().enumerate().fold(0, |mask, (i, &n)| mask | u64::from(n != 0) << i);
    out.number(counts.impressions).number(mask);
    for &n in counts.actions.iter().filter(|&&n| n != 0) {
        out.number(u64::from(n));
    }
}

pub(crate) fn decode(mut value: Decoder<'_>) -> Option<PostCounts> {
    let fading = Fading::decode(&mut value)?;
    let (impressions, mask) = (value.number()?, value.number()?);
    let mut actions = vec![0; (u64::BITS - mask.leading_zeros()) as usize];
    for (i, n) in actions.iter_mut().enumerate() {
        if mask >> i & 1 == 1 {
            *n = u32::try_from(value.number()?).ok()?;
        }
    }
    value.end(PostCounts { fading, impressions, actions })
}

impl Applier<'_, '_> {
    pub(crate) fn read_counts(&mut self, post: PostId) -> Result<Option<PostCounts>, StateError> {
        self.tx.read(&key(post), decode)
    }

    pub(crate) fn write_counts(&mut self, post: PostId, counts: &PostCounts) {
        self.tx.put(key(post), |out| encode(counts, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_keep_their_value_and_their_bytes(
            at in -1_000_000i64..1_000_000,
            actions in proptest::collection::vec(prop_oneof![Just(0u32), any::<u32>()], 0..64),
            impressions: u64,
        ) {
            let mut fading = Fading::default();
            fading.add_impression(TimeMs(at), 1_000);
            fading.add(3, 700, TimeMs(at), 1_000);
            let counts = PostCounts { fading, impressions, actions };
            let mut out = Encoder::default();
            encode(&counts, &mut out);
            let read = decode(Decoder(&out.0)).unwrap();
            prop_assert_eq!(&read.fading, &counts.fading);
            for i in 0..64 {
                prop_assert_eq!(read.actions.get(i).unwrap_or(&0), counts.actions.get(i).unwrap_or(&0));
            }
            let mut again = Encoder::default();
            encode(&read, &mut again);
            prop_assert_eq!(again.0, out.0);
        }
    }
}
