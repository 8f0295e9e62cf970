//! Outputs, and the logarithms of the sums.

use pulp::{Simd, WithSimd};

use super::{AttendScratch, BLOCK, HeadShape, Seen, Sequence, dot, pack_rows, pack_transposed};
use crate::{Gemm, PANEL, Rows, RowsMut, padded};

/// The attention of one sequence.
pub struct AttendForward<'a> {
    /// The heads.
    pub shape: HeadShape,
    /// The sequence.
    pub sequence: Sequence<'a>,
    /// All rows `[queries | keys | values]`, rotated.
    pub qkv: Rows<'a>,
    /// All rows `[H·K]`; those of the sequence's queries are written.
    pub out: RowsMut<'a>,
    /// `[all rows, H]`: the logarithms of the sums; those of the sequence's queries are written.
    pub log_sums: &'a mut [f32],
    /// Buffers.
    pub scratch: &'a mut AttendScratch,
}

impl WithSimd for AttendForward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let HeadShape { heads, groups, key, cap } = self.shape;
        let (tokens, stride) = (self.sequence.tokens, padded(self.sequence.tokens));
        let (qkv, row) = (self.qkv, self.qkv.stride);
        self.scratch.fit(tokens, key, false);
        let AttendScratch { keys, values, scores, narrow, .. } = self.scratch;
        let part = |column: usize| Rows { data: &qkv.data[self.sequence.first * row + column..], stride: row };
        for group in 0..groups {
            pack_transposed(part((heads + group) * key), tokens, key, keys);
            pack_rows(part((heads + groups + group) * key), tokens, key, values);
            for queries in self.sequence.queries {
                for first in (0..queries.rows).step_by(BLOCK) {
                    let rows = BLOCK.min(queries.rows - first);
                    let columns = self.sequence.columns(queries, first, rows);
                    for head in heads / groups * group..heads / groups * (group + 1) {
                        let at = queries.first + first;
                        let asked = Rows { data: &qkv.data[at * row + head * key..], stride: row };
                        Gemm {
                            rows,
                            a: asked,
                            depth: key,
                            b: keys,
                            panel_stride: key * PANEL,
                            panels: columns.div_ceil(PANEL),
                            c: RowsMut { data: scores, stride },
                            add: false,
                        }
                        .with_simd(simd);
                        let candidates = matches!(queries.seen, Seen::Candidates(_));
                        let mut inverse = [0.0; BLOCK];
                        let mut own = [0.0; BLOCK];
                        for r in 0..rows {
                            let z = candidates.then(|| {
                                let all = &qkv.data[(at + r) * row..];
                                dot(&all[head * key..][..key], &all[(heads + group) * key..][..key])
                            });
                            let one = self.sequence.row(queries, first + r, columns, cap);
                            let log_sum;
                            (log_sum, inverse[r], own[r]) = one.weights(simd, &mut scores[r * stride..][..stride], z);
                            self.log_sums[(at + r) * heads + head] = log_sum;
                        }
                        Gemm {
                            rows,
                            a: Rows { data: scores, stride },
                            depth: columns,
                            b: values,
                            panel_stride: tokens * PANEL,
                            panels: key.div_ceil(PANEL),
                            c: RowsMut { data: narrow, stride: padded(key) },
                            add: false,
                        }
                        .with_simd(simd);
                        for r in 0..rows {
                            let mixed = &narrow[r * padded(key)..][..key];
                            let value = &qkv.data[(at + r) * row + (heads + groups + group) * key..][..key];
                            let out = &mut self.out.data[(at + r) * self.out.stride + head * key..][..key];
                            let own = if candidates { own[r] } else { 0.0 };
                            for ((out, mixed), value) in out.iter_mut().zip(mixed).zip(value) {
                                *out = (mixed + own * value) * inverse[r];
                            }
                        }
                    }
                }
            }
        }
    }
}
