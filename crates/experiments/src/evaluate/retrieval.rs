//! Recall: how many of the posts that a viewer engaged with next are among the best of all posts that a feed could show.

use evaluation::{mean, rank_order};
use foryou_types::{PostId, TimeMs};
use phoenix::CandidateItem;
use phoenix_engine::ServedRetrieval;
use phoenix_train::positive_actions;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::above::above;
use super::held_out::{Case, HeldOut};
use crate::vectors::PostVectors;

const CUTS: [usize; 3] = [10, 100, 1_000];
/// Half-life of the decayed popularity, in milliseconds, as in a feed's popularity prior.
const HALF_LIFE_MS: f64 = 6.0 * 3_600_000.0;

/// One way of finding posts.
#[derive(Clone, Debug, Serialize)]
pub struct RetrievalRow {
    /// `popularity_all_time`, `popularity`, `recency` or a version.
    pub model: String,
    /// Mean recall at 10, 100, 1,000 over the slates with a positive.
    #[serde(rename = "recall@10")]
    pub at_10: f64,
    /// See above.
    #[serde(rename = "recall@100")]
    pub at_100: f64,
    /// See above.
    #[serde(rename = "recall@1000")]
    pub at_1000: f64,
    /// Recall@100 of the positives without any training impression.
    #[serde(rename = "recall@100_unseen")]
    pub at_100_unseen: Option<f64>,
    /// Recall@100 − that of `popularity` over the same slates: mean and ends of the 95 % paired bootstrap interval.
    pub above_popularity: Option<[f64; 3]>,
}

/// What a viewer engaged with, and all posts that a feed could show.
struct Question<'a> {
    case: &'a Case,
    /// Posts of positive value, and whether they had no training impression.
    targets: Vec<(PostId, bool)>,
    alive: &'a [(PostId, TimeMs)],
}

/// The recalls of one retriever, per question.
#[derive(Default)]
struct Recalls {
    at: [Vec<f64>; 3],
    unseen: Vec<f64>,
}

impl Recalls {
    fn add(&mut self, question: &Question<'_>, scores: &[f64]) {
        let order = rank_order(scores);
        let first = |k: usize| -> FxHashSet<PostId> { order.iter().take(k).map(|i| question.alive[*i].0).collect() };
        let recall = |found: &FxHashSet<PostId>, k: usize, targets: &mut dyn Iterator<Item = PostId>| {
            let (mut hits, mut all) = (0usize, 0usize);
            for target in targets {
                all += 1;
                hits += usize::from(found.contains(&target));
            }
            (all > 0).then(|| hits as f64 / all.min(k) as f64)
        };
        for (values, k) in self.at.iter_mut().zip(CUTS) {
            values.extend(recall(&first(k), k, &mut question.targets.iter().map(|t| t.0)));
        }
        self.unseen.extend(recall(&first(100), 100, &mut question.targets.iter().filter(|t| t.1).map(|t| t.0)));
    }

    fn row(&self, model: &str, popularity: &[f64], seed: u64) -> Option<RetrievalRow> {
        Some(RetrievalRow {
            model: model.to_owned(),
            at_10: mean(&self.at[0])?,
            at_100: mean(&self.at[1])?,
            at_1000: mean(&self.at[2])?,
            at_100_unseen: mean(&self.unseen),
            above_popularity: above(&self.at[1], popularity, seed),
        })
    }
}

pub(crate) fn evaluate(
    held_out: &HeldOut,
    versions: &[(String, Box<dyn ServedRetrieval>)],
    seed: u64,
) -> Vec<RetrievalRow> {
    if versions.is_empty() {
        return Vec::new();
    }
    let mut models = Vec::new();
    for (name, model) in versions {
        models.push((name.as_str(), vectors(&**model, held_out), model));
    }
    let mut counts = Counts::default();
    let mut done = 0;
    let mut baselines: [(&str, Recalls); 3] = [
        ("recency", Recalls::default()),
        ("popularity_all_time", Recalls::default()),
        ("popularity", Recalls::default()),
    ];
    let mut found: Vec<Recalls> = models.iter().map(|_| Recalls::default()).collect();
    for question in questions(held_out) {
        let at = question.case.slate.at;
        while held_out.engagements.get(done).is_some_and(|e| e.at < at) {
            counts.add(held_out.engagements[done].post, held_out.engagements[done].at);
            done += 1;
        }
        let by = |score: &dyn Fn(PostId, TimeMs) -> f64| -> Vec<f64> {
            question.alive.iter().map(|(post, created)| score(*post, *created)).collect()
        };
        baselines[0].1.add(&question, &by(&|_, created| created.0 as f64));
        baselines[1].1.add(&question, &by(&|post, _| counts.all_time(post)));
        baselines[2].1.add(&question, &by(&|post, _| counts.decayed(post)));
        for ((_, vectors, model), recalls) in models.iter().zip(&mut found) {
            let inputs = question.case.inputs(model.history_len());
            let user = model.user_vector(inputs.user, &inputs.history);
            recalls.add(&question, &by(&|post, _| vectors.dot(&user, post)));
        }
    }
    let popularity = baselines[2].1.at[1].clone();
    let rows = baselines.iter().map(|(name, r)| r.row(name, &popularity, seed));
    let models = models.iter().zip(&found).map(|((name, ..), r)| r.row(name, &popularity, seed));
    rows.chain(models).flatten().collect()
}

/// The slates with an action of positive value, with all posts that a feed could show at their moment.
fn questions(held_out: &HeldOut) -> impl Iterator<Item = Question<'_>> {
    let positive = positive_actions(&held_out.action_set);
    held_out.cases.iter().filter_map(move |case| {
        let at = case.slate.at;
        let originals = &held_out.originals;
        let from = originals.partition_point(|(_, created)| *created < at - held_out.max_post_age_ms);
        let to = originals.partition_point(|(_, created)| *created < at);
        let alive = &originals[from..to];
        let known: FxHashSet<PostId> = alive.iter().map(|a| a.0).collect();
        let posts = case.slate.posts.iter().zip(case.training_impressions());
        let targets: Vec<(PostId, bool)> = posts
            .filter(|(post, _)| post.taken.0 & positive.0 != 0 && known.contains(&post.post_id))
            .map(|(post, n)| (post.post_id, *n == 0))
            .collect();
        (!targets.is_empty()).then_some(Question { case, targets, alive })
    })
}

/// The vectors of all originals by a model.
fn vectors(model: &dyn ServedRetrieval, held_out: &HeldOut) -> PostVectors {
    let mut vectors = PostVectors::default();
    vectors.add(model, held_out.originals.iter().map(|(post, _)| *post), |post| {
        let info = held_out.corpus.get(post).unwrap_or_default();
        CandidateItem { post, author: info.author, content: info.content, ..CandidateItem::default() }
    });
    vectors
}

/// Engagements so far, total and decayed.
#[derive(Default)]
struct Counts {
    /// Per post: engagements, and their decayed sum with the moment it is of.
    of: FxHashMap<PostId, (f64, f64, TimeMs)>,
    now: TimeMs,
}

impl Counts {
    fn add(&mut self, post: PostId, at: TimeMs) {
        let (all, decayed, since) = self.of.entry(post).or_insert((0.0, 0.0, at));
        *decayed = *decayed * decay(at.since(*since)) + 1.0;
        *since = at;
        *all += 1.0;
        self.now = self.now.max(at);
    }

    fn all_time(&self, post: PostId) -> f64 {
        self.of.get(&post).map_or(0.0, |c| c.0)
    }

    fn decayed(&self, post: PostId) -> f64 {
        self.of.get(&post).map_or(0.0, |c| c.1 * decay(self.now.since(c.2)))
    }
}

fn decay(ms: i64) -> f64 {
    (-(ms as f64) / HALF_LIFE_MS).exp2()
}
