//! Retrieval: unit vectors of users at some moments and of posts, and the way back from their gradients.
//!
//! The softmax over what all threads computed stands between the two directions, so everything of a batch is kept.

use kernels::{Aligned, Rows, RowsMut, SiluBack, SiluKeeping, Unit, UnitBack, padded};
use model_registry::NamedTensor;

use super::tile::{self, Tile};
use super::{HistoryArrays, LeafGradients, Network, Values, zeros};

/// Posts that go through the tower at once: their rows stay in the second-level cache.
const POSTS: usize = 192;

/// A user of a batch after the first `cutoff` history tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The user's place in the batch.
    pub(crate) user: usize,
    /// History tokens that count; more than there are is all of them.
    pub(crate) cutoff: u16,
}

/// What the mean over a user's tokens keeps.
#[derive(Debug, Default)]
pub(super) struct Means {
    /// `[moments, stride]`, and `[moments]` the inverse lengths and shares of a token.
    unit: Aligned,
    inverse: Aligned,
    share: Aligned,
    gradient: Aligned,
}

/// What the candidate tower keeps.
#[derive(Debug, Default)]
pub(super) struct Tower {
    posts: usize,
    /// `[posts, input stride]`.
    input: Aligned,
    /// `[posts, padded(2·D)]`: what its SiLU gets.
    hidden: Aligned,
    /// `[posts, stride]`, and `[posts]`.
    unit: Aligned,
    inverse: Aligned,
    /// Of a block of posts.
    activated: Aligned,
    slopes: Aligned,
    gradient: Aligned,
    input_gradient: Aligned,
}

impl Network {
    /// Unit vectors `[moments, D]` of users: the transformer over `[user | history]`, the mean of the valid outputs up to the cut-off,
    /// scaled to length 1. `moments` are in the order of their users. A moment without any valid token has the zero vector.
    ///
    /// With causal history attention this is what the history cut there gives.
    ///
    /// # Panics
    /// When an array is shorter than its shape says.
    pub(crate) fn users(
        &mut self,
        dense: &[NamedTensor],
        history: &HistoryArrays,
        moments: &[Moment],
        out: &mut Vec<f32>,
    ) {
        let (stride, d) = (self.shape.stride, self.shape.d);
        let mut means = std::mem::take(&mut self.means);
        means.unit.fit(moments.len() * stride);
        means.inverse.fit(moments.len());
        means.share.fit(moments.len());
        let parts = self.parts();
        let (shape, layers, weights) = (parts.layers.shape, &parts.layers, parts.weights);
        let values = Values { tensors: dense, places: weights.places() };
        let (mut first, mut count, mut moment) = (0, 0, 0);
        loop {
            let users = tile::next(history, None, first);
            if users.is_empty() {
                break;
            }
            first = users.end;
            parts.tiles.resize_with(parts.tiles.len().max(count + 1), Tile::default);
            let tile = &mut parts.tiles[count];
            count += 1;
            tile.lay_out(shape, history, None, users);
            parts.work.fit(shape, tile.rows);
            layers.embed(weights, values, (history, None), tile, parts.work);
            for (l, weights) in weights.layers.iter().enumerate() {
                layers.forward(l, weights, tile, parts.work);
            }
            for user in &tile.users {
                // Sums up to each token.
                let sums = &mut parts.work.normed[..user.tokens * stride];
                sums[..stride].fill(0.0);
                for i in 0..user.tokens {
                    let (before, rest) = sums.split_at_mut(i * stride);
                    let valid = tile.mask[user.mask + i];
                    let last = before.len().saturating_sub(stride);
                    let before = if i > 0 { &before[last..] } else { &[] };
                    let x = &tile.x[(user.first + i) * stride..][..stride];
                    for (k, (sum, x)) in rest[..stride].iter_mut().zip(x).enumerate() {
                        *sum = before.get(k).copied().unwrap_or(0.0) + valid * x;
                    }
                }
                while moment < moments.len() && moments[moment].user == user.place {
                    let last = usize::from(moments[moment].cutoff).min(user.tokens - 1);
                    let valid: f32 = tile.mask[user.mask..=user.mask + last].iter().sum();
                    let share = 1.0 / valid.max(1.0);
                    means.share[moment] = share;
                    let to = &mut means.unit[moment * stride..(moment + 1) * stride];
                    for (to, sum) in to.iter_mut().zip(&sums[last * stride..]) {
                        *to = share * sum;
                    }
                    moment += 1;
                }
            }
        }
        let x = &mut means.unit[..moments.len() * stride];
        layers.kernels.run(Unit { x, stride, inverse: &mut means.inverse });
        out.clear();
        for row in means.unit.chunks_exact(stride).take(moments.len()) {
            out.extend_from_slice(&row[..d]);
        }
        self.means = means;
    }

    /// The way back from the gradients `[moments, D]` of what [`Self::users`] answered last, for the same batch.
    ///
    /// # Panics
    /// When an array is shorter than its shape says.
    pub(crate) fn users_back(
        &mut self,
        history: &HistoryArrays,
        moments: &[Moment],
        gradients: &[f32],
        leaves: &mut LeafGradients,
    ) {
        let (stride, d) = (self.shape.stride, self.shape.d);
        self.clear(leaves, history, None);
        let mut means = std::mem::take(&mut self.means);
        means.gradient.fit(moments.len() * stride);
        let all = &mut means.gradient[..moments.len() * stride];
        all.fill(0.0);
        for (row, gradient) in all.chunks_exact_mut(stride).zip(gradients.chunks_exact(d)) {
            row[..d].copy_from_slice(gradient);
        }
        let parts = self.parts();
        let (layers, weights, into, work) = (&parts.layers, parts.weights, parts.gradients, parts.work);
        let unit = &means.unit[..moments.len() * stride];
        layers.kernels.run(UnitBack { unit, inverse: &means.inverse, gradient: all, stride });
        let (mut first, mut count, mut moment) = (0, 0, 0);
        loop {
            let users = tile::next(history, None, first);
            if users.is_empty() {
                break;
            }
            first = users.end;
            let tile = &mut parts.tiles[count];
            count += 1;
            work.gradient[..tile.rows * stride].fill(0.0);
            for user in &tile.users {
                let rows = &mut work.gradient[user.first * stride..(user.first + user.tokens) * stride];
                while moment < moments.len() && moments[moment].user == user.place {
                    let last = usize::from(moments[moment].cutoff).min(user.tokens - 1);
                    let (share, from) = (means.share[moment], &means.gradient[moment * stride..][..stride]);
                    rows[last * stride..][..stride].iter_mut().zip(from).for_each(|(sum, g)| *sum += share * g);
                    moment += 1;
                }
                // A token is in the mean of every moment at or after it.
                for i in (1..user.tokens).rev() {
                    let (before, rest) = rows.split_at_mut(i * stride);
                    let before = &mut before[(i - 1) * stride..];
                    before.iter_mut().zip(&rest[..stride]).for_each(|(sum, g)| *sum += g);
                }
                for (row, &valid) in rows.chunks_exact_mut(stride).zip(&tile.mask[user.mask..]) {
                    for g in row {
                        *g *= valid;
                    }
                }
            }
            for (l, weights) in weights.layers.iter().enumerate().rev() {
                layers.back(l, weights, tile, work, &mut into.layers[l]);
            }
            layers.embed_back(weights, (history, None), tile, work, into, leaves);
        }
        self.means = means;
    }

    /// Unit vectors of posts, `[N, D]`, from their post and author rows `[N, (Hi+Ha)·D]` and text vectors `[N, D]` (none counts as
    /// zeros): two matrices with SiLU between, scaled to length 1.
    ///
    /// # Panics
    /// When `text` is not of as many posts as `ids`, or the network is a ranker's.
    pub(crate) fn posts(&mut self, ids: &[f32], text: Option<&[f32]>, out: &mut Vec<f32>) {
        let (ids_width, stride, d) = (self.shape.ids, self.shape.stride, self.shape.d);
        let (posts, width, wide) = (ids.len() / ids_width, padded(self.shape.config.tower_width()), padded(2 * d));
        let mut tower = std::mem::take(&mut self.tower);
        tower.fit(posts, width, wide, stride);
        for (i, row) in tower.input.chunks_exact_mut(width).enumerate().take(posts) {
            row[..ids_width].copy_from_slice(&ids[i * ids_width..][..ids_width]);
            if self.shape.history.text.is_some() {
                match text {
                    Some(text) => row[ids_width..][..d].copy_from_slice(&text[i * d..][..d]),
                    None => row[ids_width..][..d].fill(0.0),
                }
            }
        }
        let parts = self.parts();
        let (layers, weights) = (&parts.layers, parts.weights);
        for first in (0..posts).step_by(POSTS) {
            let rows = POSTS.min(posts - first);
            let input = Rows { data: &tower.input[first * width..], stride: width };
            let hidden = &mut tower.hidden[first * wide..(first + rows) * wide];
            let out = RowsMut { data: hidden, stride: wide };
            layers.kernels.run(weights.tower[0].forward.product(rows, input, out));
            let hidden = &tower.hidden[first * wide..(first + rows) * wide];
            layers.kernels.run(SiluKeeping { x: hidden, out: &mut tower.activated[..rows * wide] });
            let activated = Rows { data: &tower.activated, stride: wide };
            let unit = &mut tower.unit[first * stride..(first + rows) * stride];
            layers.kernels.run(weights.tower[1].forward.product(rows, activated, RowsMut { data: unit, stride }));
            let x = &mut tower.unit[first * stride..(first + rows) * stride];
            layers.kernels.run(Unit { x, stride, inverse: &mut tower.inverse[first..] });
        }
        out.clear();
        for row in tower.unit.chunks_exact(stride).take(posts) {
            out.extend_from_slice(&row[..d]);
        }
        self.tower = tower;
    }

    /// The way back from the gradients `[N, D]` of what [`Self::posts`] answered last.
    pub(crate) fn posts_back(&mut self, gradients: &[f32], text: bool, leaves: &mut LeafGradients) {
        let (ids, stride, d) = (self.shape.ids, self.shape.stride, self.shape.d);
        let tower_width = self.shape.config.tower_width();
        let (width, wide) = (padded(tower_width), padded(2 * d));
        let mut tower = std::mem::take(&mut self.tower);
        let text = text && self.shape.history.text.is_some();
        zeros(&mut leaves.candidate_ids, tower.posts * ids);
        zeros(&mut leaves.candidate_text, if text { tower.posts * d } else { 0 });
        let parts = self.parts();
        let (layers, weights, into) = (&parts.layers, parts.weights, parts.gradients);
        for first in (0..tower.posts).step_by(POSTS) {
            let rows = POSTS.min(tower.posts - first);
            let gradient = &mut tower.gradient[..rows * stride];
            gradient.fill(0.0);
            for (row, g) in gradient.chunks_exact_mut(stride).zip(gradients[first * d..].chunks_exact(d)) {
                row[..d].copy_from_slice(g);
            }
            let unit = &tower.unit[first * stride..(first + rows) * stride];
            layers.kernels.run(UnitBack { unit, inverse: &tower.inverse[first..], gradient, stride });
            let gradient = Rows { data: &tower.gradient, stride };
            let hidden = &tower.hidden[first * wide..(first + rows) * wide];
            layers.kernels.run(SiluKeeping { x: hidden, out: &mut tower.activated[..rows * wide] });
            let activated = Rows { data: &tower.activated, stride: wide };
            layers.outer(rows, activated, 2 * d, gradient, stride, &mut into.tower[1]);
            let slopes = RowsMut { data: &mut tower.slopes, stride: wide };
            layers.kernels.run(weights.tower[1].back.product(rows, gradient, slopes));
            layers.kernels.run(SiluBack { x: hidden, gradient: &mut tower.slopes[..rows * wide] });
            let slopes = Rows { data: &tower.slopes, stride: wide };
            let input = Rows { data: &tower.input[first * width..], stride: width };
            layers.outer(rows, input, tower_width, slopes, wide, &mut into.tower[0]);
            let out = RowsMut { data: &mut tower.input_gradient, stride: width };
            layers.kernels.run(weights.tower[0].back.product(rows, slopes, out));
            for (i, row) in tower.input_gradient.chunks_exact(width).enumerate().take(rows) {
                leaves.candidate_ids[(first + i) * ids..][..ids].copy_from_slice(&row[..ids]);
                if text {
                    leaves.candidate_text[(first + i) * d..][..d].copy_from_slice(&row[ids..][..d]);
                }
            }
        }
        self.tower = tower;
    }
}

impl Tower {
    fn fit(&mut self, posts: usize, width: usize, wide: usize, stride: usize) {
        self.posts = posts;
        self.input.fit(posts * width);
        self.hidden.fit(posts * wide);
        self.unit.fit(posts * stride);
        self.inverse.fit(posts);
        self.activated.fit(POSTS * wide);
        self.slopes.fit(POSTS * wide);
        self.gradient.fit(POSTS * stride);
        self.input_gradient.fit(POSTS * width);
    }
}
