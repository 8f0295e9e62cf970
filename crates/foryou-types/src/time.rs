//! Unix milliseconds, and the ways people write them.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A moment, in Unix milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeMs(pub i64);

/// A text that is no time.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0:?} is no time: give Unix milliseconds or RFC 3339 (2012-07-04T12:00:00Z)")]
pub struct TimeError(pub String);

impl TimeMs {
    /// The moment a number of whole seconds after the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads Unix milliseconds or RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Ok(ms) = text.parse::<i64>() {
            return Ok(Self(ms));
        }
        text.parse::<jiff::Timestamp>().map(|t| Self(t.as_millisecond())).map_err(|_| TimeError(text.to_owned()))
    }

    /// RFC 3339 in UTC (`2012-07-04T12:00:00Z`); a moment outside year ±9999 prints as its number.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| self.0.to_string(), |t| t.to_string())
    }
}

impl Add<i64> for TimeMs {
    type Output = Self;
    fn add(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<i64> for TimeMs {
    type Output = Self;
    fn sub(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

impl fmt::Debug for TimeMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeMs({})", self.to_rfc3339())
    }
}

impl fmt::Display for TimeMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_time_agree() {
        let t = TimeMs::parse("2012-07-04T12:00:00Z").unwrap();
        assert_eq!(t, TimeMs::parse("1341403200000").unwrap());
        assert_eq!(t.to_rfc3339(), "2012-07-04T12:00:00Z");
        assert_eq!(TimeMs(-1).as_secs(), -1);
        assert!(TimeMs::parse("yesterday").unwrap_err().to_string().contains("yesterday"));
    }

    #[test]
    fn arithmetic_saturates_instead_of_overflowing() {
        assert_eq!(TimeMs(i64::MAX) + 1, TimeMs(i64::MAX));
        assert_eq!(TimeMs(i64::MIN) - 1, TimeMs(i64::MIN));
        assert_eq!(TimeMs(i64::MAX).since(TimeMs(-1)), i64::MAX);
    }
}
