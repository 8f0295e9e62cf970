//! Why a table of outcomes refuses.

use thiserror::Error;

/// Why a table refuses.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TableError {
    /// Two models have one name.
    #[error("two models are named {0:?}")]
    SameName(String),
    /// No model has this name.
    #[error("no model is named {0:?}")]
    UnknownModel(String),
    /// A target without an outcome of each model, or with more.
    #[error("a target needs {models} outcomes, one of each model, and has {outcomes}")]
    WrongLength {
        /// Models of the table.
        models: usize,
        /// Outcomes of the target.
        outcomes: usize,
    },
    /// A target of a day that is over, or of one that overlaps it.
    #[error("a target of {day} comes after one of {newest}")]
    DayIsOver {
        /// The day of the target.
        day: String,
        /// The newest day of the table.
        newest: String,
    },
    /// A mean needs at least one target.
    #[error("no target was predicted")]
    NoTargets,
    /// A stored table that contradicts itself: it was cut off or edited.
    #[error("a stored table has {0}")]
    Corrupt(&'static str),
}
