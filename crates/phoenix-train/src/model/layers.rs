//! The transformer (from Grok-1), forward and backward over the rows of a tile.

use kernels::{
    AddNormalisedBack, AddNormalisedKeeping, Aligned, AttendBack, AttendForward, AttendScratch, GateBack, GateKeeping,
    Kernels, Normalise, NormaliseBack, Outer, PANEL, Queries, Rope, RotateTo, Rows, RowsMut, Seen, Sequence, padded,
};

use super::gradients::LayerGradients;
use super::shape::{Output, Shape};
use super::tile::{Tile, User};
use super::weights::LayerWeights;

/// Buffers that tiles use one after the other; what they held before does not matter.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// `[rows, stride]`: the gradient of the residual stream.
    pub(super) gradient: Aligned,
    /// `[rows, stride]`: the gradient of normed rows.
    pub(super) normed: Aligned,
    /// `[rows, qkv_stride]`.
    qkv: Aligned,
    /// `[rows, mixed_stride]`.
    mixed: Aligned,
    /// `[rows, half]`.
    hidden: Aligned,
    /// `[rows, widest input]`.
    pub(super) input: Aligned,
    /// `[users, stride]`.
    pub(super) users: Aligned,
    pub(super) attend: AttendScratch,
}

impl Work {
    pub(super) fn fit(&mut self, shape: &Shape, rows: usize) {
        self.gradient.fit(rows * shape.stride);
        self.normed.fit(rows * shape.stride);
        self.qkv.fit(rows * shape.qkv_stride);
        self.mixed.fit(rows * shape.mixed_stride + PANEL);
        self.hidden.fit(rows * shape.half);
        self.input.fit(rows * padded(shape.history.input.max(shape.user_width)));
        self.users.fit(rows * shape.stride);
    }
}

/// The rows of a tile that come out of layer `layer` with more than keys and values: in the ranker's last layer only candidates.
fn finished(shape: &Shape, tile: &Tile, layer: usize) -> usize {
    let last = layer + 1 == shape.layers.len();
    if last && matches!(shape.output, Output::Ranker { .. }) { tile.context } else { 0 }
}

/// Who attends in a user's part of a tile.
fn queries<'a>(shape: &Shape, tile: &'a Tile, user: &User, from: usize) -> [Queries<'a>; 2] {
    let context = if from == 0 { user.tokens } else { 0 };
    let seen = if shape.causal { Seen::Causal } else { Seen::All };
    let candidates = &tile.seen[user.candidate - tile.context..][..user.candidates];
    [
        Queries { first: user.first, rows: context, seen },
        Queries { first: user.candidate, rows: user.candidates, seen: Seen::Candidates(candidates) },
    ]
}

pub(super) struct Layers<'a> {
    pub(super) shape: &'a Shape,
    pub(super) kernels: Kernels,
    pub(super) rope: &'a Rope,
}

impl Layers<'_> {
    /// One layer over `tile.x`.
    pub(super) fn forward(&self, l: usize, weights: &LayerWeights, tile: &mut Tile, work: &mut Work) {
        let (shape, kernels, rows) = (self.shape, self.kernels, tile.rows);
        let (stride, width, eps) = (shape.stride, shape.d, shape.config.rms_eps);
        let from = finished(shape, tile, l);
        let mut keep = std::mem::take(&mut tile.layers[l]);
        kernels.run(Normalise {
            x: &tile.x[..rows * stride],
            out: &mut keep.normed,
            stride,
            width,
            eps,
            inverse: Some(&mut keep.inverse),
        });
        let normed = Rows { data: &keep.normed, stride };
        let qkv = RowsMut { data: &mut keep.qkv, stride: shape.qkv_stride };
        kernels.run(weights.qkv.forward.product(rows, normed, qkv));
        kernels.run(self.rotation(&mut keep.qkv, &tile.positions, false));
        for user in &tile.users {
            let queries = queries(shape, tile, user, from);
            let sequence =
                Sequence { first: user.first, tokens: user.tokens, mask: &tile.mask[user.mask..], queries: &queries };
            kernels.run(AttendForward {
                shape: shape.heads,
                sequence,
                qkv: Rows { data: &keep.qkv, stride: shape.qkv_stride },
                out: RowsMut { data: &mut keep.mixed, stride: shape.mixed_stride },
                log_sums: &mut keep.log_sums,
                scratch: &mut work.attend,
            });
        }
        // From here on only the finished rows.
        let count = rows - from;
        let mixed = Rows { data: &keep.mixed[from * shape.mixed_stride..], stride: shape.mixed_stride };
        let attended = RowsMut { data: &mut keep.attended[from * stride..], stride };
        kernels.run(weights.out.forward.product(count, mixed, attended));
        kernels.run(AddNormalisedKeeping {
            x: &mut tile.x[from * stride..rows * stride],
            y: &mut keep.attended[from * stride..],
            gain: &weights.attention_gain,
            stride,
            width,
            eps,
            inverse: &mut keep.attended_inverse[from..],
        });
        kernels.run(Normalise {
            x: &tile.x[from * stride..rows * stride],
            out: &mut keep.feed[from * stride..],
            stride,
            width,
            eps,
            inverse: Some(&mut keep.feed_inverse[from..]),
        });
        let both = 2 * shape.half;
        let feed = Rows { data: &keep.feed[from * stride..], stride };
        let gate_up = RowsMut { data: &mut keep.gate_up[from * both..], stride: both };
        kernels.run(weights.gate_up.forward.product(count, feed, gate_up));
        kernels.run(GateKeeping {
            x: &keep.gate_up[from * both..rows * both],
            out: &mut work.hidden,
            half: shape.half,
        });
        let hidden = Rows { data: &work.hidden, stride: shape.half };
        let fed = RowsMut { data: &mut keep.fed[from * stride..], stride };
        kernels.run(weights.down.forward.product(count, hidden, fed));
        kernels.run(AddNormalisedKeeping {
            x: &mut tile.x[from * stride..rows * stride],
            y: &mut keep.fed[from * stride..],
            gain: &weights.feed_gain,
            stride,
            width,
            eps,
            inverse: &mut keep.fed_inverse[from..],
        });
        tile.layers[l] = keep;
    }

    /// The layer backward: `work.gradient` is that of its output, and becomes that of its input. What the layer kept is used up.
    pub(super) fn back(
        &self,
        l: usize,
        weights: &LayerWeights,
        tile: &mut Tile,
        work: &mut Work,
        into: &mut LayerGradients,
    ) {
        let (shape, kernels, rows) = (self.shape, self.kernels, tile.rows);
        let (stride, width) = (shape.stride, shape.d);
        let from = finished(shape, tile, l);
        let (count, both, half) = (rows - from, 2 * shape.half, shape.half);
        let mut keep = std::mem::take(&mut tile.layers[l]);
        kernels.run(AddNormalisedBack {
            gradient: &work.gradient[from * stride..rows * stride],
            y: &mut keep.fed[from * stride..],
            inverse: &keep.fed_inverse[from..],
            gain: &weights.feed_gain,
            gain_gradient: &mut into.feed_gain,
            stride,
            width,
        });
        let fed = Rows { data: &keep.fed[from * stride..], stride };
        kernels.run(weights.down.back.product(count, fed, RowsMut { data: &mut work.hidden, stride: half }));
        kernels.run(GateBack { x: &mut keep.gate_up[from * both..rows * both], out: &mut work.hidden, half });
        let hidden = Rows { data: &work.hidden, stride: half };
        self.outer(count, hidden, shape.ffn, fed, stride, &mut into.down);
        let gate_up = Rows { data: &keep.gate_up[from * both..], stride: both };
        let feed = Rows { data: &keep.feed[from * stride..], stride };
        let normed = RowsMut { data: &mut work.normed, stride };
        kernels.run(weights.gate_up.back.product(count, gate_up, normed));
        self.outer(count, feed, width, gate_up, both, &mut into.gate_up);
        kernels.run(NormaliseBack {
            normed: &keep.feed[from * stride..rows * stride],
            inverse: &keep.feed_inverse[from..],
            gradient: &work.normed,
            out: &mut work.gradient[from * stride..],
            stride,
            width,
        });
        kernels.run(AddNormalisedBack {
            gradient: &work.gradient[from * stride..rows * stride],
            y: &mut keep.attended[from * stride..],
            inverse: &keep.attended_inverse[from..],
            gain: &weights.attention_gain,
            gain_gradient: &mut into.attention_gain,
            stride,
            width,
        });
        let attended = Rows { data: &keep.attended[from * stride..], stride };
        let mixed_stride = shape.mixed_stride;
        let mixed = RowsMut { data: &mut work.mixed[from * mixed_stride..], stride: mixed_stride };
        kernels.run(weights.out.back.product(count, attended, mixed));
        let mixed = Rows { data: &keep.mixed[from * mixed_stride..], stride: mixed_stride };
        self.outer(count, mixed, shape.mixed, attended, stride, &mut into.out);
        // Contexts that do not attend have no gradient of queries.
        for row in work.qkv[..from * shape.qkv_stride].chunks_exact_mut(shape.qkv_stride) {
            row[..shape.mixed].fill(0.0);
        }
        for user in &tile.users {
            let queries = queries(shape, tile, user, from);
            let sequence =
                Sequence { first: user.first, tokens: user.tokens, mask: &tile.mask[user.mask..], queries: &queries };
            kernels.run(AttendBack {
                shape: shape.heads,
                sequence,
                qkv: Rows { data: &keep.qkv, stride: shape.qkv_stride },
                out: Rows { data: &keep.mixed, stride: mixed_stride },
                out_gradient: Rows { data: &work.mixed, stride: mixed_stride },
                log_sums: &keep.log_sums,
                gradient: RowsMut { data: &mut work.qkv, stride: shape.qkv_stride },
                scratch: &mut work.attend,
            });
        }
        kernels.run(self.rotation(&mut work.qkv, &tile.positions, true));
        let qkv = Rows { data: &work.qkv, stride: shape.qkv_stride };
        kernels.run(weights.qkv.back.product(rows, qkv, RowsMut { data: &mut work.normed, stride }));
        let normed = Rows { data: &keep.normed, stride };
        self.outer(rows, normed, width, qkv, shape.qkv_stride, &mut into.qkv);
        kernels.run(NormaliseBack {
            normed: &keep.normed[..rows * stride],
            inverse: &keep.inverse,
            gradient: &work.normed,
            out: &mut work.gradient,
            stride,
            width,
        });
        tile.layers[l] = keep;
    }

    /// Rotates queries and keys.
    fn rotation<'a>(&'a self, x: &'a mut [f32], positions: &'a [u32], back: bool) -> RotateTo<'a> {
        let width = (self.shape.heads.heads + self.shape.heads.groups) * self.shape.heads.key;
        RotateTo { rope: self.rope, x, stride: self.shape.qkv_stride, width, positions, back }
    }

    /// Adds `aᵀ·b` of some rows to a matrix `[columns of a, stride]`.
    pub(super) fn outer(&self, depth: usize, a: Rows<'_>, rows: usize, b: Rows<'_>, stride: usize, into: &mut [f32]) {
        let c = RowsMut { data: into, stride };
        self.kernels.run(Outer { depth, a, rows, b, panels: stride / PANEL, c });
    }
}
