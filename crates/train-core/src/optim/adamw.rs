//! AdamW (Loshchilov, Hutter 2019): Adam with decoupled weight decay.

use kernels::{AdamWStep, Kernels};

/// Settings of the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWRule {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the mean gradient.
    pub beta1: f32,
    /// Decay of the mean squared gradient.
    pub beta2: f32,
    /// Added to the root of the mean squared gradient.
    pub eps: f32,
    /// Share of a decaying tensor that fades per step, times the step size.
    pub weight_decay: f32,
}

/// The moments of some tensors, and how many steps they have seen.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// Mean gradients, tensor by tensor.
    pub mean: Vec<Vec<f32>>,
    /// Mean squared gradients.
    pub square: Vec<Vec<f32>>,
    /// Steps taken, for the correction of the start.
    pub steps: u64,
}

impl AdamW {
    /// The state before the first step, for tensors of these lengths.
    pub fn new(lengths: impl Iterator<Item = usize>) -> Self {
        let mean: Vec<Vec<f32>> = lengths.map(|len| vec![0.0; len]).collect();
        Self { square: mean.clone(), mean, steps: 0 }
    }

    /// One step on every tensor: `(values, gradient, whether it decays)` in the order of the moments.
    pub fn step<'a>(&mut self, tensors: impl Iterator<Item = (&'a mut [f32], &'a [f32], bool)>, rule: AdamWRule) {
        let kernels = Kernels::native();
        self.steps += 1;
        let power = self.steps.min(1 << 30) as i32;
        let start1 = 1.0 - f64::from(rule.beta1).powi(power);
        let start2 = 1.0 - f64::from(rule.beta2).powi(power);
        let step = (f64::from(rule.learning_rate) / start1) as f32;
        let root = (1.0 / start2.sqrt()) as f32;
        for ((values, gradient, decays), (mean, square)) in tensors.zip(self.mean.iter_mut().zip(&mut self.square)) {
            let keep = if decays { 1.0 - rule.learning_rate * rule.weight_decay } else { 1.0 };
            let AdamWRule { beta1, beta2, eps, .. } = rule;
            kernels.run(AdamWStep { values, gradient, mean, square, beta1, beta2, step, root, eps, keep });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let rule = AdamWRule { learning_rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 0.0, weight_decay: 0.5 };
        let mut state = AdamW::new([1, 1].into_iter());
        let (mut decaying, mut plain) = ([2.0f32], [2.0f32]);
        let mut step = |a: f32, decaying: &mut [f32], plain: &mut [f32]| {
            let gradient = [a];
            state.step([(decaying, &gradient[..], true), (plain, &gradient[..], false)].into_iter(), rule);
        };
        // The corrected moments of the first step are g and g², so it is lr · sign(g).
        step(4.0, &mut decaying, &mut plain);
        assert!((plain[0] - 1.9).abs() < 1e-6);
        assert!((decaying[0] - (2.0 * 0.95 - 0.1)).abs() < 1e-6, "decay is decoupled: it does not pass the moments");
        // m = .9·.4 + .1·(−2) = .16, /(1 − .81) = .842105; v = .99·.16 + .01·4 = .1984, /(1 − .9801) = 9.969849.
        step(-2.0, &mut decaying, &mut plain);
        assert!((plain[0] - (1.9 - 0.1 * 0.842_105 / 9.969_849f32.sqrt())).abs() < 1e-5, "{plain:?}");
    }
}
