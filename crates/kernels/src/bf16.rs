//! Matrix products of bf16 values with f32 sums.
//!
//! Both sides are rounded to bf16 (8 bits of mantissa, the range of f32). Where the machine has tile products of bf16 (AMX) they are
//! computed by those; elsewhere by the product in f32 of the rounded values, which differs only in the rounding of the sums, and takes as
//! long as f32. The 512-bit instruction for registers (`vdpbf16ps`) is not used: on the machines with AMX it takes twice as long as f32.

use pulp::{Simd, WithSimd};

#[cfg(target_arch = "x86_64")]
use crate::bf16_tiles::Tiles;
use crate::{Kernels, Packed, Rows, RowsMut};

/// A matrix `[depth, columns]` in bf16.
#[derive(Clone, Debug)]
pub struct Bf16Packed(Form);

#[derive(Clone, Debug)]
enum Form {
    #[cfg(target_arch = "x86_64")]
    Tiles(Tiles),
    /// The rounded values in f32.
    Rounded { depth: usize, matrix: Packed },
}

/// Rows in bf16: room that is used again.
#[derive(Debug, Default)]
pub struct Bf16Input {
    /// Pairs of values, for tiles.
    pub(crate) pairs: Vec<[u16; 2]>,
    /// The rounded values in f32, where there are no tiles.
    rounded: Vec<f32>,
}

/// The nearest bf16, ties to even; NaN stays NaN.
#[inline(always)]
pub(crate) fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
    if x.is_nan() { 0x7fc0 } else { rounded }
}

#[inline(always)]
fn from_bf16(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

impl Bf16Packed {
    /// Packs `value(row, column)` for these kernels.
    pub fn new(kernels: Kernels, depth: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiles) = Tiles::new(kernels, depth, columns, &value) {
            return Self(Form::Tiles(tiles));
        }
        let _ = kernels;
        let matrix = Packed::new(depth, columns, |k, c| from_bf16(to_bf16(value(k, c))));
        Self(Form::Rounded { depth, matrix })
    }

    /// The product of `rows` rows of `a` with this matrix, into `c` (padded columns included).
    pub fn multiply(&self, kernels: Kernels, rows: usize, a: Rows<'_>, input: &mut Bf16Input, c: RowsMut<'_>) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Form::Tiles(tiles) => tiles.multiply(rows, a, &mut input.pairs, c),
            Form::Rounded { depth, matrix } => {
                if input.rounded.len() < rows * depth {
                    input.rounded.resize(rows * depth, 0.0);
                }
                kernels.run(Round { a, rows, depth: *depth, out: &mut input.rounded });
                let rounded = Rows { data: &input.rounded, stride: *depth };
                kernels.run(matrix.product(rows, rounded, c));
            }
        }
    }
}

/// Rows rounded to bf16, as f32.
struct Round<'a> {
    a: Rows<'a>,
    rows: usize,
    depth: usize,
    out: &'a mut [f32],
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for r in 0..self.rows {
            let row = &self.a.data[r * self.a.stride..][..self.depth];
            for (out, &x) in self.out[r * self.depth..][..self.depth].iter_mut().zip(row) {
                *out = from_bf16(to_bf16(x));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};
    use proptest::prelude::*;

    use super::*;
    use crate::padded;

    #[test]
    fn rounding_is_to_the_nearest_and_keeps_what_is_not_finite() {
        // The step above 1; ties go to the even one.
        let step = 1.0 / 128.0;
        for (x, expected) in [(0.0, 0.0), (0.4, 0.0), (0.5, 0.0), (0.6, 1.0), (1.5, 2.0), (2.5, 2.0)] {
            let (x, expected) = (1.0 + x * step, 1.0 + expected * step);
            assert_eq!((from_bf16(to_bf16(x)), from_bf16(to_bf16(-x))), (expected, -expected));
        }
        assert!(from_bf16(to_bf16(f32::from_bits(0x7fff_ffff))).is_nan());
        assert_eq!(from_bf16(to_bf16(f32::NEG_INFINITY)), f32::NEG_INFINITY);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_shape_is_the_sum_of_the_rounded_values(
            rows in 1usize..40,
            depth in 0usize..150,
            columns in 1usize..100,
            seed in any::<u64>(),
        ) {
            let mut rng = SplitMix64::fork(seed, "bf16");
            let mut normal = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>();
            let (stride, out) = (depth + 3, padded(columns));
            let (a, b) = (normal(rows * stride), normal(depth * columns));
            for kernels in [Kernels::native(), Kernels::Portable] {
                let packed = Bf16Packed::new(kernels, depth, columns, |k, c| b[k * columns + c]);
                // Room that held something else before: NaN.
                let mut input = Bf16Input { pairs: vec![[0x7fc0; 2]; 9_000], rounded: vec![f32::NAN; 9_000] };
                let mut run = |rows: usize, a: &[f32]| {
                    let mut c = vec![f32::NAN; rows * out];
                    let (a, c_rows) = (Rows { data: a, stride }, RowsMut { data: &mut c, stride: out });
                    packed.multiply(kernels, rows, a, &mut input, c_rows);
                    c
                };
                let all = run(rows, &a);
                for r in 0..rows {
                    for (n, &got) in all[r * out..][..out].iter().enumerate() {
                        let term = |k: usize| {
                            let b = if n < columns { b[k * columns + n] } else { 0.0 };
                            f64::from(from_bf16(to_bf16(a[r * stride + k]))) * f64::from(from_bf16(to_bf16(b)))
                        };
                        let (sum, size) = (0..depth).map(term).fold((0.0, 0.0), |(s, m), t| (s + t, m + t.abs()));
                        prop_assert!((f64::from(got) - sum).abs() <= 2e-6 * size + 1e-30, "({}, {})", r, n);
                    }
                    // A row alone has the same bits as among others.
                    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    prop_assert_eq!(bits(&run(1, &a[r * stride..])), bits(&all[r * out..][..out]));
                }
            }
        }
    }
}
