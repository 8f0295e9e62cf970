//! Attention of a training: many sequences one by one, forward and backward, without a tensor of all pairs.
//!
//! Queries attend to the tokens of a context; a candidate also to itself, by its own key and value. The forward pass keeps one number
//! per query and head, the logarithm of the sum of the exponentials; the backward pass computes the weights again from it, block by block
//! (Dao et al. 2022, FlashAttention, section 3.1).

mod back;
mod forward;
#[cfg(test)]
mod tests;

use pulp::Simd;

pub use back::AttendBack;
pub use forward::AttendForward;

use crate::{Aligned, PANEL, Rows, math, padded};

/// Queries of one head at a time.
const BLOCK: usize = 48;
/// With a cap up to this, `e^logit` can be summed as it is; otherwise the row's maximum is taken off first.
const SAFE_CAP: f32 = 60.0;

/// The heads of rows `[queries H·K | keys G·K | values G·K]`. Queries carry the factor on logits, divided by the cap where there is one.
#[derive(Clone, Copy, Debug)]
pub struct HeadShape {
    /// Query heads H.
    pub heads: usize,
    /// Key and value heads G.
    pub groups: usize,
    /// Width K of a head.
    pub key: usize,
    /// Logits are `cap · tanh(q·k)`, or `q·k`.
    pub cap: Option<f32>,
}

/// Which tokens of the context a query sees.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Query `r` is token `r`: it sees the valid ones up to it, and itself in any case.
    Causal,
    /// Query `r` is token `r`: it sees all valid ones, and itself in any case.
    All,
    /// Query `r` is a candidate: it sees the valid ones of the first `[r]` tokens, and itself by its own key.
    Candidates(&'a [u32]),
}

/// Some queries of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Queries<'a> {
    /// Their first row.
    pub first: usize,
    /// How many there are.
    pub rows: usize,
    /// What they see.
    pub seen: Seen<'a>,
}

/// A sequence: where its tokens are among all rows, and who asks.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// The first token's row.
    pub first: usize,
    /// Tokens of the context.
    pub tokens: usize,
    /// `[padded(tokens)]`: 1 for a valid token, 0 for others and beyond.
    pub mask: &'a [f32],
    /// Who attends to the context.
    pub queries: &'a [Queries<'a>],
}

/// Buffers for one sequence at a time; what they held before does not matter.
#[derive(Debug, Default)]
pub struct AttendScratch {
    keys: Aligned,
    values: Aligned,
    key_rows: Aligned,
    scores: Aligned,
    slopes: Aligned,
    narrow: Aligned,
    key_gradient: Aligned,
    value_gradient: Aligned,
}

impl AttendScratch {
    fn fit(&mut self, tokens: usize, key: usize, back: bool) {
        let (columns, wide) = (padded(tokens), padded(key));
        self.keys.fit(columns * key);
        self.values.fit(columns * wide.max(key));
        self.scores.fit(BLOCK * columns);
        self.narrow.fit(BLOCK * wide);
        if back {
            self.key_rows.fit(columns * wide);
            self.slopes.fit(BLOCK * columns);
            self.key_gradient.fit(columns * wide);
            self.value_gradient.fit(columns * wide);
        }
    }
}

/// Columns of some rows as panels `[key, PANEL]` of [`PANEL`] rows each: their transpose as a right-hand side.
#[inline(always)]
fn pack_transposed(rows: Rows<'_>, count: usize, key: usize, out: &mut [f32]) {
    for (panel, out) in out.chunks_exact_mut(key * PANEL).enumerate().take(count.div_ceil(PANEL)) {
        for j in 0..PANEL.min(count - panel * PANEL) {
            let row = &rows.data[(panel * PANEL + j) * rows.stride..][..key];
            for (slot, x) in out[j..].iter_mut().step_by(PANEL).zip(row) {
                *slot = *x;
            }
        }
    }
}

/// Columns of some rows as panels `[count, PANEL]`: a right-hand side as they are.
#[inline(always)]
fn pack_rows(rows: Rows<'_>, count: usize, key: usize, out: &mut [f32]) {
    for (panel, out) in out.chunks_exact_mut(count * PANEL).enumerate().take(key.div_ceil(PANEL)) {
        let width = PANEL.min(key - panel * PANEL);
        for (r, out) in out.chunks_exact_mut(PANEL).enumerate() {
            out[..width].copy_from_slice(&rows.data[r * rows.stride + panel * PANEL..][..width]);
        }
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// One row of one head, as the softmax sees it.
struct Row<'a> {
    mask: &'a [f32],
    /// Columns seen, and columns of the block.
    seen: usize,
    columns: usize,
    cap: Option<f32>,
    /// The column that is seen in any case.
    itself: Option<usize>,
}

impl Row<'_> {
    /// A function of one number, by way of a vector.
    #[inline(always)]
    fn one<S: Simd>(simd: S, x: f32, f: impl Fn(S, S::f32s) -> S::f32s) -> f32 {
        simd.reduce_max_f32s(f(simd, simd.splat_f32s(x)))
    }

    #[inline(always)]
    fn capped<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        match self.cap {
            Some(cap) => simd.mul_f32s(simd.splat_f32s(cap), math::tanh(simd, x)),
            None => x,
        }
    }

    /// Scores become weights that lack the factor `1/Σ`; with the own score of a candidate, if it has one. Answers the logarithm of the
    /// sum, `1/Σ`, and the own weight.
    #[inline(always)]
    fn weights<S: Simd>(&self, simd: S, scores: &mut [f32], own: Option<f32>) -> (f32, f32, f32) {
        let vectors = self.seen.div_ceil(S::F32_LANES);
        scores[self.seen..vectors * S::F32_LANES].fill(-1e30);
        let itself = self.itself.filter(|&at| self.mask[at] == 0.0);
        let mut alone = itself.map(|at| Self::one(simd, scores[at], |simd, x| self.capped(simd, x)));
        if own.is_some() {
            alone = own.map(|x| Self::one(simd, x, |simd, x| self.capped(simd, x)));
        }
        let mask = S::as_simd_f32s(self.mask).0;
        {
            let scores = &mut S::as_mut_simd_f32s(scores).0[..vectors];
            for x in scores.iter_mut() {
                *x = self.capped(simd, *x);
            }
        }
        let mut shift = 0.0;
        if self.cap.is_none_or(|cap| cap > SAFE_CAP) {
            let (mut most, far) = (simd.splat_f32s(-1e30), simd.splat_f32s(1e30));
            for (&x, &m) in S::as_simd_f32s(scores).0[..vectors].iter().zip(mask) {
                // Valid: x + 0. Masked: far below.
                let open = simd.mul_add_e_f32s(m, far, simd.neg_f32s(far));
                most = simd.max_f32s(most, simd.mul_add_e_f32s(x, m, open));
            }
            shift = simd.reduce_max_f32s(most).max(alone.unwrap_or(-1e30));
        }
        let off = simd.splat_f32s(shift);
        let mut sum = simd.splat_f32s(0.0);
        for (x, &m) in S::as_mut_simd_f32s(scores).0[..vectors].iter_mut().zip(mask) {
            *x = simd.mul_f32s(math::exp(simd, simd.sub_f32s(*x, off)), m);
        }
        scores[self.seen..self.columns.max(vectors * S::F32_LANES)].fill(0.0);
        for &x in &S::as_simd_f32s(scores).0[..vectors] {
            sum = simd.add_f32s(sum, x);
        }
        let alone = alone.map_or(0.0, |x| Self::one(simd, x - shift, |simd, x| math::exp(simd, x)));
        if let Some(at) = itself {
            scores[at] = alone;
        }
        let sum = (simd.reduce_sum_f32s(sum) + alone).max(1e-30);
        (shift + sum.ln(), 1.0 / sum, alone)
    }

    /// A weight and the slope of the score it came from, from the gradient of the weight.
    #[inline(always)]
    fn back<S: Simd>(
        &self,
        simd: S,
        score: S::f32s,
        gradient: S::f32s,
        log_sum: S::f32s,
        mean: S::f32s,
    ) -> (S::f32s, S::f32s) {
        let (logit, slope) = match self.cap {
            Some(cap) => {
                let (cap, bent) = (simd.splat_f32s(cap), math::tanh(simd, score));
                let slope = simd.mul_f32s(cap, simd.sub_f32s(simd.splat_f32s(1.0), simd.mul_f32s(bent, bent)));
                (simd.mul_f32s(cap, bent), slope)
            }
            None => (score, simd.splat_f32s(1.0)),
        };
        let weight = math::exp(simd, simd.sub_f32s(logit, log_sum));
        (weight, simd.mul_f32s(simd.mul_f32s(weight, slope), simd.sub_f32s(gradient, mean)))
    }

    /// As [`Self::back`] of one number.
    #[inline(always)]
    fn back_one<S: Simd>(&self, simd: S, score: f32, gradient: f32, log_sum: f32, mean: f32) -> (f32, f32) {
        let s = |x| simd.splat_f32s(x);
        let (weight, slope) = self.back(simd, s(score), s(gradient), s(log_sum), s(mean));
        (simd.reduce_max_f32s(weight), simd.reduce_max_f32s(slope))
    }

    /// Scores become weights, the gradients of the weights those of the scores.
    #[inline(always)]
    fn weights_back<S: Simd>(&self, simd: S, scores: &mut [f32], gradients: &mut [f32], log_sum: f32, mean: f32) {
        let vectors = self.seen.div_ceil(S::F32_LANES);
        let itself = self.itself.filter(|&at| self.mask[at] == 0.0);
        let alone = itself.map(|at| (at, self.back_one(simd, scores[at], gradients[at], log_sum, mean)));
        let (log_sum, mean) = (simd.splat_f32s(log_sum), simd.splat_f32s(mean));
        let both = S::as_mut_simd_f32s(scores).0[..vectors].iter_mut().zip(S::as_mut_simd_f32s(gradients).0);
        for ((score, gradient), &m) in both.zip(S::as_simd_f32s(self.mask).0) {
            let (weight, slope) = self.back(simd, *score, *gradient, log_sum, mean);
            *score = simd.mul_f32s(weight, m);
            *gradient = simd.mul_f32s(slope, m);
        }
        let end = self.columns.max(vectors * S::F32_LANES);
        scores[self.seen..end].fill(0.0);
        gradients[self.seen..end].fill(0.0);
        if let Some((at, (weight, slope))) = alone {
            (scores[at], gradients[at]) = (weight, slope);
        }
    }
}

impl<'a> Sequence<'a> {
    /// Row `r` of some queries, in a block of `columns` columns.
    #[inline(always)]
    fn row(&self, queries: &Queries<'_>, r: usize, columns: usize, cap: Option<f32>) -> Row<'a> {
        let (seen, itself) = match queries.seen {
            Seen::Causal => (r + 1, Some(r)),
            Seen::All => (self.tokens, Some(r)),
            Seen::Candidates(seen) => ((seen[r] as usize).min(self.tokens), None),
        };
        Row { mask: self.mask, seen, columns, cap, itself }
    }

    /// The columns that queries `first .. first + rows` see at most.
    #[inline(always)]
    fn columns(&self, queries: &Queries<'_>, first: usize, rows: usize) -> usize {
        match queries.seen {
            Seen::Causal => first + rows,
            Seen::All => self.tokens,
            Seen::Candidates(seen) => {
                let most = seen[first..first + rows].iter().copied().max().unwrap_or(0);
                (most as usize).min(self.tokens)
            }
        }
    }
}
