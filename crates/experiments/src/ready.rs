//! A version or a checkpoint made ready to answer.

use model_registry::{Kind, ModelFiles};
use phoenix_engine::{AnyRanker, Precision, RankerOptions, ServedFamily, ServedRetrieval};

use crate::ExperimentError;
use crate::error::During;

/// A model that answers.
pub(crate) enum Ready {
    Ranker(AnyRanker),
    Retrieval(Box<dyn ServedRetrieval>),
}

impl Ready {
    /// Makes a model ready, as its family does for serving; its kind says what it does. `name` is how errors call
    /// it.
    pub(crate) fn of(
        family: &dyn ServedFamily,
        files: &ModelFiles,
        precision: Precision,
        name: &str,
    ) -> Result<Self, ExperimentError> {
        let kind = &files.manifest().kind;
        let called = || name.to_owned();
        if *kind == Kind::RANKER {
            // Every question is of another moment: no context would be used twice.
            Ok(Self::Ranker(family.ranker(files, RankerOptions { cache_mb: 0, precision }).during(called)?))
        } else if *kind == Kind::RETRIEVAL {
            Ok(Self::Retrieval(family.retrieval(files).during(called)?))
        } else {
            let known = [Kind::RANKER, Kind::RETRIEVAL].map(|kind| kind.to_string()).join(" and ");
            Err(ExperimentError::Unfit(format!("{name} is a {kind} model: only {known} models can be measured")))
        }
    }
}
