//! What is wrong with a sent event.

use thiserror::Error;

/// A refused event. The text is for the sender: it names the key and says what would be right.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// Not a JSON object.
    #[error("not a JSON object: {0}")]
    Syntax(String),
    /// A key is missing, unknown, or has a value it cannot have.
    #[error("{key}: {problem}")]
    Key {
        /// The key, with its place inside arrays (`media[0].kind`).
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl DecodeError {
    pub(super) fn key(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Key { key: key.into(), problem: problem.into() }
    }
}
