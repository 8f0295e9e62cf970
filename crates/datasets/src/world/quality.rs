//! What can be known of a post's latent quality, and the informed ceiling.
//!
//! A post's quality is `N(mean of its author, 0.8²)`. Whoever knows everything but the quality can still infer it from what
//! viewers did. The posterior is kept as a Gaussian (assumed-density filtering, Opper 1998): after a slate, each impression of
//! the post adds its Fisher information to the precision, and one Newton step on its exact log-likelihood (every discrete action taken
//! or not taken, and whether the viewer looked, with all features known) moves the mean. Approximations: the Gaussian form, one
//! step per impression, the length of looks ignored, and a slate counts only once it is over.

use super::behaviour::{HEADS, Response};

/// Spread of quality among one author's posts.
pub(crate) const POST_SPREAD: f64 = 0.8;

/// Nodes and weights of the 7-point Gauss–Hermite rule for a standard normal.
const NODES: [(f64, f64); 7] = [
    (-3.750_439_717_725_742, 5.482_688_559_722_184e-4),
    (-2.366_759_410_734_541, 3.075_712_396_758_65e-2),
    (-1.154_405_394_739_968, 2.401_231_786_050_127e-1),
    (0.0, 4.571_428_571_428_571e-1),
    (1.154_405_394_739_968, 2.401_231_786_050_127e-1),
    (2.366_759_410_734_541, 3.075_712_396_758_65e-2),
    (3.750_439_717_725_742, 5.482_688_559_722_184e-4),
];

/// A Gaussian belief about a post's quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// Mean.
    pub mean: f64,
    /// Variance.
    pub variance: f64,
}

impl Belief {
    /// The belief about a new post of an author whose posts have this mean quality.
    pub fn of_author(mean: f64) -> Self {
        Self { mean, variance: POST_SPREAD * POST_SPREAD }
    }

    /// Takes in what one viewer did (`taken` as bits, `looked` at all).
    pub(crate) fn observe(&mut self, response: &Response, taken: u64, looked: bool) {
        let (gradient, information) = response.score(self.mean, taken, looked);
        self.variance = 1.0 / (1.0 / self.variance + information);
        // A single rare action (a share of a post nobody was expected to share) must not throw the mean across the scale.
        self.mean += (self.variance * gradient).clamp(-1.5, 1.5);
    }

    /// The expected heads of a response, `[A]`.
    pub fn heads(&self, response: &Response) -> [f64; HEADS] {
        let sd = self.variance.sqrt();
        let mut expected = [0.0; HEADS];
        for (node, weight) in NODES {
            for (sum, p) in expected.iter_mut().zip(response.heads(self.mean + sd * node)) {
                *sum += weight * p;
            }
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};

    use super::*;
    use crate::world::behaviour::{DISCRETE, Features};

    fn response() -> Response {
        Features { taste: 0.5, freshness: 0.7, same_language: true, photo: true, ..Features::default() }.response()
    }

    #[test]
    fn the_rule_integrates_polynomials() {
        let moment = |k: i32| NODES.iter().map(|(x, w)| w * x.powi(k)).sum::<f64>();
        for (k, exact) in [(0, 1.0), (1, 0.0), (2, 1.0), (4, 3.0), (6, 15.0), (8, 105.0)] {
            assert!((moment(k) - exact).abs() < 1e-6, "{k}: {}", moment(k));
        }
    }

    /// Beliefs must be calibrated: over many posts the truth lies as far from the mean as the variance says, and closer than the
    /// prior's.
    #[test]
    fn the_belief_is_calibrated() {
        let mut rng = SplitMix64::new(21);
        let response = response();
        let (mut z2, mut error, mut prior) = (0.0, 0.0, 0.0);
        let posts = 600;
        for _ in 0..posts {
            let quality = POST_SPREAD * rng.normal();
            let heads = response.heads(quality);
            let mut belief = Belief::of_author(0.0);
            for _ in 0..60 {
                let taken = (0..DISCRETE).fold(0u64, |bits, a| bits | u64::from(rng.chance(heads[a])) << a);
                let looked = rng.chance(response.attention(quality));
                belief.observe(&response, taken, looked);
            }
            z2 += (quality - belief.mean).powi(2) / belief.variance;
            error += (quality - belief.mean).powi(2);
            prior += quality * quality;
        }
        let n = f64::from(posts);
        assert!((0.7..1.4).contains(&(z2 / n)), "mean squared z {}", z2 / n);
        assert!(error < 0.35 * prior, "{} of {}", error / n, prior / n);
    }

    #[test]
    fn a_sure_belief_answers_as_the_truth() {
        let response = response();
        let sure = Belief { mean: 0.7, variance: 1e-12 };
        for (a, b) in sure.heads(&response).iter().zip(response.heads(0.7)) {
            assert!((a - b).abs() < 1e-9);
        }
    }
}
