//! Every decision of a request, as callers read it.

use std::collections::{BTreeMap, HashMap};

use candidate_pipeline::CandidateTrace;
use foryou_types::PostId;
use mixer_kit::{Explanation, Predicted, Ranked, ScoredBy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::Ids;

/// What was decided about every candidate of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// Candidates that each filter removed.
    pub removed: BTreeMap<String, usize>,
    /// Components that were switched off for the request.
    pub disabled: Vec<String>,
    /// Every candidate, in the order of the sources; one that two sources gave is listed twice.
    pub candidates: Vec<Decision>,
}

/// The way of one candidate through the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// The post.
    pub post_id: String,
    /// The source that gave it.
    pub source: String,
    /// The filter that removed it; `null` for a candidate that stayed.
    pub filter: Option<String>,
    /// Why, if the filter gave a reason.
    pub reason: Option<String>,
    /// Hydrators that failed on it.
    pub failed_hydrators: Vec<String>,
    /// What predicted its probabilities: `model` or `popularity_prior`; `null` if nothing did, or it was removed before.
    #[serde(default)]
    pub ranked_by: Option<String>,
    /// Number of that prediction, a hash of the request's id: the same for all that one request predicted.
    #[serde(default)]
    pub prediction_request_id: Option<String>,
    /// When that was predicted, Unix milliseconds.
    #[serde(default)]
    pub last_scored_at_ms: Option<u64>,
    /// Its score before and after each scorer.
    pub scores: Vec<Step>,
    /// The score it was sorted by.
    pub score: Option<f64>,
    /// Its place among all ranked candidates, from 1.
    pub position: Option<usize>,
    /// Its place in the feed, from 1.
    pub rank: Option<usize>,
}

/// A candidate's score before and after one scorer; `null` if it had none yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// The scorer.
    pub scorer: String,
    /// Before it.
    pub before: Option<f64>,
    /// After it.
    pub after: Option<f64>,
}

impl Explained {
    /// The decisions with ids as the folder prints them.
    pub fn new<C: Ranked>(items: &[C], explanation: &Explanation<C>, ids: Ids<'_>) -> Self {
        let removed_later = explanation.removed.iter().flat_map(|r| &r.candidates);
        let ranked = items.iter().chain(explanation.non_selected.iter()).chain(removed_later);
        let scored: HashMap<_, _> =
            ranked.filter_map(|c| Some((c.item_id(), (c.scored_by()?, c.predicted())))).collect();
        let mut removed = BTreeMap::new();
        for removal in explanation.removed.iter().filter(|r| r.count > 0) {
            *removed.entry(removal.filter.to_owned()).or_default() += removal.count;
        }
        Self {
            removed,
            disabled: explanation.trace.disabled.iter().map(|(_, name)| (*name).to_owned()).collect(),
            candidates: explanation
                .trace
                .candidates
                .iter()
                .map(|c| decision(c, c.position.and_then(|_| scored.get(&PostId(c.id)).copied()), ids))
                .collect(),
        }
    }
}

fn decision(candidate: &CandidateTrace, scored: Option<(ScoredBy, Option<Predicted>)>, ids: Ids<'_>) -> Decision {
    let predicted = scored.and_then(|(_, predicted)| predicted);
    // JSON cannot say NaN or infinity: such a score is given as null.
    let finite = |score: f64| score.is_finite().then_some(score);
    Decision {
        post_id: ids.print_post(PostId(candidate.id)),
        source: candidate.source.to_owned(),
        filter: candidate.removed.as_ref().map(|r| r.filter.to_owned()),
        reason: candidate.removed.as_ref().and_then(|r| r.reason.clone()),
        failed_hydrators: candidate.failed.iter().map(|f| f.hydrator.to_owned()).collect(),
        ranked_by: scored.map(|(by, _)| by.as_str().to_owned()),
        prediction_request_id: predicted.map(|predicted| predicted.request.to_string()),
        last_scored_at_ms: predicted.map(|predicted| predicted.at_ms),
        scores: candidate
            .scores
            .iter()
            .map(|s| Step { scorer: s.scorer.to_owned(), before: finite(s.before), after: finite(s.after) })
            .collect(),
        score: candidate.score.and_then(finite),
        position: candidate.position.map(|p| p + 1),
        rank: candidate.rank.map(|r| r + 1),
    }
}
