//! Many stored rows as i8, to find out cheaply which of them can be near a query.
//!
//! A row is `scale · i8`, symmetric, with the largest magnitude at 127; a query likewise. Their product in integers is exact, and what
//! rounding took from row and query bounds how far it is from the product of the f32 values: with `x = s·q + r` and `y = t·p + d`,
//! `|x·y − s·t·(q·p)| ≤ |r|·|y| + |s·q|·|d|` (Cauchy-Schwarz). So a row whose bound is below the k-th best cannot be among the best k.

use pulp::{Simd, WithSimd};

use crate::Kernels;
#[cfg(target_arch = "x86_64")]
use crate::x86::Vnni;

/// Rows of a block: the 32-bit lanes of an AVX-512 register.
pub const BLOCK_ROWS: usize = 16;

/// Values of a row that one instruction multiplies and adds.
const GROUP: usize = 4;

/// Longest rows whose sums cannot overflow: `255 · 127 · 65,536 < 2^31`.
const LONGEST: usize = 65_536;

/// What the factors below are rounded up by: more than a few roundings of f32 take.
const UP: f64 = 1.000_001;

/// One group of values of each row of a block, a cache line. They are stored as `value + 128`, because the instruction multiplies
/// unsigned by signed.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; BLOCK_ROWS * GROUP]);

/// What the rows of a block need to become estimates, `[BLOCK_ROWS]` each.
#[derive(Clone, Copy, Debug)]
struct Block {
    scale: [f32; BLOCK_ROWS],
    /// Length of what rounding took from the row.
    residual: [f32; BLOCK_ROWS],
    /// Length of what is stored of the row.
    length: [f32; BLOCK_ROWS],
}

/// Products of a query with the rows of a block: each is within `error` of `middle`, also after the roundings of an f32 sum. What
/// is not finite says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimates {
    /// The product of the i8 values, scaled.
    pub middle: [f32; BLOCK_ROWS],
    /// How far it can be from the product of the f32 values.
    pub error: [f32; BLOCK_ROWS],
}

/// Rows of one width as i8, in blocks of [`BLOCK_ROWS`]; rows that were not set are zero.
#[derive(Clone, Debug)]
pub struct Int8Rows {
    width: usize,
    /// `[blocks, groups of the width]`.
    lines: Vec<Line>,
    blocks: Vec<Block>,
}

/// A query as i8.
#[derive(Clone, Debug)]
pub struct Int8Query {
    /// The values in groups, zero-padded.
    groups: Vec<[i8; GROUP]>,
    scale: f32,
    /// `128 · Σ values`: what the stored rows' 128 adds to a sum.
    excess: i32,
    /// Factors of a row's residual and length in its error.
    of_residual: f32,
    of_length: f32,
}

/// `values` as i8: the scale, and the values one by one. All of them zero gives scale 0.
fn quantised(values: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let scale = values.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0;
    // In f64, because the inverse of a very small scale is not finite in f32.
    let inverse = if scale > 0.0 { 1.0 / f64::from(scale) } else { 0.0 };
    (scale, values.iter().map(move |&x| (f64::from(x) * inverse).round().clamp(-127.0, 127.0) as i8))
}

/// Lengths of what is stored of `values` and of what rounding took, rounded up.
fn lengths(values: &[f32], scale: f32, stored: impl Iterator<Item = i8>) -> (f64, f64) {
    let (mut kept, mut lost) = (0.0f64, 0.0f64);
    for (&x, q) in values.iter().zip(stored) {
        let y = f64::from(scale) * f64::from(q);
        kept += y * y;
        lost += (f64::from(x) - y).powi(2);
    }
    (kept.sqrt() * UP, lost.sqrt() * UP)
}

impl Int8Rows {
    /// No rows yet, of `width` values; `None` for a width whose sums could overflow (above 65,536).
    pub fn new(width: usize) -> Option<Self> {
        (width <= LONGEST).then_some(Self { width, lines: Vec::new(), blocks: Vec::new() })
    }

    fn groups(&self) -> usize {
        self.width.div_ceil(GROUP)
    }

    /// Blocks so far.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Sets a row. Rows before it that were never set are zero. A value that is not finite makes the row's error not finite.
    pub fn set(&mut self, row: usize, values: &[f32]) {
        let (block, lane, groups) = (row / BLOCK_ROWS, row % BLOCK_ROWS, self.groups());
        if self.blocks.len() <= block {
            let zero = Block { scale: [0.0; 16], residual: [0.0; 16], length: [0.0; 16] };
            self.blocks.resize(block + 1, zero);
            self.lines.resize((block + 1) * groups, Line([128; BLOCK_ROWS * GROUP]));
        }
        let (scale, stored) = quantised(values);
        let mut kept = Vec::with_capacity(self.width);
        kept.extend(stored);
        let lines = &mut self.lines[block * groups..][..groups];
        for (line, values) in lines.iter_mut().zip(kept.chunks(GROUP)) {
            for (to, value) in line.0[lane * GROUP..].iter_mut().zip(values) {
                *to = (*value as u8) ^ 0x80;
            }
        }
        let (length, residual) = lengths(values, scale, kept.into_iter());
        let block = &mut self.blocks[block];
        block.scale[lane] = scale;
        block.length[lane] = length as f32;
        block.residual[lane] = residual as f32;
    }

    /// Estimates the products of a query with the rows of `out.len()` blocks from block `first` on. The same on every machine.
    pub fn estimate(&self, kernels: Kernels, query: &Int8Query, first: usize, out: &mut [Estimates]) {
        let groups = self.groups();
        let lines = &self.lines[first * groups..][..out.len() * groups];
        let work = Estimate { query, groups, lines, blocks: &self.blocks[first..][..out.len()], out };
        if let Kernels::Native(_) = kernels {
            #[cfg(target_arch = "x86_64")]
            if let Some(vnni) = Vnni::detect() {
                return vnni.estimate(work);
            }
        }
        kernels.run(work);
    }
}

impl Int8Query {
    /// A query for rows of its width; `None` if it tells no rows apart: it is zero, has a value that is not finite, or is too long to
    /// measure.
    pub fn new(values: &[f32]) -> Option<Self> {
        let square: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
        let length = square.sqrt();
        if !(length > 0.0 && length <= f64::from(f32::MAX)) {
            return None;
        }
        let (scale, stored) = quantised(values);
        let stored: Vec<i8> = stored.collect();
        let (kept, lost) = lengths(values, scale, stored.iter().copied());
        let mut groups = vec![[0; GROUP]; values.len().div_ceil(GROUP)];
        groups.as_flattened_mut()[..stored.len()].copy_from_slice(&stored);
        // An f32 sum of n products is off by at most n roundings of 2^-24 of each magnitude; twice that, and the estimate's own.
        let sums = (values.len() as f64 + 16.0) * f64::from(f32::EPSILON);
        Some(Self {
            groups,
            scale,
            excess: 128 * stored.iter().map(|&q| i32::from(q)).sum::<i32>(),
            of_residual: (length * (1.0 + sums) * UP) as f32,
            of_length: ((lost + (length + kept) * sums) * UP) as f32,
        })
    }

    #[inline(always)]
    fn estimates(&self, block: &Block, dots: [i32; BLOCK_ROWS]) -> Estimates {
        let Block { scale, residual, length } = block;
        Estimates {
            middle: std::array::from_fn(|r| (dots[r] - self.excess) as f32 * (scale[r] * self.scale)),
            // The last term: products too small for f32.
            error: std::array::from_fn(|r| {
                (residual[r] * self.of_residual + length[r] * self.of_length) * 1.000_001 + 1e-35
            }),
        }
    }
}

/// The estimates of many blocks.
pub(crate) struct Estimate<'a> {
    query: &'a Int8Query,
    groups: usize,
    lines: &'a [Line],
    blocks: &'a [Block],
    out: &'a mut [Estimates],
}

impl Estimate<'_> {
    /// All blocks, by a function that multiplies: `Σ line · query` for every row of a block, the rows' 128 included.
    #[inline(always)]
    pub(crate) fn each(self, dots: impl Fn(&[Line], &[[i8; GROUP]]) -> [i32; BLOCK_ROWS]) {
        for (b, (out, block)) in self.out.iter_mut().zip(self.blocks).enumerate() {
            *out = self.query.estimates(block, dots(&self.lines[b * self.groups..][..self.groups], &self.query.groups));
        }
    }
}

impl WithSimd for Estimate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.each(dots);
    }
}

/// The safe twin of `x86::dots`.
#[inline(always)]
fn dots(lines: &[Line], query: &[[i8; GROUP]]) -> [i32; BLOCK_ROWS] {
    let mut sums = [0; BLOCK_ROWS];
    for (line, query) in lines.iter().zip(query) {
        for (sum, values) in sums.iter_mut().zip(line.0.as_chunks::<GROUP>().0) {
            for (&value, &q) in values.iter().zip(query) {
                *sum += i32::from(value) * i32::from(q);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};
    use proptest::prelude::*;

    use super::*;

    fn estimates(kernels: Kernels, rows: &Int8Rows, query: &Int8Query) -> Vec<Estimates> {
        let mut out = vec![Estimates::default(); rows.blocks()];
        rows.estimate(kernels, query, 0, &mut out);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_product_is_within_its_error_on_every_instruction_set(
            width in 1usize..200,
            count in 1usize..70,
            exponent in -30i32..16,
            seed in any::<u64>(),
        ) {
            let mut rng = SplitMix64::fork(seed, "int8");
            let unit = 2f64.powi(exponent);
            let mut vector = |spread: f64| (0..width).map(|_| (rng.normal() * spread) as f32).collect::<Vec<_>>();
            let query = vector(3.0);
            let vectors: Vec<_> = (0..count).map(|_| vector(unit)).collect();
            let mut rows = Int8Rows::new(width).unwrap();
            for (i, v) in vectors.iter().enumerate().rev() {
                rows.set(i, v);
            }
            let query8 = Int8Query::new(&query).unwrap();
            let native = estimates(Kernels::native(), &rows, &query8);
            prop_assert_eq!(&native, &estimates(Kernels::Portable, &rows, &query8));
            for (i, v) in vectors.iter().enumerate() {
                let exact: f64 = v.iter().zip(&query).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                let in_f32: f32 = v.iter().zip(&query).map(|(x, y)| x * y).sum();
                let (middle, error) = (native[i / 16].middle[i % 16], native[i / 16].error[i % 16]);
                for product in [exact, f64::from(in_f32)] {
                    prop_assert!((product - f64::from(middle)).abs() <= f64::from(error), "row {}: {} {}", i, middle, error);
                }
                // The bound is of use: a few percent of the product of the lengths.
                let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
                prop_assert!(f64::from(error) <= 0.04 * length(v) * length(&query) + 1e-30, "row {}: {}", i, error);
            }
        }
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        let mut rows = Int8Rows::new(LONGEST).unwrap();
        assert!(Int8Rows::new(LONGEST + 1).is_none());
        rows.set(0, &vec![1.0; LONGEST]);
        rows.set(1, &vec![-1.0; LONGEST]);
        let query = Int8Query::new(&vec![1.0; LONGEST]).unwrap();
        for kernels in [Kernels::native(), Kernels::Portable] {
            let found = estimates(kernels, &rows, &query)[0];
            assert!((found.middle[0] - 65_536.0).abs() < 0.1 && (found.middle[1] + 65_536.0).abs() < 0.1);
            assert_eq!(found.middle[2..], [0.0; 14]);
        }
    }

    #[test]
    fn what_is_not_finite_says_so() {
        assert!(Int8Query::new(&[0.0, 0.0]).is_none());
        assert!(Int8Query::new(&[1.0, f32::NAN]).is_none());
        assert!(Int8Query::new(&[f32::MAX, f32::MAX]).is_none());
        let query = Int8Query::new(&[1.0, 2.0]).unwrap();
        let mut rows = Int8Rows::new(2).unwrap();
        rows.set(0, &[f32::INFINITY, 1.0]);
        rows.set(1, &[1.0, 1.0]);
        let found = estimates(Kernels::native(), &rows, &query)[0];
        assert!(!found.error[0].is_finite());
        assert!((found.middle[1] - 3.0).abs() <= found.error[1]);
    }
}
