//! Steps of optimisers over flat buffers, and sums over all of them.

use pulp::{Simd, WithSimd};

/// One step of AdamW (Loshchilov, Hutter 2019) on one tensor: `m = β₁·m + (1 − β₁)·g`, `v = β₂·v + (1 − β₂)·g²`,
/// `w = keep·w − step·m / (√v·root + eps)`.
pub struct AdamWStep<'a> {
    /// The tensor.
    pub values: &'a mut [f32],
    /// Its gradient.
    pub gradient: &'a [f32],
    /// Its mean gradient.
    pub mean: &'a mut [f32],
    /// Its mean squared gradient.
    pub square: &'a mut [f32],
    /// Decay of the mean gradient.
    pub beta1: f32,
    /// Decay of the mean squared gradient.
    pub beta2: f32,
    /// Step size, with the correction of the start.
    pub step: f32,
    /// The correction of the start on the root of the mean squared gradient.
    pub root: f32,
    /// Added to the root.
    pub eps: f32,
    /// What stays of a value: 1, less for one that decays.
    pub keep: f32,
}

impl WithSimd for AdamWStep<'_> {
    type Output = ();

    // Plain loops: inside the dispatched function the compiler vectorises them for its instruction set.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { beta1, beta2, step, root, eps, keep, .. } = self;
        let moments = self.mean.iter_mut().zip(self.square);
        for ((w, &g), (m, v)) in self.values.iter_mut().zip(self.gradient).zip(moments) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w = keep * *w - step * *m / (v.sqrt() * root + eps);
        }
    }
}

/// One step of row-wise Adagrad (Duchi, Hazan, Singer 2011; one accumulator per row as in DLRM, Naumov et al. 2019) on some rows of a
/// table: `a += mean(g²)`, `w = keep·w − rate·g / (√a + eps)`.
pub struct AdagradRows<'a> {
    /// The table, `[rows of the table, width]`.
    pub values: &'a mut [f32],
    /// `[rows of the table]`.
    pub accumulator: &'a mut [f32],
    /// The rows to change, each once.
    pub rows: &'a [u32],
    /// Their gradients, `[rows, width]`.
    pub gradients: &'a [f32],
    /// Width of a row.
    pub width: usize,
    /// Step size.
    pub rate: f32,
    /// Added to the root of the accumulator.
    pub eps: f32,
    /// What stays of a value: 1, less where rows decay.
    pub keep: f32,
}

impl WithSimd for AdagradRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (&row, g) in self.rows.iter().zip(self.gradients.chunks_exact(self.width.max(1))) {
            let accumulator = &mut self.accumulator[row as usize];
            *accumulator += squares(g) / self.width as f32;
            let step = self.rate / (accumulator.sqrt() + self.eps);
            for (w, g) in self.values[row as usize * self.width..][..self.width].iter_mut().zip(g) {
                *w = self.keep * *w - step * g;
            }
        }
    }
}

/// `Σ x²` of a short row.
#[inline(always)]
fn squares(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()
}

/// `sum += factor · x`.
pub struct AddTo<'a> {
    /// What is added to.
    pub sum: &'a mut [f32],
    /// What is added.
    pub x: &'a [f32],
    /// Its factor.
    pub factor: f32,
}

impl WithSimd for AddTo<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (sum, x) in self.sum.iter_mut().zip(self.x) {
            *sum += self.factor * x;
        }
    }
}

/// The mean of some rows of a table; zero of none.
pub struct MeanOfRows<'a> {
    /// `[rows of the table, width]`.
    pub values: &'a [f32],
    /// The rows.
    pub rows: &'a [u32],
    /// `[width]`.
    pub out: &'a mut [f32],
}

impl WithSimd for MeanOfRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.out.fill(0.0);
        let width = self.out.len();
        for &row in self.rows {
            for (sum, x) in self.out.iter_mut().zip(&self.values[row as usize * width..][..width]) {
                *sum += x;
            }
        }
        let share = 1.0 / self.rows.len().max(1) as f32;
        for x in self.out {
            *x *= share;
        }
    }
}

/// `Σ x²`: sums of short runs in f32, their sum in f64. Not finite if a value is not finite.
pub struct SumOfSquares<'a>(pub &'a [f32]);

impl WithSimd for SumOfSquares<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        self.0.chunks(512).map(|run| f64::from(squares(run))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ways;

    #[test]
    fn adamw_by_hand() {
        for way in ways() {
            let (mut values, mut mean, mut square) = (vec![2.0; 37], vec![0.5; 37], vec![0.25; 37]);
            let gradient: Vec<f32> = (0..37).map(|i| i as f32 / 10.0).collect();
            way.run(AdamWStep {
                values: &mut values,
                gradient: &gradient,
                mean: &mut mean,
                square: &mut square,
                beta1: 0.9,
                beta2: 0.99,
                step: 0.1,
                root: 1.5,
                eps: 1e-3,
                keep: 0.98,
            });
            for (i, &g) in gradient.iter().enumerate() {
                let (m, v) = (0.45 + 0.1 * g, 0.2475 + 0.01 * g * g);
                let w = 1.96 - 0.1 * m / (v.sqrt() * 1.5 + 1e-3);
                assert!((values[i] - w).abs() < 1e-6 && (mean[i] - m).abs() < 1e-6 && (square[i] - v).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn adagrad_changes_the_rows_it_is_given() {
        for way in ways() {
            let (mut values, mut accumulator) = (vec![1.0; 4 * 19], vec![2.0; 4]);
            let gradients: Vec<f32> = (0..2 * 19).map(|i| if i < 19 { 1.0 } else { 3.0 }).collect();
            way.run(AdagradRows {
                values: &mut values,
                accumulator: &mut accumulator,
                rows: &[3, 1],
                gradients: &gradients,
                width: 19,
                rate: 0.5,
                eps: 0.0,
                keep: 0.9,
            });
            assert_eq!(accumulator, [2.0, 11.0, 2.0, 3.0]);
            let row = |row: usize, x: f32| values[row * 19..][..19].iter().all(|w| (w - x).abs() < 1e-6);
            assert!(
                row(0, 1.0) && row(1, 0.9 - 1.5 / 11.0f32.sqrt()) && row(2, 1.0) && row(3, 0.9 - 0.5 / 3.0f32.sqrt())
            );
        }
    }

    #[test]
    fn sums_are_those_of_all_values() {
        for way in ways() {
            let mut sum: Vec<f32> = (0..1_100).map(|i| i as f32).collect();
            way.run(AddTo { sum: &mut sum, x: &[2.0; 1_100], factor: 0.5 });
            assert!(sum.iter().enumerate().all(|(i, &x)| x == i as f32 + 1.0));
            let exact: f64 = sum.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            assert!((way.run(SumOfSquares(&sum)) / exact - 1.0).abs() < 1e-6);
            let mut mean = [7.0; 3];
            way.run(MeanOfRows { values: &sum, rows: &[1, 1, 4], out: &mut mean });
            assert_eq!(mean, [7.0, 8.0, 9.0]);
            way.run(MeanOfRows { values: &sum, rows: &[], out: &mut mean });
            assert_eq!(mean, [0.0; 3]);
            sum[700] = f32::NAN;
            assert!(way.run(SumOfSquares(&sum)).is_nan());
        }
    }
}
