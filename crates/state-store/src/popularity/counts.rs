//! Counts of one post: fading ones for the prior, whole ones for display.

use foryou_types::{ActionIndex, EngagementCounts, HalfLife, TimeMs};

use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table};
use foryou_types::PostId;

/// What happened to one post.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PostCounts {
    /// Fading counts.
    pub(crate) faded: EngagementCounts,
    /// Impressions ever.
    pub(crate) impressions: u64,
    /// Per action times taken and not taken back; may be shorter than the set.
    pub(crate) actions: Vec<u32>,
    /// Whether anyone ever acted on it, taken back or not.
    pub(crate) engaged: bool,
}

impl PostCounts {
    /// No counts, as of the moment of the first event.
    pub(crate) fn starting(at: TimeMs) -> Self {
        Self { faded: EngagementCounts { at, ..EngagementCounts::default() }, ..Self::default() }
    }

    /// The whole count of an action, to change.
    pub(crate) fn action_mut(&mut self, action: ActionIndex) -> &mut u32 {
        let i = usize::from(action);
        if self.actions.len() <= i {
            self.actions.resize(i + 1, 0);
        }
        &mut self.actions[i]
    }

    pub(crate) fn add_impression(&mut self, at: TimeMs, half_life: HalfLife) {
        self.faded.add_impressions(1.0, at, half_life);
        self.impressions = self.impressions.saturating_add(1);
    }
}

pub(crate) fn key(post: PostId) -> Key {
    Key::of(Table::Counts).post(post)
}

/// Only what is not zero is written, so the bytes depend on the counts alone and not on how the vectors grew.
pub(crate) fn encode_faded(counts: &EngagementCounts, out: &mut Encoder) {
    let mask = mask(counts.actions.iter().map(|&n| n != 0.0));
    out.time(counts.at).float(counts.impressions).number(mask);
    for &n in counts.actions.iter().filter(|&&n| n != 0.0) {
        out.float(n);
    }
}

pub(crate) fn decode_faded(value: &mut Decoder<'_>) -> Option<EngagementCounts> {
    let (at, impressions, mask) = (value.time()?, value.float()?, value.number()?);
    let mut actions = vec![0.0; len(mask)];
    for (i, n) in actions.iter_mut().enumerate() {
        if mask >> i & 1 == 1 {
            *n = value.float()?;
        }
    }
    Some(EngagementCounts { at, impressions, actions })
}

pub(crate) fn encode(counts: &PostCounts, out: &mut Encoder) {
    encode_faded(&counts.faded, out);
    let mask = mask(counts.actions.iter().map(|&n| n != 0));
    out.byte(u8::from(counts.engaged)).number(counts.impressions).number(mask);
    for &n in counts.actions.iter().filter(|&&n| n != 0) {
        out.number(u64::from(n));
    }
}

pub(crate) fn decode(mut value: Decoder<'_>) -> Option<PostCounts> {
    let faded = decode_faded(&mut value)?;
    let engaged = value.byte()? != 0;
    let (impressions, mask) = (value.number()?, value.number()?);
    let mut actions = vec![0; len(mask)];
    for (i, n) in actions.iter_mut().enumerate() {
        if mask >> i & 1 == 1 {
            *n = u32::try_from(value.number()?).ok()?;
        }
    }
    value.end(PostCounts { faded, impressions, actions, engaged })
}

fn mask(present: impl Iterator<Item = bool>) -> u64 {
    present.enumerate().fold(0, |mask, (i, present)| mask | u64::from(present) << i)
}

fn len(mask: u64) -> usize {
    (u64::BITS - mask.leading_zeros()) as usize
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
            at: i64,
            faded in proptest::collection::vec(prop_oneof![Just(0.0), 0.0..1e9f64], 0..64),
            actions in proptest::collection::vec(prop_oneof![Just(0u32), any::<u32>()], 0..64),
            impressions: u64,
        ) {
            let faded = EngagementCounts { at: TimeMs(at), impressions: 0.5, actions: faded };
            let counts = PostCounts { faded, impressions, actions, engaged: true };
            let mut out = Encoder::default();
            encode(&counts, &mut out);
            let read = decode(Decoder(&out.0)).unwrap();
            for i in 0..64 {
                prop_assert_eq!(
                    read.faded.actions.get(i).copied().unwrap_or_default().to_bits(),
                    counts.faded.actions.get(i).copied().unwrap_or_default().to_bits()
                );
                prop_assert_eq!(read.actions.get(i).unwrap_or(&0), counts.actions.get(i).unwrap_or(&0));
            }
            let mut again = Encoder::default();
            encode(&read, &mut again);
            prop_assert_eq!(again.0, out.0);
        }
    }
}
