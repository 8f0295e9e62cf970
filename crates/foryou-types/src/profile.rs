//! The description of one data folder: what its data has and how its feed is ranked (`profile.toml`).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ActionSet, IdForm, Namespace};

/// Which clock a folder runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockKind {
    /// The machine's clock: live ingestion.
    #[default]
    Wall,
    /// Now is the time of the newest imported event.
    Log,
}

/// Something that the posts or the people of a data set have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Has {
    /// Posts have authors.
    Authors,
    /// Posts have text.
    Text,
    /// Posts have media.
    Media,
    /// People follow people.
    Graph,
    /// What was shown is recorded.
    Impressions,
    /// People have profiles (names, follower counts).
    Profiles,
}

/// The forms of a data set's ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdForms {
    /// Form of user ids.
    pub users: IdForm,
    /// Form of post ids.
    pub posts: IdForm,
}

/// Limits of the filters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Posts older than this are not shown, in seconds.
    pub max_post_age_seconds: i64,
    /// A post the server itself served to the viewer is not served again for this many seconds.
    pub served_window_seconds: i64,
    /// ... counting at most this many newest served posts.
    pub served_window_posts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_post_age_seconds: 48 * 3_600, served_window_seconds: 600, served_window_posts: 100 }
    }
}

/// What a data folder holds. Written once, by whatever filled the folder first; a different kind of data is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The kind of data: `live`, `world`, `higgs`, `deskdrop`, ...
    pub name: String,
    /// Which clock the folder runs on.
    #[serde(default)]
    pub clock: ClockKind,
    /// What the data has.
    pub has: Vec<Has>,
    /// A post the viewer acted on counts as seen.
    #[serde(default = "yes")]
    pub acted_is_seen: bool,
    /// Factor on the score of out-of-network posts.
    #[serde(default = "default_oon_factor")]
    pub oon_factor: f64,
    /// Half-life of the popularity prior's counts, in seconds.
    #[serde(default = "default_half_life")]
    pub prior_half_life_seconds: i64,
    /// Forms of the ids.
    #[serde(default)]
    pub ids: IdForms,
    /// Limits of the filters.
    #[serde(default)]
    pub limits: Limits,
    /// The actions with their weights.
    pub action_set: ActionSet,
}

/// A profile that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProfileError {
    /// Not TOML of a profile.
    #[error("{0}")]
    Syntax(String),
    /// A value out of its range.
    #[error("{key}: {problem}")]
    Value {
        /// The key in the file.
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
}

fn yes() -> bool {
    true
}

fn default_oon_factor() -> f64 {
    0.75
}

fn default_half_life() -> i64 {
    6 * 3_600
}

impl Profile {
    /// The profile of a live feed: wall clock, everything present, the For You actions.
    pub fn live() -> Self {
        Self {
            name: "live".to_owned(),
            clock: ClockKind::Wall,
            has: vec![Has::Authors, Has::Text, Has::Media, Has::Graph, Has::Impressions, Has::Profiles],
            acted_is_seen: true,
            oon_factor: default_oon_factor(),
            prior_half_life_seconds: default_half_life(),
            ids: IdForms::default(),
            limits: Limits::default(),
            action_set: ActionSet::for_you(),
        }
    }

    /// Whether the data has something.
    pub fn has(&self, what: Has) -> bool {
        self.has.contains(&what)
    }

    /// The form of a namespace's ids.
    pub const fn id_form(&self, namespace: Namespace) -> IdForm {
        match namespace {
            Namespace::Users => self.ids.users,
            Namespace::Posts => self.ids.posts,
        }
    }

    /// Reads and checks a `profile.toml`.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let profile: Self =
            toml::from_str(text).map_err(|e| ProfileError::Syntax(e.to_string().trim_end().to_owned()))?;
        profile.check()?;
        Ok(profile)
    }

    /// The profile as `profile.toml`.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ProfileError> {
        let bad = |key, problem: &str| Err(ProfileError::Value { key, problem: problem.to_owned() });
        if self.name.is_empty() {
            return bad("name", "must not be empty");
        }
        if !(self.oon_factor.is_finite() && (0.0..=10.0).contains(&self.oon_factor)) {
            return bad("oon_factor", "must be between 0 and 10");
        }
        if self.prior_half_life_seconds <= 0 {
            return bad("prior_half_life_seconds", "must be positive");
        }
        if self.limits.max_post_age_seconds <= 0 {
            return bad("limits.max_post_age_seconds", "must be positive");
        }
        if self.limits.served_window_seconds < 0 {
            return bad("limits.served_window_seconds", "must not be negative");
        }
        if let Some(problem) = self.action_set.problem() {
            return Err(ProfileError::Value { key: "action_set", problem });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_survives_its_file() {
        let profile = Profile::live();
        assert_eq!(Profile::from_toml(&profile.to_toml()).unwrap(), profile);
    }

    #[test]
    fn a_broken_profile_names_its_key() {
        let text = Profile::live().to_toml();
        let unknown = text.replace("acted_is_seen", "acted_is_sene");
        assert!(Profile::from_toml(&unknown).unwrap_err().to_string().contains("acted_is_sene"));
        let zero = text.replace("prior_half_life_seconds = 21600", "prior_half_life_seconds = 0");
        assert_eq!(Profile::from_toml(&zero).unwrap_err().to_string(), "prior_half_life_seconds: must be positive");
        assert!(Profile::from_toml("name = ").is_err());
    }
}
