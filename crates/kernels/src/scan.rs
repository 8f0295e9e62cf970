//! Dot products of one query with many stored rows.

use pulp::{Simd, WithSimd};

/// `out[r] = query · rows[r]`.
pub struct Scan<'a> {
    /// `[stride]`, zero-padded.
    pub query: &'a [f32],
    /// `[out.len(), stride]`, zero-padded.
    pub rows: &'a [f32],
    /// `[rows]`.
    pub out: &'a mut [f32],
}

impl WithSimd for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        /// Rows at a time: enough independent chains to hide the latency of one.
        const R: usize = 8;
        let query = S::as_simd_f32s(self.query).0;
        let stride = self.query.len();
        let mut out = self.out.chunks_exact_mut(R);
        let mut rows = self.rows.chunks_exact(R * stride);
        for (out, rows) in (&mut out).zip(&mut rows) {
            let rows: [&[S::f32s]; R] =
                std::array::from_fn(|r| &S::as_simd_f32s(&rows[r * stride..][..stride]).0[..query.len()]);
            let mut sums = [simd.splat_f32s(0.0); R];
            for (i, &q) in query.iter().enumerate() {
                for r in 0..R {
                    sums[r] = simd.mul_add_e_f32s(rows[r][i], q, sums[r]);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = simd.reduce_sum_f32s(sum);
            }
        }
        for (out, row) in out.into_remainder().iter_mut().zip(rows.remainder().chunks_exact(stride)) {
            let mut sum = simd.splat_f32s(0.0);
            for (&x, &q) in S::as_simd_f32s(row).0.iter().zip(query) {
                sum = simd.mul_add_e_f32s(x, q, sum);
            }
            *out = simd.reduce_sum_f32s(sum);
        }
    }
}
