//! Retrieval on the held-out part, compared with chance and popularity.
use train_core::{TrainError, Workers};

use super::{LEAST_HELD_OUT, Verdict};
use crate::trainer::model::Model;
use crate::trainer::recall::RecallCheck;

/// Posts among which a wanted one must be found: of a small corpus the tenth part, since most of it is among 100.
const MOST_FOUND: usize = 100;
/// Fewest posts among which finding one says anything.
const LEAST_POSTS: usize = 20;

/// Judges retrieval, and compares it with the version it would replace.
pub(super) fn judge(
    check: &RecallCheck<'_>,
    model: &Model,
    previous: Option<(&str, &Model)>,
    workers: &Workers,
) -> Result<Verdict, TrainError> {
    let (posts, wanted) = (check.posts(), check.wanted());
    let mut verdict = Verdict::default();
    verdict.measure("wanted", wanted as f64);
    verdict.measure("posts", posts as f64);
    if wanted < LEAST_HELD_OUT as usize || posts < LEAST_POSTS {
        verdict.against(format!(
            "too little was held out to judge it: {wanted} posts acted on among {posts}, at least {LEAST_HELD_OUT} among {LEAST_POSTS} are needed"
        ));
        return Ok(verdict);
    }
    let k = (posts / 10).clamp(1, MOST_FOUND);
    let chance = k as f64 / posts as f64;
    let recall = |model: &Model| -> Result<f64, TrainError> {
        let ranks = check.all_ranks(model, workers)?;
        Ok(ranks.iter().filter(|rank| **rank < k).count() as f64 / ranks.len().max(1) as f64)
    };
    let (own, popular) = (recall(model)?, check.popularity_recall(k));
    let error = (own * (1.0 - own) / wanted as f64).sqrt();
    verdict.measure("recall", own);
    verdict.measure("recall_at", k as f64);
    verdict.measure("chance_recall", chance);
    verdict.measure("popularity_recall", popular);
    if own <= chance + error {
        verdict.against(format!(
            "it is not better than chance: recall@{k} {own:.3} ± {error:.3} on the held-out part, chance is {chance:.3}"
        ));
    }
    if own <= popular {
        verdict.against(format!(
            "popularity finds the held-out posts as well or better: recall@{k} {popular:.3} against {own:.3}"
        ));
    }
    if let Some((name, model)) = previous {
        let before = recall(model)?;
        verdict.measure("previous_recall", before);
        if own < before - error {
            verdict.against(format!(
                "{name}, which serves, finds the held-out posts better: recall@{k} {before:.3} against {own:.3} ± {error:.3}"
            ));
        }
    }
    Ok(verdict)
}
