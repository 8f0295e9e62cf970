//! Measures of a ranker's logits on what was really shown.

use std::collections::BTreeMap;

use evaluation::{mean, weighted_auc};
use foryou_types::{ActionDef, ActionKind, ActionMask, ActionSet};
use train_core::Evaluation;

use super::heads::sigmoid;
use super::weighted::{calibration, ndcg_over_ties, normalised_entropy};

/// The logits of a candidate and its outcome.
#[derive(Clone, Debug)]
pub(crate) struct Prediction {
    pub(crate) logits: Vec<f32>,
    pub(crate) labels: ActionMask,
    pub(crate) dwell_seconds: f32,
    /// For how many posts shown it stands: 1 for one that was, more for a sampled negative.
    pub(crate) weight: f32,
    pub(crate) slate: u32,
    pub(crate) training_impressions: u32,
}

/// Loss; means over the discrete heads of AUC, normalised entropy and calibration, in which every candidate counts by its weight;
/// NDCG@10 of the weighted score within slates, also of the posts that were never shown in training alone. Where a slate's scores tie it
/// is the mean over the orders they could stand in: the order of the candidates may tell which one was acted on.
pub(crate) fn measure(action_set: &ActionSet, loss: f64, mut predictions: Vec<Prediction>) -> Evaluation {
    let mut metrics = BTreeMap::from([("loss".to_owned(), loss)]);
    let mut details = BTreeMap::new();
    let mut means: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let weights: Vec<f64> = predictions.iter().map(|p| f64::from(p.weight)).collect();
    for (i, action) in action_set.iter().filter(|(_, action)| action.kind == ActionKind::Discrete) {
        let probabilities: Vec<f64> = predictions.iter().map(|p| probability(p, i)).collect();
        let labels: Vec<bool> = predictions.iter().map(|p| p.labels.has(i)).collect();
        let values = [
            ("auc", weighted_auc(&probabilities, &labels, &weights)),
            ("normalised_entropy", normalised_entropy(&probabilities, &labels, &weights)),
            ("calibration", calibration(&probabilities, &labels, &weights)),
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
            ndcg_over_ties(&of(&|p| score(action_set, p)), &of(&|p| gain(action_set, p)), 10)
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
pub(crate) fn score(action_set: &ActionSet, p: &Prediction) -> f64 {
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
    action_set.value(&action_set.iter().map(|(i, action)| value(i, action)).collect::<Vec<_>>())
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
            weight: 1.0,
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

    /// A positive and two sampled negatives that stand for 20 posts, as in a set without impressions: the positive comes first.
    fn slate(logits: [f32; 3]) -> Vec<Prediction> {
        let prediction = |(i, logit)| Prediction {
            logits: vec![logit],
            labels: ActionMask(u64::from(i == 0)),
            dwell_seconds: 0.0,
            weight: if i == 0 { 1.0 } else { 10.0 },
            slate: 0,
            training_impressions: 0,
        };
        (0..3).zip(logits).map(prediction).collect()
    }

    #[test]
    fn a_model_that_tells_nothing_apart_has_the_ndcg_of_chance() {
        let set = ActionSet::discrete(1, &[("like", 1.0)]);
        let tied = measure(&set, 0.0, slate([0.0; 3]));
        // The one wanted stands at each of three places as often: (1 + 1 / log2 3 + 1 / 2) / 3.
        let chance = (1.5 + 1.0 / 3.0f64.log2()) / 3.0;
        assert!((tied.metrics["ndcg@10"] - chance).abs() < 1e-12, "{:?}", tied.metrics);
        assert_eq!(tied.details["ndcg@10/never shown"], tied.metrics["ndcg@10"]);
        assert_eq!(tied.metrics["auc"], 0.5);
    }

    #[test]
    fn a_sampled_negative_counts_for_the_posts_it_stands_for() {
        let set = ActionSet::discrete(1, &[("like", 1.0)]);
        let rate = (1.0f32 / 20.0).ln();
        // Logits of a probability of 1 in 21 everywhere: right where one of 21 posts is liked.
        let right = measure(&set, 0.0, slate([rate; 3]));
        assert!((right.metrics["calibration"] - 1.0).abs() < 1e-6, "{:?}", right.metrics);
        assert!((right.metrics["normalised_entropy"] - 1.0).abs() < 1e-6, "{:?}", right.metrics);
        // Over one of the two negatives, each of weight 10.
        assert_eq!(measure(&set, 0.0, slate([0.0, 1.0, -1.0])).metrics["auc"], 0.5);
        let mut uneven = slate([0.0, 1.0, -1.0]);
        uneven[2].weight = 30.0;
        assert_eq!(measure(&set, 0.0, uneven).metrics["auc"], 0.75);
    }
}
