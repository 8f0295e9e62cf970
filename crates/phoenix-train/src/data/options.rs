//! What part of a log is learnt from, and how it is cut.

use foryou_types::TimeMs;

use super::DataError;

/// What part of a log is learnt from, and how it is cut into passes.
#[derive(Clone, Debug, PartialEq)]
pub struct DataOptions {
    /// History length S of the model: a pass holds up to S + S/4 tokens.
    pub history: usize,
    /// Only slates at or after this moment are learnt from; `None` for all. Histories, posts, what a person has acted on and the
    /// counts of ids still come from everything before it. An action at or after it on what was shown before it does not count as a label.
    pub since: Option<TimeMs>,
    /// Only events strictly before this moment are read; `None` for all.
    pub until: Option<TimeMs>,
    /// Only this many events of the log are read, the first ones; `None` for all. A log may have grown since a run began.
    pub events: Option<u64>,
    /// Share of the slates, the last ones in time, that is held back for validation; 0 for none.
    pub validation_share: f64,
    /// Most candidates of a pass. More are split over several passes that repeat the history.
    pub max_candidates: usize,
    /// Where no impressions are recorded: posts sampled for each positive.
    pub negatives: usize,
    /// Where no impressions are recorded: how many posts a person is taken to have been shown in vain for each one acted on. The
    /// sampled negatives of a positive weigh this much together, so that predicted rates do not depend on how many were sampled.
    pub assumed_impressions: f64,
    /// Oldest post that is sampled as a negative, in milliseconds; `None` for the profile's age limit.
    pub max_post_age_ms: Option<i64>,
    /// Everything random (the sampled negatives) comes from here.
    pub seed: u64,
}

impl Default for DataOptions {
    /// The whole log for a model of S 128: the last tenth for validation, 256 candidates a pass, 8 negatives for 20 impressions.
    fn default() -> Self {
        Self {
            history: 128,
            since: None,
            until: None,
            events: None,
            validation_share: 0.1,
            max_candidates: 256,
            negatives: 8,
            assumed_impressions: 20.0,
            max_post_age_ms: None,
            seed: 1,
        }
    }
}

impl DataOptions {
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), DataError> {
        let rules = [
            ("history", (1..=800).contains(&self.history), "must be between 1 and 800"),
            ("validation_share", (0.0..=0.9).contains(&self.validation_share), "must be between 0 and 0.9"),
            ("max_candidates", self.max_candidates > 0, "must be positive"),
            ("negatives", (1..=10_000).contains(&self.negatives), "must be between 1 and 10,000"),
            (
                "assumed_impressions",
                self.assumed_impressions.is_finite() && self.assumed_impressions > 0.0,
                "must be positive",
            ),
            ("since", self.since.zip(self.until).is_none_or(|(since, until)| since < until), "must be before `until`"),
            ("max_post_age_ms", self.max_post_age_ms.is_none_or(|age| age > 0), "must be positive"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, problem)) => Err(DataError::Option { key, problem }),
            None => Ok(()),
        }
    }
}
