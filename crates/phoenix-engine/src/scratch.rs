//! Buffers that threads keep between calls.

use std::cell::Cell;

use crate::matrix::Inputs;
use crate::weights::Sizes;
use kernels::{Aligned, padded};

/// What a tile of rows needs on its way through a model. What a buffer held before never matters.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Rows of the tile.
    pub(crate) rows: usize,
    /// Looked-up rows, `[rows, input width]`.
    pub(crate) input: Aligned,
    /// The residual stream, `[rows, stride]`.
    pub(crate) x: Aligned,
    /// Normed rows, then the output of a sub-layer, `[rows, stride]`.
    pub(crate) normed: Aligned,
    /// `[rows, qkv stride]`.
    pub(crate) qkv: Aligned,
    /// `[rows, attended stride]`.
    pub(crate) attended: Aligned,
    /// `[rows, 2·half]`, also the tower's hidden rows and the logits.
    pub(crate) hidden: Aligned,
    /// `[rows, keys]`.
    pub(crate) scores: Aligned,
    /// `1/Σ` of each row's weights, `[rows]`.
    pub(crate) inverse: Aligned,
    /// 1 for a candidate, 0 for padding, `[rows]`.
    pub(crate) valid: Aligned,
    /// The left-hand side of a product at its precision.
    pub(crate) inputs: Inputs,
}

impl Scratch {
    /// Makes room for `rows` rows of inputs of `input` values, against `keys` keys (padded).
    pub(crate) fn fit(&mut self, sizes: &Sizes, rows: usize, input: usize, keys: usize) {
        self.rows = rows;
        self.input.fit(rows * input);
        self.x.fit(rows * sizes.stride);
        self.normed.fit(rows * sizes.stride);
        self.qkv.fit(rows * sizes.qkv);
        self.attended.fit(rows * sizes.attended);
        self.hidden.fit(rows * (2 * sizes.half).max(padded(2 * sizes.width)).max(padded(sizes.actions)));
        self.scores.fit(rows * keys);
        self.inverse.fit(rows);
        self.valid.fit(rows);
    }
}

thread_local! {
    static KEPT: Cell<Vec<Scratch>> = const { Cell::new(Vec::new()) };
}

/// Lends `count` of the thread's buffers. A nested call (a thread that waits for others may take up another tile) gets fresh ones.
pub(crate) fn with_scratch<R>(count: usize, f: impl FnOnce(&mut [Scratch]) -> R) -> R {
    let mut kept = KEPT.take();
    if kept.len() < count {
        kept.resize_with(count, Scratch::default);
    }
    let result = f(&mut kept[..count]);
    KEPT.set(kept);
    result
}
