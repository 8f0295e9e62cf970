//! A candidate's score depends on the candidate and the viewer's past, to the bit.

use foryou_types::UserId;
use phoenix::{ModelKind, Positions};
use phoenix_engine::{Precision, Ranker, RetrievalModel, ServedRanker, ServedRetrieval};
use proptest::prelude::*;

use crate::models::{
    bidirectional, bits, candidates, checkpoint, history, largest_difference, odd, on_threads, precisions, wide,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn alone_in_any_batch_in_any_order_on_any_threads(
        seed in any::<u64>(),
        both_ways in any::<bool>(),
        is_wide in any::<bool>(),
        precision in precisions(),
        n in 0usize..50,
        chosen in prop::collection::vec(0usize..40, 1..200),
        threads in 1usize..4,
    ) {
        let model = if is_wide { wide() } else { odd() };
        let model = if both_ways { bidirectional(model) } else { model };
        let actions = model.num_actions;
        let ranker = Ranker::from_owned(checkpoint(ModelKind::Ranker, model, seed), precision).unwrap();
        let pool = candidates(40, seed);
        let context = ranker.encode(UserId(3), &history(n, seed));
        let mut alone = Vec::new();
        for candidate in &pool {
            let mut logits = Vec::new();
            ranker.score(&context, std::slice::from_ref(candidate), &mut logits);
            alone.push(bits(&logits));
        }
        // Any multiset of them, in any order.
        let batch: Vec<_> = chosen.iter().map(|&i| pool[i].clone()).collect();
        let (logits, again) = on_threads(threads, || {
            let mut logits = vec![f32::NAN; 3];
            ranker.score(&context, &batch, &mut logits);
            // A context made on these threads is the same one.
            let mut again = Vec::new();
            ranker.score(&ranker.encode(UserId(3), &history(n, seed)), &batch, &mut again);
            (logits, again)
        });
        prop_assert_eq!(bits(&logits), bits(&again));
        for (logits, &i) in logits.chunks_exact(actions).zip(&chosen) {
            prop_assert_eq!(&bits(logits), &alone[i]);
        }
    }

    #[test]
    fn vectors_of_posts_are_the_same_alone_and_together(seed in any::<u64>(), threads in 1usize..4) {
        let model = RetrievalModel::new(&checkpoint(ModelKind::Retrieval, odd(), seed)).unwrap();
        let posts = candidates(150, seed);
        let together = on_threads(threads, || model.post_vectors(&posts));
        for (vector, post) in together.chunks_exact(20).zip(&posts) {
            prop_assert_eq!(bits(vector), bits(&model.post_vector(post)));
            prop_assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        }
        let history = history(45, seed);
        let vector = model.user_vector(UserId(1), &history);
        let on_others = on_threads(threads, || model.user_vector(UserId(1), &history));
        prop_assert_eq!(bits(&vector), bits(&on_others));
    }
}

#[test]
fn changing_one_candidate_changes_no_other_bit() {
    let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, odd(), 1)).unwrap();
    let context = ranker.encode(UserId(3), &history(20, 1));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut batch = candidates(70, 1);
    ranker.score(&context, &batch, &mut before);
    batch[33].author = UserId(1234);
    ranker.score(&context, &batch, &mut after);
    for (i, (before, after)) in before.chunks_exact(5).zip(after.chunks_exact(5)).enumerate() {
        assert_eq!(bits(before) == bits(after), i != 33, "candidate {i}");
    }
}

#[test]
fn what_the_viewer_did_matters_and_so_does_who_they_are() {
    let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, odd(), 1)).unwrap();
    let (past, candidates) = (history(9, 1), candidates(1, 1));
    let score = |user: u64, history: &[_]| {
        let mut logits = Vec::new();
        ranker.score(&ranker.encode(UserId(user), history), &candidates, &mut logits);
        logits
    };
    let base = score(3, &past);
    for i in 0..past.len() {
        let mut other = past.clone();
        other[i].actions.0 ^= 3;
        assert_ne!(score(3, &other), base, "token {i}");
        let mut other = past.clone();
        other[i].dwell_seconds = if other[i].dwell_seconds > 15.0 { 1.0 } else { 29.0 };
        assert_ne!(score(3, &other), base, "token {i}");
    }
    assert_ne!(score(4, &past), base);
    assert_ne!(score(0, &past), base);
}

#[test]
fn with_and_without_vector_instructions_the_logits_are_the_same_within_1e_5() {
    for model in [odd(), wide(), bidirectional(wide())] {
        let checkpoint = checkpoint(ModelKind::Ranker, model, 5);
        let (native, portable) =
            (Ranker::new(&checkpoint).unwrap(), Ranker::portable(&checkpoint, Precision::F32).unwrap());
        let (history, candidates) = (history(37, 5), candidates(70, 5));
        let (mut a, mut b) = (Vec::new(), Vec::new());
        native.score(&native.encode(UserId(1), &history), &candidates, &mut a);
        portable.score(&portable.encode(UserId(1), &history), &candidates, &mut b);
        assert!(largest_difference(&a, &b) < 1e-5, "{}", largest_difference(&a, &b));
        assert_ne!(bits(&a), bits(&b), "the portable kernels are other code");
    }
}

#[test]
fn at_a_lower_precision_the_logits_are_those_of_f32_but_for_the_rounding() {
    let cases = [odd(), wide(), bidirectional(wide())]
        .into_iter()
        .flat_map(|model| [(model.clone(), Precision::Bf16), (model, Precision::I8)]);
    for (model, precision) in cases {
        let checkpoint = checkpoint(ModelKind::Ranker, model, 5);
        let logits = |ranker: &Ranker| {
            let mut logits = Vec::new();
            ranker.score(&ranker.encode(UserId(1), &history(37, 5)), &candidates(70, 5), &mut logits);
            logits
        };
        let exact = logits(&Ranker::new(&checkpoint).unwrap());
        let native = logits(&Ranker::from_owned(checkpoint.clone(), precision).unwrap());
        let portable = logits(&Ranker::portable(&checkpoint, precision).unwrap());
        let spread = exact.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let lost = largest_difference(&exact, &native);
        assert!(lost > 0.0 && lost < 0.05 * spread, "{lost} of {spread}");
        // A value near the middle of two steps can fall to either side.
        assert!(largest_difference(&native, &portable) < 0.02 * spread, "{}", largest_difference(&native, &portable));
    }
}

#[test]
fn sequential_positions_depend_on_the_place_and_reach_beyond_the_table() {
    let mut model = odd();
    model.positions = Positions::Sequential;
    let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, model, 6)).unwrap();
    let context = ranker.encode(UserId(1), &history(10, 6));
    let same = vec![candidates(1, 6).remove(0); 1_200];
    let mut logits = Vec::new();
    ranker.score(&context, &same, &mut logits);
    assert!(logits.iter().all(|x| x.is_finite()));
    let rows: Vec<&[f32]> = logits.chunks_exact(5).collect();
    assert_ne!(rows[0], rows[1]);
    assert_ne!(rows[1_198], rows[1_199]);
    let mut first = Vec::new();
    ranker.score(&context, &same[..100], &mut first);
    assert_eq!(first[..], logits[..500]);
}

#[test]
fn heads_are_probabilities_and_clipped_seconds() {
    let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, odd(), 1)).unwrap();
    let heads = ranker.heads(&[0.0, 3f32.ln(), -200.0, 20.0, 2f32.ln()]);
    assert_eq!(heads[0], 0.5);
    assert!((heads[1] - 0.75).abs() < 1e-7);
    assert!(heads[2] > 0.0 && heads[3] < 1.0);
    assert!((heads[4] - 2.0).abs() < 1e-6);
    assert_eq!(ranker.heads(&[0.0, 0.0, 0.0, 0.0, 9.0])[4], 30.0);
}
