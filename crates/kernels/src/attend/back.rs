//! Gradients of queries, keys and values.

use pulp::{Simd, WithSimd};

use super::{AttendScratch, BLOCK, HeadShape, Seen, Sequence, dot, pack_rows, pack_transposed};
use crate::{Gemm, Outer, PANEL, Rows, RowsMut, padded};

/// The gradient through [`AttendForward`](super::AttendForward).
pub struct AttendBack<'a> {
    /// The heads.
    pub shape: HeadShape,
    /// The sequence.
    pub sequence: Sequence<'a>,
    /// All rows `[queries | keys | values]`, rotated. A panel of slack stands behind the last row.
    pub qkv: Rows<'a>,
    /// All rows of the output.
    pub out: Rows<'a>,
    /// All rows of the output's gradient. A panel of slack stands behind the last row.
    pub out_gradient: Rows<'a>,
    /// `[all rows, H]`.
    pub log_sums: &'a [f32],
    /// All rows of the gradient of `qkv`: written are the queries', keys' and values' columns of the sequence's queries, and the keys' and
    /// values' columns of its tokens.
    pub gradient: RowsMut<'a>,
    /// Buffers.
    pub scratch: &'a mut AttendScratch,
}

impl WithSimd for AttendBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let HeadShape { heads, groups, key, cap } = self.shape;
        let (tokens, stride, wide) = (self.sequence.tokens, padded(self.sequence.tokens), padded(key));
        let (qkv, row) = (self.qkv, self.qkv.stride);
        self.scratch.fit(tokens, key, true);
        let AttendScratch { keys, values, key_rows, scores, slopes, narrow, key_gradient, value_gradient } =
            self.scratch;
        let part = |column: usize| Rows { data: &qkv.data[self.sequence.first * row + column..], stride: row };
        for group in 0..groups {
            let (key_at, value_at) = ((heads + group) * key, (heads + groups + group) * key);
            pack_transposed(part(key_at), tokens, key, keys);
            pack_transposed(part(value_at), tokens, key, values);
            pack_rows(part(key_at), tokens, key, key_rows);
            key_gradient[..tokens * wide].fill(0.0);
            value_gradient[..tokens * wide].fill(0.0);
            for queries in self.sequence.queries {
                let candidates = matches!(queries.seen, Seen::Candidates(_));
                for first in (0..queries.rows).step_by(BLOCK) {
                    let rows = BLOCK.min(queries.rows - first);
                    let columns = self.sequence.columns(queries, first, rows);
                    let at = queries.first + first;
                    if candidates {
                        for r in at..at + rows {
                            let gradient = &mut self.gradient.data[r * self.gradient.stride..];
                            gradient[key_at..key_at + key].fill(0.0);
                            gradient[value_at..value_at + key].fill(0.0);
                        }
                    }
                    for head in heads / groups * group..heads / groups * (group + 1) {
                        let asked = Rows { data: &qkv.data[at * row + head * key..], stride: row };
                        let d_out = self.out_gradient;
                        let d_out = Rows { data: &d_out.data[at * d_out.stride + head * key..], stride: d_out.stride };
                        for (a, b, c) in [(asked, &*keys, &mut *scores), (d_out, &*values, &mut *slopes)] {
                            Gemm {
                                rows,
                                a,
                                depth: key,
                                b,
                                panel_stride: key * PANEL,
                                panels: columns.div_ceil(PANEL),
                                c: RowsMut { data: c, stride },
                                add: false,
                            }
                            .with_simd(simd);
                        }
                        let mut own = [(0.0, 0.0); BLOCK];
                        for r in 0..rows {
                            let out = &self.out.data[(at + r) * self.out.stride + head * key..][..key];
                            let d_out = &d_out.data[r * d_out.stride..][..key];
                            let mean = dot(out, d_out);
                            let log_sum = self.log_sums[(at + r) * heads + head];
                            let one = self.sequence.row(queries, first + r, columns, cap);
                            if candidates {
                                let all = &qkv.data[(at + r) * row..];
                                let z = dot(&all[head * key..][..key], &all[key_at..][..key]);
                                let slope = dot(d_out, &all[value_at..][..key]);
                                own[r] = one.back_one(simd, z, slope, log_sum, mean);
                            }
                            let scores = &mut scores[r * stride..][..stride];
                            one.weights_back(simd, scores, &mut slopes[r * stride..][..stride], log_sum, mean);
                        }
                        Gemm {
                            rows,
                            a: Rows { data: slopes, stride },
                            depth: columns,
                            b: key_rows,
                            panel_stride: tokens * PANEL,
                            panels: wide / PANEL,
                            c: RowsMut { data: narrow, stride: wide },
                            add: false,
                        }
                        .with_simd(simd);
                        for (a, b, c) in
                            [(&*slopes, asked, &mut *key_gradient), (&*scores, d_out, &mut *value_gradient)]
                        {
                            Outer {
                                depth: rows,
                                a: Rows { data: a, stride },
                                rows: columns,
                                b,
                                panels: wide / PANEL,
                                c: RowsMut { data: c, stride: wide },
                            }
                            .with_simd(simd);
                        }
                        for r in 0..rows {
                            let all = &qkv.data[(at + r) * row..];
                            let gradient = &mut self.gradient.data[(at + r) * self.gradient.stride..];
                            gradient[head * key..][..key].copy_from_slice(&narrow[r * wide..][..key]);
                            if candidates {
                                let (weight, slope) = own[r];
                                for k in 0..key {
                                    gradient[head * key + k] += slope * all[key_at + k];
                                    gradient[key_at + k] += slope * all[head * key + k];
                                    gradient[value_at + k] += weight * d_out.data[r * d_out.stride + k];
                                }
                            }
                        }
                    }
                }
            }
            for (t, (k, v)) in
                key_gradient.chunks_exact(wide).zip(value_gradient.chunks_exact(wide)).enumerate().take(tokens)
            {
                let gradient = &mut self.gradient.data[(self.sequence.first + t) * self.gradient.stride..];
                gradient[key_at..][..key].copy_from_slice(&k[..key]);
                gradient[value_at..][..key].copy_from_slice(&v[..key]);
            }
        }
    }
}
