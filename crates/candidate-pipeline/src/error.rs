//! Why a component did not do its work.

use thiserror::Error;

/// The failure of one component in one request. It never fails the request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StageError {
    /// The component's own words.
    #[error("{0}")]
    Failed(String),
    /// Its part of the request's time ran out.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// It answered for another number of candidates than it was asked about.
    #[error("answered for {got} candidates, was asked about {expected}")]
    WrongLength {
        /// Candidates asked about.
        expected: usize,
        /// Results given.
        got: usize,
    },
}

impl StageError {
    /// A failure in the component's own words.
    pub fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }
}
