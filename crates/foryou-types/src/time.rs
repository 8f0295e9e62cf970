//! Unix milliseconds, and the ways people write them.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A moment, in Unix milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeMs(pub i64);

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// A time that somebody gave and that cannot be taken.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TimeError {
    /// Neither a whole number nor RFC 3339.
    #[error("{0:?} is not a valid time: give Unix milliseconds or RFC 3339 (2012-07-04T12:00:00Z)")]
    Syntax(String),
    /// A number that makes sense in another unit only.
    #[error("{given} ms would be {date}: is it in {unit}? Give Unix milliseconds ({}, for {meant}) or RFC 3339", meant.0)]
    Unit {
        /// The number.
        given: i64,
        /// What it would be in milliseconds.
        date: String,
        /// The unit it is probably in.
        unit: &'static str,
        /// What it is in that unit.
        meant: TimeMs,
    },
    /// Before 1970 or after 9999.
    #[error("{0} is outside the years 1970 to 9999")]
    Range(String),
}

/// Numbers below this one (in March 1973) are seconds in practice.
const MIN_MS: i64 = 100_000_000_000;
/// Numbers from this one on (in the year 5138) are microseconds in practice, of the same moments.
const MAX_MS: i64 = 100_000_000_000_000;
/// The end of the year 9999.
const YEAR_10000_MS: i64 = 253_402_300_800_000;

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

    /// Reads a time from outside: Unix milliseconds (see [`Self::from_given`]) or RFC 3339, in the years 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Ok(ms) = text.parse::<i64>() {
            return Self::from_given(ms);
        }
        let time = text.parse::<jiff::Timestamp>().map_err(|_| TimeError::Syntax(text.to_owned()))?;
        let ms = time.as_millisecond();
        if (0..YEAR_10000_MS).contains(&ms) { Ok(Self(ms)) } else { Err(TimeError::Range(text.to_owned())) }
    }

    /// Takes a number from outside as Unix milliseconds. A number that is another unit in practice is refused with the date it
    /// would be, and the question which unit it is in. (Times that old or far are taken as RFC 3339.)
    pub fn from_given(ms: i64) -> Result<Self, TimeError> {
        let unit =
            |unit, meant: i64| Err(TimeError::Unit { given: ms, date: Self(ms).to_date(), unit, meant: Self(meant) });
        match ms {
            0 | MIN_MS..MAX_MS => Ok(Self(ms)),
            1..MIN_MS => unit("seconds", ms * 1_000),
            _ if (MIN_MS..MAX_MS).contains(&(ms / 1_000)) => unit("microseconds", ms / 1_000),
            _ if (MIN_MS..MAX_MS).contains(&(ms / 1_000_000)) => unit("nanoseconds", ms / 1_000_000),
            _ => Err(TimeError::Range(ms.to_string())),
        }
    }

    /// Whether [`Self::from_given`] takes the time as a number.
    pub const fn is_plain(self) -> bool {
        matches!(self.0, 0 | MIN_MS..MAX_MS)
    }

    /// RFC 3339, or about which year where that has more than four digits.
    fn to_date(self) -> String {
        const YEAR_MS: i64 = 31_556_952_000; // the mean Gregorian year
        if self.0 < YEAR_10000_MS { self.to_rfc3339() } else { format!("in the year {}", 1970 + self.0 / YEAR_MS) }
    }

    /// RFC 3339 in UTC (`2012-07-04T12:00:00Z`); a moment outside year ±9999 prints as its number.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| self.0.to_string(), |t| t.to_string())
    }
}

/// A text that is not a length of time.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0:?} is not a length of time: give a number with s, m, h or d (90s, 15m, 12h, 1d)")]
pub struct DurationError(pub String);

/// Reads a length of time, e.g. `90s`, `15m`, `12h` or `1d`, into milliseconds; must not be 0.
pub fn parse_duration_ms(text: &str) -> Result<i64, DurationError> {
    let error = || DurationError(text.to_owned());
    let unit = text.chars().last().ok_or_else(error)?;
    let unit_ms: i64 = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY_MS,
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
    fn a_number_in_another_unit_is_refused_with_the_question() {
        let refused = |ms: i64| TimeMs::from_given(ms).unwrap_err().to_string();
        assert_eq!(
            refused(1_785_000_000),
            "1785000000 ms would be 1970-01-21T15:50:00Z: is it in seconds? Give Unix milliseconds (1785000000000, for \
             2026-07-25T17:20:00Z) or RFC 3339"
        );
        assert!(refused(1).starts_with("1 ms would be 1970-01-01T00:00:00.001Z: is it in seconds?"), "{}", refused(1));
        let micros = refused(1_785_000_000_000_000);
        assert!(micros.contains("in the year 58534: is it in microseconds?"), "{micros}");
        assert!(micros.contains("(1785000000000, for 2026-07-25T17:20:00Z)"), "{micros}");
        assert!(refused(1_785_000_000_000_000_000).contains("is it in nanoseconds?"));
        assert!(refused(-1).contains("outside the years 1970 to 9999"));
        assert!(refused(i64::MAX).contains("is it in nanoseconds?") && refused(i64::MIN).contains("outside the years"));
        for taken in [0, MIN_MS, MAX_MS - 1] {
            assert_eq!(TimeMs::from_given(taken), Ok(TimeMs(taken)));
            assert!(TimeMs(taken).is_plain());
        }
        assert_eq!(TimeMs::parse("1785000000"), TimeMs::from_given(1_785_000_000));
        assert_eq!(TimeMs::parse("1970-01-21T15:50:00Z"), Ok(TimeMs(1_785_000_000)), "a date says what it is");
        assert!(TimeMs::parse("1969-12-31T23:59:59Z").is_err());
    }

    #[test]
    fn lengths_of_time_have_a_unit() {
        let read = |text| parse_duration_ms(text).ok();
        assert_eq!(
            [read("90s"), read("15m"), read("12h"), read("1d")],
            [Some(90_000), Some(900_000), Some(43_200_000), Some(86_400_000)]
        );
        for bad in ["", "d", "1", "0d", "-1h", "1.5h", "1w", "1€", "999999999999999d"] {
            assert!(parse_duration_ms(bad).unwrap_err().to_string().contains("not a length of time"), "{bad}");
        }
    }

    #[test]
    fn arithmetic_saturates_instead_of_overflowing() {
        assert_eq!(TimeMs(i64::MAX) + 1, TimeMs(i64::MAX));
        assert_eq!(TimeMs(i64::MIN) - 1, TimeMs(i64::MIN));
        assert_eq!(TimeMs(i64::MAX).since(TimeMs(-1)), i64::MAX);
    }
}
