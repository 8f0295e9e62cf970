//! The learning rate over the steps of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Half a cosine to 0 (Loshchilov, Hutter 2017).
    #[default]
    Cosine,
    /// A straight line to 0.
    Linear,
    /// Not at all.
    Constant,
}

/// A factor on the learning rates: up in a straight line, then down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Share of the steps spent on the way up.
    pub warm_up: f64,
    /// The way down.
    pub decay: Decay,
    /// Steps of the run.
    pub steps: u64,
}

impl Schedule {
    /// The factor of a step, counted from 0; positive for every step of the run.
    pub fn factor(&self, step: u64) -> f32 {
        let steps = self.steps.max(1) as f64;
        let up = ((step + 1) as f64 / (self.warm_up * steps).max(1.0)).min(1.0);
        let way = ((step as f64 + 0.5) / steps).min(1.0);
        let down = match self.decay {
            Decay::Cosine => 0.5 + 0.5 * (std::f64::consts::PI * way).cos(),
            Decay::Linear => 1.0 - way,
            Decay::Constant => 1.0,
        };
        (up * down) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_then_down_and_never_zero_in_the_run() {
        for decay in [Decay::Cosine, Decay::Linear, Decay::Constant] {
            let schedule = Schedule { warm_up: 0.1, decay, steps: 100 };
            let factors: Vec<f32> = (0..100).map(|step| schedule.factor(step)).collect();
            assert!(factors.iter().all(|&f| f > 0.0 && f <= 1.0));
            assert!((factors[0] - 0.1).abs() < 0.01);
            assert!(factors[..10].windows(2).all(|w| w[0] < w[1]), "{decay:?}");
            assert!(factors[10..].windows(2).all(|w| w[0] >= w[1]), "{decay:?}");
        }
        assert_eq!(Schedule { warm_up: 0.0, decay: Decay::Linear, steps: 2 }.factor(0), 0.75);
        let constant = Schedule { warm_up: 0.0, decay: Decay::Constant, steps: 3 };
        assert_eq!([0, 1, 2].map(|step| constant.factor(step)), [1.0; 3]);
    }
}
