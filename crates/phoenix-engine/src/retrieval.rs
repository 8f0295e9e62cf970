//! Unit vectors of viewers and posts.

use std::sync::Arc;

use foryou_types::{ActionSet, UserId};
use phoenix::{CandidateItem, Checkpoint, CheckpointConfig, HistoryItem, ModelKind};
use rayon::prelude::*;

use crate::cache::KeyValues;
use crate::context::Viewer;
use crate::error::EngineError;
use crate::matrix::{Arithmetic, Precision};
use crate::scratch::{Scratch, with_scratch};
use crate::served::ServedRetrieval;
use crate::tokens::Lookup;
use crate::transformer::{ContextTokens, TILE};
use crate::weights::RetrievalWeights;
use kernels::{Rows, RowsMut, Silu, padded};

/// Squared lengths below this count as this: a zero vector stays zero.
const SMALLEST_SQUARE: f32 = 1e-12;

/// The retrieval model, ready to serve: a user tower and a candidate tower whose dot product is the score.
#[derive(Debug)]
pub struct RetrievalModel {
    config: Arc<CheckpointConfig>,
    lookup: Lookup,
    weights: RetrievalWeights,
}

impl RetrievalModel {
    /// Packs a retrieval model for the best instruction set of this machine. The tables are copied; [`Self::from_owned`] takes them
    /// over.
    pub fn new(checkpoint: &Checkpoint) -> Result<Self, EngineError> {
        Self::from_owned(checkpoint.clone())
    }

    /// Packs a retrieval model, taking over the checkpoint's tables.
    pub fn from_owned(checkpoint: Checkpoint) -> Result<Self, EngineError> {
        Self::with(checkpoint, Arithmetic::native(Precision::F32))
    }

    /// Packs a retrieval model that runs without vector instructions: what a machine of an unknown family runs, to compare with.
    pub fn portable(checkpoint: &Checkpoint) -> Result<Self, EngineError> {
        Self::with(checkpoint.clone(), Arithmetic::portable(Precision::F32))
    }

    fn with(checkpoint: Checkpoint, arithmetic: Arithmetic) -> Result<Self, EngineError> {
        let Checkpoint { config, dense, tables } = checkpoint;
        if config.kind != ModelKind::Retrieval {
            return Err(EngineError::WrongKind { needed: ModelKind::Retrieval, found: config.kind });
        }
        let weights = RetrievalWeights::new(&config.model, &dense, arithmetic)?;
        let config = Arc::new(config);
        let lookup = Lookup::new(tables, Arc::clone(&config))?;
        Ok(Self { config, lookup, weights })
    }

    /// What it is.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
    }

    /// A post's vector `[D]`, of length 1.
    pub fn post_vector(&self, item: &CandidateItem) -> Vec<f32> {
        self.post_vectors(std::slice::from_ref(item))
    }
}

impl ServedRetrieval for RetrievalModel {
    fn action_set(&self) -> &ActionSet {
        &self.config.action_set
    }

    fn history_len(&self) -> usize {
        self.config.model.history_seq_len
    }

    fn width(&self) -> usize {
        self.config.model.emb_size
    }

    /// The viewer's vector `[D]`, of length 1; zero for an unknown person without history.
    ///
    /// Of a history longer than [`phoenix::ModelConfig::longest_history`] only the newest tokens count.
    fn user_vector(&self, user: UserId, history: &[HistoryItem]) -> Vec<f32> {
        let history = &history[history.len().saturating_sub(self.config.model.longest_history())..];
        let viewer = Viewer { lookup: &self.lookup, user, history };
        self.weights.user_vector(1 + history.len(), &viewer, |i| viewer.valid(i))
    }

    /// The vectors of many posts, `[N, D]` row-major, each the same bits as alone.
    fn post_vectors(&self, items: &[CandidateItem]) -> Vec<f32> {
        let d = self.config.model.emb_size;
        let mut out = vec![0.0; items.len() * d];
        items.par_chunks(TILE).zip(out.par_chunks_mut(TILE * d)).for_each(|(items, out)| {
            let fill = |i: usize, input: &mut [f32]| {
                let item: &CandidateItem = &items[i];
                self.lookup.post(item.post, item.author, &item.content, input);
            };
            with_scratch(1, |s| self.weights.post_vectors(items.len(), fill, &mut s[0], out));
        });
        out
    }
}

impl RetrievalWeights {
    /// The masked mean of a context's outputs, scaled to length 1.
    pub(crate) fn user_vector(
        &self,
        tokens: usize,
        context: &impl ContextTokens,
        valid: impl Fn(usize) -> bool,
    ) -> Vec<f32> {
        let trunk = &self.trunk;
        let mut past = KeyValues::new(&trunk.sizes, trunk.layers.len(), tokens);
        past.set_valid(0, &valid);
        let mut sum = vec![0.0; trunk.sizes.width];
        let mut count = 0u32;
        let mut add = |i: usize, x: &[f32]| {
            if valid(i) {
                count += 1;
                sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            }
        };
        trunk.run_context(&mut past, 0, context, Some(&mut add));
        let share = 1.0 / count.max(1) as f32;
        for x in &mut sum {
            *x *= share;
        }
        to_unit(&mut sum);
        sum
    }

    /// The candidate tower over one tile of up to [`TILE`] posts, whose hashed rows `fill` writes, into `out [rows, D]`.
    pub(crate) fn post_vectors(
        &self,
        rows: usize,
        mut fill: impl FnMut(usize, &mut [f32]),
        s: &mut Scratch,
        out: &mut [f32],
    ) {
        let trunk = &self.trunk;
        let (sizes, width) = (&trunk.sizes, trunk.config.tower_width());
        s.fit(sizes, rows, trunk.input_width(), 0);
        for (r, input) in s.input.chunks_exact_mut(width).enumerate().take(rows) {
            fill(r, input);
        }
        let [first, second] = &self.tower;
        let hidden = padded(2 * sizes.width);
        let input = Rows { data: &s.input, stride: width };
        trunk.kernels.run(first.product(rows, input, RowsMut { data: &mut s.hidden, stride: hidden }));
        trunk.kernels.run(Silu(&mut s.hidden[..rows * hidden]));
        let input = Rows { data: &s.hidden, stride: hidden };
        trunk.kernels.run(second.product(rows, input, RowsMut { data: &mut s.x, stride: sizes.stride }));
        for (out, x) in out.chunks_exact_mut(sizes.width).zip(s.x.chunks_exact(sizes.stride)).take(rows) {
            out.copy_from_slice(&x[..sizes.width]);
            to_unit(out);
        }
    }
}

/// Scales to length 1.
fn to_unit(x: &mut [f32]) {
    let square: f32 = x.iter().map(|x| x * x).sum();
    let length = square.max(SMALLEST_SQUARE).sqrt();
    for x in x {
        *x /= length;
    }
}
