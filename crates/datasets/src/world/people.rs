//! Viewers and authors: where they live, what they speak, when they are awake, what they are like.

use foryou_types::{Rng, SplitMix64, TimeMs, UserId};

use super::config::{HOUR_MS, WorldConfig};
use super::lexicon::LANGUAGES;
use super::tastes::Tastes;

/// Country (ISO 3166-1), language by number, hours from UTC, share of the people.
pub(crate) const COUNTRIES: [(&str, u8, i64, f64); 8] = [
    ("US", 0, -5, 0.30),
    ("GB", 0, 1, 0.10),
    ("ES", 1, 2, 0.09),
    ("MX", 1, -6, 0.12),
    ("BR", 2, -3, 0.15),
    ("PT", 2, 1, 0.03),
    ("DE", 3, 2, 0.11),
    ("FR", 4, 2, 0.10),
];

/// Weight of each local hour: asleep at night, at breakfast, at lunch and mostly in the evening here.
const HOURS: [f64; 24] = [
    0.5, 0.25, 0.12, 0.08, 0.08, 0.15, 0.4, 0.9, 1.2, 1.0, 0.8, 0.9, 1.3, 1.2, 0.9, 0.8, 0.9, 1.1, 1.4, 1.8, 2.1, 2.1,
    1.7, 1.0,
];

/// What an author is up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Posts about what interests them.
    #[default]
    Regular,
    /// Advertises.
    Spam,
    /// Insults.
    Abusive,
}

/// Someone who opens the feed.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The account.
    pub id: UserId,
    /// ISO 3166-1 code of the country.
    pub country: &'static str,
    /// Language by number.
    pub language: u8,
    /// What they care about.
    pub tastes: Tastes,
    /// Visits per day.
    pub visits_per_day: f64,
    /// Hours to UTC plus the person's own rhythm (early birds and night owls).
    pub clock_hours: f64,
    /// The app they mostly use: 1 web, 2 iOS, 3 Android.
    pub client_app: u32,
}

/// Someone who posts.
#[derive(Clone, Debug)]
pub struct Author {
    /// The account.
    pub id: UserId,
    /// The name shown.
    pub screen_name: String,
    /// ISO 3166-1 code of the country.
    pub country: &'static str,
    /// Language by number.
    pub language: u8,
    /// What they post about.
    pub tastes: Tastes,
    /// Weight in the lottery of who posts next.
    pub activity: f64,
    /// Mean of the latent quality of their posts.
    pub quality: f64,
    /// What they are up to.
    pub role: Role,
    /// Verified.
    pub verified: bool,
    /// Only followers see their posts.
    pub protected: bool,
    /// Sells subscriptions.
    pub sells: bool,
    /// Hours to UTC plus the person's own rhythm.
    pub clock_hours: f64,
}

impl Author {
    /// Whether the author spams or abuses.
    pub fn is_bad(&self) -> bool {
        self.role != Role::Regular
    }
}

pub(crate) fn draw_viewers(config: &WorldConfig) -> Vec<Viewer> {
    let mut rng = SplitMix64::fork(config.seed, "viewers");
    (0..config.users)
        .map(|i| {
            let (country, language, offset) = draw_country(&mut rng);
            Viewer {
                id: UserId(u64::from(i) + 1),
                country,
                language,
                tastes: Tastes::draw(config.days as usize, &mut rng),
                // Log-normal with mean 1: a few come ten times as often as most.
                visits_per_day: config.visits_per_day * (0.8 * rng.normal() - 0.32).exp(),
                clock_hours: offset as f64 + 1.5 * rng.normal(),
                client_app: [2, 3, 3, 2, 1][rng.below(5)],
            }
        })
        .collect()
}

pub(crate) fn draw_authors(config: &WorldConfig) -> Vec<Author> {
    let mut rng = SplitMix64::fork(config.seed, "authors");
    let bad = |share: f64| (f64::from(config.authors) * share).ceil() as u32;
    let (spam, abusive) = (bad(config.spam_share), bad(config.abuse_share));
    (0..config.authors)
        .map(|i| {
            // Spread over the ids by a stride, so that neither role is a range of ids.
            let slot = u64::from(i) * 7_919 % u64::from(config.authors);
            let role = match slot as u32 {
                slot if slot < spam => Role::Spam,
                slot if slot < spam + abusive => Role::Abusive,
                _ => Role::Regular,
            };
            let (mut country, mut language, mut offset) = draw_country(&mut rng);
            // The first author of every language is a fixed one, so that no viewer of a small world is alone.
            if (i as usize) < LANGUAGES
                && let Some(c) = COUNTRIES.iter().find(|c| c.1 == i as u8)
            {
                (country, language, offset) = (c.0, c.1, c.2);
            }
            let regular = role == Role::Regular;
            Author {
                id: UserId(u64::from(config.users) + u64::from(i) + 1),
                screen_name: screen_name(i, &mut rng),
                country,
                language,
                tastes: Tastes::draw(config.days as usize, &mut rng),
                activity: (0.9 * rng.normal()).exp() * if regular { 1.0 } else { 1.3 },
                quality: 0.6 * rng.normal(),
                role,
                verified: regular && rng.chance(0.08),
                protected: regular && rng.chance(0.02),
                sells: regular && rng.chance(0.06),
                clock_hours: offset as f64 + 1.5 * rng.normal(),
            }
        })
        .collect()
}

fn draw_country(rng: &mut dyn Rng) -> (&'static str, u8, i64) {
    let mut left = rng.uniform();
    let mut last = COUNTRIES[0];
    for country in COUNTRIES {
        last = country;
        left -= country.3;
        if left < 0.0 {
            break;
        }
    }
    (last.0, last.1, last.2)
}

fn screen_name(number: u32, rng: &mut dyn Rng) -> String {
    const SYLLABLES: [&str; 20] = [
        "an", "ber", "ca", "do", "el", "fi", "gor", "ha", "is", "jo", "ka", "lu", "mi", "no", "or", "pe", "ra", "sol",
        "ta", "vi",
    ];
    let name: String = (0..2 + rng.below(2)).map(|_| SYLLABLES[rng.below(SYLLABLES.len())]).collect();
    format!("{name}_{number}")
}

/// A moment of the day that starts at `midnight` (UTC), at an hour at which a person is likely awake.
pub(crate) fn draw_moment(midnight: TimeMs, clock_hours: f64, rng: &mut dyn Rng) -> TimeMs {
    let total: f64 = HOURS.iter().sum();
    let mut left = rng.uniform() * total;
    let mut local = 23.0;
    for (hour, weight) in HOURS.iter().enumerate() {
        if left < *weight {
            local = hour as f64 + left / weight;
            break;
        }
        left -= weight;
    }
    let utc = (local - clock_hours).rem_euclid(24.0);
    midnight + (utc * HOUR_MS as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_share_out_everyone() {
        assert!((COUNTRIES.iter().map(|c| c.3).sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((0..LANGUAGES as u8).all(|l| COUNTRIES.iter().any(|c| c.1 == l)));
    }

    #[test]
    fn roles_are_as_many_as_asked_and_ids_do_not_meet() {
        let config = WorldConfig::demo();
        let (viewers, authors) = (draw_viewers(&config), draw_authors(&config));
        assert_eq!(authors.iter().filter(|a| a.role == Role::Spam).count(), 10);
        assert_eq!(authors.iter().filter(|a| a.role == Role::Abusive).count(), 8);
        assert_eq!((viewers[0].id, viewers[999].id), (UserId(1), UserId(1_000)));
        assert_eq!((authors[0].id, authors[199].id), (UserId(1_001), UserId(1_200)));
    }

    #[test]
    fn people_sleep_at_night_where_they_live() {
        let mut rng = SplitMix64::new(4);
        let hours: Vec<i64> = (0..4_000).map(|_| draw_moment(TimeMs(0), -6.0, &mut rng).0 / HOUR_MS).collect();
        // 20:00 to 22:00 at UTC-6 is 02:00 to 04:00 UTC; 02:00 to 04:00 there is 08:00 to 10:00 UTC
        let within = |from: i64| hours.iter().filter(|h| (from..from + 2).contains(*h)).count();
        assert!(within(2) > 8 * within(8), "{} {}", within(2), within(8));
        assert!(hours.iter().all(|h| (0..24).contains(h)));
    }
}
