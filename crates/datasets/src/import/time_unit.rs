//! In which unit a column of Unix times counts: decided once for a whole file.

use foryou_types::TimeMs;

use super::fields::shown;

/// The last moment of the year 9999, in seconds.
const LAST_SECOND: f64 = 253_402_300_799.999;

/// Times are told apart by their size: what is below this many of a unit's seconds belongs to the next coarser unit. As
/// milliseconds it is March 1973, as seconds the year 5138.
const FIRST: f64 = 1e11;

/// The unit of a column of Unix times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl TimeUnit {
    /// All units; the places are their codes in a pinned mark.
    pub(super) const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    /// Its name, for messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Millis => "milliseconds",
            Self::Micros => "microseconds",
            Self::Nanos => "nanoseconds",
        }
    }

    const fn per_second(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Millis => 1e3,
            Self::Micros => 1e6,
            Self::Nanos => 1e9,
        }
    }

    /// The unit that a number is in by its size.
    fn of(number: f64) -> Self {
        let is_finer = |unit: &Self| number >= FIRST * unit.per_second() / 1e3 && *unit != Self::Seconds;
        Self::ALL.into_iter().rev().find(is_finer).unwrap_or(Self::Seconds)
    }

    /// A time in this unit. Fractions are kept to the millisecond.
    pub(super) fn parse(self, name: &str, text: &str) -> Result<TimeMs, String> {
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let in_words = || format!("{name} {} is not a time in Unix {}", shown(text), self.name());
        let number = number.ok_or_else(in_words)?;
        let unit = Self::of(number);
        if unit != self && number >= 0.0 {
            return Err(format!("{}, as the other times of this file are: is it in {}?", in_words(), unit.name()));
        }
        let seconds = number / self.per_second();
        if !(0.0..=LAST_SECOND).contains(&seconds) {
            return Err(in_words());
        }
        Ok(TimeMs((number / self.per_second() * 1e3).round() as i64))
    }
}

/// Counts by which the unit of a file is decided: that of most of its times.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnitVotes([u64; 4]);

impl UnitVotes {
    /// Counts a time; text that is not a number is ignored.
    pub(super) fn see(&mut self, text: &str) {
        if let Ok(number) = text.trim().parse::<f64>()
            && number.is_finite()
            && number >= 0.0
        {
            self.0[TimeUnit::of(number) as usize] += 1;
        }
    }

    /// The unit of most times; of equally many the coarser one.
    pub(super) fn decided(&self) -> TimeUnit {
        let most = self.0.iter().max().copied().unwrap_or_default();
        TimeUnit::ALL.into_iter().find(|&unit| self.0[unit as usize] == most).unwrap_or(TimeUnit::Seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_most_times_is_that_of_the_file() {
        let decided = |texts: &[&str]| {
            let mut votes = UnitVotes::default();
            for text in texts {
                votes.see(text);
            }
            votes.decided()
        };
        assert_eq!(decided(&[]), TimeUnit::Seconds);
        assert_eq!(decided(&["0", "100", "x", "-5"]), TimeUnit::Seconds);
        assert_eq!(decided(&["881250949", "881250949.5", "1465413032000"]), TimeUnit::Seconds);
        assert_eq!(decided(&["1465413032000"]), TimeUnit::Millis);
        assert_eq!(decided(&["1465413032000000", "1.465413033e15"]), TimeUnit::Micros);
        assert_eq!(decided(&["1465413032000000000"]), TimeUnit::Nanos);
    }

    #[test]
    fn times_are_read_in_their_unit_and_others_are_refused_with_a_question() {
        let at = |unit: TimeUnit, text: &str| unit.parse("at", text).map(|at| at.0);
        assert_eq!(at(TimeUnit::Seconds, "881250949"), Ok(881_250_949_000));
        assert_eq!(at(TimeUnit::Seconds, "1500000000.123"), Ok(1_500_000_000_123));
        assert_eq!(at(TimeUnit::Seconds, "0"), Ok(0));
        assert_eq!(at(TimeUnit::Millis, "1465413032017"), Ok(1_465_413_032_017));
        assert_eq!(at(TimeUnit::Micros, "1465413032017000"), Ok(1_465_413_032_017));
        assert_eq!(at(TimeUnit::Nanos, "1465413032017000000"), Ok(1_465_413_032_017));
        assert_eq!(
            at(TimeUnit::Millis, "881250949").unwrap_err(),
            "at \"881250949\" is not a time in Unix milliseconds, as the other times of this file are: is it in seconds?"
        );
        for bad in ["", "x", "-1", "nan", "inf"] {
            assert!(at(TimeUnit::Seconds, bad).unwrap_err().ends_with("is not a time in Unix seconds"), "{bad}");
        }
        assert!(at(TimeUnit::Seconds, "881250949000").unwrap_err().ends_with("is it in milliseconds?"));
    }

    #[test]
    fn a_unit_has_a_name() {
        assert_eq!(TimeUnit::ALL.map(TimeUnit::name), ["seconds", "milliseconds", "microseconds", "nanoseconds"]);
    }
}
