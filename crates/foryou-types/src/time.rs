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

/// A text that is no length of time.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0:?} is no length of time: give a number with s, m, h or d (90s, 15m, 12h, 1d)")]
pub struct DurationError(pub String);

/// Reads a length of time, e.g. `90s`, `15m`, `12h` or `1d`, into milliseconds; 0 is none.
pub fn parse_duration_ms(text: &str) -> Result<i64, DurationError> {
    let error = || DurationError(text.to_owned());
    let unit = text.chars().last().ok_or_else(error)?;
    let unit_ms: i64 = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(error()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| error())?;
    number.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or_else(error)
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
    fn lengths_of_time_have_a_unit() {
        let read = |text| parse_duration_ms(text).ok();
        assert_eq!(
            [read("90s"), read("15m"), read("12h"), read("1d")],
            [Some(90_000), Some(900_000), Some(43_200_000), Some(86_400_000)]
        );
        for bad in ["", "d", "1", "0d", "-1h", "1.5h", "1w", "1€", "999999999999999d"] {
            assert!(parse_duration_ms(bad).unwrap_err().to_string().contains("no length of time"), "{bad}");
        }
    }

    #[test]
    fn arithmetic_saturates_instead_of_overflowing() {
        assert_eq!(TimeMs(i64::MAX) + 1, TimeMs(i64::MAX));
        assert_eq!(TimeMs(i64::MIN) - 1, TimeMs(i64::MIN));
        assert_eq!(TimeMs(i64::MAX).since(TimeMs(-1)), i64::MAX);
    }
}
