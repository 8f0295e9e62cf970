//! Why a recipe cannot be used.

use foryou_settings::SettingsError;
use thiserror::Error;

/// A recipe that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecipeError {
    /// A setting over the defaults cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingsError),
    /// A value out of its range.
    #[error("{key}: {problem}")]
    Value {
        /// The key, with its sections.
        key: String,
        /// What is wrong.
        problem: String,
    },
}
