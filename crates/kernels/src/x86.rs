//! Instructions of x86 that `pulp` has no word for. The only `unsafe` of this crate: calling functions that were compiled for them, after
//! the machine was asked whether it has them. Every one has a safe twin with the same results, and a test that compares both.

#![expect(unsafe_code, reason = "a function compiled for an instruction set may only be called where there is one")]
#![expect(clippy::unused_self, reason = "the proof is what makes a call sound")]

use std::arch::x86_64::{__m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};

use crate::amx::Amx;
use crate::bf16_tiles::Bf16Gemm;
use crate::int8::{BLOCK_ROWS, Estimate, Line};
use crate::int8_gemm::Int8Gemm;

/// Proof that the machine multiplies and adds bytes in registers of 512 bits (AVX-512 VNNI).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vnni(());

impl Vnni {
    /// The proof, if the machine has them.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni");
        has.then_some(Self(()))
    }

    /// As [`Estimate`] on every other machine.
    #[inline]
    pub(crate) fn estimate(self, work: Estimate<'_>) {
        // SAFETY: a `Vnni` is made by `detect` only, which has asked for every feature that `estimate` is compiled for.
        unsafe { estimate(work) }
    }

    /// As [`Int8Gemm`] on every other machine, by tiles where it has them.
    #[inline]
    pub(crate) fn multiply(self, work: Int8Gemm<'_>, tiles: Option<Amx>) {
        // SAFETY: as for `estimate`.
        unsafe { multiply(work, tiles) }
    }

    /// Rounds rows to bf16 and multiplies them by tiles.
    #[inline]
    pub(crate) fn multiply_bf16(self, work: Bf16Gemm<'_>, tiles: Amx) {
        // SAFETY: as for `estimate`.
        unsafe { multiply_bf16(work, tiles) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn estimate(work: Estimate<'_>) {
    work.each(|lines, query| dots(lines, query));
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dots(lines: &[Line], query: &[[i8; 4]]) -> [i32; BLOCK_ROWS] {
    let multiply_add = |sum, line: &Line, q: &[i8; 4]| {
        let q = _mm512_set1_epi32(i32::from_ne_bytes(q.map(|q| q as u8)));
        _mm512_dpbusd_epi32(sum, pulp::cast(line.0), q)
    };
    // Two chains hide some of the latency of one.
    let (mut a, mut b) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let ((lines, last), (queries, last_query)) = (lines.as_chunks::<2>(), query.as_chunks::<2>());
    for ([line, next], [q, next_q]) in lines.iter().zip(queries) {
        a = multiply_add(a, line, q);
        b = multiply_add(b, next, next_q);
    }
    for (line, q) in last.iter().zip(last_query) {
        a = multiply_add(a, line, q);
    }
    pulp::cast(_mm512_add_epi32(a, b))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn multiply(mut work: Int8Gemm<'_>, tiles: Option<Amx>) {
    work.quantise();
    if let Some(amx) = tiles {
        return amx.multiply(&mut work);
    }
    for panel in 0..work.panels.len() {
        let (mut row, rows) = (0, work.scales.len());
        while rows - row >= 12 {
            tile::<12>(&mut work, row, panel);
            row += 12;
        }
        if rows - row >= 6 {
            tile::<6>(&mut work, row, panel);
            row += 6;
        }
        while rows - row >= 2 {
            tile::<2>(&mut work, row, panel);
            row += 2;
        }
        if rows > row {
            tile::<1>(&mut work, row, panel);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn multiply_bf16(mut work: Bf16Gemm<'_>, tiles: Amx) {
    work.round();
    tiles.multiply(&mut work);
}

/// `R` rows by a panel: 24 sums of 12 rows leave registers for the panel's two lines and a row's group.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn tile<const R: usize>(work: &mut Int8Gemm<'_>, row: usize, panel: usize) {
    let lines = &work.panels[panel].lines;
    let values: [&[[u8; 4]]; R] = std::array::from_fn(|r| &work.values[(row + r) * work.groups..][..lines.len()]);
    let mut sums = [[_mm512_setzero_si512(); 2]; R];
    for (k, [first, second]) in lines.iter().enumerate() {
        let (first, second): (__m512i, __m512i) = (pulp::cast(first.0), pulp::cast(second.0));
        for r in 0..R {
            let a = _mm512_set1_epi32(i32::from_ne_bytes(values[r][k]));
            sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], a, first);
            sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], a, second);
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        work.scaled(row + r, panel, &pulp::cast(sums));
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};

    use super::*;
    use crate::{Int8Input, Int8Packed, Kernels, Rows, RowsMut, padded};

    #[test]
    fn registers_and_tiles_give_the_bits_of_the_twin_whatever_the_shape() {
        let Some(vnni) = Vnni::detect() else {
            println!("SKIPPED: no AVX-512 VNNI");
            return;
        };
        let mut rng = SplitMix64::fork(1, "x86");
        let mut normal = |n: usize| (0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>();
        let mut inputs = [(); 3].map(|()| Int8Input::default());
        for (rows, depth, columns) in [
            (1, 1, 1),
            (2, 64, 32),
            (15, 63, 33),
            (16, 65, 31),
            (17, 128, 100),
            (32, 0, 8),
            (33, 200, 64),
            (64, 344, 128),
        ] {
            let (a, b) = (normal(rows * depth), normal(depth * columns));
            let packed = Int8Packed::new(depth, columns, |k, c| b[k * columns + c]).unwrap();
            let stride = padded(columns);
            let [twin, registers, tiles] = [0, 1, 2].map(|way: usize| {
                let mut c = vec![f32::NAN; rows * stride];
                let (a, out) = (Rows { data: &a, stride: depth }, RowsMut { data: &mut c, stride });
                match way {
                    0 => packed.multiply(Kernels::Portable, rows, a, &mut inputs[0], out),
                    1 => vnni.multiply(packed.work(rows, a, &mut inputs[1], out), None),
                    _ => vnni.multiply(packed.work(rows, a, &mut inputs[2], out), Amx::detect()),
                }
                c.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            });
            assert_eq!(registers, twin, "{rows} {depth} {columns}");
            assert_eq!(tiles, twin, "{rows} {depth} {columns}");
        }
    }
}
