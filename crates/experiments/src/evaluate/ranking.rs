//! How well versions of the ranker order held-out slates.

use datasets::world::behaviour::value;
use datasets::world::{SlatePost, WorldManifest};
use evaluation::{ImpressionBucket, auc, calibration, mean, mrr, ndcg_at_k, normalised_entropy, pr_auc};
use foryou_types::{ActionKind, SplitMix64};
use phoenix_engine::AnyRanker;
use phoenix_train::positive_actions;
use serde::Serialize;

use super::above::above;
use super::held_out::{Case, HeldOut};

/// The cut of every NDCG here.
const K: usize = 10;
/// A head needs this many positives and negatives in a bucket to be reported.
const LEAST_OUTCOMES: usize = 50;

/// One way of ordering the slates.
#[derive(Clone, Debug, Serialize)]
pub struct RankerRow {
    /// `random`, `popularity`, `recency`, a version, `informed_ceiling`, `oracle`.
    pub model: String,
    /// Mean NDCG@10 with gain = max(0, Σ w·p_true).
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    /// Mean NDCG@10 of the actions actually taken, gain = max(0, Σ w·taken).
    #[serde(rename = "ndcg@10_taken")]
    pub ndcg_at_10_taken: f64,
    /// Mean reciprocal rank of the first post with an action of positive weight, over slates with one.
    pub mrr: f64,
    /// (NDCG − popularity) / (informed ceiling − popularity).
    pub of_the_way: Option<f64>,
    /// NDCG − popularity over the same slates: mean and ends of the 95 % paired bootstrap interval.
    pub above_popularity: Option<[f64; 3]>,
    /// By how often the post was shown in the training part.
    pub by_training_impressions: Vec<BucketCell>,
}

/// A ranker on the posts of one bucket.
#[derive(Clone, Debug, Serialize)]
pub struct BucketCell {
    /// `0`, `1-9`, `10-99`, `100+`.
    pub impressions: &'static str,
    /// Held-out posts of the bucket.
    pub posts: usize,
    /// NDCG@10 of slates reduced to the bucket's posts (at least two, one with gain).
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: Option<f64>,
    /// Mean AUC over the discrete heads with enough outcomes in the bucket; of a ranker without heads, of its score.
    pub auc: Option<f64>,
}

/// One head of a version.
#[derive(Clone, Debug, Serialize)]
pub struct HeadRow {
    /// The version.
    pub model: String,
    /// The head.
    pub action: String,
    /// How often the action was taken.
    pub positives: usize,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Average precision.
    pub pr_auc: Option<f64>,
    /// Log loss over the entropy of the base rate; below 1 is better than knowing the rate.
    pub normalised_entropy: Option<f64>,
    /// Mean prediction over rate; 1 is right.
    pub calibration: Option<f64>,
}

/// The results of the rankers.
pub(crate) struct Ranking {
    pub(crate) rows: Vec<RankerRow>,
    pub(crate) heads: Vec<HeadRow>,
}

/// A ranker's answers: a score per post, and heads if it has any. `[slates][C]`.
struct Answers {
    name: String,
    scores: Vec<Vec<f64>>,
    heads: Option<Vec<Vec<Box<[f64]>>>>,
}

pub(crate) fn evaluate(
    held_out: &HeldOut,
    versions: &[(String, AnyRanker)],
    manifest: &WorldManifest,
    seed: u64,
) -> Ranking {
    let mut rng = SplitMix64::fork(seed, "random ranker");
    let by = |name: &str, score: &mut dyn FnMut(&SlatePost) -> f64| Answers {
        name: name.to_owned(),
        scores: held_out.cases.iter().map(|c| c.slate.posts.iter().map(&mut *score).collect()).collect(),
        heads: None,
    };
    let mut all = vec![
        by("random", &mut |_| foryou_types::Rng::uniform(&mut rng)),
        by("recency", &mut |p| p.created_at.0 as f64),
        by("popularity", &mut |p| f64::from(p.popularity)),
    ];
    all.extend(versions.iter().map(|(name, ranker)| ask(name, ranker, held_out)));
    all.push(by("informed_ceiling", &mut |p| f64::from(p.ceiling)));
    all.push(by("oracle", &mut |p| p.gain(&held_out.action_set)));

    let gains = |gain: fn(&SlatePost, &foryou_types::ActionSet) -> f64| -> Vec<Vec<f64>> {
        held_out.cases.iter().map(|c| c.slate.posts.iter().map(|p| gain(p, &held_out.action_set)).collect()).collect()
    };
    let (truth, taken) = (gains(SlatePost::gain), gains(SlatePost::gain_taken));
    let popularity = all.iter().find(|a| a.name == "popularity").map(|a| per_slate(&a.scores, &truth));
    let popularity = popularity.unwrap_or_default();
    let mut rows = Vec::with_capacity(all.len());
    for answers in &all {
        let ndcg = per_slate(&answers.scores, &truth);
        let Some(ndcg_at_10) = mean(&ndcg) else { continue };
        rows.push(RankerRow {
            model: answers.name.clone(),
            ndcg_at_10,
            ndcg_at_10_taken: mean(&per_slate(&answers.scores, &taken)).unwrap_or_default(),
            mrr: mean(&reciprocal_ranks(held_out, &answers.scores)).unwrap_or_default(),
            of_the_way: manifest.report.of_the_way(ndcg_at_10),
            above_popularity: above(&ndcg, &popularity, seed),
            by_training_impressions: ImpressionBucket::ALL.map(|b| bucket(held_out, answers, &truth, b)).into(),
        });
    }
    let heads = all.iter().flat_map(|answers| heads(held_out, answers)).collect();
    Ranking { rows, heads }
}

/// A version's heads and their weighted sum, computed as serving does.
fn ask(name: &str, ranker: &AnyRanker, held_out: &HeldOut) -> Answers {
    let mut all_scores = Vec::with_capacity(held_out.cases.len());
    let mut all_heads = Vec::with_capacity(held_out.cases.len());
    for case in &held_out.cases {
        let Case { slate, .. } = case;
        let inputs = case.inputs(ranker.history_len());
        let heads = ranker.heads(inputs.user, &inputs.history, &inputs.candidates);
        let score = |heads: &[f64], post: &SlatePost| value(&held_out.action_set, heads.iter().copied(), post.video_ms);
        all_scores.push(heads.iter().zip(&slate.posts).map(|(heads, post)| score(heads, post)).collect());
        all_heads.push(heads);
    }
    Answers { name: name.to_owned(), scores: all_scores, heads: Some(all_heads) }
}

/// NDCG@10 of each slate with any gain.
fn per_slate(scores: &[Vec<f64>], gains: &[Vec<f64>]) -> Vec<f64> {
    scores.iter().zip(gains).filter_map(|(scores, gains)| ndcg_at_k(scores, gains, K)).collect()
}

fn reciprocal_ranks(held_out: &HeldOut, scores: &[Vec<f64>]) -> Vec<f64> {
    let positive = positive_actions(&held_out.action_set);
    let of_slate = |(case, scores): (&Case, &Vec<f64>)| {
        let relevant: Vec<bool> = case.slate.posts.iter().map(|p| p.taken.0 & positive.0 != 0).collect();
        mrr(scores, &relevant)
    };
    held_out.cases.iter().zip(scores).filter_map(of_slate).collect()
}

fn bucket(held_out: &HeldOut, answers: &Answers, truth: &[Vec<f64>], bucket: ImpressionBucket) -> BucketCell {
    let mut ndcg = Vec::new();
    let mut places = Vec::new();
    for (i, case) in held_out.cases.iter().enumerate() {
        let inside: Vec<usize> = (0..case.slate.posts.len())
            .filter(|j| ImpressionBucket::of(case.training_impressions()[*j]) == bucket)
            .collect();
        if inside.len() >= 2 {
            let of = |all: &[f64]| -> Vec<f64> { inside.iter().map(|j| all[*j]).collect() };
            ndcg.extend(ndcg_at_k(&of(&answers.scores[i]), &of(&truth[i]), K));
        }
        places.extend(inside.into_iter().map(|j| (i, j)));
    }
    let discrete = held_out.action_set.iter().filter(|(_, a)| a.kind == ActionKind::Discrete && a.weight > 0.0);
    let aucs: Vec<f64> = discrete
        .filter_map(|(action, _)| {
            let labels: Vec<bool> =
                places.iter().map(|&(i, j)| held_out.cases[i].slate.posts[j].taken.has(action)).collect();
            let positives = labels.iter().filter(|l| **l).count();
            if positives.min(labels.len() - positives) < LEAST_OUTCOMES {
                return None;
            }
            let scores: Vec<f64> = places
                .iter()
                .map(|&(i, j)| match &answers.heads {
                    Some(heads) => heads[i][j][action as usize],
                    None => answers.scores[i][j],
                })
                .collect();
            auc(&scores, &labels)
        })
        .collect();
    BucketCell { impressions: bucket.name(), posts: places.len(), ndcg_at_10: mean(&ndcg), auc: mean(&aucs) }
}

fn heads(held_out: &HeldOut, answers: &Answers) -> Vec<HeadRow> {
    let Some(heads) = &answers.heads else { return Vec::new() };
    let discrete = held_out.action_set.iter().filter(|(_, a)| a.kind == ActionKind::Discrete);
    discrete
        .map(|(action, def)| {
            let predicted: Vec<f64> = heads.iter().flatten().map(|h| h[action as usize]).collect();
            let labels: Vec<bool> =
                held_out.cases.iter().flat_map(|c| &c.slate.posts).map(|p| p.taken.has(action)).collect();
            HeadRow {
                model: answers.name.clone(),
                action: def.name.clone(),
                positives: labels.iter().filter(|l| **l).count(),
                auc: auc(&predicted, &labels),
                pr_auc: pr_auc(&predicted, &labels),
                normalised_entropy: normalised_entropy(&predicted, &labels),
                calibration: calibration(&predicted, &labels),
            }
        })
        .collect()
}
