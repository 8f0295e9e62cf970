//! The ranker's loss: one term per head, with its derivative.

use foryou_types::{ActionKind, ActionSet};
use phoenix::Candidate;

use crate::recipe::{HeadRecipe, HeadWeights};

/// The heads of a ranker and how much each counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heads(Vec<Head>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Head {
    kind: ActionKind,
    weight: f64,
}

impl Heads {
    /// Weights by the recipe, from the share of candidates that have each action (`base_rates`, `[A]`).
    pub(crate) fn new(action_set: &ActionSet, base_rates: &[f64], recipe: &HeadRecipe) -> Self {
        let discrete = |kind| kind == ActionKind::Discrete;
        // A rate of 0 (an action nobody took) would weigh nothing or infinitely much.
        let rate = |i: usize| base_rates.get(i).copied().unwrap_or(0.0).clamp(1e-6, 1.0 - 1e-6);
        let raw: Vec<f64> = action_set
            .iter()
            .map(|(i, action)| match recipe.weights {
                HeadWeights::Uniform => 1.0,
                HeadWeights::Value => action.weight.abs() * (rate(i.into()) * (1.0 - rate(i.into()))).sqrt(),
                HeadWeights::Rarity => 1.0 / rate(i.into()).max(1e-4).sqrt(),
            })
            .collect();
        let of_discrete = || action_set.iter().filter(|(_, a)| discrete(a.kind)).map(|(i, _)| raw[usize::from(i)]);
        let mean = (of_discrete().sum::<f64>() / of_discrete().count().max(1) as f64).max(f64::MIN_POSITIVE);
        let weight = |raw: f64| match recipe.weights {
            HeadWeights::Uniform => 1.0,
            HeadWeights::Value => 0.2 + raw / mean,
            HeadWeights::Rarity => raw / mean,
        };
        let head = |(action, raw): (&foryou_types::ActionDef, &f64)| Head {
            kind: action.kind,
            weight: if discrete(action.kind) { weight(*raw) } else { recipe.continuous },
        };
        Self(action_set.actions.iter().zip(&raw).map(head).collect())
    }

    /// The loss of a candidate with logits `[A]`; its derivative times `scale` goes to `gradient` `[A]`.
    ///
    /// A discrete head has the binary cross-entropy. A continuous one predicts `exp(z)` seconds and has the Tweedie deviance of power
    /// 1.5, `2·y·e^(−z/2) + 2·e^(z/2)` up to a constant: right for a label that is 0 or positive and skewed.
    pub(crate) fn loss(&self, candidate: &Candidate, logits: &[f32], scale: f64, gradient: &mut [f32]) -> f64 {
        let mut sum = 0.0;
        for (i, (head, (&z, gradient))) in self.0.iter().zip(logits.iter().zip(gradient)).enumerate() {
            let z = f64::from(z);
            let (loss, slope) = match head.kind {
                ActionKind::Discrete => {
                    let y = if candidate.labels.has(i as u8) { 1.0 } else { 0.0 };
                    (softplus(z) - y * z, sigmoid(z) - y)
                }
                ActionKind::Continuous => {
                    let (y, root) = (f64::from(candidate.dwell_seconds), (0.5 * z).exp());
                    (2.0 * y / root + 2.0 * root, root - y / root)
                }
            };
            let weight = head.weight * f64::from(candidate.weight);
            sum += weight * loss;
            *gradient = (scale * weight * slope) as f32;
        }
        sum
    }
}

/// `ln(1 + e^z)` without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// `1 / (1 + e^−z)`.
pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use foryou_types::{ActionDef, ActionMask};
    use phoenix::CandidateItem;

    use super::*;

    fn set() -> ActionSet {
        let mut set = ActionSet::discrete(1, &[("like", 1.0), ("report", -10.0)]);
        set.actions.push(ActionDef { name: "dwell".into(), weight: 0.1, kind: ActionKind::Continuous });
        set
    }

    fn candidate(labels: u64, dwell_seconds: f32, weight: f32) -> Candidate {
        Candidate {
            item: CandidateItem::default(),
            cutoff: 0,
            labels: ActionMask(labels),
            dwell_seconds,
            weight,
            slate: 0,
            training_impressions: 0,
        }
    }

    #[test]
    fn the_loss_by_hand_and_its_slope_by_differences() {
        let recipe = HeadRecipe { weights: HeadWeights::Uniform, continuous: 0.5 };
        let heads = Heads::new(&set(), &[0.1, 0.1, 0.1], &recipe);
        let candidate = candidate(0b01, 4.0, 2.0);
        let logits = [0.0f32, 1.0, 2.0];
        let mut gradient = [0.0; 3];
        let loss = heads.loss(&candidate, &logits, 0.25, &mut gradient);
        let e = std::f64::consts::E;
        let expected = 2.0 * (2.0f64.ln() + (1.0 + e).ln() + 0.5 * (8.0 / e + 2.0 * e));
        assert!((loss - expected).abs() < 1e-9, "{loss} {expected}");
        for i in 0..3 {
            let at = |shift: f32| {
                let mut moved = logits;
                moved[i] += shift;
                heads.loss(&candidate, &moved, 1.0, &mut [0.0; 3])
            };
            let slope = 0.25 * (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - f64::from(gradient[i])).abs() < 1e-4, "{i}: {slope} {}", gradient[i]);
        }
    }

    #[test]
    fn the_tweedie_head_is_least_at_its_label() {
        let heads = Heads::new(&set(), &[], &HeadRecipe { weights: HeadWeights::Uniform, continuous: 1.0 });
        let mut gradient = [0.0; 3];
        heads.loss(&candidate(0, 7.0, 1.0), &[0.0, 0.0, 7.0f32.ln()], 1.0, &mut gradient);
        assert!(gradient[2].abs() < 1e-5);
        assert!(heads.loss(&candidate(0, 0.0, 1.0), &[800.0, -800.0, 0.0], 1.0, &mut gradient).is_finite());
    }

    #[test]
    fn weights_follow_the_recipe() {
        let weights = |mode| {
            let recipe = HeadRecipe { weights: mode, continuous: 0.3 };
            Heads::new(&set(), &[0.25, 0.01, 0.5], &recipe).0.iter().map(|h| h.weight).collect::<Vec<_>>()
        };
        assert_eq!(weights(HeadWeights::Uniform), [1.0, 1.0, 0.3]);
        let rarity = weights(HeadWeights::Rarity);
        assert!((rarity[1] / rarity[0] - 5.0).abs() < 1e-9 && (rarity[0] + rarity[1] - 2.0).abs() < 1e-9);
        let value = weights(HeadWeights::Value);
        let ratio = 10.0 * 0.0099f64.sqrt() / 0.1875f64.sqrt();
        assert!(((value[1] - 0.2) / (value[0] - 0.2) - ratio).abs() < 1e-9 && value[2] == 0.3);
    }
}
