//! The part of the profile that the projections depend on.

use foryou_types::{ActionIndex, ActionKind, ActionSet, HalfLife, Has, Profile};

/// The settings of the projections, from the profile.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The actions.
    pub(crate) actions: ActionSet,
    /// Per action, whether it happens or not (and is not a number of seconds).
    pub(crate) discrete: Box<[bool]>,
    /// The continuous head that dwell adds to.
    pub(crate) dwell_head: Option<ActionIndex>,
    /// Fading of the counts.
    pub(crate) half_life: HalfLife,
    /// The half-life in milliseconds.
    pub(crate) half_life_ms: i64,
    /// Whether each post's own impressions are recorded. If not, the number of active viewers replaces them.
    pub(crate) has_impressions: bool,
    /// Posts older than the newest event by more than this (ms) are not kept in memory.
    pub(crate) retention_ms: i64,
}

impl Settings {
    /// Live events may be ahead of a folder's clock by an hour, so the newest event may be ahead of "now": posts are kept in
    /// memory that much longer than the age filter needs, and an hour more.
    const RETENTION_SLACK_MS: i64 = 2 * 3_600_000;

    pub(crate) fn of(profile: &Profile) -> Self {
        let ms = |seconds: i64| seconds.saturating_mul(1_000);
        Self {
            actions: profile.action_set.clone(),
            discrete: profile.action_set.iter().map(|(_, action)| action.kind == ActionKind::Discrete).collect(),
            dwell_head: profile.action_set.dwell_time(),
            half_life: HalfLife::seconds(profile.prior_half_life_seconds),
            half_life_ms: ms(profile.prior_half_life_seconds),
            has_impressions: profile.has(Has::Impressions),
            retention_ms: ms(profile.limits.max_post_age_seconds).saturating_add(Self::RETENTION_SLACK_MS),
        }
    }

    /// Whether an action happens or not, and is not a number of seconds.
    pub(crate) fn is_discrete(&self, action: ActionIndex) -> bool {
        self.discrete.get(usize::from(action)).copied().unwrap_or_default()
    }

    /// The settings that a stored state was computed with: a state with other settings is rebuilt. `schema` is the version of the layout.
    pub(crate) fn fingerprint(&self, schema: u32) -> String {
        format!(
            "schema {schema}, {} actions, dwell head {:?}, half-life {} ms, impressions {}",
            self.actions.len(),
            self.dwell_head,
            self.half_life_ms,
            self.has_impressions
        )
    }
}
