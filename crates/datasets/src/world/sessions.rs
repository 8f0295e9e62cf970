//! When viewers come, and on which page.

use foryou_types::{DAY_MS, Rng, SplitMix64, Surface, TimeMs};

use super::config::{HOUR_MS, WorldConfig};
use super::people::{Viewer, draw_moment};

/// A viewer opens a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Visit {
    pub(crate) at: TimeMs,
    pub(crate) viewer: u32,
    pub(crate) page: u8,
    pub(crate) client_app: u32,
}

/// The first hours have too few posts for a slate.
const WARM_UP_MS: i64 = 6 * HOUR_MS;
/// The last visit leaves time for its actions before the world ends.
const WIND_DOWN_MS: i64 = HOUR_MS / 2;

/// All visits, in time order. The number of a day's visits is Poisson; three in ten continue to a second page a few minutes later.
pub(crate) fn plan(config: &WorldConfig, viewers: &[Viewer]) -> Vec<Visit> {
    let mut rng = SplitMix64::fork(config.seed, "visits");
    let mut visits = Vec::new();
    for (viewer, person) in viewers.iter().enumerate() {
        for day in 0..config.days {
            let midnight = config.start() + i64::from(day) * DAY_MS;
            for _ in 0..poisson(person.visits_per_day, &mut rng) {
                let mut at = draw_moment(midnight, person.clock_hours, &mut rng);
                let client_app = if rng.chance(0.85) { person.client_app } else { 1 };
                for page in 0..=u8::from(rng.chance(0.3)) {
                    if at >= config.start() + WARM_UP_MS && at < config.end - WIND_DOWN_MS {
                        visits.push(Visit { at, viewer: viewer as u32, page, client_app });
                    }
                    at = at + (120_000.0 + 300_000.0 * rng.uniform()) as i64;
                }
            }
        }
    }
    visits.sort_unstable();
    visits
}

/// The surface of a visit's page.
pub(crate) fn draw_surface(rng: &mut dyn Rng) -> Surface {
    let u = rng.uniform();
    if u < 0.80 {
        Surface::Home
    } else if u < 0.88 {
        Surface::Following
    } else if u < 0.94 {
        Surface::Explore
    } else if u < 0.97 {
        Surface::Video
    } else {
        Surface::Search
    }
}

/// A Poisson number (Knuth's product of uniforms; the means here are small).
fn poisson(mean: f64, rng: &mut dyn Rng) -> u32 {
    let limit = (-mean.min(500.0)).exp();
    let mut product = rng.uniform();
    let mut n = 0;
    while product > limit {
        product *= rng.uniform();
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::people::draw_viewers;

    #[test]
    fn poisson_numbers_have_their_mean_and_variance() {
        let mut rng = SplitMix64::new(2);
        let n: Vec<f64> = (0..20_000).map(|_| f64::from(poisson(2.5, &mut rng))).collect();
        let mean = n.iter().sum::<f64>() / 20_000.0;
        let variance = n.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!((mean - 2.5).abs() < 0.05 && (variance - 2.5).abs() < 0.12, "{mean} {variance}");
        assert_eq!(poisson(0.0, &mut rng), 0);
    }

    #[test]
    fn visits_are_in_order_within_the_world_and_uneven() {
        let config = WorldConfig::demo();
        let viewers = draw_viewers(&config);
        let visits = plan(&config, &viewers);
        assert!(visits.is_sorted());
        assert!(visits.iter().all(|v| v.at >= config.start() && v.at < config.end));
        let mut per_viewer = vec![0u32; viewers.len()];
        for visit in &visits {
            per_viewer[visit.viewer as usize] += 1;
        }
        per_viewer.sort_unstable();
        assert!(per_viewer[990] >= 4 * per_viewer[500].max(1), "{} {}", per_viewer[990], per_viewer[500]);
    }
}
