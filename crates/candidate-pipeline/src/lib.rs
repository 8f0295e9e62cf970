//! A domain-free framework for recommendation pipelines.
pub mod budget;
pub mod error;
pub mod stages;

pub use budget::Budget;
pub use error::StageError;
pub use stages::{
    Filter, FilterPolicy, Hydrator, KeepMask, QueryHydrator, Scorer, Selector, SideEffect, SideEffectInput, Source,
};
