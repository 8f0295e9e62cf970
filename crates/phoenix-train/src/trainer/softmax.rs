//! Sampled softmax over a pool of posts, with its derivatives.

use kernels::{Aligned, Kernels, Outer, PANEL, Packed, Rows, RowsMut, SoftmaxCrossEntropy, padded};

/// Rows of logits at a time: there is never a matrix of all.
const BLOCK: usize = 48;

/// A logQ correction that takes a post out of a row's softmax.
pub(crate) const MASKED: f32 = f32::INFINITY;

/// What is predicted, for each row (an example: a user at a moment).
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    /// The right column, `[N]`.
    pub(crate) columns: Vec<u32>,
    /// What is subtracted from each column's logits, `[M]`; [`MASKED`] for a column that is no one's negative unless overridden.
    pub(crate) corrections: Vec<f32>,
    /// Other corrections for single rows, `[N]` lists of (column, correction). A row's right column is never masked.
    pub(crate) overrides: Vec<Vec<(u32, f32)>>,
}

/// The mean loss and its derivatives.
#[derive(Clone, Debug)]
pub(crate) struct SoftmaxLoss {
    pub(crate) loss: f64,
    /// `[N, D]`.
    pub(crate) users: Vec<f32>,
    /// `[M, D]`.
    pub(crate) posts: Vec<f32>,
    pub(crate) log_temperature: f32,
}

/// Mean over the rows of `−log softmax(⟨u, v⟩ / τ − correction)[right column]`, for users `[N, D]` and posts `[M, D]`.
pub(crate) fn sampled_softmax(
    users: &[f32],
    posts: &[f32],
    dim: usize,
    log_temperature: f32,
    targets: &Targets,
) -> SoftmaxLoss {
    let kernels = Kernels::native();
    let (n, m, width) = (users.len() / dim, posts.len() / dim, padded(dim));
    let stride = padded(m);
    let (mut columns, mut rows) = (Packed::empty(), Packed::empty());
    columns.shape(dim, m);
    columns.write_transposed(0, 0, dim, posts, None, 1.0);
    rows.shape(m, dim);
    rows.write(0, 0, dim, posts, None, 1.0);
    let sharpness = (-log_temperature).exp();
    let mut row_corrections = Aligned::zeros(stride);
    row_corrections[..m].copy_from_slice(&targets.corrections);
    row_corrections[m..].fill(MASKED);
    let [mut scores, mut own, mut block] = [BLOCK * stride, BLOCK * width, BLOCK * width].map(Aligned::zeros);
    let mut of_posts = Aligned::zeros(m * width);
    let mut of_users = Vec::with_capacity(users.len());
    let (mut loss, mut slope) = (0.0, 0.0);
    for first in (0..n).step_by(BLOCK) {
        let count = BLOCK.min(n - first);
        for (row, user) in block.chunks_exact_mut(width).zip(users[first * dim..].chunks_exact(dim)).take(count) {
            row[..dim].copy_from_slice(user);
        }
        let block = Rows { data: &block, stride: width };
        kernels.run(columns.product(count, block, RowsMut { data: &mut scores, stride }));
        for r in 0..count {
            let right = targets.columns[first + r] as usize;
            let overrides = &targets.overrides[first + r];
            for &(column, correction) in overrides {
                row_corrections[column as usize] = correction;
            }
            if row_corrections[right] == MASKED {
                row_corrections[right] = targets.corrections[right];
            }
            let (row_loss, row_slope) = kernels.run(SoftmaxCrossEntropy {
                scores: &mut scores[r * stride..(r + 1) * stride],
                corrections: &row_corrections,
                right,
                sharpness,
                scale: 1.0 / n as f32,
            });
            loss += f64::from(row_loss);
            slope += f64::from(row_slope);
            for column in overrides.iter().map(|&(column, _)| column as usize).chain([right]) {
                row_corrections[column] = targets.corrections[column];
            }
        }
        let slopes = Rows { data: &scores, stride };
        kernels.run(rows.product(count, slopes, RowsMut { data: &mut own, stride: width }));
        for row in own.chunks_exact(width).take(count) {
            of_users.extend_from_slice(&row[..dim]);
        }
        let c = RowsMut { data: &mut of_posts, stride: width };
        kernels.run(Outer { depth: count, a: slopes, rows: m, b: block, panels: width / PANEL, c });
    }
    let posts = of_posts.chunks_exact(width).flat_map(|row| &row[..dim]).copied().collect();
    SoftmaxLoss { loss: loss / n as f64, users: of_users, posts, log_temperature: slope as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets {
        Targets {
            columns: vec![0, 2],
            corrections: vec![-1.0, 0.5, 0.0, MASKED],
            overrides: vec![vec![(3, 0.0)], vec![(0, MASKED), (2, MASKED)]],
        }
    }

    const USERS: [f32; 4] = [0.6, 0.8, 1.0, 0.0];
    const POSTS: [f32; 8] = [0.0, 1.0, 0.6, -0.8, 1.0, 0.0, -0.6, 0.8];

    fn loss(users: &[f32], posts: &[f32], log_temperature: f32) -> SoftmaxLoss {
        sampled_softmax(users, posts, 2, log_temperature, &targets())
    }

    #[test]
    fn the_loss_by_hand() {
        // Row 0 against all four (column 3 is its own hard negative), row 1 against columns 1 and 2 only.
        let t = 0.5f64;
        let first = [0.8 / t + 1.0, -0.28 / t - 0.5, 0.6 / t, 0.28 / t];
        let second = [0.6 / t - 0.5, 1.0 / t];
        let log_sum = |z: &[f64]| z.iter().map(|z| z.exp()).sum::<f64>().ln();
        let expected = 0.5 * (log_sum(&first) - first[0] + log_sum(&second) - second[1]);
        let got = loss(&USERS, &POSTS, (t as f32).ln()).loss;
        assert!((got - expected).abs() < 1e-6, "{got} {expected}");
    }

    #[test]
    fn derivatives_by_differences() {
        let at = loss(&USERS, &POSTS, -0.5);
        let h = 1e-2f32;
        let check = |analytic: f32, plus: f64, minus: f64| {
            let numeric = (plus - minus) / f64::from(2.0 * h);
            assert!((numeric - f64::from(analytic)).abs() < 2e-3, "{numeric} {analytic}");
        };
        let moved = |values: &[f32], i: usize, by: f32| {
            let mut values = values.to_vec();
            values[i] += by;
            values
        };
        for i in 0..4 {
            let shifted = |by| loss(&moved(&USERS, i, by), &POSTS, -0.5).loss;
            check(at.users[i], shifted(h), shifted(-h));
        }
        for i in 0..8 {
            let shifted = |by| loss(&USERS, &moved(&POSTS, i, by), -0.5).loss;
            check(at.posts[i], shifted(h), shifted(-h));
        }
        check(at.log_temperature, loss(&USERS, &POSTS, -0.5 + h).loss, loss(&USERS, &POSTS, -0.5 - h).loss);
    }
}
