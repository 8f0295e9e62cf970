//! Action logits of candidates for a viewer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foryou_types::{ActionSet, UserId};
use phoenix::{CandidateItem, Checkpoint, CheckpointConfig, HistoryAttention, HistoryItem, ModelKind, Positions};
use rayon::prelude::*;

use crate::cache::KeyValues;
use crate::context::{Context, Viewer};
use crate::error::EngineError;
use crate::matrix::{Arithmetic, Precision};
use crate::scratch::{Scratch, with_scratch};
use crate::served::ServedRanker;
use crate::tokens::{Extras, Lookup};
use crate::transformer::{Place, TILE};
use crate::weights::RankerWeights;
use kernels::{Rows, RowsMut, padded};

/// Fewest candidates of a tile: below, a tile's matrix products no longer pay for a thread's waking.
const SMALLEST_TILE: usize = 16;

/// The ranking model, ready to serve. Shared by reference among threads; work is spread over the current rayon pool.
#[derive(Debug)]
pub struct Ranker {
    /// Tells this model's contexts from those of others.
    id: u64,
    config: Arc<CheckpointConfig>,
    lookup: Lookup,
    weights: RankerWeights,
}

impl Ranker {
    /// Packs a ranker in f32 for the best instruction set of this machine. The tables are copied; [`Self::from_owned`] takes them over.
    pub fn new(checkpoint: &Checkpoint) -> Result<Self, EngineError> {
        Self::from_owned(checkpoint.clone(), Precision::F32)
    }

    /// Packs a ranker at a precision, taking over the checkpoint's tables.
    pub fn from_owned(checkpoint: Checkpoint, precision: Precision) -> Result<Self, EngineError> {
        Self::with(checkpoint, Arithmetic::native(precision))
    }

    /// Packs a ranker that runs without vector instructions: what a machine of an unknown family runs, to compare with.
    pub fn portable(checkpoint: &Checkpoint, precision: Precision) -> Result<Self, EngineError> {
        Self::with(checkpoint.clone(), Arithmetic::portable(precision))
    }

    fn with(checkpoint: Checkpoint, arithmetic: Arithmetic) -> Result<Self, EngineError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Checkpoint { config, dense, tables } = checkpoint;
        if config.kind != ModelKind::Ranker {
            return Err(EngineError::WrongKind { needed: ModelKind::Ranker, found: config.kind });
        }
        if config.action_set.len() != config.model.num_actions {
            let (heads, actions) = (config.model.num_actions, config.action_set.len());
            return Err(EngineError::Actions { heads, actions });
        }
        let weights = RankerWeights::new(&config.model, &dense, arithmetic)?;
        let config = Arc::new(config);
        let lookup = Lookup::new(tables, Arc::clone(&config))?;
        Ok(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), config, lookup, weights })
    }

    /// What it is.
    pub fn config(&self) -> &CheckpointConfig {
        &self.config
    }

    fn newest<'a>(&self, history: &'a [HistoryItem]) -> &'a [HistoryItem] {
        &history[history.len().saturating_sub(self.config.model.longest_history())..]
    }

    fn run(&self, user: UserId, history: &[HistoryItem], mut past: KeyValues, first: usize) -> Context {
        let viewer = Viewer { lookup: &self.lookup, user, history };
        past.set_valid(first, |i| viewer.valid(i));
        self.weights.trunk.run_context(&mut past, first, &viewer, None);
        Context { model: self.id, user, history: history.to_vec(), past, reused: first }
    }

    /// Where the candidates from number `first` on stand.
    fn place(&self, context: &Context, first: usize) -> Place {
        let model = &self.config.model;
        match model.positions {
            Positions::Shared => Place { first: context.past.tokens, step: 0 },
            Positions::Sequential => {
                Place { first: context.past.tokens.max(1 + model.history_seq_len) + first, step: 1 }
            }
        }
    }
}

impl ServedRanker for Ranker {
    type Context = Context;

    fn action_set(&self) -> &ActionSet {
        &self.config.action_set
    }

    fn history_len(&self) -> usize {
        self.config.model.history_seq_len
    }

    fn is_place_free(&self) -> bool {
        self.config.model.positions == Positions::Shared
    }

    /// Keys and values of every token.
    fn context_bytes(&self) -> usize {
        let model = &self.config.model;
        2 * model.num_layers * model.num_kv_heads * model.key_size * size_of::<f32>() * (1 + model.history_seq_len)
    }

    /// Of a history longer than [`phoenix::ModelConfig::longest_history`] only the newest tokens count. Callers window with
    /// [`foryou_types::UserActionSequence::windowed`], which never gives more and moves its start rarely, so that [`Self::extend`]
    /// finds what it can reuse. Nothing attends to a stranger.
    fn encode(&self, user: UserId, history: &[HistoryItem]) -> Context {
        let history = self.newest(history);
        let trunk = &self.weights.trunk;
        let past = KeyValues::new(&trunk.sizes, trunk.layers.len(), 1 + history.len());
        self.run(user, history, past, 0)
    }

    /// With causal history, the tokens that both histories start with are taken over; what follows (a last token that has changed, new
    /// tokens) is computed. A bidirectional history, or a window that has moved, is computed afresh, as is a context of another model.
    fn extend(&self, context: &Context, history: &[HistoryItem]) -> Context {
        let model = &self.config.model;
        if context.model != self.id || model.history_attention != HistoryAttention::Causal {
            return self.encode(context.user, history);
        }
        let history = self.newest(history);
        let common = context.history.iter().zip(history).take_while(|(a, b)| a == b).count();
        let trunk = &self.weights.trunk;
        let past = context.past.with_room(&trunk.sizes, trunk.layers.len(), 1 + common, 1 + history.len());
        self.run(context.user, history, past, 1 + common)
    }

    /// A candidate of post 0 is padding: it gets logits that mean nothing. A context of another model is computed again from its
    /// history, so that the answer is always this model's.
    fn score(&self, context: &Context, candidates: &[CandidateItem], out: &mut Vec<f32>) {
        if context.model != self.id {
            return self.score(&self.encode(context.user, &context.history), candidates, out);
        }
        let actions = self.config.model.num_actions;
        out.clear();
        out.resize(candidates.len() * actions, 0.0);
        // Any size gives the same bits; this one gives every thread something to do.
        let tile = candidates.len().div_ceil(rayon::current_num_threads()).clamp(SMALLEST_TILE, TILE);
        let score = |t: usize, candidates: &[CandidateItem], out: &mut [f32]| {
            let place = self.place(context, t * tile);
            let fill = |i: usize, input: &mut [f32]| {
                let item: &CandidateItem = &candidates[i];
                self.lookup.post(item.post, item.author, &item.content, input);
                (Extras::from(item), item.post.is_some())
            };
            with_scratch(1, |s| self.weights.rank(&context.past, place, candidates.len(), fill, &mut s[0], out));
        };
        if candidates.len() <= tile {
            if !candidates.is_empty() {
                score(0, candidates, out);
            }
        } else {
            let tiles = candidates.par_chunks(tile).zip(out.par_chunks_mut(tile * actions)).enumerate();
            tiles.for_each(|(t, (candidates, out))| score(t, candidates, out));
        }
    }
}

impl RankerWeights {
    /// Scores one tile of up to [`TILE`] candidates against a context, into `out [rows, A]`.
    ///
    /// `fill` writes a candidate's hashed rows, and tells what else it has and whether it is one (not padding).
    pub(crate) fn rank(
        &self,
        past: &KeyValues,
        place: Place,
        rows: usize,
        mut fill: impl FnMut(usize, &mut [f32]) -> (Extras, bool),
        s: &mut Scratch,
        out: &mut [f32],
    ) {
        let trunk = &self.trunk;
        let (sizes, width) = (&trunk.sizes, trunk.config.tower_width());
        s.fit(sizes, rows, trunk.input_width(), past.capacity);
        let Scratch { input, x, valid, .. } = s;
        let fill = |r: usize, row: &mut [f32]| {
            let (extras, is_valid) = fill(r, row);
            valid[r] = if is_valid { 1.0 } else { 0.0 };
            extras
        };
        let mut extras = [Extras::default(); TILE];
        let input = RowsMut { data: input, stride: width };
        self.candidate.embed(trunk.kernels, rows, input, x, fill, &mut extras[..rows]);
        trunk.run_candidates(s, past, place);
        trunk.normalise(s);
        let stride = padded(sizes.actions);
        let input = Rows { data: &s.normed, stride: sizes.stride };
        trunk.kernels.run(self.unembed.product(rows, input, RowsMut { data: &mut s.hidden, stride }));
        for (out, logits) in out.chunks_exact_mut(sizes.actions).zip(s.hidden.chunks_exact(stride)).take(rows) {
            out.copy_from_slice(&logits[..sizes.actions]);
        }
    }
}
