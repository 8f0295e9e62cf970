//! The ranker: logits of every action on each candidate, and the way back from their gradients.

use std::ops::Range;

use kernels::{Normalise, NormaliseBack, Rows, RowsMut, padded};
use model_registry::NamedTensor;

use super::tile::{self, Tile};
use super::{CandidateArrays, HistoryArrays, LeafGradients, Network, Values, zeros};

impl Network {
    /// Logits `[B, C, A]` of a batch; those of padded candidates are 0.
    ///
    /// Each candidate sees the user, the first `cutoff` history tokens and itself. With bidirectional history attention the context
    /// itself sees the whole history, so a pass is free of leakage only if all its candidates see all of it.
    ///
    /// # Panics
    /// When an array is shorter than its shape says.
    pub(crate) fn logits(
        &mut self,
        dense: &[NamedTensor],
        history: &HistoryArrays,
        candidates: &CandidateArrays,
        logits: &mut Vec<f32>,
    ) {
        zeros(logits, candidates.b * candidates.c * self.shape.config.num_actions);
        let mut first = 0;
        loop {
            let users = tile::next(history, Some(candidates), first);
            if users.is_empty() {
                return;
            }
            first = users.end;
            self.forward_tile(dense, history, candidates, users, logits);
        }
    }

    /// As [`Self::logits`], and the gradients on the way: for every few users `seeds` gets their range and the logits, and writes the
    /// derivatives of the loss by those users' logits into the second array, `[B, C, A]` like the first.
    ///
    /// Gradients of the dense tensors are added to [`Self::gradients`], those of the looked-up rows are left in `leaves`.
    ///
    /// # Panics
    /// When an array is shorter than its shape says.
    pub(crate) fn train(
        &mut self,
        dense: &[NamedTensor],
        (history, candidates): (&HistoryArrays, &CandidateArrays),
        (logits, slopes): (&mut Vec<f32>, &mut Vec<f32>),
        leaves: &mut LeafGradients,
        mut seeds: impl FnMut(Range<usize>, &[f32], &mut [f32]),
    ) {
        let len = candidates.b * candidates.c * self.shape.config.num_actions;
        zeros(logits, len);
        zeros(slopes, len);
        self.clear(leaves, history, Some(candidates));
        let mut first = 0;
        loop {
            let users = tile::next(history, Some(candidates), first);
            if users.is_empty() {
                return;
            }
            first = users.end;
            self.forward_tile(dense, history, candidates, users.clone(), logits);
            seeds(users, logits, slopes);
            self.back_tile(history, candidates, slopes, leaves);
        }
    }

    fn forward_tile(
        &mut self,
        dense: &[NamedTensor],
        history: &HistoryArrays,
        arrays: &CandidateArrays,
        users: Range<usize>,
        logits: &mut [f32],
    ) {
        let parts = self.parts();
        let shape = parts.layers.shape;
        let (stride, actions) = (shape.stride, shape.config.num_actions);
        parts.tiles.resize_with(parts.tiles.len().max(1), Tile::default);
        let (layers, weights) = (&parts.layers, parts.weights);
        let values = Values { tensors: dense, places: weights.places() };
        let tile = &mut parts.tiles[0];
        tile.lay_out(shape, history, Some(arrays), users);
        parts.work.fit(shape, tile.rows);
        layers.embed(weights, values, (history, Some(arrays)), tile, parts.work);
        for (l, weights) in weights.layers.iter().enumerate() {
            layers.forward(l, weights, tile, parts.work);
        }
        let count = tile.rows - tile.context;
        layers.kernels.run(Normalise {
            x: &tile.x[tile.context * stride..tile.rows * stride],
            out: &mut tile.state,
            stride,
            width: shape.d,
            eps: shape.config.rms_eps,
            inverse: Some(&mut tile.state_inverse),
        });
        let wide = padded(actions);
        parts.work.users.fit(count * wide);
        let out = RowsMut { data: &mut parts.work.users, stride: wide };
        layers.kernels.run(weights.heads.forward.product(count, Rows { data: &tile.state, stride }, out));
        for user in &tile.users {
            for j in 0..user.candidates {
                let from = &parts.work.users[(user.candidate - tile.context + j) * wide..][..actions];
                logits[(user.place * arrays.c + j) * actions..][..actions].copy_from_slice(from);
            }
        }
    }

    fn back_tile(
        &mut self,
        history: &HistoryArrays,
        arrays: &CandidateArrays,
        slopes: &[f32],
        leaves: &mut LeafGradients,
    ) {
        let parts = self.parts();
        let (layers, weights, into, work) = (&parts.layers, parts.weights, parts.gradients, parts.work);
        let shape = layers.shape;
        let (stride, actions, wide) = (shape.stride, shape.config.num_actions, padded(shape.config.num_actions));
        let tile = &mut parts.tiles[0];
        let (context, count) = (tile.context, tile.rows - tile.context);
        for user in &tile.users {
            for j in 0..user.candidates {
                let to = &mut work.users[(user.candidate - context + j) * wide..][..wide];
                to[..actions].copy_from_slice(&slopes[(user.place * arrays.c + j) * actions..][..actions]);
                to[actions..].fill(0.0);
            }
        }
        let slopes = Rows { data: &work.users, stride: wide };
        let state = Rows { data: &tile.state, stride };
        layers.outer(count, state, shape.d, slopes, wide, &mut into.heads);
        layers.kernels.run(weights.heads.back.product(count, slopes, RowsMut { data: &mut work.normed, stride }));
        work.gradient[..tile.rows * stride].fill(0.0);
        layers.kernels.run(NormaliseBack {
            normed: &tile.state[..count * stride],
            inverse: &tile.state_inverse,
            gradient: &work.normed,
            out: &mut work.gradient[context * stride..],
            stride,
            width: shape.d,
        });
        for (l, weights) in weights.layers.iter().enumerate().rev() {
            layers.back(l, weights, tile, work, &mut into.layers[l]);
        }
        layers.embed_back(weights, (history, Some(arrays)), tile, work, into, leaves);
    }

    /// Makes the gradients of looked-up rows zeros of the batch's sizes.
    pub(super) fn clear(
        &self,
        leaves: &mut LeafGradients,
        history: &HistoryArrays,
        candidates: Option<&CandidateArrays>,
    ) {
        let (ids, d) = (self.shape.ids, self.shape.d);
        let text = |text: &Option<Vec<f32>>| if text.is_some() && self.shape.history.text.is_some() { d } else { 0 };
        let tokens = history.b * history.s;
        zeros(&mut leaves.user, history.b * self.shape.user_width);
        zeros(&mut leaves.history_ids, tokens * ids);
        zeros(&mut leaves.history_text, tokens * text(&history.text));
        let all = candidates.map_or(0, |candidates| candidates.b * candidates.c);
        zeros(&mut leaves.candidate_ids, all * ids);
        zeros(&mut leaves.candidate_text, all * candidates.map_or(0, |candidates| text(&candidates.text)));
    }
}
