//! Why a recipe cannot be used.

use thiserror::Error;

/// A recipe that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecipeError {
    /// Not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// No such key.
    #[error("{key}: unknown key; known here: {known}")]
    Unknown {
        /// The key, with its sections.
        key: String,
        /// The keys of that section.
        known: String,
    },
    /// A value of another type, or out of its range.
    #[error("{key}: {problem}")]
    Value {
        /// The key, with its sections.
        key: String,
        /// What is wrong.
        problem: String,
    },
}
