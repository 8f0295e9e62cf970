//! Some users' tokens on their way through the layers, with all that the backward pass needs.
//!
//! The rows of a tile are the context tokens of its users, one user after the other, then their candidates. Padding has no rows. A tile
//! is small enough for the second-level cache and large enough for the matrix products.

use std::ops::Range;

use kernels::{Aligned, PANEL, padded};
use phoenix::{ModelConfig, Positions};

use super::shape::{Output, Shape};
use super::{CandidateArrays, HistoryArrays};

/// Rows of a tile, unless one user has more.
const ROWS: usize = 224;

/// What a layer keeps.
#[derive(Debug, Default)]
pub(super) struct LayerKeep {
    /// `[rows, stride]`: normed input, and `[rows]` the inverse roots of its mean squares.
    pub(super) normed: Aligned,
    pub(super) inverse: Aligned,
    /// `[rows, qkv_stride]`, rotated.
    pub(super) qkv: Aligned,
    /// `[rows, mixed_stride]`.
    pub(super) mixed: Aligned,
    /// `[rows, H]`.
    pub(super) log_sums: Aligned,
    /// `[rows, stride]`: the normed output of attention.
    pub(super) attended: Aligned,
    pub(super) attended_inverse: Aligned,
    /// `[rows, stride]`: normed input of the feed-forward block.
    pub(super) feed: Aligned,
    pub(super) feed_inverse: Aligned,
    /// `[rows, 2·half]`: gate and value.
    pub(super) gate_up: Aligned,
    /// `[rows, stride]`: the normed output of the feed-forward block.
    pub(super) fed: Aligned,
    pub(super) fed_inverse: Aligned,
}

/// One user of a tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    /// The user's place in the arrays.
    pub(super) place: usize,
    /// First row, and context tokens, the user's own included.
    pub(super) first: usize,
    pub(super) tokens: usize,
    /// First candidate's row, and candidates.
    pub(super) candidate: usize,
    pub(super) candidates: usize,
    /// Where the user's mask starts.
    pub(super) mask: usize,
}

/// A tile.
#[derive(Debug, Default)]
pub(super) struct Tile {
    pub(super) users: Vec<User>,
    /// All rows, and those of contexts.
    pub(super) rows: usize,
    pub(super) context: usize,
    /// `[rows]`.
    pub(super) positions: Vec<u32>,
    /// `[candidates]`: how many context tokens each sees.
    pub(super) seen: Vec<u32>,
    /// 1 for a valid token, by user, each padded to whole panels.
    pub(super) mask: Vec<f32>,
    /// `[users, Hu·D]`.
    pub(super) user_input: Aligned,
    /// `[context, input stride]`.
    pub(super) history_input: Aligned,
    /// `[context, 64]`: what the dwell block's SiLU gets.
    pub(super) dwell: Aligned,
    /// `[candidates, input stride]`.
    pub(super) candidate_input: Aligned,
    /// `[rows, stride]`: the residual stream.
    pub(super) x: Aligned,
    pub(super) layers: Vec<LayerKeep>,
    /// `[candidates, stride]`: the ranker's final normed state.
    pub(super) state: Aligned,
    pub(super) state_inverse: Aligned,
}

/// History tokens of a user up to the last valid one.
fn tokens_of(history: &HistoryArrays, user: usize) -> usize {
    let valid = &history.valid[user * history.s..][..history.s];
    valid.iter().rposition(|&valid| valid).map_or(0, |last| last + 1)
}

/// Candidates of a user up to the last one.
fn candidates_of(candidates: Option<&CandidateArrays>, user: usize) -> usize {
    let Some(candidates) = candidates else { return 0 };
    let valid = &candidates.valid[user * candidates.c..][..candidates.c];
    valid.iter().rposition(|&valid| valid).map_or(0, |last| last + 1)
}

/// The users of the next tile, from `first` on; empty after the last.
pub(super) fn next(history: &HistoryArrays, candidates: Option<&CandidateArrays>, first: usize) -> Range<usize> {
    let (mut end, mut rows) = (first, 0);
    while end < history.b {
        rows += 1 + tokens_of(history, end) + candidates_of(candidates, end);
        if rows > ROWS && end > first {
            break;
        }
        end += 1;
    }
    first..end
}

impl Tile {
    /// Takes up some users, and makes room for them.
    pub(super) fn lay_out(
        &mut self,
        shape: &Shape,
        history: &HistoryArrays,
        candidates: Option<&CandidateArrays>,
        users: Range<usize>,
    ) {
        self.users.clear();
        self.positions.clear();
        self.seen.clear();
        self.mask.clear();
        let mut first = 0;
        for place in users.clone() {
            let tokens = 1 + tokens_of(history, place);
            self.positions.extend(0..tokens as u32);
            let mask = self.mask.len();
            self.mask.push(if history.user_valid[place] { 1.0 } else { 0.0 });
            let valid = &history.valid[place * history.s..][..tokens - 1];
            self.mask.extend(valid.iter().map(|&valid| if valid { 1.0 } else { 0.0 }));
            self.mask.resize(mask + padded(tokens), 0.0);
            self.users.push(User { place, first, tokens, candidate: 0, candidates: 0, mask });
            first += tokens;
        }
        self.context = first;
        for user in &mut self.users {
            user.candidate = first;
            user.candidates = candidates_of(candidates, user.place);
            first += user.candidates;
            if let Some(candidates) = candidates {
                let cutoffs = &candidates.cutoff[user.place * candidates.c..][..user.candidates];
                let seen = |&cutoff: &u16| usize::from(cutoff).min(history.s) as u32 + 1;
                self.seen.extend(cutoffs.iter().map(seen));
                self.positions.extend(positions(&shape.config, history.s, cutoffs));
            }
        }
        self.rows = first;
        self.fit(shape);
    }

    fn fit(&mut self, shape: &Shape) {
        let rows = self.rows;
        let (stride, candidates) = (shape.stride, rows - self.context);
        self.user_input.fit(self.users.len() * shape.user_width);
        self.history_input.fit(self.context * padded(shape.history.input));
        if shape.history.dwell.is_some() {
            self.dwell.fit(self.context * phoenix::DWELL_HIDDEN);
        }
        self.x.fit(rows * stride);
        if let Output::Ranker { candidate, .. } = &shape.output {
            self.candidate_input.fit(candidates * padded(candidate.input));
            self.state.fit(candidates * stride);
            self.state_inverse.fit(candidates);
        }
        self.layers.resize_with(shape.layers.len(), LayerKeep::default);
        for layer in &mut self.layers {
            for values in [&mut layer.normed, &mut layer.attended, &mut layer.feed, &mut layer.fed] {
                values.fit(rows * stride);
            }
            for values in
                [&mut layer.inverse, &mut layer.attended_inverse, &mut layer.feed_inverse, &mut layer.fed_inverse]
            {
                values.fit(rows);
            }
            layer.qkv.fit(rows * shape.qkv_stride + PANEL);
            layer.mixed.fit(rows * shape.mixed_stride);
            layer.log_sums.fit(rows * shape.heads.heads);
            layer.gate_up.fit(rows * 2 * shape.half);
        }
    }
}

fn positions(config: &ModelConfig, s: usize, cutoffs: &[u16]) -> impl Iterator<Item = u32> {
    let shared = config.positions == Positions::Shared;
    cutoffs.iter().enumerate().map(
        move |(i, &cutoff)| {
            if shared { usize::from(cutoff).min(s) as u32 + 1 } else { (1 + s + i) as u32 }
        },
    )
}
