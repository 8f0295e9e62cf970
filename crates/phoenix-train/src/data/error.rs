//! Why there is nothing to learn from.

use event_log::LogError;
use foryou_types::TimeMs;
use thiserror::Error;

/// Training data that cannot be made.
#[derive(Debug, Error)]
pub enum DataError {
    /// An option out of its range.
    #[error("{key}: {problem}")]
    Option {
        /// The option.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The log cannot be read to its end.
    #[error("reading the event log, after {read} of {total} events: {source}")]
    Log {
        /// Events read before.
        read: u64,
        /// Events the log has.
        total: u64,
        /// What the log says.
        source: LogError,
    },
    /// The log holds nothing to learn from.
    #[error("nothing to learn from: {0}")]
    Empty(Empty),
}

/// The step at which nothing was left to learn from.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Empty {
    /// The log is empty.
    #[error("the log has no events")]
    Log,
    /// Every event is too late.
    #[error("all {events} events are at or after {until}")]
    AfterUntil {
        /// Events in the log.
        events: u64,
        /// The moment.
        until: TimeMs,
    },
    /// Nothing that can be learnt from stands in the part that was asked for.
    #[error("in {events} events nothing was shown (or acted on, if the data has no impressions) at or after {since}")]
    Since {
        /// Events read.
        events: u64,
        /// The moment.
        since: TimeMs,
    },
    /// There are no posts.
    #[error("none of the {events} events creates a post")]
    Posts {
        /// Events read.
        events: u64,
    },
    /// The profile says that impressions are recorded, but none is.
    #[error(
        "none of the {events} events is an impression, but the profile says that impressions are recorded: import impressions, or remove \"impressions\" from `has` in profile.toml"
    )]
    Impressions {
        /// Events read.
        events: u64,
    },
    /// Nobody did anything.
    #[error("none of the {events} events is an action of the profile's set")]
    Actions {
        /// Events read.
        events: u64,
    },
    /// No action was on a post shown before.
    #[error("none of the {impressions} shown posts was acted on after it was shown")]
    Labels {
        /// Posts shown in the training part.
        impressions: u64,
    },
    /// No action was on a post shown before, in the part that was asked for.
    #[error("none of the {impressions} posts shown at or after {since} was acted on after it was shown")]
    LabelsSince {
        /// Posts shown in the training part.
        impressions: u64,
        /// The moment.
        since: TimeMs,
    },
}
