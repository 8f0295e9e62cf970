//! The dense tensors of a step, packed for products forward and backward.
//!
//! As in the engine, norms' scales and the factor on attention logits are multiplied into the matrices that follow, and small tables are
//! multiplied by their blocks of the projection.

use kernels::{Aligned, Kernels, Packed, Rows, RowsMut, padded};
use model_registry::NamedTensor;
use phoenix::DWELL_HIDDEN;

use super::shape::{DenseError, Output, Projection, Shape};

/// The dense values of a model by their place.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) tensors: &'a [NamedTensor],
    pub(super) places: &'a [usize],
}

impl<'a> Values<'a> {
    pub(super) fn get(self, place: usize) -> &'a [f32] {
        &self.tensors[self.places[place]].data
    }
}

/// A matrix `[in, out]` and its transpose.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) forward: Packed,
    pub(super) back: Packed,
}

impl Pair {
    pub(super) const fn new() -> Self {
        Self { forward: Packed::empty(), back: Packed::empty() }
    }

    fn shape(&mut self, rows: usize, columns: usize) {
        self.forward.shape(rows, columns);
        self.back.shape(columns, rows);
    }

    /// Writes a block `[.., columns]` at (`row`, `column`), every row times its `gain`, all times `factor`.
    fn write(
        &mut self,
        (row, column): (usize, usize),
        columns: usize,
        block: &[f32],
        gain: Option<&[f32]>,
        factor: f32,
    ) {
        self.forward.write(row, column, columns, block, gain, factor);
        self.back.write_transposed(column, row, columns, block, gain, factor);
    }

    /// Writes the whole matrix.
    fn set(&mut self, rows: usize, columns: usize, values: &[f32], gain: Option<&[f32]>) {
        self.shape(rows, columns);
        self.write((0, 0), columns, values, gain, 1.0);
    }
}

/// What makes tokens of one kind.
#[derive(Debug)]
pub(super) struct InputWeights {
    /// `[input, D]`.
    pub(super) hashed: Pair,
    /// The folded tables, `[rows, stride]`.
    pub(super) tables: Aligned,
    /// `[64, stride]`: the second dwell matrix times its block.
    dwell: Aligned,
}

/// One layer.
#[derive(Debug)]
pub(super) struct LayerWeights {
    /// `[D, queries | keys | values]`.
    pub(super) qkv: Pair,
    /// `[H·K, D]`.
    pub(super) out: Pair,
    /// `[stride]`.
    pub(super) attention_gain: Aligned,
    /// `[D, gate | up]`, each padded.
    pub(super) gate_up: Pair,
    /// `[F, D]`.
    pub(super) down: Pair,
    /// `[stride]`.
    pub(super) feed_gain: Aligned,
}

/// All of a model.
#[derive(Debug)]
pub(super) struct Weights {
    places: Vec<usize>,
    pub(super) user: Pair,
    pub(super) history: InputWeights,
    pub(super) candidate: InputWeights,
    pub(super) layers: Vec<LayerWeights>,
    /// `[D, A]`.
    pub(super) heads: Pair,
    /// `[tower width, 2·D]` and `[2·D, D]`.
    pub(super) tower: [Pair; 2],
    block: Packed,
}

fn padded_gain(gain: &[f32], out: &mut Aligned) {
    out.fit(padded(gain.len()));
    out[..gain.len()].copy_from_slice(gain);
}

impl InputWeights {
    const fn new() -> Self {
        Self { hashed: Pair::new(), tables: Aligned::empty(), dwell: Aligned::empty() }
    }

    fn load(&mut self, shape: &Shape, of: &Projection, values: Values<'_>, kernels: Kernels, block: &mut Packed) {
        let (d, stride) = (shape.d, shape.stride);
        let matrix = values.get(of.matrix);
        self.hashed.shape(of.input, d);
        self.hashed.write((0, 0), d, &matrix[..shape.ids * d], None, 1.0);
        let mut at = shape.ids;
        if let Some(text) = of.text {
            self.hashed.write((at, 0), d, &matrix[text * d..(text + d) * d], None, 1.0);
            at += d;
        }
        self.tables.fit(of.table_rows() * stride);
        block.shape(d, d);
        for part in of.tables() {
            block.write(0, 0, d, &matrix[part.block * d..(part.block + d) * d], None, 1.0);
            let table = Rows { data: values.get(part.table), stride: d };
            let out = RowsMut { data: &mut self.tables[part.at * stride..], stride };
            kernels.run(block.product(part.rows, table, out));
        }
        if let Some(part) = of.dwell {
            self.dwell.fit(DWELL_HIDDEN * stride);
            block.write(0, 0, d, &matrix[part.block * d..(part.block + d) * d], None, 1.0);
            let second = Rows { data: values.get(part.second), stride: d };
            kernels.run(block.product(DWELL_HIDDEN, second, RowsMut { data: &mut self.dwell, stride }));
            for (i, row) in self.dwell.chunks_exact(stride).enumerate().take(DWELL_HIDDEN) {
                self.hashed.write((at + i, 0), d, &row[..d], None, 1.0);
            }
        }
    }
}

impl LayerWeights {
    const fn new() -> Self {
        Self {
            qkv: Pair::new(),
            out: Pair::new(),
            attention_gain: Aligned::empty(),
            gate_up: Pair::new(),
            down: Pair::new(),
            feed_gain: Aligned::empty(),
        }
    }
}

impl Weights {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            places: Vec::new(),
            user: Pair::new(),
            history: InputWeights::new(),
            candidate: InputWeights::new(),
            layers: shape.layers.iter().map(|_| LayerWeights::new()).collect(),
            heads: Pair::new(),
            tower: [Pair::new(), Pair::new()],
            block: Packed::empty(),
        }
    }

    /// Where each dense tensor was in the values last loaded.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    /// Packs the dense tensors, found by name.
    pub(super) fn load(&mut self, shape: &Shape, tensors: &[NamedTensor], kernels: Kernels) -> Result<(), DenseError> {
        shape.find(tensors, &mut self.places)?;
        let values = Values { tensors, places: &self.places };
        let (d, ffn, half) = (shape.d, shape.ffn, shape.half);
        let (queries, keys) = (shape.mixed, shape.heads.groups * shape.heads.key);
        self.user.set(shape.user_width, d, values.get(shape.user), None);
        self.history.load(shape, &shape.history, values, kernels, &mut self.block);
        for (layer, at) in self.layers.iter_mut().zip(&shape.layers) {
            let gain = Some(values.get(at.attention_norm));
            layer.qkv.shape(d, shape.qkv);
            layer.qkv.write((0, 0), queries, values.get(at.query), gain, shape.query_factor());
            layer.qkv.write((0, queries), keys, values.get(at.key), gain, 1.0);
            layer.qkv.write((0, queries + keys), keys, values.get(at.value), gain, 1.0);
            layer.out.set(queries, d, values.get(at.out), None);
            padded_gain(values.get(at.attention_post_norm), &mut layer.attention_gain);
            let gain = Some(values.get(at.feed_norm));
            layer.gate_up.shape(d, 2 * half);
            layer.gate_up.write((0, 0), ffn, values.get(at.gate), gain, 1.0);
            layer.gate_up.write((0, half), ffn, values.get(at.up), gain, 1.0);
            layer.down.set(ffn, d, values.get(at.down), None);
            padded_gain(values.get(at.feed_post_norm), &mut layer.feed_gain);
        }
        match &shape.output {
            Output::Ranker { candidate, norm, heads } => {
                self.candidate.load(shape, candidate, values, kernels, &mut self.block);
                self.heads.set(d, shape.config.num_actions, values.get(*heads), Some(values.get(*norm)));
            }
            Output::Retrieval { tower_1, tower_2 } => {
                self.tower[0].set(shape.config.tower_width(), 2 * d, values.get(*tower_1), None);
                self.tower[1].set(2 * d, d, values.get(*tower_2), None);
            }
        }
        Ok(())
    }
}
