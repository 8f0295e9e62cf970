//! The settings of a world.

use foryou_types::{DAY_MS, SNOWFLAKE_EPOCH_MS, TimeMs};
use serde::{Deserialize, Serialize};

use super::WorldError;

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// The size, length and seed of a world, and the few rates worth turning.
///
/// The constants of behaviour are not here but in [`super::behaviour`]: they were fixed before any model was tuned and are part of
/// what "the synthetic world" means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldConfig {
    /// Viewers. Their ids are `1 ..= users`.
    pub users: u32,
    /// Authors: other accounts than the viewers, ids `users + 1 ..= users + authors`.
    pub authors: u32,
    /// Posts: originals, replies, quotes and reposts together.
    pub posts: u32,
    /// Length in days, from midnight UTC to midnight UTC. At least 2.
    pub days: u32,
    /// Everything random comes from here: the same configuration is the same world, event by event.
    pub seed: u64,
    /// When the world ends. Every event is before.
    pub end: TimeMs,
    /// The last hours, whose home slates are held out. See [`super::World::cut`].
    pub held_out_hours: u32,
    /// Visits of an average viewer per day. Activity differs between viewers by an order of magnitude.
    pub visits_per_day: f64,
    /// The shortest and the longest slate of a visit, in posts.
    pub slate: (u32, u32),
    /// The median number of accounts a viewer follows at the start.
    pub follows: f64,
    /// Share of authors that spam.
    pub spam_share: f64,
    /// Share of authors that abuse.
    pub abuse_share: f64,
}

impl Default for WorldConfig {
    /// The default world: 10,000 users, 2,000 authors, 50,000 posts, 7 days, ending on 2026-08-01.
    fn default() -> Self {
        Self {
            users: 10_000,
            authors: 2_000,
            posts: 50_000,
            days: 7,
            seed: 1,
            end: TimeMs(1_785_542_400_000),
            held_out_hours: 24,
            visits_per_day: 0.65,
            slate: (12, 40),
            follows: 24.0,
            spam_share: 0.05,
            abuse_share: 0.04,
        }
    }
}

impl WorldConfig {
    /// The world of `foryou demo`: 1,000 users.
    pub fn demo() -> Self {
        Self::scaled(1_000)
    }

    /// The default world with another number of users, and authors and posts in the same proportion.
    pub fn scaled(users: u32) -> Self {
        let default = Self::default();
        let share = |of: u32, least: u32| {
            u32::try_from(u64::from(users) * u64::from(of) / u64::from(default.users)).unwrap_or(u32::MAX).max(least)
        };
        Self { users, authors: share(default.authors, 2), posts: share(default.posts, 10), ..default }
    }

    /// When the world starts. Accounts and the first follows are older.
    pub fn start(&self) -> TimeMs {
        self.end - i64::from(self.days) * DAY_MS
    }

    /// Where the held-out part begins.
    pub fn cut(&self) -> TimeMs {
        self.end - i64::from(self.held_out_hours) * HOUR_MS
    }

    /// The first value out of its range.
    pub fn check(&self) -> Result<(), WorldError> {
        let rules = [
            ("users", (1..=50_000_000).contains(&self.users), "must be between 1 and 50,000,000"),
            ("authors", (2..=10_000_000).contains(&self.authors), "must be between 2 and 10,000,000"),
            ("posts", (1..=100_000_000).contains(&self.posts), "must be between 1 and 100,000,000"),
            ("days", (2..=365).contains(&self.days), "must be between 2 and 365"),
            ("end", self.start() > TimeMs(SNOWFLAKE_EPOCH_MS), "the world must start after 2010-11-04"),
            ("end", self.end < TimeMs(4_000_000_000_000), "must be before 2096"),
            (
                "held_out_hours",
                self.held_out_hours > 0 && self.held_out_hours < self.days.saturating_mul(24),
                "must be positive and leave something to learn from",
            ),
            ("visits_per_day", in_range(self.visits_per_day, 0.0, 100.0), "must be between 0 and 100"),
            (
                "slate",
                self.slate.0 >= 1 && self.slate.0 <= self.slate.1 && self.slate.1 <= 200,
                "must be 1 <= least <= most <= 200",
            ),
            ("follows", in_range(self.follows, 1.0, 1_000.0), "must be between 1 and 1,000"),
            ("spam_share", in_range(self.spam_share, 0.0, 0.5), "must be between 0 and 0.5"),
            ("abuse_share", in_range(self.abuse_share, 0.0, 0.5), "must be between 0 and 0.5"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, problem)) => Err(WorldError::Config { key, problem }),
            None => Ok(()),
        }
    }
}

fn in_range(value: f64, low: f64, high: f64) -> bool {
    value.is_finite() && (low..=high).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_a_tenth_of_the_default() {
        let demo = WorldConfig::demo();
        assert_eq!((demo.users, demo.authors, demo.posts), (1_000, 200, 5_000));
        assert_eq!(WorldConfig::scaled(10_000), WorldConfig::default());
        assert_eq!(WorldConfig::default().end.to_rfc3339(), "2026-08-01T00:00:00Z");
        assert_eq!(WorldConfig::default().start().to_rfc3339(), "2026-07-25T00:00:00Z");
        WorldConfig::scaled(1).check().unwrap();
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let key = |config: WorldConfig| match config.check() {
            Err(WorldError::Config { key, .. }) => key,
            other => panic!("{other:?}"),
        };
        assert_eq!(key(WorldConfig { users: 0, ..WorldConfig::default() }), "users");
        assert_eq!(key(WorldConfig { visits_per_day: f64::NAN, ..WorldConfig::default() }), "visits_per_day");
        assert_eq!(key(WorldConfig { slate: (20, 10), ..WorldConfig::default() }), "slate");
        assert_eq!(key(WorldConfig { held_out_hours: 168, ..WorldConfig::default() }), "held_out_hours");
        assert_eq!(key(WorldConfig { end: TimeMs(0), ..WorldConfig::default() }), "end");
    }
}
