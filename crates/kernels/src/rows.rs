//! Element-wise kernels over rows: norms, residual sums, gates.

use pulp::{Simd, WithSimd};

use super::math;

/// `1/√(mean of squares + eps)` of a row of `width` values in a zero-padded slice.
#[inline(always)]
pub(super) fn scale<S: Simd>(simd: S, row: &[S::f32s], width: usize, eps: f32) -> f32 {
    // Two chains hide half of the latency; which value goes to which chain follows from its place alone.
    let mut sums = [simd.splat_f32s(0.0); 2];
    for (i, &x) in row.iter().enumerate() {
        sums[i % 2] = simd.mul_add_e_f32s(x, x, sums[i % 2]);
    }
    let mean = simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1])) / width as f32;
    1.0 / (mean + eps).sqrt()
}

/// RMSNorm without its gain, which is folded into the matrix that follows: `out = x / rms(x)`.
pub struct Normalise<'a> {
    /// `[rows, stride]`.
    pub x: &'a [f32],
    /// `[rows, stride]`.
    pub out: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Values of a row that count; the rest are zeros.
    pub width: usize,
    /// Added to the mean square.
    pub eps: f32,
    /// `[rows]`, where the backward pass needs it: `1 / rms(x)`.
    pub inverse: Option<&'a mut [f32]>,
}

impl WithSimd for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.x.chunks_exact(self.stride).zip(self.out.chunks_exact_mut(self.stride));
        for (r, (x, out)) in rows.enumerate() {
            let x = S::as_simd_f32s(x).0;
            let factor = scale(simd, x, self.width, self.eps);
            if let Some(inverse) = &mut self.inverse {
                inverse[r] = factor;
            }
            let factor = simd.splat_f32s(factor);
            for (out, &x) in S::as_mut_simd_f32s(out).0.iter_mut().zip(x) {
                *out = simd.mul_f32s(x, factor);
            }
        }
    }
}

/// The residual sum after a sub-layer: `x += y / rms(y) · gain`.
pub struct AddNormalised<'a> {
    /// `[rows, stride]`.
    pub x: &'a mut [f32],
    /// `[rows, stride]`.
    pub y: &'a [f32],
    /// `[stride]`, zero-padded.
    pub gain: &'a [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Values of a row that count; the rest are zeros.
    pub width: usize,
    /// Added to the mean square.
    pub eps: f32,
}

impl WithSimd for AddNormalised<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let gain = S::as_simd_f32s(self.gain).0;
        for (x, y) in self.x.chunks_exact_mut(self.stride).zip(self.y.chunks_exact(self.stride)) {
            let y = S::as_simd_f32s(y).0;
            let factor = simd.splat_f32s(scale(simd, y, self.width, self.eps));
            for ((x, &y), &gain) in S::as_mut_simd_f32s(x).0.iter_mut().zip(y).zip(gain) {
                *x = simd.mul_add_e_f32s(simd.mul_f32s(y, factor), gain, *x);
            }
        }
    }
}

/// The gated GELU: rows `[gate | value]` become `[gelu(gate) · value | value]`.
pub struct Gate<'a> {
    /// `[rows, 2·half]`.
    pub x: &'a mut [f32],
    /// Stride of the gate's columns.
    pub half: usize,
}

impl WithSimd for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in self.x.chunks_exact_mut(2 * self.half) {
            let (gate, value) = row.split_at_mut(self.half);
            for (gate, &value) in S::as_mut_simd_f32s(gate).0.iter_mut().zip(S::as_simd_f32s(value).0) {
                *gate = simd.mul_f32s(math::gelu(simd, *gate), value);
            }
        }
    }
}

/// `x = silu(x)` over a slice whose length is a multiple of the panel.
pub struct Silu<'a>(pub &'a mut [f32]);

impl WithSimd for Silu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for x in S::as_mut_simd_f32s(self.0).0 {
            *x = math::silu(simd, *x);
        }
    }
}
