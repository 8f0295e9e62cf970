//! Why settings cannot be used.

use thiserror::Error;

/// A setting that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// A file is not TOML.
    #[error("{origin}: {problem}")]
    Syntax {
        /// The file, with the line.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting {key:?}; the nearest is {nearest:?}")]
    Unknown {
        /// Where it is set.
        origin: String,
        /// The key, with its sections.
        key: String,
        /// The known key that is nearest to it.
        nearest: String,
    },
    /// A variable names no setting.
    #[error("{variable}: there is no such setting; the nearest is {nearest}")]
    NoVariable {
        /// The variable.
        variable: String,
        /// The variable of a setting that is nearest to it.
        nearest: String,
    },
    /// A section of settings was given a value.
    #[error("{origin}: {key}: is a section, not a value")]
    Section {
        /// Where it is set.
        origin: String,
        /// The key, with its sections.
        key: String,
    },
    /// `a.b=c` was expected.
    #[error("{origin} {text}: expected KEY=VALUE")]
    NoValue {
        /// Where it is.
        origin: String,
        /// What is there instead.
        text: String,
    },
    /// A value of another type, or out of its type's range.
    #[error("{origin}: {key}: {problem}")]
    Value {
        /// Where it is set.
        origin: String,
        /// The key, with its sections.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// The defaults are not a complete set of settings. This is a mistake in the program.
    #[error("the settings as a whole: {0}")]
    Whole(String),
}
