//! Products over the rows of two matrices: the gradients of weights.

use pulp::{Simd, WithSimd};

use super::{PANEL, Rows, RowsMut};

/// `c[k, n] += Σ_t a[t, k] · b[t, n]`: with inputs `a` and the gradient `b` of the outputs, the gradient of the matrix between them.
///
/// The sum of a call runs from `t = 0` upwards in one chain and is added to `c` once.
pub struct Outer<'a> {
    /// Rows of `a` and `b`: the length of the sums.
    pub depth: usize,
    /// `[depth, rows]`.
    pub a: Rows<'a>,
    /// Columns of `a`, rows of `c`.
    pub rows: usize,
    /// `[depth, panels · PANEL]`.
    pub b: Rows<'a>,
    /// Panels of columns of `b` and `c`.
    pub panels: usize,
    /// `[rows, panels · PANEL]`.
    pub c: RowsMut<'a>,
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.depth == 0 {
            return;
        }
        match (S::F32_LANES, S::REGISTER_COUNT) {
            (16, _) => self.tiled::<S, 12, 2, 2>(simd),
            (8, _) => self.tiled::<S, 6, 2, 4>(simd),
            (4, 32) => self.tiled::<S, 6, 4, 8>(simd),
            (4, _) => self.tiled::<S, 3, 4, 8>(simd),
            _ => self.tiled::<S, 4, 8, { PANEL }>(simd),
        }
    }
}

impl Outer<'_> {
    /// `R` rows by `V` vectors at a time; a panel's row is `P` vectors.
    #[inline(always)]
    fn tiled<S: Simd, const R: usize, const V: usize, const P: usize>(mut self, simd: S) {
        debug_assert_eq!(P * S::F32_LANES, PANEL);
        for part in 0..self.panels * (P / V) {
            let column = part * V * S::F32_LANES;
            let mut row = 0;
            while self.rows - row >= R {
                self.micro::<S, R, V>(simd, row, column);
                row += R;
            }
            if R > 8 && self.rows - row >= 8 {
                self.micro::<S, 8, V>(simd, row, column);
                row += 8;
            }
            if R > 4 && self.rows - row >= 4 {
                self.micro::<S, 4, V>(simd, row, column);
                row += 4;
            }
            while self.rows - row >= 2 {
                self.micro::<S, 2, V>(simd, row, column);
                row += 2;
            }
            if self.rows > row {
                self.micro::<S, 1, V>(simd, row, column);
            }
        }
    }

    #[inline(always)]
    fn micro<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, column: usize) {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        let (a, b) = (&self.a.data[row..], &self.b.data[column..]);
        for t in 0..self.depth {
            let a: &[f32] = &a[t * self.a.stride..][..R];
            let b = &S::as_simd_f32s(&b[t * self.b.stride..][..V * S::F32_LANES]).0[..V];
            for r in 0..R {
                let a = simd.splat_f32s(a[r]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_e_f32s(a, b[v], sums[r][v]);
                }
            }
        }
        let mut c = self.c.data[row * self.c.stride + column..].chunks_mut(self.c.stride);
        for sums in sums {
            let Some(c) = c.next() else { return };
            let c = &mut S::as_mut_simd_f32s(&mut c[..V * S::F32_LANES]).0[..V];
            for v in 0..V {
                c[v] = simd.add_f32s(c[v], sums[v]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::ways;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_shape_adds_the_sum_in_f64(depth in 0usize..40, rows in 1usize..40, panels in 1usize..4, seed in any::<u64>()) {
            let mut rng = SplitMix64::fork(seed, "outer");
            let mut normal = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>();
            let (width, a_stride) = (panels * PANEL, rows + 3);
            let (a, b, c) = (normal(depth * a_stride), normal(depth * width), normal(rows * width));
            for way in ways() {
                let mut got = c.clone();
                let (a, b) = (Rows { data: &a, stride: a_stride }, Rows { data: &b, stride: width });
                way.run(Outer { depth, a, rows, b, panels, c: RowsMut { data: &mut got, stride: width } });
                for (i, got) in got.iter().enumerate() {
                    let (k, n) = (i / width, i % width);
                    let term = |t: usize| f64::from(a.data[t * a_stride + k]) * f64::from(b.data[t * width + n]);
                    let expected = f64::from(c[i]) + (0..depth).map(term).sum::<f64>();
                    prop_assert!((f64::from(*got) - expected).abs() < 1e-4, "{:?} ({}, {})", way, k, n);
                }
            }
        }
    }
}
