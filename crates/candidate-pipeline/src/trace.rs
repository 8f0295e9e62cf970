//! Every decision about every candidate of one request.

use crate::error::StageError;
use crate::stage::Stage;

/// What a traced request did with each candidate, in source order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// One entry per candidate that a source gave; a candidate that two sources gave has two.
    pub candidates: Vec<CandidateTrace>,
    /// Components that took no part in the request because their `enable` said so, in pipeline order.
    pub disabled: Vec<(Stage, &'static str)>,
}

/// The way of one candidate through the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateTrace {
    /// Its position in source order: the sources' outputs one after the other. Unique, unlike the id.
    pub index: usize,
    /// The selector's id for it: as its source gave it, and once it was ranked, as it was then.
    pub id: u64,
    /// The source that gave it.
    pub source: &'static str,
    /// Hydrators that filled it, in the order in which they were merged; those of stage 7 included.
    pub hydrated: Vec<&'static str>,
    /// Hydrators that failed on it or altogether, in the same order.
    pub failed: Vec<HydrationFailure>,
    /// Where it was removed; `None` for a candidate that was not.
    pub removed: Option<Removal>,
    /// What each scorer made of its score, in order.
    pub scores: Vec<ScoreStep>,
    /// The score it was sorted by; `None` for a candidate that was removed before.
    pub score: Option<f64>,
    /// Its place among all ranked candidates, from 0; `None` for a candidate that was removed before.
    pub position: Option<usize>,
    /// Its place in the response, from 0; `None` for a candidate that is not in it.
    pub rank: Option<usize>,
}

/// A hydrator that left a candidate as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HydrationFailure {
    /// The hydrator.
    pub hydrator: &'static str,
    /// Why.
    pub error: StageError,
}

/// Why a candidate is not in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// [`Stage::Filter`] or [`Stage::PostSelectionFilter`].
    pub stage: Stage,
    /// The filter.
    pub filter: &'static str,
    /// In the filter's words, or the failure that its policy answered; `None` where it gave no reason.
    pub reason: Option<String>,
}

/// The selector's score of a candidate before and after one scorer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreStep {
    /// The scorer.
    pub scorer: &'static str,
    /// Before it.
    pub before: f64,
    /// After it; the same where the scorer failed.
    pub after: f64,
}

impl Trace {
    /// The entries of an id, one for each time a source gave it.
    pub fn of(&self, id: u64) -> impl Iterator<Item = &CandidateTrace> {
        self.candidates.iter().filter(move |c| c.id == id)
    }

    /// The entries of the response, in its order.
    pub fn selected(&self) -> Vec<&CandidateTrace> {
        let mut selected: Vec<_> = self.candidates.iter().filter(|c| c.rank.is_some()).collect();
        selected.sort_by_key(|c| c.rank);
        selected
    }
}

impl CandidateTrace {
    /// An entry with room for as many hydrators and scorers as the pipeline has.
    pub(crate) fn new(index: usize, id: u64, source: &'static str, hydrators: usize, scorers: usize) -> Self {
        Self {
            index,
            id,
            source,
            hydrated: Vec::with_capacity(hydrators),
            failed: Vec::new(),
            removed: None,
            scores: Vec::with_capacity(scorers),
            score: None,
            position: None,
            rank: None,
        }
    }
}

/// The entries of a pool's candidates, by position in the pool.
pub(crate) struct TraceView<'a> {
    pub(crate) trace: &'a mut Trace,
    /// Position in the pool to position in source order.
    pub(crate) origins: &'a [usize],
}

impl TraceView<'_> {
    pub(crate) fn at(&mut self, position: usize) -> &mut CandidateTrace {
        &mut self.trace.candidates[self.origins[position]]
    }
}
