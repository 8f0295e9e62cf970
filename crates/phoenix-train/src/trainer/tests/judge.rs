//! What may serve, and what may not.

use foryou_types::TimeMs;
use model_registry::Gate;
use phoenix::Checkpoint;

use super::*;
use crate::data::is_positive;

/// Enough to learn from and to be judged on.
fn enough() -> TrainingData {
    TrainingData {
        validation: passes(40, 4),
        validation_from: Some(TimeMs(900)),
        post_frequency: (1..=POSTS).map(|post| (PostId(post), 10)).collect(),
        ..data(60)
    }
}

/// The same with the opposite liked.
fn contrary() -> TrainingData {
    let mut data = enough();
    let set = action_set();
    for candidate in data.train.iter_mut().flat_map(|pass| &mut pass.candidates) {
        candidate.labels = ActionMask(u64::from(!is_positive(candidate, &set)));
    }
    data
}

fn trained(kind: ModelKind, data: &TrainingData) -> (Checkpoint, BTreeMap<String, f64>) {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe { epochs: 60, ..recipe(kind) };
    let outcome = train(kind, data, &recipe, &folder.path().join("run"), &options(1)).unwrap();
    // The last, not the best: the contrary model is to be as wrong as it was taught to be.
    (Checkpoint::load(&folder.path().join("run/checkpoint")).unwrap(), outcome.best)
}

fn judged(kind: ModelKind, data: &TrainingData, model: &Checkpoint, previous: Option<Previous>) -> Gate {
    judge(data, &recipe(kind), &action_set(), model.clone(), &BTreeMap::new(), previous, 2).unwrap()
}

fn reasons(gate: &Gate) -> String {
    assert_eq!(gate.passed, gate.reasons.is_empty());
    gate.reasons.join("\n")
}

#[test]
fn a_ranker_that_learned_passes_and_one_that_learned_the_contrary_does_not() {
    let data = enough();
    let (good, _) = trained(ModelKind::Ranker, &data);
    let gate = judged(ModelKind::Ranker, &data, &good, None);
    assert!(gate.passed && gate.notes.is_empty(), "{gate:?}");
    assert!(gate.measured["auc"] > 0.6 && gate.measured["auc_within_viewers"] > 0.6, "{gate:?}");
    assert_eq!((gate.measured["popularity_auc"], gate.held_out_from), (0.5, data.validation_from));

    let (bad, _) = trained(ModelKind::Ranker, &contrary());
    let gate = judged(ModelKind::Ranker, &data, &bad, None);
    let why = reasons(&gate);
    assert!(why.contains("not better than chance: AUC 0.") && why.contains("popularity ranks"), "{why}");
    // Heads that are wrong on average speak against a model whose score is right.
    let best = BTreeMap::from([("validation/auc".to_owned(), 0.478)]);
    let gate = judge(&data, &recipe(ModelKind::Ranker), &action_set(), good.clone(), &best, None, 1).unwrap();
    assert!(reasons(&gate).contains("mean AUC 0.478"), "{gate:?}");

    // Beside the version that serves.
    let serving = |model: &Checkpoint, held_out_from| {
        Some(Previous { name: "ranker-0007".to_owned(), checkpoint: model.clone(), held_out_from })
    };
    let from = data.validation_from;
    let worse = judged(ModelKind::Ranker, &data, &bad, serving(&good, from));
    assert!(reasons(&worse).contains("ranker-0007, which serves, ranks the held-out part better"), "{worse:?}");
    assert!(judged(ModelKind::Ranker, &data, &good, serving(&bad, from)).passed);
    assert!(judged(ModelKind::Ranker, &data, &good, serving(&good, from)).passed, "as good is good enough");
    let unfair = judged(ModelKind::Ranker, &data, &good, serving(&bad, None));
    assert!(unfair.passed && unfair.notes[0].contains("learned from a part of what is held out"), "{unfair:?}");
    let mut shorter = bad;
    shorter.config.model.history_seq_len = 4;
    let other = judged(ModelKind::Ranker, &data, &good, serving(&shorter, from));
    assert!(other.notes[0].contains("history has another length"), "{other:?}");
}

#[test]
fn too_little_to_learn_from_or_to_be_judged_on_is_named() {
    let (good, _) = trained(ModelKind::Ranker, &enough());
    let few = TrainingData { validation: passes(1, 4), ..enough() };
    let why = reasons(&judged(ModelKind::Ranker, &few, &good, None));
    assert!(why.contains("too little was held out"), "{why}");
    let none = TrainingData { validation: Vec::new(), validation_from: None, ..enough() };
    let why = reasons(&judged(ModelKind::Ranker, &none, &good, None));
    assert!(why.contains("nothing was held out"), "{why}");
    let one_post = TrainingData { post_frequency: [(PostId(1), 500)].into_iter().collect(), ..enough() };
    let why = reasons(&judged(ModelKind::Ranker, &one_post, &good, None));
    assert!(why.contains("learned from too little: 500 posts acted on, 1 different"), "{why}");
    let popular = TrainingData {
        // Whom to like is the viewer's affair; but here popularity is told which posts were liked most often.
        post_frequency: (1..=POSTS).map(|post| (PostId(post), if author(post) == 1 { 100 } else { 1 })).collect(),
        ..enough()
    };
    let gate = judged(ModelKind::Ranker, &popular, &good, None);
    assert!(gate.measured["popularity_auc"] != 0.5, "{gate:?}");
}

#[test]
fn retrieval_is_judged_beside_chance_and_popularity() {
    let data = enough();
    let (good, _) = trained(ModelKind::Retrieval, &data);
    let gate = judged(ModelKind::Retrieval, &data, &good, None);
    assert_eq!((gate.measured["recall_at"], gate.measured["posts"]), (2.0, 24.0));
    assert!((gate.measured["popularity_recall"] - 2.0 / 24.0).abs() < 1e-6, "all posts tie: {gate:?}");
    assert!(gate.passed && gate.measured["recall"] > 0.1, "{gate:?}");
    let (bad, _) = trained(ModelKind::Retrieval, &contrary());
    let why = reasons(&judged(ModelKind::Retrieval, &data, &bad, None));
    assert!(why.contains("not better than chance: recall@2"), "{why}");
    let few = TrainingData { validation: passes(1, 4), ..enough() };
    assert!(reasons(&judged(ModelKind::Retrieval, &few, &good, None)).contains("too little was held out"));
}
