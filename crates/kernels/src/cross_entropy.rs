//! The softmax cross-entropy of a row, with its derivatives.

use pulp::{Simd, WithSimd};

use super::math;

/// `−log softmax(scores · sharpness − corrections)[right]`: answers the loss and `scale` times its derivative by the logarithm of
/// `1 / sharpness`; the scores become `scale` times its derivatives by them.
pub struct SoftmaxCrossEntropy<'a> {
    /// `[columns]`, a multiple of the panel.
    pub scores: &'a mut [f32],
    /// `[columns]`: infinite for a column that does not take part.
    pub corrections: &'a [f32],
    /// The column of the right answer.
    pub right: usize,
    /// The inverse of the temperature.
    pub sharpness: f32,
    /// Factor on the derivatives.
    pub scale: f32,
}

impl WithSimd for SoftmaxCrossEntropy<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f32) {
        let s = |x: f32| simd.splat_f32s(x);
        // exp is clamped far below: what does not take part must be 0.
        let (least, sharpness) = (s(-80.0), s(self.sharpness));
        let logit = |x: S::f32s, c: S::f32s| simd.sub_f32s(simd.mul_f32s(x, sharpness), c);
        let right = self.scores[self.right];
        let scores = S::as_mut_simd_f32s(self.scores).0;
        let corrections = S::as_simd_f32s(self.corrections).0;
        let mut most = s(f32::NEG_INFINITY);
        for (&x, &c) in scores.iter().zip(corrections) {
            most = simd.max_f32s(most, logit(x, c));
        }
        let most = simd.reduce_max_f32s(most);
        let weight = |x: S::f32s, c: S::f32s| {
            let z = simd.sub_f32s(logit(x, c), s(most));
            let part = simd.greater_than_or_equal_f32s(z, least);
            simd.select_f32s(part, math::exp(simd, z), s(0.0))
        };
        let mut total = s(0.0);
        for (&x, &c) in scores.iter().zip(corrections) {
            total = simd.add_f32s(total, weight(x, c));
        }
        let total = simd.reduce_sum_f32s(total);
        let (share, factor) = (s(1.0 / total), s(self.scale * self.sharpness));
        let mut mean = s(0.0);
        for (x, &c) in scores.iter_mut().zip(corrections) {
            let p = simd.mul_f32s(weight(*x, c), share);
            mean = simd.mul_add_e_f32s(p, *x, mean);
            *x = simd.mul_f32s(p, factor);
        }
        let own = right * self.sharpness - self.corrections[self.right];
        let slope = self.scale * self.sharpness * (right - simd.reduce_sum_f32s(mean));
        self.scores[self.right] -= self.scale * self.sharpness;
        (most + total.ln() - own, slope)
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};

    use super::*;
    use crate::testing::ways;

    #[test]
    fn it_is_what_f64_says() {
        let mut rng = SplitMix64::new(3);
        let scores: Vec<f32> = (0..64).map(|_| rng.normal() as f32).collect();
        let corrections: Vec<f32> =
            (0..64).map(|i| if i % 7 == 3 { f32::INFINITY } else { rng.normal() as f32 }).collect();
        let (right, sharpness, scale) = (5, 4.0, 0.25);
        let loss = |scores: &[f64], sharpness: f64| {
            let z: Vec<f64> = scores.iter().zip(&corrections).map(|(x, &c)| x * sharpness - f64::from(c)).collect();
            z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[right]
        };
        let exact: Vec<f64> = scores.iter().map(|&x| f64::from(x)).collect();
        let near = |a: f32, b: f64| (f64::from(a) - b).abs() < 2e-5;
        for way in ways() {
            let mut slopes = scores.clone();
            let (got, slope) = way.run(SoftmaxCrossEntropy {
                scores: &mut slopes,
                corrections: &corrections,
                right,
                sharpness: sharpness as f32,
                scale: scale as f32,
            });
            assert!(near(got, loss(&exact, sharpness)), "{way:?}");
            let h = 1e-5;
            for (i, &slope) in slopes.iter().enumerate() {
                let moved = |by: f64| {
                    let mut moved = exact.clone();
                    moved[i] += by;
                    loss(&moved, sharpness)
                };
                assert!(near(slope, scale * (moved(h) - moved(-h)) / (2.0 * h)), "{way:?} {i}");
            }
            // By the logarithm of 1 / sharpness.
            let moved = |by: f64| loss(&exact, sharpness * (-by).exp());
            assert!(near(slope, scale * (moved(h) - moved(-h)) / (2.0 * h)), "{way:?} {slope}");
        }
    }
}
