//! Exit codes: 0 done, 1 failed, 2 wrong use.

use std::fmt;
use std::process::ExitCode;

use experiments::ExperimentError;

/// A mistake in how the command was used: exit code 2.
#[derive(Debug)]
pub struct WrongUse(pub String);

impl fmt::Display for WrongUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUse {}

/// The error of an experiment: wrong use where its options or names cannot be used.
pub fn of_experiment(error: ExperimentError) -> anyhow::Error {
    match error {
        ExperimentError::Usage(text) => WrongUse(text).into(),
        error => error.into(),
    }
}

/// The exit code of an error.
pub fn code(error: &anyhow::Error) -> ExitCode {
    if error.is::<WrongUse>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Returns a [`WrongUse`] error.
macro_rules! wrong_use {
    ($($arg:tt)*) => {
        return Err(anyhow::Error::new($crate::exit::WrongUse(format!($($arg)*))))
    };
}
pub(crate) use wrong_use;
