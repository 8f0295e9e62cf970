//! The gradients of the packed matrices, summed over a shard's tiles, and from them those of the dense tensors.

use kernels::{Aligned, Kernels, Outer, Packed, Rows, RowsMut, padded};
use model_registry::NamedTensor;
use phoenix::DWELL_HIDDEN;

use super::shape::{Output, Projection, Shape};
use super::weights::Values;

/// Of [`super::weights::InputWeights`].
#[derive(Debug)]
pub(super) struct InputGradients {
    /// `[input, stride]`.
    pub(super) hashed: Aligned,
    /// `[rows, stride]`.
    pub(super) tables: Aligned,
    /// `[64]`: of the first dwell matrix.
    pub(super) dwell: Aligned,
}

/// Of [`super::weights::LayerWeights`].
#[derive(Debug)]
pub(super) struct LayerGradients {
    pub(super) qkv: Aligned,
    pub(super) out: Aligned,
    pub(super) attention_gain: Aligned,
    pub(super) gate_up: Aligned,
    pub(super) down: Aligned,
    pub(super) feed_gain: Aligned,
}

/// Of [`super::weights::Weights`].
#[derive(Debug)]
pub(super) struct Gradients {
    pub(super) user: Aligned,
    pub(super) history: InputGradients,
    pub(super) candidate: InputGradients,
    pub(super) layers: Vec<LayerGradients>,
    pub(super) heads: Aligned,
    pub(super) tower: [Aligned; 2],
    block: Packed,
    wide: Aligned,
}

impl InputGradients {
    fn new(shape: &Shape, of: Option<&Projection>) -> Self {
        let zeros = |rows: fn(&Projection) -> usize| Aligned::zeros(of.map_or(0, rows) * shape.stride);
        Self {
            hashed: zeros(|of| of.input),
            tables: zeros(Projection::table_rows),
            dwell: Aligned::zeros(DWELL_HIDDEN),
        }
    }

    fn each(&mut self) -> [&mut Aligned; 3] {
        [&mut self.hashed, &mut self.tables, &mut self.dwell]
    }

    /// The gradients of the projection, of its tables and of the dwell matrices.
    fn finish(
        &self,
        shape: &Shape,
        of: &Projection,
        values: Values<'_>,
        kernels: Kernels,
        (block, wide): (&mut Packed, &mut Aligned),
        out: &mut [Vec<f32>],
    ) {
        let (d, stride) = (shape.d, shape.stride);
        let matrix = values.get(of.matrix);
        copy_rows(&self.hashed, stride, d, &mut out[of.matrix][..shape.ids * d]);
        let mut at = shape.ids;
        if let Some(text) = of.text {
            copy_rows(&self.hashed[at * stride..], stride, d, &mut out[of.matrix][text * d..(text + d) * d]);
            at += d;
        }
        block.shape(d, d);
        wide.fit(d.max(DWELL_HIDDEN).max(of.table_rows()) * stride);
        // From folded = table · block: d table = d folded · blockᵀ, d block = tableᵀ · d folded.
        let mut unfold = |table: usize, rows: usize, first: usize, folded: &[f32], out: &mut [Vec<f32>]| {
            block.write_transposed(0, 0, d, &matrix[first * d..(first + d) * d], None, 1.0);
            kernels.run(block.product(rows, Rows { data: folded, stride }, RowsMut { data: wide, stride }));
            for (row, x) in out[table].chunks_exact_mut(d).zip(wide.chunks_exact(stride)) {
                row.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            }
            wide[..d * stride].fill(0.0);
            kernels.run(Outer {
                depth: rows,
                a: Rows { data: values.get(table), stride: d },
                rows: d,
                b: Rows { data: folded, stride },
                panels: stride / kernels::PANEL,
                c: RowsMut { data: wide, stride },
            });
            copy_rows(wide, stride, d, &mut out[of.matrix][first * d..(first + d) * d]);
        };
        for part in of.tables() {
            unfold(part.table, part.rows, part.block, &self.tables[part.at * stride..], out);
        }
        if let Some(part) = of.dwell {
            unfold(part.second, DWELL_HIDDEN, part.block, &self.hashed[at * stride..], out);
            out[part.first].copy_from_slice(&self.dwell[..DWELL_HIDDEN]);
        }
    }
}

/// Copies the first `columns` values of rows.
fn copy_rows(from: &[f32], stride: usize, columns: usize, to: &mut [f32]) {
    for (to, from) in to.chunks_exact_mut(columns).zip(from.chunks_exact(stride)) {
        to.copy_from_slice(&from[..columns]);
    }
}

/// From the gradient of `gain ∘ matrix · factor`, whose columns start at `column`: that of the matrix, and what it adds to the gain's.
fn unscale(
    (folded, stride, column): (&[f32], usize, usize),
    (matrix, gain, factor): (&[f32], &[f32], f32),
    out: &mut [f32],
    gain_out: &mut [f32],
) {
    let columns = out.len() / gain.len();
    let rows = folded.chunks_exact(stride).zip(matrix.chunks_exact(columns)).zip(out.chunks_exact_mut(columns));
    for (((folded, matrix), out), (&gain, gain_out)) in rows.zip(gain.iter().zip(gain_out)) {
        let mut sum = 0.0;
        for ((out, g), w) in out.iter_mut().zip(&folded[column..]).zip(matrix) {
            *out = g * factor * gain;
            sum += g * w;
        }
        *gain_out += sum * factor;
    }
}

impl Gradients {
    pub(super) fn new(shape: &Shape) -> Self {
        let (d, stride) = (shape.d, shape.stride);
        let zeros = |rows: usize, columns: usize| Aligned::zeros(rows * columns);
        let (candidate, heads, tower) = match &shape.output {
            Output::Ranker { candidate, .. } => (Some(candidate), padded(shape.config.num_actions), None),
            Output::Retrieval { .. } => (None, 0, Some(shape.config.tower_width())),
        };
        Self {
            user: zeros(shape.user_width, stride),
            history: InputGradients::new(shape, Some(&shape.history)),
            candidate: InputGradients::new(shape, candidate),
            layers: shape
                .layers
                .iter()
                .map(|_| LayerGradients {
                    qkv: zeros(d, shape.qkv_stride),
                    out: zeros(shape.mixed, stride),
                    attention_gain: zeros(1, stride),
                    gate_up: zeros(d, 2 * shape.half),
                    down: zeros(shape.ffn, stride),
                    feed_gain: zeros(1, stride),
                })
                .collect(),
            heads: zeros(d, heads),
            tower: [tower.map_or(0, |width| width * padded(2 * d)), tower.map_or(0, |_| 2 * d * stride)]
                .map(Aligned::zeros),
            block: Packed::empty(),
            wide: Aligned::empty(),
        }
    }

    /// Back to zero.
    pub(super) fn clear(&mut self) {
        self.user.fill(0.0);
        self.history.each().into_iter().chain(self.candidate.each()).for_each(|values| values.fill(0.0));
        for layer in &mut self.layers {
            let LayerGradients { qkv, out, attention_gain, gate_up, down, feed_gain } = layer;
            for values in [qkv, out, attention_gain, gate_up, down, feed_gain] {
                values.fill(0.0);
            }
        }
        self.heads.fill(0.0);
        self.tower.iter_mut().for_each(|values| values.fill(0.0));
    }

    /// The gradients of the dense tensors, into vectors in the order of [`phoenix::dense_params`].
    pub(super) fn finish(
        &mut self,
        shape: &Shape,
        (tensors, places): (&[NamedTensor], &[usize]),
        kernels: Kernels,
        out: &mut Vec<Vec<f32>>,
    ) {
        let values = Values { tensors, places };
        out.resize_with(shape.names.len(), Vec::new);
        for (out, (_, len)) in out.iter_mut().zip(&shape.names) {
            out.clear();
            out.resize(*len, 0.0);
        }
        let (d, stride, half) = (shape.d, shape.stride, shape.half);
        let (queries, keys) = (shape.mixed, shape.heads.groups * shape.heads.key);
        copy_rows(&self.user, stride, d, &mut out[shape.user]);
        let scratch = (&mut self.block, &mut self.wide);
        self.history.finish(shape, &shape.history, values, kernels, scratch, out);
        for (layer, at) in self.layers.iter().zip(&shape.layers) {
            let parts = [
                (&layer.qkv, shape.qkv_stride, 0, at.query, at.attention_norm, shape.query_factor()),
                (&layer.qkv, shape.qkv_stride, queries, at.key, at.attention_norm, 1.0),
                (&layer.qkv, shape.qkv_stride, queries + keys, at.value, at.attention_norm, 1.0),
                (&layer.gate_up, 2 * half, 0, at.gate, at.feed_norm, 1.0),
                (&layer.gate_up, 2 * half, half, at.up, at.feed_norm, 1.0),
            ];
            for (folded, stride, column, matrix, norm, factor) in parts {
                let mut gain_out = std::mem::take(&mut out[norm]);
                let given = (values.get(matrix), values.get(norm), factor);
                unscale((folded, stride, column), given, &mut out[matrix], &mut gain_out);
                out[norm] = gain_out;
            }
            copy_rows(&layer.out, stride, d, &mut out[at.out]);
            copy_rows(&layer.down, stride, d, &mut out[at.down]);
            copy_rows(&layer.attention_gain, stride, d, &mut out[at.attention_post_norm]);
            copy_rows(&layer.feed_gain, stride, d, &mut out[at.feed_post_norm]);
        }
        match &shape.output {
            Output::Ranker { candidate, norm, heads } => {
                let scratch = (&mut self.block, &mut self.wide);
                self.candidate.finish(shape, candidate, values, kernels, scratch, out);
                let mut gain_out = std::mem::take(&mut out[*norm]);
                let given = (values.get(*heads), values.get(*norm), 1.0);
                let folded = (&self.heads[..], padded(shape.config.num_actions), 0);
                unscale(folded, given, &mut out[*heads], &mut gain_out);
                out[*norm] = gain_out;
            }
            Output::Retrieval { tower_1, tower_2 } => {
                copy_rows(&self.tower[0], padded(2 * d), 2 * d, &mut out[*tower_1]);
                copy_rows(&self.tower[1], stride, d, &mut out[*tower_2]);
            }
        }
    }
}
