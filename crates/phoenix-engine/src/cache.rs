//! Keys and values of a context, per layer and head.

use crate::weights::Sizes;
use kernels::{Aligned, PANEL, Rows, padded};

/// Keys (rotated, transposed into panels) and values of a sequence of tokens, for every layer.
///
/// Per layer and head, the keys are panels `[K, PANEL]` of [`PANEL`] tokens each, and the values panels `[capacity, PANEL]` of
/// [`PANEL`] columns each: both are right-hand sides of a product as they are.
#[derive(Clone, Debug)]
pub(crate) struct KeyValues {
    /// Tokens held.
    pub(crate) tokens: usize,
    /// Room for the tokens and a candidate's own key, padded: the stride of a row of scores.
    pub(crate) capacity: usize,
    groups: usize,
    key: usize,
    keys: Aligned,
    values: Aligned,
    /// `[capacity]`: 1 for a valid token, 0 for a masked one, and 1 behind the tokens for a candidate's own key.
    pub(crate) mask: Aligned,
}

impl KeyValues {
    /// Room for this many tokens, all valid at first.
    pub(crate) fn new(sizes: &Sizes, layers: usize, tokens: usize) -> Self {
        let capacity = padded(tokens + 1);
        let heads = layers * sizes.groups;
        let mut mask = Aligned::zeros(capacity);
        mask[..=tokens].fill(1.0);
        Self {
            tokens,
            capacity,
            groups: sizes.groups,
            key: sizes.key,
            keys: Aligned::zeros(heads * capacity * sizes.key),
            values: Aligned::zeros(heads * capacity * padded(sizes.key)),
            mask,
        }
    }

    /// The first `kept` tokens of this one, with room for `tokens`.
    pub(crate) fn with_room(&self, sizes: &Sizes, layers: usize, kept: usize, tokens: usize) -> Self {
        let mut grown = Self::new(sizes, layers, tokens);
        grown.mask[..kept].copy_from_slice(&self.mask[..kept]);
        let panels = kept.next_multiple_of(PANEL) * self.key;
        let (from, to) = (self.capacity * self.key, grown.capacity * self.key);
        for (old, new) in self.keys.chunks_exact(from).zip(grown.keys.chunks_exact_mut(to)) {
            // Keys behind the kept ones in the last panel are overwritten, or beyond every row's sight.
            new[..panels].copy_from_slice(&old[..panels]);
        }
        let (from, to) = (self.capacity * PANEL, grown.capacity * PANEL);
        for (old, new) in self.values.chunks_exact(from).zip(grown.values.chunks_exact_mut(to)) {
            new[..kept * PANEL].copy_from_slice(&old[..kept * PANEL]);
        }
        grown
    }

    /// Memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        (self.keys.len() + self.values.len() + self.mask.len()) * size_of::<f32>()
    }

    /// Says which of the tokens from `first` on may be attended to.
    pub(crate) fn set_valid(&mut self, first: usize, valid: impl Fn(usize) -> bool) {
        for (i, mask) in self.mask[..self.tokens].iter_mut().enumerate().skip(first) {
            *mask = if valid(i) { 1.0 } else { 0.0 };
        }
    }

    /// Keys of a layer's head: panels of `K · PANEL`.
    pub(crate) fn keys(&self, layer: usize, group: usize) -> &[f32] {
        let size = self.capacity * self.key;
        &self.keys[(layer * self.groups + group) * size..][..size]
    }

    /// Values of a layer's head: panels of [`Self::value_panel`].
    pub(crate) fn values(&self, layer: usize, group: usize) -> &[f32] {
        let size = self.capacity * padded(self.key);
        &self.values[(layer * self.groups + group) * size..][..size]
    }

    /// Distance of two panels of values.
    pub(crate) const fn value_panel(&self) -> usize {
        self.capacity * PANEL
    }

    /// Takes in the keys and values of tokens `first ..` of a layer from rows that start with their keys `[G·K]`, followed by their
    /// values `[G·K]`.
    pub(crate) fn store(&mut self, layer: usize, first: usize, rows: usize, kv: Rows<'_>) {
        let (key, width) = (self.key, padded(self.key));
        for r in 0..rows {
            let (token, kv) = (first + r, &kv.data[r * kv.stride..][..2 * self.groups * key]);
            let (keys, values) = kv.split_at(self.groups * key);
            for group in 0..self.groups {
                let head = layer * self.groups + group;
                let at = head * self.capacity * key + token / PANEL * PANEL * key + token % PANEL;
                for (k, &x) in keys[group * key..][..key].iter().enumerate() {
                    self.keys[at + k * PANEL] = x;
                }
                let at = head * self.capacity * width + token * PANEL;
                for (p, part) in values[group * key..][..key].chunks(PANEL).enumerate() {
                    self.values[at + p * self.capacity * PANEL..][..part.len()].copy_from_slice(part);
                }
            }
        }
    }
}
