//! Sampled softmax over a pool of posts, with its derivatives.

use burn_tensor::{Tensor, TensorData};
use train_core::TrainError;

use super::shard::read;
use crate::model::device;

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
    users: Vec<f32>,
    posts: Vec<f32>,
    dim: usize,
    log_temperature: f32,
    targets: &Targets,
) -> Result<SoftmaxLoss, TrainError> {
    let (n, m) = (users.len() / dim, posts.len() / dim);
    let device = device();
    let tensor = |values: Vec<f32>, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values, shape), &device);
    let (users, posts) = (tensor(users, [n, dim]), tensor(posts, [m, dim]));
    let mut scores = read(users.clone().matmul(posts.clone().transpose()))?;
    let sharpness = (-f64::from(log_temperature)).exp();
    let (mut loss, mut slope) = (0.0, 0.0);
    let mut row_corrections = targets.corrections.clone();
    for (row, scores) in scores.chunks_exact_mut(m).enumerate() {
        let right = targets.columns[row] as usize;
        let overrides = &targets.overrides[row];
        for &(column, correction) in overrides {
            row_corrections[column as usize] = correction;
        }
        if row_corrections[right] == MASKED {
            row_corrections[right] = targets.corrections[right];
        }
        let (row_loss, row_slope) = softmax_row(scores, &row_corrections, right, sharpness, n);
        loss += row_loss;
        slope += row_slope;
        for column in overrides.iter().map(|&(column, _)| column as usize).chain([right]) {
            row_corrections[column] = targets.corrections[column];
        }
    }
    let gradient = tensor(scores, [n, m]);
    Ok(SoftmaxLoss {
        loss: loss / n as f64,
        users: read(gradient.clone().matmul(posts))?,
        posts: read(gradient.transpose().matmul(users))?,
        log_temperature: slope as f32,
    })
}

/// The loss of a row and its derivative by log τ over `n`; the scores become their own derivatives over `n`.
fn softmax_row(scores: &mut [f32], corrections: &[f32], right: usize, sharpness: f64, n: usize) -> (f64, f64) {
    let logit = |score: f32, correction: f32| f64::from(score) * sharpness - f64::from(correction);
    let pairs = || scores.iter().zip(corrections).map(|(&score, &correction)| logit(score, correction));
    let most = pairs().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = pairs().map(|z| (z - most).exp()).sum();
    let loss = most + total.ln() - logit(scores[right], corrections[right]);
    let mut slope = 0.0;
    for (column, (score, &correction)) in scores.iter_mut().zip(corrections).enumerate() {
        let p = (logit(*score, correction) - most).exp() / total;
        let error = (p - if column == right { 1.0 } else { 0.0 }) / n as f64;
        slope -= error * f64::from(*score) * sharpness;
        *score = (error * sharpness) as f32;
    }
    (loss, slope)
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
        sampled_softmax(users.to_vec(), posts.to_vec(), 2, log_temperature, &targets()).unwrap()
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
