//! The layers: a context runs through them leaving its keys and values, candidates run through them against those.

use rayon::prelude::*;

use phoenix::HistoryAttention;

use crate::cache::KeyValues;
use crate::scratch::{Scratch, with_scratch};
use crate::tokens::Extras;
use crate::weights::{Layer, Weights};
use kernels::{
    AddNormalised, Combine, Gate, Gemm, Normalise, OwnLogits, OwnValues, PANEL, Rotate, Rows, RowsMut, Softmax, padded,
};

/// Tokens of a context that one thread takes at a time.
const BLOCK: usize = 32;

/// Candidates that one thread takes at a time, at most: their rows stay in the second-level cache through all layers.
pub(crate) const TILE: usize = 64;

/// What the rows of a tile attend to.
#[derive(Clone, Copy)]
enum Sight {
    /// Row `r` to tokens `0 ..= first + r`.
    Causal { first: usize },
    /// To every token.
    Context,
    /// To every token and to themselves.
    Candidate,
}

/// Where rows stand: row `r` at `first + r · step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) first: usize,
    pub(crate) step: usize,
}

/// The tokens of a context, looked up as they are needed.
pub(crate) trait ContextTokens: Sync {
    /// Writes the user's rows `[Hu·D]`.
    fn user(&self, out: &mut [f32]);
    /// Writes the hashed rows of history token `i`, and tells what else it has.
    fn history(&self, i: usize, out: &mut [f32]) -> Extras;
}

/// Takes each token's number and result.
pub(crate) type Output<'a> = &'a mut dyn FnMut(usize, &[f32]);

/// Calls `f` for every block, on the pool's threads if there are several.
fn each(blocks: &mut [Scratch], f: impl Fn(usize, &mut Scratch) + Sync + Send) {
    if let [block] = blocks {
        f(0, block);
    } else {
        blocks.par_iter_mut().enumerate().for_each(|(b, block)| f(b, block));
    }
}

impl Weights {
    /// Runs tokens `first ..` of a context through the layers, behind those that `past` already holds.
    ///
    /// With an `output`, the last layer is computed whole and each token's result (not normed, `[stride]`) handed over in order;
    /// without, the last layer stops at its keys and values, which is all that candidates need.
    pub(crate) fn run_context(
        &self,
        past: &mut KeyValues,
        first: usize,
        tokens: &impl ContextTokens,
        mut output: Option<Output<'_>>,
    ) {
        let rows = past.tokens - first;
        if rows == 0 {
            return;
        }
        let start = |b: usize| first + b * BLOCK;
        let causal = self.config.history_attention == HistoryAttention::Causal;
        let (sizes, end, capacity) = (&self.sizes, past.tokens, past.capacity);
        let kv = sizes.heads * sizes.key;
        with_scratch(rows.div_ceil(BLOCK), |blocks| {
            each(blocks, |b, s| {
                s.fit(sizes, BLOCK.min(end - start(b)), self.input_width(), capacity);
                self.embed_context(start(b), tokens, s);
            });
            for (l, layer) in self.layers.iter().enumerate() {
                each(blocks, |b, s| self.project(layer, s, Place { first: start(b), step: 1 }));
                for (b, s) in blocks.iter().enumerate() {
                    past.store(l, start(b), s.rows, Rows { data: &s.qkv[kv..], stride: sizes.qkv });
                }
                if l + 1 == self.layers.len() && output.is_none() {
                    break;
                }
                let past = &*past;
                each(blocks, |b, s| {
                    let sight = if causal { Sight::Causal { first: start(b) } } else { Sight::Context };
                    self.attend(l, s, past, sight);
                    self.finish(layer, s);
                });
            }
            if let Some(output) = &mut output {
                for (b, s) in blocks.iter().enumerate() {
                    for (r, x) in s.x.chunks_exact(sizes.stride).enumerate().take(s.rows) {
                        output(start(b) + r, x);
                    }
                }
            }
        });
    }

    fn embed_context(&self, first: usize, tokens: &impl ContextTokens, s: &mut Scratch) {
        let (mut from, stride) = (first, self.sizes.stride);
        let mut x = &mut s.x[..s.rows * stride];
        let mut rows = s.rows;
        if first == 0 {
            let width = self.config.user_width();
            tokens.user(&mut s.input[..width]);
            let input = Rows { data: &s.input[..width], stride: width };
            self.kernels.run(self.user.product(1, input, RowsMut { data: &mut x[..stride], stride }));
            (from, rows, x) = (1, rows - 1, &mut x[stride..]);
        }
        let width = self.config.tower_width();
        let mut extras = [Extras::default(); BLOCK];
        let input = RowsMut { data: &mut s.input, stride: width };
        let fill = |r: usize, out: &mut [f32]| tokens.history(from - 1 + r, out);
        self.history.embed(self.kernels, rows, input, x, fill, &mut extras[..rows]);
    }

    /// Runs candidates, whose tokens are in `s.x` and validity in `s.valid`, through all layers; the result is in `s.x`.
    pub(crate) fn run_candidates(&self, s: &mut Scratch, past: &KeyValues, place: Place) {
        for (l, layer) in self.layers.iter().enumerate() {
            self.project(layer, s, place);
            self.attend(l, s, past, Sight::Candidate);
            self.finish(layer, s);
        }
    }

    /// `s.qkv` from `s.x`: norm, projection, rotation.
    fn project(&self, layer: &Layer, s: &mut Scratch, place: Place) {
        let (sizes, rows) = (&self.sizes, s.rows);
        self.normalise(s);
        let input = Rows { data: &s.normed, stride: sizes.stride };
        let qkv = RowsMut { data: &mut s.qkv, stride: sizes.qkv };
        layer.qkv.multiply(self.kernels, rows, input, &mut s.inputs, qkv);
        self.kernels.run(Rotate {
            rope: &self.rope,
            x: &mut s.qkv[..rows * sizes.qkv],
            stride: sizes.qkv,
            width: (sizes.heads + sizes.groups) * sizes.key,
            first: place.first,
            step: place.step,
        });
    }

    /// `s.normed` from `s.x`.
    pub(crate) fn normalise(&self, s: &mut Scratch) {
        let (stride, width) = (self.sizes.stride, self.sizes.width);
        self.kernels.run(Normalise {
            x: &s.x[..s.rows * stride],
            out: &mut s.normed[..s.rows * stride],
            stride,
            width,
            eps: self.config.rms_eps,
            inverse: None,
        });
    }

    /// `s.attended` from `s.qkv`.
    fn attend(&self, l: usize, s: &mut Scratch, past: &KeyValues, sight: Sight) {
        let (sizes, rows, stride) = (&self.sizes, s.rows, past.capacity);
        let (key, share) = (sizes.key, sizes.heads / sizes.groups);
        let candidate = matches!(sight, Sight::Candidate);
        // Tokens that the tile's rows see at most, and what the first row sees.
        let (most, seen, step) = match sight {
            Sight::Causal { first } => (first + rows, first + 1, 1),
            Sight::Context => (past.tokens, past.tokens, 0),
            Sight::Candidate => (past.tokens, past.tokens + 1, 0),
        };
        let scores = &mut s.scores[..rows * stride];
        for head in 0..sizes.heads {
            let group = head / share;
            let own_key = (sizes.heads + group) * key;
            let own_value = own_key + sizes.groups * key;
            self.kernels.run(Gemm {
                rows,
                a: Rows { data: &s.qkv[head * key..], stride: sizes.qkv },
                depth: key,
                b: past.keys(l, group),
                panel_stride: key * PANEL,
                panels: most.div_ceil(PANEL),
                c: RowsMut { data: scores, stride },
                add: false,
            });
            if candidate {
                self.kernels.run(OwnLogits {
                    qkv: &s.qkv[..rows * sizes.qkv],
                    qkv_stride: sizes.qkv,
                    query: head * key,
                    key: own_key,
                    width: key,
                    scores,
                    score_stride: stride,
                    column: past.tokens,
                });
            }
            self.kernels.run(Softmax {
                scores,
                stride,
                seen,
                step,
                columns: most,
                mask: &past.mask,
                own: candidate.then_some(&s.valid),
                cap: self.config.attn_logit_cap,
                inverse: &mut s.inverse[..rows],
            });
            let out = &mut s.attended[head * key..];
            self.kernels.run(Gemm {
                rows,
                a: Rows { data: scores, stride },
                depth: most,
                b: past.values(l, group),
                panel_stride: past.value_panel(),
                panels: padded(key) / PANEL,
                c: RowsMut { data: out, stride: sizes.attended },
                add: false,
            });
            self.kernels.run(Combine {
                out,
                stride: sizes.attended,
                width: key,
                inverse: &s.inverse[..rows],
                own: candidate.then_some(OwnValues {
                    scores,
                    score_stride: stride,
                    column: past.tokens,
                    values: &s.qkv,
                    value_stride: sizes.qkv,
                    value: own_value,
                }),
            });
        }
    }

    /// `s.x` from itself and `s.attended`: output projection, feed-forward block, both residual sums.
    fn finish(&self, layer: &Layer, s: &mut Scratch) {
        let (sizes, rows) = (&self.sizes, s.rows);
        let input = Rows { data: &s.attended, stride: sizes.attended };
        let out = RowsMut { data: &mut s.normed, stride: sizes.stride };
        layer.out.multiply(self.kernels, rows, input, &mut s.inputs, out);
        self.add_normalised(s, &layer.after_attention);
        self.normalise(s);
        let hidden = 2 * sizes.half;
        let input = Rows { data: &s.normed, stride: sizes.stride };
        let out = RowsMut { data: &mut s.hidden, stride: hidden };
        layer.gate_and_value.multiply(self.kernels, rows, input, &mut s.inputs, out);
        self.kernels.run(Gate { x: &mut s.hidden[..rows * hidden], half: sizes.half });
        let input = Rows { data: &s.hidden, stride: hidden };
        let out = RowsMut { data: &mut s.normed, stride: sizes.stride };
        layer.down.multiply(self.kernels, rows, input, &mut s.inputs, out);
        self.add_normalised(s, &layer.after_ffn);
    }

    fn add_normalised(&self, s: &mut Scratch, gain: &[f32]) {
        let stride = self.sizes.stride;
        self.kernels.run(AddNormalised {
            x: &mut s.x[..s.rows * stride],
            y: &s.normed[..s.rows * stride],
            gain,
            stride,
            width: self.sizes.width,
            eps: self.config.rms_eps,
        });
    }
}
