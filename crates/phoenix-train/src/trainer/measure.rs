//! Measures of a ranker's logits on what was really shown.

use std::collections::BTreeMap;

use evaluation::{auc, calibration, mean, ndcg_at_k, normalised_entropy};
use foryou_types::{ActionDef, ActionKind, ActionMask, ActionSet};

use super::heads::sigmoid;

/// Measures by name, and the one number that decides which model is best.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Evaluation {
    pub(crate) metrics: BTreeMap<String, f64>,
    /// Per head, for the metrics file: `auc/favorite`.
    pub(crate) details: BTreeMap<String, f64>,
    /// Less is better.
    pub(crate) criterion: f64,
}

/// The logits of a candidate and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Prediction {
    pub(crate) logits: Vec<f32>,
    pub(crate) labels: ActionMask,
    pub(crate) dwell_seconds: f32,
    pub(crate) slate: u32,
    pub(crate) training_impressions: u32,
}

/// Loss; means over the discrete heads of AUC, normalised entropy and calibration; NDCG@10 of the weighted score within slates, also of
/// the posts that were never shown in training alone.
pub(crate) fn measure(action_set: &ActionSet, loss: f64, mut predictions: Vec<Prediction>) -> Evaluation {
    let mut metrics = BTreeMap::from([("loss".to_owned(), loss)]);
    let mut details = BTreeMap::new();
    let mut means: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (i, action) in action_set.iter().filter(|(_, action)| action.kind == ActionKind::Discrete) {
        let probabilities: Vec<f64> = predictions.iter().map(|p| probability(p, i)).collect();
        let labels: Vec<bool> = predictions.iter().map(|p| p.labels.has(i)).collect();
        let values = [
            ("auc", auc(&probabilities, &labels)),
            ("normalised_entropy", normalised_entropy(&probabilities, &labels)),
            ("calibration", calibration(&probabilities, &labels)),
        ];
        for (name, value) in values.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))) {
            means.entry(name).or_default().push(value);
            details.insert(format!("{name}/{}", action.name), value);
        }
    }
    for (name, values) in means {
        metrics.extend(mean(&values).map(|value| (name.to_owned(), value)));
    }
    predictions.sort_by_key(|p| p.slate);
    let ndcg = |name: &str, keep: &dyn Fn(&Prediction) -> bool| {
        let slates = predictions.chunk_by(|a, b| a.slate == b.slate).filter_map(|slate| {
            let of = |f: &dyn Fn(&Prediction) -> f64| slate.iter().filter(|p| keep(p)).map(f).collect::<Vec<_>>();
            ndcg_at_k(&of(&|p| score(action_set, p)), &of(&|p| gain(action_set, p)), 10)
        });
        mean(&slates.collect::<Vec<_>>()).map(|value| (name.to_owned(), value))
    };
    metrics.extend(ndcg("ndcg@10", &|_| true));
    details.extend(ndcg("ndcg@10/never shown", &|p| p.training_impressions == 0));
    Evaluation { metrics, details, criterion: loss }
}

fn probability(p: &Prediction, head: u8) -> f64 {
    sigmoid(f64::from(p.logits[usize::from(head)]))
}

/// The weighted sum of the predicted actions.
fn score(action_set: &ActionSet, p: &Prediction) -> f64 {
    weighted(action_set, |i, action| match action.kind {
        ActionKind::Discrete => probability(p, i),
        ActionKind::Continuous => f64::from(p.logits[usize::from(i)]).exp().min(ActionSet::DWELL_CLIP_SECONDS),
    })
}

/// The weighted sum of the actions taken, at least 0.
fn gain(action_set: &ActionSet, p: &Prediction) -> f64 {
    weighted(action_set, |i, action| match action.kind {
        ActionKind::Discrete => f64::from(u8::from(p.labels.has(i))),
        ActionKind::Continuous => f64::from(p.dwell_seconds),
    })
    .max(0.0)
}

fn weighted(action_set: &ActionSet, value: impl Fn(u8, &ActionDef) -> f64) -> f64 {
    action_set.iter().map(|(i, action)| action.weight * value(i, action)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_and_a_reversed_ranker() {
        let set = ActionSet::discrete(1, &[("like", 1.0), ("hide", -1.0)]);
        let prediction = |like: bool, slate, sign: f32| Prediction {
            logits: vec![if like { 2.0 * sign } else { -2.0 * sign }, -1.0],
            labels: ActionMask(u64::from(like)),
            dwell_seconds: 0.0,
            slate,
            training_impressions: u32::from(like),
        };
        let all = |sign| {
            let order = [(true, 7), (false, 9), (false, 7), (true, 9)];
            measure(&set, 0.5, order.iter().map(|&(like, slate)| prediction(like, slate, sign)).collect())
        };
        let right = all(1.0);
        assert_eq!((right.metrics["ndcg@10"], right.metrics["auc"], right.criterion), (1.0, 1.0, 0.5));
        assert!(
            right.details.contains_key("auc/like") && !right.details.contains_key("auc/hide"),
            "nobody hid anything"
        );
        let wrong = all(-1.0);
        assert!((wrong.metrics["ndcg@10"] - 1.0 / 3.0f64.log2()).abs() < 1e-12);
        assert_eq!(wrong.metrics["auc"], 0.0);
    }
}
