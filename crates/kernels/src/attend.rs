//! Attention of a training: many sequences one by one, forward and backward, without a tensor of all pairs.
//!
//! Queries attend to the tokens of a context; a candidate also to itself, by its own key and value. The forward pass keeps one number
//! per query and head, the logarithm of the sum of the exponentials; the backward pass computes the weights again from it, block by block
//! (Dao et al. 2022, FlashAttention, section 3.1).

use pulp::{Simd, WithSimd};

use super::{Aligned, Gemm, Outer, PANEL, Rows, RowsMut, math, padded};

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

/// The attention of one sequence.
pub struct AttendForward<'a> {
    /// The heads.
    pub shape: HeadShape,
    /// The sequence.
    pub sequence: Sequence<'a>,
    /// All rows `[queries | keys | values]`, rotated.
    pub qkv: Rows<'a>,
    /// All rows `[H·K]`; those of the sequence's queries are written.
    pub out: RowsMut<'a>,
    /// `[all rows, H]`: the logarithms of the sums; those of the sequence's queries are written.
    pub log_sums: &'a mut [f32],
    /// Buffers.
    pub scratch: &'a mut AttendScratch,
}

impl WithSimd for AttendForward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let HeadShape { heads, groups, key, cap } = self.shape;
        let (tokens, stride) = (self.sequence.tokens, padded(self.sequence.tokens));
        let (qkv, row) = (self.qkv, self.qkv.stride);
        self.scratch.fit(tokens, key, false);
        let AttendScratch { keys, values, scores, narrow, .. } = self.scratch;
        let part = |column: usize| Rows { data: &qkv.data[self.sequence.first * row + column..], stride: row };
        for group in 0..groups {
            pack_transposed(part((heads + group) * key), tokens, key, keys);
            pack_rows(part((heads + groups + group) * key), tokens, key, values);
            for queries in self.sequence.queries {
                for first in (0..queries.rows).step_by(BLOCK) {
                    let rows = BLOCK.min(queries.rows - first);
                    let columns = self.sequence.columns(queries, first, rows);
                    for head in heads / groups * group..heads / groups * (group + 1) {
                        let at = queries.first + first;
                        let asked = Rows { data: &qkv.data[at * row + head * key..], stride: row };
                        Gemm {
                            rows,
                            a: asked,
                            depth: key,
                            b: keys,
                            panel_stride: key * PANEL,
                            panels: columns.div_ceil(PANEL),
                            c: RowsMut { data: scores, stride },
                            add: false,
                        }
                        .with_simd(simd);
                        let candidates = matches!(queries.seen, Seen::Candidates(_));
                        let mut inverse = [0.0; BLOCK];
                        let mut own = [0.0; BLOCK];
                        for r in 0..rows {
                            let z = candidates.then(|| {
                                let all = &qkv.data[(at + r) * row..];
                                dot(&all[head * key..][..key], &all[(heads + group) * key..][..key])
                            });
                            let one = self.sequence.row(queries, first + r, columns, cap);
                            let log_sum;
                            (log_sum, inverse[r], own[r]) = one.weights(simd, &mut scores[r * stride..][..stride], z);
                            self.log_sums[(at + r) * heads + head] = log_sum;
                        }
                        Gemm {
                            rows,
                            a: Rows { data: scores, stride },
                            depth: columns,
                            b: values,
                            panel_stride: tokens * PANEL,
                            panels: key.div_ceil(PANEL),
                            c: RowsMut { data: narrow, stride: padded(key) },
                            add: false,
                        }
                        .with_simd(simd);
                        for r in 0..rows {
                            let mixed = &narrow[r * padded(key)..][..key];
                            let value = &qkv.data[(at + r) * row + (heads + groups + group) * key..][..key];
                            let out = &mut self.out.data[(at + r) * self.out.stride + head * key..][..key];
                            let own = if candidates { own[r] } else { 0.0 };
                            for ((out, mixed), value) in out.iter_mut().zip(mixed).zip(value) {
                                *out = (mixed + own * value) * inverse[r];
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The gradient through [`AttendForward`].
pub struct AttendBack<'a> {
    /// The heads.
    pub shape: HeadShape,
    /// The sequence.
    pub sequence: Sequence<'a>,
    /// All rows `[queries | keys | values]`, rotated. A panel of slack stands behind the last row.
    pub qkv: Rows<'a>,
    /// All rows of the output.
    pub out: Rows<'a>,
    /// All rows of the output's gradient. A panel of slack stands behind the last row.
    pub out_gradient: Rows<'a>,
    /// `[all rows, H]`.
    pub log_sums: &'a [f32],
    /// All rows of the gradient of `qkv`: written are the queries', keys' and values' columns of the sequence's queries, and the keys' and
    /// values' columns of its tokens.
    pub gradient: RowsMut<'a>,
    /// Buffers.
    pub scratch: &'a mut AttendScratch,
}

impl WithSimd for AttendBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let HeadShape { heads, groups, key, cap } = self.shape;
        let (tokens, stride, wide) = (self.sequence.tokens, padded(self.sequence.tokens), padded(key));
        let (qkv, row) = (self.qkv, self.qkv.stride);
        self.scratch.fit(tokens, key, true);
        let AttendScratch { keys, values, key_rows, scores, slopes, narrow, key_gradient, value_gradient } =
            self.scratch;
        let part = |column: usize| Rows { data: &qkv.data[self.sequence.first * row + column..], stride: row };
        for group in 0..groups {
            let (key_at, value_at) = ((heads + group) * key, (heads + groups + group) * key);
            pack_transposed(part(key_at), tokens, key, keys);
            pack_transposed(part(value_at), tokens, key, values);
            pack_rows(part(key_at), tokens, key, key_rows);
            key_gradient[..tokens * wide].fill(0.0);
            value_gradient[..tokens * wide].fill(0.0);
            for queries in self.sequence.queries {
                let candidates = matches!(queries.seen, Seen::Candidates(_));
                for first in (0..queries.rows).step_by(BLOCK) {
                    let rows = BLOCK.min(queries.rows - first);
                    let columns = self.sequence.columns(queries, first, rows);
                    let at = queries.first + first;
                    if candidates {
                        for r in at..at + rows {
                            let gradient = &mut self.gradient.data[r * self.gradient.stride..];
                            gradient[key_at..key_at + key].fill(0.0);
                            gradient[value_at..value_at + key].fill(0.0);
                        }
                    }
                    for head in heads / groups * group..heads / groups * (group + 1) {
                        let asked = Rows { data: &qkv.data[at * row + head * key..], stride: row };
                        let d_out = self.out_gradient;
                        let d_out = Rows { data: &d_out.data[at * d_out.stride + head * key..], stride: d_out.stride };
                        for (a, b, c) in [(asked, &*keys, &mut *scores), (d_out, &*values, &mut *slopes)] {
                            Gemm {
                                rows,
                                a,
                                depth: key,
                                b,
                                panel_stride: key * PANEL,
                                panels: columns.div_ceil(PANEL),
                                c: RowsMut { data: c, stride },
                                add: false,
                            }
                            .with_simd(simd);
                        }
                        let mut own = [(0.0, 0.0); BLOCK];
                        for r in 0..rows {
                            let out = &self.out.data[(at + r) * self.out.stride + head * key..][..key];
                            let d_out = &d_out.data[r * d_out.stride..][..key];
                            let mean = dot(out, d_out);
                            let log_sum = self.log_sums[(at + r) * heads + head];
                            let one = self.sequence.row(queries, first + r, columns, cap);
                            if candidates {
                                let all = &qkv.data[(at + r) * row..];
                                let z = dot(&all[head * key..][..key], &all[key_at..][..key]);
                                let slope = dot(d_out, &all[value_at..][..key]);
                                own[r] = one.back_one(simd, z, slope, log_sum, mean);
                            }
                            let scores = &mut scores[r * stride..][..stride];
                            one.weights_back(simd, scores, &mut slopes[r * stride..][..stride], log_sum, mean);
                        }
                        Gemm {
                            rows,
                            a: Rows { data: slopes, stride },
                            depth: columns,
                            b: key_rows,
                            panel_stride: tokens * PANEL,
                            panels: wide / PANEL,
                            c: RowsMut { data: narrow, stride: wide },
                            add: false,
                        }
                        .with_simd(simd);
                        for (a, b, c) in
                            [(&*slopes, asked, &mut *key_gradient), (&*scores, d_out, &mut *value_gradient)]
                        {
                            Outer {
                                depth: rows,
                                a: Rows { data: a, stride },
                                rows: columns,
                                b,
                                panels: wide / PANEL,
                                c: RowsMut { data: c, stride: wide },
                            }
                            .with_simd(simd);
                        }
                        for r in 0..rows {
                            let all = &qkv.data[(at + r) * row..];
                            let gradient = &mut self.gradient.data[(at + r) * self.gradient.stride..];
                            gradient[head * key..][..key].copy_from_slice(&narrow[r * wide..][..key]);
                            if candidates {
                                let (weight, slope) = own[r];
                                for k in 0..key {
                                    gradient[head * key + k] += slope * all[key_at + k];
                                    gradient[key_at + k] += slope * all[head * key + k];
                                    gradient[value_at + k] += weight * d_out.data[r * d_out.stride + k];
                                }
                            }
                        }
                    }
                }
            }
            for (t, (k, v)) in
                key_gradient.chunks_exact(wide).zip(value_gradient.chunks_exact(wide)).enumerate().take(tokens)
            {
                let gradient = &mut self.gradient.data[(self.sequence.first + t) * self.gradient.stride..];
                gradient[key_at..][..key].copy_from_slice(&k[..key]);
                gradient[value_at..][..key].copy_from_slice(&v[..key]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};

    use super::*;
    use crate::testing::ways;

    /// A sequence of 53 tokens and 51 candidates, so that blocks and panels end in the middle.
    const TOKENS: usize = 53;
    const CANDIDATES: usize = 51;
    const ROWS: usize = TOKENS + CANDIDATES;

    struct Case {
        shape: HeadShape,
        causal: bool,
        /// Masked tokens.
        hidden: &'static [usize],
    }

    fn cases() -> [Case; 4] {
        let shape = HeadShape { heads: 4, groups: 2, key: 8, cap: Some(3.0) };
        [
            Case { shape, causal: true, hidden: &[0, 7] },
            Case { shape, causal: false, hidden: &[5, 50] },
            Case { shape: HeadShape { cap: None, ..shape }, causal: true, hidden: &[0, 1, 2] },
            Case { shape: HeadShape { heads: 1, groups: 1, key: 34, cap: Some(90.0) }, causal: true, hidden: &[] },
        ]
    }

    impl Case {
        fn seen(&self, row: usize, token: usize) -> bool {
            let valid = !self.hidden.contains(&token);
            match row.checked_sub(TOKENS) {
                None => row == token || valid && (!self.causal || token <= row),
                Some(candidate) => valid && token < cutoff(candidate),
            }
        }

        /// The output `[rows, H·K]` in f64, for queries whose factor is in them.
        fn output(&self, qkv: &[f64], stride: usize) -> Vec<f64> {
            let HeadShape { heads, groups, key, cap } = self.shape;
            let mut out = vec![0.0; ROWS * heads * key];
            for row in 0..ROWS {
                for head in 0..heads {
                    let group = head / (heads / groups);
                    let part = |row: usize, at: usize| &qkv[row * stride + at * key..][..key];
                    let logit = |token: usize| {
                        let z: f64 = part(row, head).iter().zip(part(token, heads + group)).map(|(q, k)| q * k).sum();
                        cap.map_or(z, |cap| f64::from(cap) * z.tanh())
                    };
                    let keys = (0..TOKENS).filter(|&token| self.seen(row, token)).chain((row >= TOKENS).then_some(row));
                    let weights: Vec<(usize, f64)> = keys.map(|token| (token, logit(token).exp())).collect();
                    let sum: f64 = weights.iter().map(|(_, w)| w).sum();
                    for (token, weight) in weights {
                        for (i, v) in part(token, heads + groups + group).iter().enumerate() {
                            out[(row * heads + head) * key + i] += weight / sum * v;
                        }
                    }
                }
            }
            out
        }
    }

    fn cutoff(candidate: usize) -> usize {
        candidate * 7 % (TOKENS + 3)
    }

    #[test]
    fn outputs_and_gradients_are_those_of_f64() {
        for (number, case) in cases().into_iter().enumerate() {
            let HeadShape { heads, groups, key, .. } = case.shape;
            let (width, wide) = ((heads + 2 * groups) * key, heads * key);
            let stride = padded(width);
            let mut rng = SplitMix64::new(number as u64);
            let mut normal = |n: usize| (0..n).map(|_| 0.5 * rng.normal() as f32).collect::<Vec<_>>();
            let (qkv, d_out) = (normal(ROWS * stride + PANEL), normal(ROWS * wide + PANEL));
            let exact: Vec<f64> = qkv.iter().map(|&x| f64::from(x)).collect();
            let expected = case.output(&exact, stride);
            let loss = |qkv: &[f64]| -> f64 {
                case.output(qkv, stride).iter().zip(&d_out).map(|(o, &d)| o * f64::from(d)).sum()
            };
            let mut mask = vec![0.0; padded(TOKENS)];
            (0..TOKENS).for_each(|token| mask[token] = if case.hidden.contains(&token) { 0.0 } else { 1.0 });
            let seen: Vec<u32> = (0..CANDIDATES).map(|candidate| cutoff(candidate) as u32).collect();
            let own = if case.causal { Seen::Causal } else { Seen::All };
            let queries = [
                Queries { first: 0, rows: TOKENS, seen: own },
                Queries { first: TOKENS, rows: CANDIDATES, seen: Seen::Candidates(&seen) },
            ];
            let sequence = Sequence { first: 0, tokens: TOKENS, mask: &mask, queries: &queries };
            for way in ways() {
                let mut scratch = AttendScratch::default();
                let (mut out, mut log_sums) = (vec![0.0; ROWS * wide], vec![0.0; ROWS * heads]);
                way.run(AttendForward {
                    shape: case.shape,
                    sequence,
                    qkv: Rows { data: &qkv, stride },
                    out: RowsMut { data: &mut out, stride: wide },
                    log_sums: &mut log_sums,
                    scratch: &mut scratch,
                });
                for (i, (o, e)) in out.iter().zip(&expected).enumerate() {
                    assert!((f64::from(*o) - e).abs() < 1e-5, "case {number}, {way:?}, output {i}: {o} for {e}");
                }
                let mut gradient = vec![f32::NAN; ROWS * stride];
                way.run(AttendBack {
                    shape: case.shape,
                    sequence,
                    qkv: Rows { data: &qkv, stride },
                    out: Rows { data: &out, stride: wide },
                    out_gradient: Rows { data: &d_out, stride: wide },
                    log_sums: &log_sums,
                    gradient: RowsMut { data: &mut gradient, stride },
                    scratch: &mut scratch,
                });
                // Every 61st value: central differences cost two passes each.
                for at in (0..ROWS * stride).step_by(61).filter(|at| at % stride < width) {
                    let moved = |by: f64| {
                        let mut moved = exact.clone();
                        moved[at] += by;
                        loss(&moved)
                    };
                    let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    let got = f64::from(gradient[at]);
                    assert!(
                        (got - slope).abs() < 2e-5 * slope.abs().max(1.0),
                        "case {number}, {way:?}, gradient {at}: {got} for {slope}"
                    );
                }
            }
        }
    }
}
