//! What people care about: mixtures over topics that drift from day to day.

use foryou_types::Rng;

use super::lexicon::TOPICS;

/// Shares of the topics, summing to 1.
pub type Mixture = [f32; TOPICS];

/// A person's mixtures, one at the start of every day and one at the end of the last.
///
/// In between, tastes move in a straight line. Every day a person replaces a share `δ` of the mixture by a fresh one; `δ` is 2 %
/// to 10 % for most and 35 % for the one in ten who changes interests.
#[derive(Clone, Debug, PartialEq)]
pub struct Tastes(Vec<Mixture>);

impl Tastes {
    pub(crate) fn draw(days: usize, rng: &mut dyn Rng) -> Self {
        let drift = if rng.chance(0.1) { 0.35 } else { 0.02 + 0.08 * rng.uniform() };
        let mut mixtures = Vec::with_capacity(days + 1);
        let mut now = draw_mixture(rng);
        mixtures.push(now);
        for _ in 0..days {
            let fresh = draw_mixture(rng);
            for (share, new) in now.iter_mut().zip(fresh) {
                *share += drift as f32 * (new - *share);
            }
            mixtures.push(now);
        }
        Self(mixtures)
    }

    /// The share of a topic `day` days after the start (fractions of days count).
    pub fn share(&self, topic: usize, day: f64) -> f64 {
        let (from, to, part) = self.around(day);
        f64::from(from[topic]) + part * f64::from(to[topic] - from[topic])
    }

    /// The mixture at the start of the day in which `day` falls.
    pub fn mixture(&self, day: f64) -> &Mixture {
        self.around(day).0
    }

    /// The first mixture.
    pub fn first(&self) -> &Mixture {
        self.mixture(0.0)
    }

    /// The last mixture.
    pub fn last(&self) -> &Mixture {
        &self.0[self.0.len() - 1]
    }

    fn around(&self, day: f64) -> (&Mixture, &Mixture, f64) {
        let last = self.0.len() - 1;
        let from = (day.max(0.0) as usize).min(last);
        (&self.0[from], &self.0[(from + 1).min(last)], (day - from as f64).clamp(0.0, 1.0))
    }
}

/// Three favourites (popular topics more often) and a little of everything.
fn draw_mixture(rng: &mut dyn Rng) -> Mixture {
    const FLOOR: f64 = 0.08;
    let mut mixture = [(FLOOR / TOPICS as f64) as f32; TOPICS];
    let weights = [0.4 + 0.4 * rng.uniform(), 0.15 + 0.25 * rng.uniform(), 0.05 + 0.15 * rng.uniform()];
    let total: f64 = weights.iter().sum();
    for weight in weights {
        mixture[draw_favourite(rng)] += ((1.0 - FLOOR) * weight / total) as f32;
    }
    mixture
}

/// Topic `t` is a favourite with probability ∝ `1 / (t + 6)`: the first about three times as often as the last.
fn draw_favourite(rng: &mut dyn Rng) -> usize {
    let weight = |t: usize| 1.0 / (t as f64 + 6.0);
    let mut left = rng.uniform() * (0..TOPICS).map(weight).sum::<f64>();
    for t in 0..TOPICS {
        left -= weight(t);
        if left < 0.0 {
            return t;
        }
    }
    TOPICS - 1
}

/// A topic drawn from a mixture.
pub(crate) fn draw_topic(mixture: &Mixture, rng: &mut dyn Rng) -> usize {
    let mut left = rng.uniform() * mixture.iter().map(|s| f64::from(*s)).sum::<f64>();
    for (t, share) in mixture.iter().enumerate() {
        left -= f64::from(*share);
        if left < 0.0 {
            return t;
        }
    }
    TOPICS - 1
}

/// The cosine of two mixtures, in `[0, 1]`.
pub fn similarity(a: &Mixture, b: &Mixture) -> f64 {
    let dot = |x: &Mixture, y: &Mixture| -> f64 { x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[cfg(test)]
mod tests {
    use foryou_types::SplitMix64;

    use super::*;

    #[test]
    fn mixtures_sum_to_one_and_are_peaked() {
        let mut rng = SplitMix64::new(1);
        for _ in 0..200 {
            let tastes = Tastes::draw(7, &mut rng);
            for day in 0..=7 {
                let mixture = tastes.mixture(f64::from(day));
                assert!((mixture.iter().sum::<f32>() - 1.0).abs() < 1e-4);
                assert!(mixture.iter().all(|s| *s > 0.0));
            }
            assert!(tastes.first().iter().fold(0.0f32, |m, s| m.max(*s)) > 0.3);
        }
    }

    #[test]
    fn tastes_drift_a_little_each_day_and_more_over_the_week() {
        let mut rng = SplitMix64::new(2);
        let people: Vec<Tastes> = (0..500).map(|_| Tastes::draw(7, &mut rng)).collect();
        let mean = |f: &dyn Fn(&Tastes) -> f64| people.iter().map(f).sum::<f64>() / people.len() as f64;
        let one_day = mean(&|t| similarity(t.first(), t.mixture(1.0)));
        let week = mean(&|t| similarity(t.first(), t.last()));
        let strangers: f64 = people.windows(2).map(|p| similarity(p[0].first(), p[1].first())).sum::<f64>() / 499.0;
        assert!(one_day > 0.97 && one_day < 0.9999, "{one_day}");
        assert!(week < one_day - 0.02 && week > strangers + 0.3, "{week}, strangers {strangers}");
    }

    #[test]
    fn a_share_moves_in_a_straight_line() {
        let tastes = Tastes(vec![[0.0; TOPICS], [1.0; TOPICS]]);
        assert_eq!(tastes.share(3, 0.25), 0.25);
        assert_eq!(tastes.share(3, 9.0), 1.0);
        assert_eq!(tastes.share(3, -1.0), 0.0);
    }
}
