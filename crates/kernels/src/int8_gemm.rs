//! Matrix products of i8 values with i32 sums.
//!
//! A row of the left-hand side becomes `scale · i8` when it is multiplied, each column of the right-hand side when it is packed. The sums
//! of integers are exact, so a product has the same bits on every machine, and a row's do not depend on the rows beside it.

use pulp::{Simd, WithSimd};

#[cfg(target_arch = "x86_64")]
use crate::amx::{Amx, ByTiles, Operands};
#[cfg(target_arch = "x86_64")]
use crate::x86::Vnni;
use crate::{Kernels, PANEL, Rows, RowsMut};

/// Values that one instruction multiplies and adds.
pub(crate) const GROUP: usize = 4;

/// Rows of a tile of the widest instructions, and groups of one step in depth. Rows and panels are padded to whole tiles.
pub(crate) const TILE_ROWS: usize = 16;
pub(crate) const TILE_GROUPS: usize = 16;

/// Adding and subtracting it rounds to a whole number, ties to even; its sum with a small one has that number in its low bits.
const ROUNDER: f32 = 12_582_912.0;

/// Sums deeper than this could overflow: `255 · 127 · 65,536 < 2^31`, and as much again for the 128 that is taken off.
const DEEPEST: usize = 32_768;

/// Values of half a panel's columns for one group of the depth, a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [i8; PANEL / 2 * GROUP]);

/// The two lines of a panel for one group of the depth.
pub(crate) type PanelLines = [Line; 2];

/// A matrix `[depth, columns]` as i8, each column with its scale, in panels of [`PANEL`] columns.
#[derive(Clone, Debug)]
pub struct Int8Packed {
    depth: usize,
    panels: Vec<Panel>,
}

/// [`PANEL`] columns.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// `[depth in groups]`, whole tiles of them.
    pub(crate) lines: Vec<PanelLines>,
    /// 0 for columns of zeros, and beyond the last.
    scales: [f32; PANEL],
    /// What the 128 added to the left-hand side adds to each column's sum.
    excess: [i32; PANEL],
}

/// Groups that a depth takes, in whole tiles.
fn groups(depth: usize) -> usize {
    depth.div_ceil(GROUP).next_multiple_of(TILE_GROUPS)
}

/// Rows as i8: room that is used again.
#[derive(Debug, Default)]
pub struct Int8Input {
    /// `[rows, depth in groups]`, as `value + 128`, because the instruction multiplies unsigned by signed.
    values: Vec<[u8; GROUP]>,
    /// `[rows]`.
    scales: Vec<f32>,
}

impl Int8Packed {
    /// Packs `value(row, column)`. `None` for a matrix so deep that sums could overflow (above 32,768).
    pub fn new(depth: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Option<Self> {
        if depth > DEEPEST {
            return None;
        }
        let panels = (0..columns.div_ceil(PANEL)).map(|p| {
            let zero = [Line([0; PANEL / 2 * GROUP]); 2];
            let mut panel = Panel { lines: vec![zero; groups(depth)], scales: [0.0; PANEL], excess: [0; PANEL] };
            for j in 0..PANEL.min(columns - p * PANEL) {
                let column = p * PANEL + j;
                let most = (0..depth).map(|k| value(k, column).abs()).fold(0.0, f32::max);
                if most == 0.0 {
                    continue;
                }
                panel.scales[j] = most / 127.0;
                for k in 0..depth {
                    let q = (f64::from(value(k, column)) * 127.0 / f64::from(most)).round() as i8;
                    let line = &mut panel.lines[k / GROUP][j / (PANEL / 2)];
                    line.0[j % (PANEL / 2) * GROUP + k % GROUP] = q;
                    panel.excess[j] += 128 * i32::from(q);
                }
            }
            panel
        });
        Some(Self { depth, panels: panels.collect() })
    }

    /// The product of `rows` rows of `a` with this matrix, into `c` (padded columns included). A row with a value that is not finite gives
    /// values that are not.
    pub fn multiply(&self, kernels: Kernels, rows: usize, a: Rows<'_>, input: &mut Int8Input, c: RowsMut<'_>) {
        let work = self.work(rows, a, input, c);
        if let Kernels::Native(_) = kernels {
            #[cfg(target_arch = "x86_64")]
            if let Some(vnni) = Vnni::detect() {
                return vnni.multiply(work, Amx::detect());
            }
        }
        kernels.run(work);
    }

    pub(crate) fn work<'a>(
        &'a self,
        rows: usize,
        a: Rows<'a>,
        input: &'a mut Int8Input,
        c: RowsMut<'a>,
    ) -> Int8Gemm<'a> {
        let groups = groups(self.depth);
        let room = rows.next_multiple_of(TILE_ROWS) * groups;
        if input.values.len() < room {
            input.values.resize(room, [128; GROUP]);
        }
        if input.scales.len() < rows {
            input.scales.resize(rows, 0.0);
        }
        let (values, scales) = (&mut input.values[..room], &mut input.scales[..rows]);
        Int8Gemm { a, depth: self.depth, groups, values, scales, panels: &self.panels, c }
    }
}

/// A product, from the rows in f32 on.
pub(crate) struct Int8Gemm<'a> {
    a: Rows<'a>,
    depth: usize,
    pub(crate) groups: usize,
    pub(crate) values: &'a mut [[u8; GROUP]],
    pub(crate) scales: &'a mut [f32],
    pub(crate) panels: &'a [Panel],
    pub(crate) c: RowsMut<'a>,
}

impl Int8Gemm<'_> {
    /// Rows become i8.
    #[inline(always)]
    pub(crate) fn quantise(&mut self) {
        for (r, scale) in self.scales.iter_mut().enumerate() {
            let row = &self.a.data[r * self.a.stride..][..self.depth];
            // Of magnitudes the bits are ordered as the numbers are, and whole numbers have a maximum in any order.
            let most = f32::from_bits(row.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0));
            *scale = most / 127.0;
            // A row too small to be divided by counts as zero.
            let inverse = if *scale >= f32::MIN_POSITIVE { 127.0 / most } else { 0.0 };
            let values = &mut self.values[r * self.groups..][..self.groups];
            for (value, &x) in values.as_flattened_mut().iter_mut().zip(row) {
                *value = ((x * inverse + ROUNDER).to_bits() as u8) ^ 0x80;
            }
        }
    }

    /// The sums of row `r` with a panel's columns become its part of the result.
    #[inline(always)]
    pub(crate) fn scaled(&mut self, r: usize, panel: usize, sums: &[i32; PANEL]) {
        let (scale, Panel { scales, excess, .. }) = (self.scales[r], &self.panels[panel]);
        let c = &mut self.c.data[r * self.c.stride + panel * PANEL..][..PANEL];
        // Into an array of its own first, which nothing else can point to: so it is done in vectors.
        let mut row = [0.0; PANEL];
        for j in 0..PANEL {
            row[j] = (sums[j] - excess[j]) as f32 * scales[j] * scale;
        }
        c.copy_from_slice(&row);
    }
}

#[cfg(target_arch = "x86_64")]
impl ByTiles for Int8Gemm<'_> {
    const OPERANDS: Operands = Operands::Int8;
    type Group = [u8; GROUP];
    type Line = Line;
    type Sum = i32;

    fn rows(&self) -> usize {
        self.scales.len()
    }

    fn groups(&self) -> usize {
        self.groups
    }

    fn panels(&self) -> usize {
        self.panels.len()
    }

    #[inline(always)]
    fn tile(&self, first: usize) -> &[[u8; GROUP]] {
        &self.values[first * self.groups..][..TILE_ROWS * self.groups]
    }

    #[inline(always)]
    fn panel(&self, panel: usize) -> &[PanelLines] {
        &self.panels[panel].lines
    }

    #[inline(always)]
    fn store(&mut self, row: usize, panel: usize, sums: &[i32; PANEL]) {
        self.scaled(row, panel, sums);
    }
}

/// The safe twin of `x86::multiply`.
impl WithSimd for Int8Gemm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        self.quantise();
        for (p, panel) in self.panels.iter().enumerate() {
            for r in 0..self.scales.len() {
                let mut sums = [0; PANEL];
                let values = &self.values[r * self.groups..][..self.groups];
                for (value, lines) in values.iter().zip(&panel.lines) {
                    for (sums, line) in sums.chunks_exact_mut(PANEL / 2).zip(lines) {
                        for (sum, weights) in sums.iter_mut().zip(line.0.as_chunks::<GROUP>().0) {
                            for (&a, &b) in value.iter().zip(weights) {
                                *sum += i32::from(a) * i32::from(b);
                            }
                        }
                    }
                }
                self.scaled(r, p, &sums);
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

    fn bits(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_shape_is_near_the_sum_in_f64_and_the_same_bits_everywhere(
            rows in 1usize..40,
            depth in 0usize..150,
            columns in 1usize..100,
            seed in any::<u64>(),
        ) {
            let mut rng = SplitMix64::fork(seed, "int8 gemm");
            let mut normal = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>();
            let (stride, out) = (depth + 3, padded(columns));
            let (a, b) = (normal(rows * stride), normal(depth * columns));
            let packed = Int8Packed::new(depth, columns, |k, c| b[k * columns + c]).unwrap();
            // Room that held something else before.
            let mut input = Int8Input { values: vec![[7; GROUP]; 50], scales: vec![3.0; 5] };
            let mut run = |kernels: Kernels, rows: usize, a: &[f32]| {
                let mut c = vec![f32::NAN; rows * out];
                let (a, c_rows) = (Rows { data: a, stride }, RowsMut { data: &mut c, stride: out });
                packed.multiply(kernels, rows, a, &mut input, c_rows);
                c
            };
            let native = run(Kernels::native(), rows, &a);
            prop_assert_eq!(bits(&native), bits(&run(Kernels::Portable, rows, &a)));
            for r in 0..rows {
                let row = &a[r * stride..][..depth];
                let most = row.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                for (n, &got) in native[r * out..][..out].iter().enumerate() {
                    let column = |k: usize| if n < columns { b[k * columns + n] } else { 0.0 };
                    let exact: f64 = (0..depth).map(|k| f64::from(row[k]) * f64::from(column(k))).sum();
                    // Half a step of each operand, times the other.
                    let step = |most: f32| f64::from(most) / 254.0;
                    let tallest = (0..depth).map(|k| column(k).abs()).fold(0.0, f32::max);
                    let bound: f64 = (0..depth)
                        .map(|k| {
                            step(most) * f64::from(column(k).abs()) + step(tallest) * (f64::from(row[k].abs()) + step(most))
                        })
                        .sum();
                    prop_assert!((f64::from(got) - exact).abs() <= bound * 1.001 + 1e-5, "({}, {}): {} {}", r, n, got, exact);
                }
                // A row alone has the same bits as among others.
                prop_assert_eq!(bits(&run(Kernels::native(), 1, &a[r * stride..])), bits(&native[r * out..][..out]));
            }
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow_and_what_is_not_finite_stays_so() {
        assert!(Int8Packed::new(DEEPEST + 1, 1, |_, _| 1.0).is_none());
        let packed = Int8Packed::new(DEEPEST, 2, |_, c| if c == 0 { 1.0 } else { -1.0 }).unwrap();
        for kernels in [Kernels::native(), Kernels::Portable] {
            let run = |a: &[f32]| {
                let mut c = vec![0.0; PANEL];
                let rows = Rows { data: a, stride: a.len() };
                packed.multiply(kernels, 1, rows, &mut Int8Input::default(), RowsMut { data: &mut c, stride: PANEL });
                c
            };
            for value in [1.0, -1.0] {
                let c = run(&vec![value; DEEPEST]);
                assert!((c[0] - value * 32_768.0).abs() < 0.1 && (c[1] + value * 32_768.0).abs() < 0.1, "{c:?}");
            }
            assert_eq!(run(&vec![1e-42; DEEPEST])[..2], [0.0, -0.0]);
            let mut a = vec![1.0; DEEPEST];
            for bad in [f32::NAN, f32::INFINITY] {
                a[9] = bad;
                assert!(!run(&a)[0].is_finite());
            }
        }
    }
}
