//! The softmax of attention and what surrounds it.
//!
//! A row of scores is `[keys of the context | own key of a candidate | padding]`. Masked weights become exact zeros, which leave every
//! sum's bits as they are, so a row does not depend on how many keys its tile carries beyond those it may see.

use pulp::{Simd, WithSimd};

use super::math;

/// With a cap up to this, `e^logit` can be summed as it is; otherwise the row's maximum is taken off first.
const SAFE_CAP: f32 = 40.0;

/// Scores become weights that still lack the factor `1/Σ`.
pub struct Softmax<'a> {
    /// `[rows, stride]`.
    pub scores: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Columns that row 0 sees, a candidate's own key included; row `r` sees `seen + r · step`.
    pub seen: usize,
    /// How many more columns each next row sees.
    pub step: usize,
    /// Columns whose weights are read afterwards: from where a row's sight ends up to here they become zero.
    pub columns: usize,
    /// `[stride]`: 1 for a valid key, 0 for a masked one.
    pub mask: &'a [f32],
    /// For candidates, `[rows]`: 1, or 0 where the candidate is padding and its own key (the last column seen) is masked.
    pub own: Option<&'a [f32]>,
    /// Cap of the logits.
    pub cap: Option<f32>,
    /// `[rows]`: `1/Σ` (0 weights give 0, not NaN).
    pub inverse: &'a mut [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let zero = simd.splat_f32s(0.0);
        let shifted = self.cap.is_none_or(|cap| cap > SAFE_CAP);
        let mask = S::as_simd_f32s(self.mask).0;
        let rows = self.scores.chunks_exact_mut(self.stride).zip(self.inverse.iter_mut());
        for (r, (row, inverse)) in rows.enumerate() {
            let seen = self.seen + r * self.step;
            let vectors = seen.div_ceil(S::F32_LANES);
            // The values beyond are not logits and must not win the maximum, or the bits would depend on them.
            row[seen..vectors * S::F32_LANES].fill(-1e30);
            let scores = &mut S::as_mut_simd_f32s(row).0[..vectors];
            if let Some(cap) = self.cap {
                let (up, down) = (simd.splat_f32s(cap), simd.splat_f32s(1.0 / cap));
                for x in scores.iter_mut() {
                    *x = simd.mul_f32s(up, math::tanh(simd, simd.mul_f32s(*x, down)));
                }
            }
            let mut shift = zero;
            if shifted {
                let far = simd.splat_f32s(1e30);
                let mut most = simd.splat_f32s(-1e30);
                for (&x, &m) in scores.iter().zip(mask) {
                    // Valid: x + 0. Masked: far below.
                    let open = simd.mul_add_e_f32s(m, far, simd.neg_f32s(far));
                    most = simd.max_f32s(most, simd.mul_add_e_f32s(x, m, open));
                }
                shift = simd.splat_f32s(simd.reduce_max_f32s(most));
            }
            for (x, &m) in scores.iter_mut().zip(mask) {
                *x = simd.mul_f32s(math::exp(simd, simd.sub_f32s(*x, shift)), m);
            }
            row[seen..self.columns.max(vectors * S::F32_LANES)].fill(0.0);
            if let Some(own) = self.own {
                row[seen - 1] *= own[r];
            }
            let mut sum = zero;
            for &x in &S::as_simd_f32s(row).0[..vectors] {
                sum = simd.add_f32s(sum, x);
            }
            *inverse = 1.0 / simd.reduce_sum_f32s(sum).max(1e-30);
        }
    }
}

/// A candidate's logit on itself, `q · k`, written behind the context's keys.
pub struct OwnLogits<'a> {
    /// `[rows, stride]`: queries, keys and values.
    pub qkv: &'a [f32],
    /// Stride of those rows.
    pub qkv_stride: usize,
    /// Where the query of this head starts in a row.
    pub query: usize,
    /// Where the key of this head starts in a row.
    pub key: usize,
    /// Width of a head.
    pub width: usize,
    /// `[rows, score_stride]`.
    pub scores: &'a mut [f32],
    /// Stride of the rows of scores.
    pub score_stride: usize,
    /// The column written.
    pub column: usize,
}

impl WithSimd for OwnLogits<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.qkv.chunks_exact(self.qkv_stride).zip(self.scores.chunks_exact_mut(self.score_stride));
        for (qkv, scores) in rows {
            let (q, k) = (&qkv[self.query..][..self.width], &qkv[self.key..][..self.width]);
            let mut sums = [0.0f32; 8];
            let ((q, q_rest), (k, k_rest)) = (q.as_chunks::<8>(), k.as_chunks::<8>());
            for (q, k) in q.iter().zip(k) {
                for i in 0..8 {
                    sums[i] += q[i] * k[i];
                }
            }
            for ((sum, q), k) in sums.iter_mut().zip(q_rest).zip(k_rest) {
                *sum += q * k;
            }
            let [a, b, c, d, e, f, g, h] = sums;
            scores[self.column] = ((a + e) + (c + g)) + ((b + f) + (d + h));
        }
    }
}

/// The last step of a head: `out = (out + own weight · own value) / Σ`.
pub struct Combine<'a> {
    /// `[rows, stride]`, this head's columns first.
    pub out: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Width of a head.
    pub width: usize,
    /// `[rows]`.
    pub inverse: &'a [f32],
    /// Candidates' own weights and values.
    pub own: Option<OwnValues<'a>>,
}

/// Where a candidate's own weight and value are.
pub struct OwnValues<'a> {
    /// `[rows, score_stride]`.
    pub scores: &'a [f32],
    /// Stride of the rows of scores.
    pub score_stride: usize,
    /// Column of the own weight.
    pub column: usize,
    /// `[rows, value_stride]`.
    pub values: &'a [f32],
    /// Stride of the rows of values.
    pub value_stride: usize,
    /// Where the value starts in a row.
    pub value: usize,
}

impl WithSimd for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (r, &inverse) in self.inverse.iter().enumerate() {
            let out = &mut self.out[r * self.stride..][..self.width];
            if let Some(own) = &self.own {
                let weight = own.scores[r * own.score_stride + own.column];
                let value = &own.values[r * own.value_stride + own.value..][..self.width];
                for (out, value) in out.iter_mut().zip(value) {
                    *out = (*out + weight * value) * inverse;
                }
            } else {
                for x in out {
                    *x *= inverse;
                }
            }
        }
    }
}
