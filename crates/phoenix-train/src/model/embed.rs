//! From looked-up rows and features to token vectors, and back.
//!
//! A token is the product of its looked-up rows with their blocks of the projection, plus the rows of the folded tables that its action,
//! surface and age name.

use kernels::{Rows, RowsMut, SiluBack, SiluKeeping, padded};
use phoenix::{DWELL_HIDDEN, dwell_input};

use super::gradients::{Gradients, InputGradients};
use super::layers::{Layers, Work};
use super::shape::{Output, Projection, Shape};
use super::tile::Tile;
use super::weights::{InputWeights, Values, Weights};
use super::{CandidateArrays, HistoryArrays, LeafGradients};

/// Adds `factor · row` to a sum.
fn add(sum: &mut [f32], row: &[f32], factor: f32) {
    for (sum, x) in sum.iter_mut().zip(row) {
        *sum += factor * x;
    }
}

/// The features of a token.
struct Features<'a> {
    /// `[A]`; empty for a candidate.
    actions: &'a [f32],
    surface: u8,
    age: u8,
}

impl Features<'_> {
    /// Calls `f` with the number and factor of every folded row that the token has. A surface or age outside its table has none, nor has
    /// a token without any action; other actions count as `2a − 1`.
    fn each(&self, of: &Projection, mut f: impl FnMut(usize, f32)) {
        if let Some(part) = of.actions
            && self.actions.iter().any(|&action| action != 0.0)
        {
            for (i, action) in self.actions.iter().enumerate() {
                f(part.at + i, 2.0 * action - 1.0);
            }
        }
        let (surface, age) = (usize::from(self.surface), usize::from(self.age));
        if surface < of.surface.rows {
            f(of.surface.at + surface, 1.0);
        }
        if let Some(part) = of.age.filter(|part| age < part.rows) {
            f(part.at + age, 1.0);
        }
    }
}

impl<'a> Features<'a> {
    fn of_token(history: &'a HistoryArrays, actions: usize, at: usize) -> Self {
        Self {
            actions: &history.actions[at * actions..][..actions],
            surface: history.surface[at],
            age: history.age.get(at).copied().unwrap_or(u8::MAX),
        }
    }

    fn of_candidate(candidates: &'a CandidateArrays, at: usize) -> Self {
        let age = candidates.age.get(at).copied().unwrap_or(u8::MAX);
        Self { actions: &[], surface: candidates.surface[at], age }
    }
}

/// Every history token of a tile: its row, and its place in the arrays.
fn tokens(tile: &Tile, s: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    tile.users.iter().flat_map(move |user| (1..user.tokens).map(move |i| (user.first + i, user.place * s + i - 1)))
}

/// Every candidate of a tile: its row among the candidates, and its place in the arrays.
fn candidates(tile: &Tile, c: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let context = tile.context;
    tile.users
        .iter()
        .flat_map(move |user| (0..user.candidates).map(move |j| (user.candidate - context + j, user.place * c + j)))
}

/// Copies a token's looked-up rows to the start of its input row.
fn fill(shape: &Shape, of: &Projection, at: usize, ids: &[f32], text: Option<&[f32]>, row: &mut [f32]) {
    let (to, rest) = row.split_at_mut(shape.ids);
    to.copy_from_slice(&ids[at * shape.ids..][..shape.ids]);
    if of.text.is_some() {
        match text {
            Some(text) => rest[..shape.d].copy_from_slice(&text[at * shape.d..][..shape.d]),
            None => rest[..shape.d].fill(0.0),
        }
    }
}

impl Layers<'_> {
    /// The tokens of a tile, into `tile.x`.
    pub(super) fn embed(
        &self,
        weights: &Weights,
        values: Values<'_>,
        (history, candidate_arrays): (&HistoryArrays, Option<&CandidateArrays>),
        tile: &mut Tile,
        work: &mut Work,
    ) {
        let shape = self.shape;
        let (stride, context) = (shape.stride, tile.context);
        let (of, width) = (&shape.history, padded(shape.history.input));
        self.dwell(values, history, tile, work);
        let mut input = std::mem::take(&mut tile.history_input);
        for user in &tile.users {
            input[user.first * width..(user.first + 1) * width].fill(0.0);
        }
        for (row, at) in tokens(tile, history.s) {
            let slots = &mut input[row * width..(row + 1) * width];
            fill(shape, of, at, &history.ids, history.text.as_deref(), slots);
            if of.dwell.is_some() {
                let silu = &work.input[row * DWELL_HIDDEN..][..DWELL_HIDDEN];
                slots[of.input - DWELL_HIDDEN..of.input].copy_from_slice(silu);
            }
        }
        let x = RowsMut { data: &mut tile.x, stride };
        self.kernels.run(weights.history.hashed.forward.product(context, Rows { data: &input, stride: width }, x));
        tile.history_input = input;
        let mut x = std::mem::take(&mut tile.x);
        for (row, at) in tokens(tile, history.s) {
            let sum = &mut x[row * stride..(row + 1) * stride];
            let features = Features::of_token(history, shape.config.num_actions, at);
            features.each(of, |i, factor| add(sum, &weights.history.tables[i * stride..][..stride], factor));
        }
        for (i, user) in tile.users.iter().enumerate() {
            let row = &history.user[user.place * shape.user_width..][..shape.user_width];
            tile.user_input[i * shape.user_width..][..shape.user_width].copy_from_slice(row);
        }
        let users = Rows { data: &tile.user_input, stride: shape.user_width };
        let out = RowsMut { data: &mut work.users, stride };
        self.kernels.run(weights.user.forward.product(tile.users.len(), users, out));
        for (user, row) in tile.users.iter().zip(work.users.chunks_exact(stride)) {
            x[user.first * stride..(user.first + 1) * stride].copy_from_slice(row);
        }
        tile.x = x;
        if let (Output::Ranker { candidate: of, .. }, Some(arrays)) = (&shape.output, candidate_arrays) {
            self.embed_candidates(of, &weights.candidate, arrays, tile);
        }
    }

    fn embed_candidates(&self, of: &Projection, weights: &InputWeights, arrays: &CandidateArrays, tile: &mut Tile) {
        let (shape, stride, width) = (self.shape, self.shape.stride, padded(of.input));
        let mut input = std::mem::take(&mut tile.candidate_input);
        for (row, at) in candidates(tile, arrays.c) {
            let slots = &mut input[row * width..(row + 1) * width];
            fill(shape, of, at, &arrays.ids, arrays.text.as_deref(), slots);
        }
        let mut x = std::mem::take(&mut tile.x);
        let own = &mut x[tile.context * stride..];
        let rows = Rows { data: &input, stride: width };
        let count = tile.rows - tile.context;
        self.kernels.run(weights.hashed.forward.product(count, rows, RowsMut { data: own, stride }));
        for (row, at) in candidates(tile, arrays.c) {
            let sum = &mut own[row * stride..(row + 1) * stride];
            let features = Features::of_candidate(arrays, at);
            features.each(of, |i, factor| add(sum, &weights.tables[i * stride..][..stride], factor));
        }
        (tile.x, tile.candidate_input) = (x, input);
    }

    /// The dwell block's hidden layer: its input stays in the tile, its output is left in `work.input`, `[context, 64]`.
    fn dwell(&self, values: Values<'_>, history: &HistoryArrays, tile: &mut Tile, work: &mut Work) {
        let Some(part) = self.shape.history.dwell else { return };
        let mut dwell = std::mem::take(&mut tile.dwell);
        let all = tile.context * DWELL_HIDDEN;
        dwell[..all].fill(0.0);
        for (row, at) in tokens(tile, history.s) {
            let seconds = dwell_input(history.dwell[at]);
            add(&mut dwell[row * DWELL_HIDDEN..(row + 1) * DWELL_HIDDEN], values.get(part.first), seconds);
        }
        self.kernels.run(SiluKeeping { x: &dwell[..all], out: &mut work.input[..all] });
        tile.dwell = dwell;
    }

    /// The gradients of looked-up rows and of what makes tokens of them, from `work.gradient`.
    pub(super) fn embed_back(
        &self,
        weights: &Weights,
        (history, candidate_arrays): (&HistoryArrays, Option<&CandidateArrays>),
        tile: &mut Tile,
        work: &mut Work,
        into: &mut Gradients,
        leaves: &mut LeafGradients,
    ) {
        let (shape, context) = (self.shape, tile.context);
        let (stride, d) = (shape.stride, shape.d);
        for (i, user) in tile.users.iter().enumerate() {
            let row = &work.gradient[user.first * stride..][..stride];
            work.users[i * stride..(i + 1) * stride].copy_from_slice(row);
        }
        let users = Rows { data: &work.users, stride };
        let rows = Rows { data: &tile.user_input, stride: shape.user_width };
        self.outer(tile.users.len(), rows, shape.user_width, users, stride, &mut into.user);
        let wide = padded(shape.user_width);
        let out = RowsMut { data: &mut work.input, stride: wide };
        self.kernels.run(weights.user.back.product(tile.users.len(), users, out));
        for (user, row) in tile.users.iter().zip(work.input.chunks_exact(wide)) {
            let to = &mut leaves.user[user.place * shape.user_width..][..shape.user_width];
            to.copy_from_slice(&row[..shape.user_width]);
        }
        let (of, width) = (&shape.history, padded(shape.history.input));
        let gradient = Rows { data: &work.gradient, stride };
        let input = Rows { data: &tile.history_input, stride: width };
        self.outer(context, input, of.input, gradient, stride, &mut into.history.hashed);
        let out = RowsMut { data: &mut work.input, stride: width };
        self.kernels.run(weights.history.hashed.back.product(context, gradient, out));
        for (row, at) in tokens(tile, history.s) {
            let from = &work.input[row * width..][..width];
            leaves.history_ids[at * shape.ids..][..shape.ids].copy_from_slice(&from[..shape.ids]);
            if of.text.is_some() && history.text.is_some() {
                leaves.history_text[at * d..][..d].copy_from_slice(&from[shape.ids..][..d]);
            }
            let gradient = &work.gradient[row * stride..][..stride];
            let features = Features::of_token(history, shape.config.num_actions, at);
            features.each(of, |i, factor| {
                add(&mut into.history.tables[i * stride..(i + 1) * stride], gradient, factor);
            });
        }
        if of.dwell.is_some() {
            self.dwell_back(history, tile, work, &mut into.history);
        }
        if let (Output::Ranker { candidate: of, .. }, Some(arrays)) = (&shape.output, candidate_arrays) {
            self.embed_candidates_back(of, weights, arrays, tile, work, &mut into.candidate, leaves);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one part of a longer function")]
    fn embed_candidates_back(
        &self,
        of: &Projection,
        weights: &Weights,
        arrays: &CandidateArrays,
        tile: &Tile,
        work: &mut Work,
        into: &mut InputGradients,
        leaves: &mut LeafGradients,
    ) {
        let (shape, stride, width) = (self.shape, self.shape.stride, padded(of.input));
        let count = tile.rows - tile.context;
        let gradient = Rows { data: &work.gradient[tile.context * stride..], stride };
        let input = Rows { data: &tile.candidate_input, stride: width };
        self.outer(count, input, of.input, gradient, stride, &mut into.hashed);
        let out = RowsMut { data: &mut work.input, stride: width };
        self.kernels.run(weights.candidate.hashed.back.product(count, gradient, out));
        for (row, at) in candidates(tile, arrays.c) {
            let from = &work.input[row * width..][..width];
            leaves.candidate_ids[at * shape.ids..][..shape.ids].copy_from_slice(&from[..shape.ids]);
            if of.text.is_some() && arrays.text.is_some() {
                leaves.candidate_text[at * shape.d..][..shape.d].copy_from_slice(&from[shape.ids..][..shape.d]);
            }
            let gradient = &gradient.data[row * stride..][..stride];
            let features = Features::of_candidate(arrays, at);
            features.each(of, |i, factor| add(&mut into.tables[i * stride..(i + 1) * stride], gradient, factor));
        }
    }

    /// The gradient of the first dwell matrix, from that of the hidden layer's output in `work.input`.
    fn dwell_back(&self, history: &HistoryArrays, tile: &Tile, work: &mut Work, into: &mut InputGradients) {
        let of = &self.shape.history;
        let width = padded(of.input);
        let all = tile.context * DWELL_HIDDEN;
        // Rows move to the front: each is read before it is overwritten.
        for row in 0..tile.context {
            let from = row * width + of.input - DWELL_HIDDEN;
            work.input.copy_within(from..from + DWELL_HIDDEN, row * DWELL_HIDDEN);
        }
        self.kernels.run(SiluBack { x: &tile.dwell[..all], gradient: &mut work.input[..all] });
        for (row, at) in tokens(tile, history.s) {
            let seconds = dwell_input(history.dwell[at]);
            add(&mut into.dwell, &work.input[row * DWELL_HIDDEN..][..DWELL_HIDDEN], seconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use phoenix::{ModelConfig, ModelKind};

    use super::*;

    /// The folded rows of a token with their factors.
    fn rows(of: &Projection, actions: &[f32], surface: u8, age: u8) -> Vec<(usize, f32)> {
        let mut rows = Vec::new();
        Features { actions, surface, age }.each(of, |row, factor| rows.push((row, factor)));
        rows
    }

    #[test]
    fn features_are_signed_actions_surface_and_age() {
        let config =
            ModelConfig { num_actions: 3, product_surface_vocab_size: 2, post_age: true, ..ModelConfig::default() };
        let shape = Shape::new(ModelKind::Ranker, &config).unwrap();
        let of = &shape.history;
        assert_eq!(of.table_rows(), 3 + 2 + 82);
        assert_eq!(rows(of, &[0.0, 1.0, 0.0], 1, 0), [(0, -1.0), (1, 1.0), (2, -1.0), (4, 1.0), (5, 1.0)]);
        assert_eq!(
            rows(of, &[0.0; 3], 0, 81),
            [(3, 1.0), (5 + 81, 1.0)],
            "a token without actions has none of their rows"
        );
        assert_eq!(rows(of, &[0.0; 3], 2, 82), [], "what lies outside its table is left out");
        let Output::Ranker { candidate, .. } = &shape.output else { panic!("a ranker") };
        assert_eq!(rows(candidate, &[], 1, 3), [(1, 1.0), (2 + 3, 1.0)]);
    }
}
