//! A ranker on the held-out part, compared with chance and with popularity.

use std::collections::BTreeMap;

use evaluation::weighted_auc;
use foryou_types::PRIOR_IMPRESSIONS;
use foryou_types::{ActionSet, PostId, UserId};
use phoenix::Pass;
use rustc_hash::FxHashMap;
use train_core::{TrainError, Workers};

use super::area::{standard_error, within_viewers};
use super::{LEAST_HELD_OUT, LEAST_VIEWERS, Verdict};
use crate::data::{TrainingData, is_positive};
use crate::trainer::measure::score;
use crate::trainer::model::Model;
use crate::trainer::ranker::RankerLoss;

/// The held-out candidates: who was shown them, whether they were wanted, and for how many posts each stands.
pub(super) struct HeldOut {
    viewers: Vec<UserId>,
    labels: Vec<bool>,
    weights: Vec<f64>,
}

/// AUC over all, and within viewers.
#[derive(Clone, Copy, Debug)]
struct Areas {
    all: f64,
    within: Option<f64>,
}

impl HeldOut {
    pub(super) fn new(data: &TrainingData, action_set: &ActionSet) -> Self {
        let mut held_out = Self { viewers: Vec::new(), labels: Vec::new(), weights: Vec::new() };
        for (pass, candidate) in candidates(data) {
            held_out.viewers.push(pass.user);
            held_out.labels.push(is_positive(candidate, action_set));
            held_out.weights.push(f64::from(candidate.weight));
        }
        held_out
    }

    fn positives(&self) -> u64 {
        self.labels.iter().filter(|label| **label).count() as u64
    }

    fn negatives(&self) -> u64 {
        self.labels.len() as u64 - self.positives()
    }

    fn areas(&self, scores: &[f64]) -> Option<Areas> {
        Some(Areas {
            all: weighted_auc(scores, &self.labels, &self.weights)?,
            within: within_viewers(&self.viewers, scores, &self.labels, &self.weights, LEAST_VIEWERS),
        })
    }
}

fn candidates(data: &TrainingData) -> impl Iterator<Item = (&Pass, &phoenix::Candidate)> {
    data.validation.iter().flat_map(|pass| pass.candidates.iter().map(move |candidate| (pass, candidate)))
}

/// The scores of a model, in the order of the held-out candidates.
fn scores(
    objective: &RankerLoss<'_>,
    action_set: &ActionSet,
    model: &Model,
    workers: &Workers,
) -> Result<Vec<f64>, TrainError> {
    let predictions = objective.predict_each(model, workers)?;
    Ok(predictions.iter().map(|prediction| score(action_set, prediction)).collect())
}

/// The rate at which each held-out post was wanted in the training part, smoothed: what popularity knows of it.
fn popularity(data: &TrainingData) -> Vec<f64> {
    let all: f64 = data.post_frequency.values().map(|n| f64::from(*n)).sum();
    let rate = all / (data.impressions.max(1) as f64);
    // With sampled negatives there are more candidates than were shown, and how often a post was acted on is all there is.
    let recorded = data.impressions >= data.candidates();
    let count = |of: &FxHashMap<PostId, u32>, post: &PostId| f64::from(of.get(post).copied().unwrap_or(0));
    candidates(data)
        .map(|(_, candidate)| {
            let post = &candidate.item.post;
            let (wanted, shown) = (count(&data.post_frequency, post), count(&data.training_impressions, post));
            if recorded { (wanted + PRIOR_IMPRESSIONS * rate) / (shown + PRIOR_IMPRESSIONS) } else { wanted }
        })
        .collect()
}

/// Judges a ranker, and compares it with the version it would replace.
pub(super) fn judge(
    data: &TrainingData,
    action_set: &ActionSet,
    objective: &RankerLoss<'_>,
    model: &Model,
    previous: Option<(&str, &Model)>,
    workers: &Workers,
) -> Result<Verdict, TrainError> {
    let held_out = HeldOut::new(data, action_set);
    let (positives, negatives) = (held_out.positives(), held_out.negatives());
    let mut verdict = Verdict::default();
    verdict.measure("positives", positives as f64);
    verdict.measure("negatives", negatives as f64);
    if positives < LEAST_HELD_OUT || negatives < LEAST_HELD_OUT {
        verdict.against(format!(
            "too little was held out to judge it: {positives} posts acted on and {negatives} others, at least {LEAST_HELD_OUT} of each are needed"
        ));
        return Ok(verdict);
    }
    let Some(own) = held_out.areas(&scores(objective, action_set, model, workers)?) else {
        verdict.against("its AUC on the held-out part cannot be computed".to_owned());
        return Ok(verdict);
    };
    let error = standard_error(own.all, positives, negatives);
    verdict.measure("auc", own.all);
    verdict.measure("auc_error", error);
    if own.all <= 0.5 + error {
        verdict.against(format!(
            "it is not better than chance: AUC {:.3} ± {error:.3} on the held-out part, chance is .500",
            own.all
        ));
    }
    if let Some(within) = own.within {
        verdict.measure("auc_within_viewers", within);
        if within <= 0.5 {
            verdict.against(format!(
                "within a viewer's posts it is not better than chance: AUC {within:.3}, chance is .500"
            ));
        }
    }
    let popular = held_out.areas(&popularity(data));
    if let Some(popular) = popular {
        // Within viewers where both can be measured: how active a viewer is, popularity cannot know.
        let (own, popular) = match (own.within, popular.within) {
            (Some(own), Some(popular)) => (own, popular),
            _ => (own.all, popular.all),
        };
        verdict.measure("popularity_auc", popular);
        if own <= popular {
            verdict.against(format!(
                "popularity ranks the held-out part as well or better: AUC {popular:.3} against {own:.3}"
            ));
        }
    }
    if let Some((name, model)) = previous {
        let before = held_out.areas(&scores(objective, action_set, model, workers)?);
        if let Some(before) = before {
            verdict.measure("previous_auc", before.all);
            if own.all < before.all - error {
                verdict.against(format!(
                    "{name}, which serves, ranks the held-out part better: AUC {:.3} against {:.3} ± {error:.3}",
                    before.all, own.all
                ));
            }
        }
    }
    Ok(verdict)
}

/// The measures by name, with those of the trainer.
pub(super) fn against_heads(verdict: &mut Verdict, best: &BTreeMap<String, f64>) {
    if let Some(&auc) = best.get("validation/auc") {
        verdict.measure("mean_head_auc", auc);
        if auc <= 0.5 {
            verdict.against(format!("its heads are not better than chance: mean AUC {auc:.3}, chance is .500"));
        }
    }
}
