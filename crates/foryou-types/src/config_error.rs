//! A setting out of its range.

use thiserror::Error;

/// A setting that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// The key, with the sections that it stands in.
    pub key: &'static str,
    /// What is wrong with its value.
    pub problem: String,
}

impl ConfigError {
    /// Refuses a value that is not between `least` and `most`.
    pub fn unless_within(key: &'static str, value: u64, least: u64, most: u64) -> Result<(), Self> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(Self { key, problem: format!("must be between {least} and {most}, is {value}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_its_range_is_named_with_the_range() {
        assert_eq!(ConfigError::unless_within("log.size", 7, 7, 9), Ok(()));
        let error = ConfigError::unless_within("log.size", 10, 7, 9).unwrap_err();
        assert_eq!(error.to_string(), "log.size: must be between 7 and 9, is 10");
    }
}
