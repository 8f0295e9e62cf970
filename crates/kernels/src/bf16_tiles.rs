//! A matrix in bf16 for tile products, and its products.

use crate::amx::{Amx, ByTiles, Operands};
use crate::bf16::to_bf16;
use crate::int8_gemm::{TILE_GROUPS, TILE_ROWS};
use crate::x86::Vnni;
use crate::{Kernels, PANEL, Rows, RowsMut};

/// Values of 4 bytes.
const PAIR: usize = 2;

/// Values of half a panel's columns for one pair of the depth, a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct PairLine([u16; PANEL / 2 * PAIR]);

/// A matrix in panels of `[depth in pairs, whole tiles]`, with the proof that it can be multiplied by.
#[derive(Clone, Debug)]
pub(crate) struct Tiles {
    depth: usize,
    panels: Vec<Vec<[PairLine; 2]>>,
    vnni: Vnni,
    amx: Amx,
}

impl Tiles {
    /// Packs `value(row, column)`; `None` where these kernels have no tiles.
    pub(crate) fn new(
        kernels: Kernels,
        depth: usize,
        columns: usize,
        value: impl Fn(usize, usize) -> f32,
    ) -> Option<Self> {
        let Kernels::Native(_) = kernels else { return None };
        let (vnni, amx) = (Vnni::detect()?, Amx::detect()?);
        let zero = [PairLine([0; PANEL / 2 * PAIR]); 2];
        let panels = (0..columns.div_ceil(PANEL)).map(|p| {
            let mut lines = vec![zero; pairs(depth)];
            for j in 0..PANEL.min(columns - p * PANEL) {
                for k in 0..depth {
                    let line = &mut lines[k / PAIR][j / (PANEL / 2)];
                    line.0[j % (PANEL / 2) * PAIR + k % PAIR] = to_bf16(value(k, p * PANEL + j));
                }
            }
            lines
        });
        Some(Self { depth, panels: panels.collect(), vnni, amx })
    }

    /// The product of rows with this matrix; `values` is room.
    pub(crate) fn multiply(&self, rows: usize, a: Rows<'_>, values: &mut Vec<[u16; PAIR]>, c: RowsMut<'_>) {
        let pairs = pairs(self.depth);
        let room = rows.next_multiple_of(TILE_ROWS) * pairs;
        if values.len() < room {
            values.resize(room, [0; PAIR]);
        }
        let values = &mut values[..room];
        let work = Bf16Gemm { a, rows, depth: self.depth, pairs, values, panels: &self.panels, c };
        self.vnni.multiply_bf16(work, self.amx);
    }
}

/// Pairs that a depth takes, in whole tiles.
fn pairs(depth: usize) -> usize {
    depth.div_ceil(PAIR).next_multiple_of(TILE_GROUPS)
}

/// A product by tiles, from the rows in f32 on.
pub(crate) struct Bf16Gemm<'a> {
    a: Rows<'a>,
    rows: usize,
    depth: usize,
    pairs: usize,
    values: &'a mut [[u16; PAIR]],
    panels: &'a [Vec<[PairLine; 2]>],
    c: RowsMut<'a>,
}

impl Bf16Gemm<'_> {
    /// Rows become bf16. What is behind a row's last value is multiplied by zeros, and must not be NaN.
    #[inline(always)]
    pub(crate) fn round(&mut self) {
        for (r, values) in self.values.chunks_exact_mut(self.pairs.max(1)).enumerate().take(self.rows) {
            let row = &self.a.data[r * self.a.stride..][..self.depth];
            let (values, rest) = values.as_flattened_mut().split_at_mut(self.depth);
            for (value, &x) in values.iter_mut().zip(row) {
                *value = to_bf16(x);
            }
            rest.fill(0);
        }
    }
}

impl ByTiles for Bf16Gemm<'_> {
    const OPERANDS: Operands = Operands::Bf16;
    type Group = [u16; PAIR];
    type Line = PairLine;
    type Sum = f32;

    fn rows(&self) -> usize {
        self.rows
    }

    fn groups(&self) -> usize {
        self.pairs
    }

    fn panels(&self) -> usize {
        self.panels.len()
    }

    #[inline(always)]
    fn tile(&self, first: usize) -> &[[u16; PAIR]] {
        &self.values[first * self.pairs..][..TILE_ROWS * self.pairs]
    }

    #[inline(always)]
    fn panel(&self, panel: usize) -> &[[PairLine; 2]] {
        &self.panels[panel]
    }

    #[inline(always)]
    fn store(&mut self, row: usize, panel: usize, sums: &[f32; PANEL]) {
        self.c.data[row * self.c.stride + panel * PANEL..][..PANEL].copy_from_slice(sums);
    }
}
