//! Matrix products with packed right-hand sides.

use pulp::{Simd, WithSimd};

use super::{Aligned, PANEL};

/// A matrix `[depth, columns]` as panels of [`PANEL`] columns, each panel `[depth, PANEL]`, zero-padded.
#[derive(Clone, Debug)]
pub struct Packed {
    data: Aligned,
    depth: usize,
    panels: usize,
}

impl Packed {
    /// Packs `value(row, column)`.
    pub fn new(depth: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let panels = columns.div_ceil(PANEL);
        let mut data = Aligned::zeros(panels * depth * PANEL);
        if depth > 0 {
            for (p, panel) in data.chunks_exact_mut(depth * PANEL).enumerate() {
                for (k, row) in panel.chunks_exact_mut(PANEL).enumerate() {
                    for (j, slot) in row.iter_mut().enumerate().take(columns - p * PANEL) {
                        *slot = value(k, p * PANEL + j);
                    }
                }
            }
        }
        Self { data, depth, panels }
    }

    /// No matrix yet: [`Self::shape`] gives it one.
    pub const fn empty() -> Self {
        Self { data: Aligned::empty(), depth: 0, panels: 0 }
    }

    /// Makes it a matrix `[depth, columns]` of zeros, unless it has that shape already: then it stays as it is.
    pub fn shape(&mut self, depth: usize, columns: usize) {
        let panels = columns.div_ceil(PANEL);
        if (self.depth, self.panels) != (depth, panels) {
            self.data = Aligned::zeros(panels * depth * PANEL);
            (self.depth, self.panels) = (depth, panels);
        }
    }

    /// Writes a block `[rows, columns]` times `factor`, its first value at (`row`, `column`); with `gain` `[rows]` every row times its own.
    pub fn write(
        &mut self,
        row: usize,
        column: usize,
        columns: usize,
        block: &[f32],
        gain: Option<&[f32]>,
        factor: f32,
    ) {
        for (r, values) in block.chunks_exact(columns).enumerate() {
            let factor = gain.map_or(factor, |gain| factor * gain[r]);
            let (mut at, mut values) = (column, values);
            while !values.is_empty() {
                let (now, rest) = values.split_at(values.len().min(PANEL - at % PANEL));
                let start = (at / PANEL * self.depth + row + r) * PANEL + at % PANEL;
                for (slot, x) in self.data[start..start + now.len()].iter_mut().zip(now) {
                    *slot = factor * x;
                }
                (at, values) = (at + now.len(), rest);
            }
        }
    }

    /// As [`Self::write`] of the transpose of a block: the block's first row becomes a column, and `gain` is of the matrix's columns.
    pub fn write_transposed(
        &mut self,
        row: usize,
        column: usize,
        columns: usize,
        block: &[f32],
        gain: Option<&[f32]>,
        factor: f32,
    ) {
        for (r, values) in block.chunks_exact(columns).enumerate() {
            let factor = gain.map_or(factor, |gain| factor * gain[r]);
            let at = column + r;
            let start = (at / PANEL * self.depth + row) * PANEL + at % PANEL;
            for (slot, x) in self.data[start..].iter_mut().step_by(PANEL).zip(values) {
                *slot = factor * x;
            }
        }
    }

    /// The product of `rows` rows of `a` with this matrix, into `c` (padded columns included).
    pub fn product<'a>(&'a self, rows: usize, a: Rows<'a>, c: RowsMut<'a>) -> Gemm<'a> {
        let panel_stride = self.depth * PANEL;
        Gemm { rows, a, depth: self.depth, b: &self.data, panel_stride, panels: self.panels, c, add: false }
    }
}

/// Rows of a buffer: where the first starts is where the slice starts.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The rows, one after the other.
    pub data: &'a [f32],
    /// From the start of a row to that of the next.
    pub stride: usize,
}

/// Rows of a buffer to write to.
pub struct RowsMut<'a> {
    /// The rows, one after the other.
    pub data: &'a mut [f32],
    /// From the start of a row to that of the next.
    pub stride: usize,
}

/// `c[r, n] = Σ_k a[r, k] · b[k, n]`, every sum from `k = 0` upwards in one chain.
pub struct Gemm<'a> {
    /// Rows of `a` and `c`.
    pub rows: usize,
    /// `[rows, depth]`.
    pub a: Rows<'a>,
    /// Columns of `a`: the length of the sums.
    pub depth: usize,
    /// Panels of `[depth, PANEL]`, each `panel_stride` after the one before.
    pub b: &'a [f32],
    /// From the start of a panel to that of the next.
    pub panel_stride: usize,
    /// Panels of `b`.
    pub panels: usize,
    /// `[rows, panels · PANEL]`: whole panels are written.
    pub c: RowsMut<'a>,
    /// Whether the product is added to what `c` holds.
    pub add: bool,
}

impl WithSimd for Gemm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The micro-kernel's shape fills the registers: rows × vectors accumulators, the vectors of `b`, one broadcast.
        match (S::F32_LANES, S::REGISTER_COUNT) {
            (16, _) => self.tiled::<S, 12, 2, 2>(simd),
            (8, _) => self.tiled::<S, 6, 2, 4>(simd),
            (4, 32) => self.tiled::<S, 6, 4, 8>(simd),
            (4, _) => self.tiled::<S, 3, 4, 8>(simd),
            _ => self.tiled::<S, 4, 8, { PANEL }>(simd),
        }
    }
}

impl Gemm<'_> {
    /// `R` rows by `V` vectors at a time; a panel's row is `P` vectors.
    #[inline(always)]
    fn tiled<S: Simd, const R: usize, const V: usize, const P: usize>(mut self, simd: S) {
        debug_assert_eq!(P * S::F32_LANES, PANEL);
        for panel in 0..self.panels {
            let b = &self.b[panel * self.panel_stride..][..self.depth * PANEL];
            let b = S::as_simd_f32s(b).0.as_chunks::<P>().0;
            for part in 0..P / V {
                let column = panel * PANEL + part * V * S::F32_LANES;
                let mut row = 0;
                while self.rows - row >= R {
                    self.micro::<S, R, V, P>(simd, row, b, part, column);
                    row += R;
                }
                if R > 6 && self.rows - row >= 6 {
                    self.micro::<S, 6, V, P>(simd, row, b, part, column);
                    row += 6;
                }
                if R > 4 && self.rows - row >= 4 {
                    self.micro::<S, 4, V, P>(simd, row, b, part, column);
                    row += 4;
                }
                while self.rows - row >= 2 {
                    self.micro::<S, 2, V, P>(simd, row, b, part, column);
                    row += 2;
                }
                if self.rows > row {
                    self.micro::<S, 1, V, P>(simd, row, b, part, column);
                }
            }
        }
    }

    #[inline(always)]
    fn micro<S: Simd, const R: usize, const V: usize, const P: usize>(
        &mut self,
        simd: S,
        row: usize,
        b: &[[S::f32s; P]],
        part: usize,
        column: usize,
    ) {
        let a: [&[f32]; R] = std::array::from_fn(|r| &self.a.data[(row + r) * self.a.stride..][..b.len()]);
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for (k, b) in b.iter().enumerate() {
            let b = b.as_chunks::<V>().0[part];
            for r in 0..R {
                let a = simd.splat_f32s(a[r][k]);
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
                c[v] = if self.add { simd.add_f32s(c[v], sums[v]) } else { sums[v] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};
    use proptest::prelude::*;
    use pulp::Scalar;

    use super::*;
    use crate::{Kernels, padded};

    /// Runs a product in vectors of 16 on a machine that may only have 8, so that the shapes for AVX-512 are tested everywhere.
    fn in_sixteens(gemm: Gemm<'_>) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(v3) = pulp::x86::V3::try_new() {
            pulp::x86::V3_512b(v3).vectorize(gemm);
            return true;
        }
        let _ = gemm;
        false
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_shape_is_the_sum_in_f64(rows in 1usize..40, depth in 0usize..70, columns in 1usize..100, seed in any::<u64>()) {
            let mut rng = SplitMix64::fork(seed, "gemm");
            let mut normal = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>();
            let (stride, out) = (depth + 3, padded(columns));
            let (a, b) = (normal(rows * stride), normal(depth * columns));
            let packed = Packed::new(depth, columns, |k, c| b[k * columns + c]);
            let run = |way: u8, rows: usize, a: &[f32]| {
                let mut c = vec![f32::NAN; rows * out];
                let gemm = packed.product(rows, Rows { data: a, stride }, RowsMut { data: &mut c, stride: out });
                let ran = match way {
                    0 => { Kernels::native().run(gemm); true }
                    1 => { Scalar::new().vectorize(gemm); true }
                    _ => in_sixteens(gemm),
                };
                ran.then_some(c)
            };
            for way in 0..3 {
                let Some(c) = run(way, rows, &a) else { continue };
                for r in 0..rows {
                    for (n, &got) in c[r * out..][..out].iter().enumerate() {
                        let term = |k: usize| f64::from(a[r * stride + k]) * f64::from(b[k * columns + n]);
                        let expected: f64 = if n < columns { (0..depth).map(term).sum() } else { 0.0 };
                        prop_assert!((f64::from(got) - expected).abs() < 1e-4, "way {}, ({}, {})", way, r, n);
                    }
                    // A row alone has the same bits as among others.
                    let alone = run(way, 1, &a[r * stride..]).unwrap_or_default();
                    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    prop_assert_eq!(bits(&alone), bits(&c[r * out..][..out]));
                }
            }
        }
    }
}
