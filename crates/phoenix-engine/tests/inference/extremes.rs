//! Whatever comes in, what goes out is finite.

use foryou_types::{ActionMask, PostId, TimeMs, UserId};
use phoenix::{CandidateItem, HistoryItem, ModelKind};
use phoenix_engine::{Precision, Ranker, RetrievalModel, ServedRanker, ServedRetrieval};

use crate::models::{candidates, checkpoint, history, odd, wide};

#[test]
fn extreme_inputs_make_no_nan() {
    let strange = |i: u64| HistoryItem {
        post: PostId(u64::MAX - i),
        author: UserId(u64::MAX),
        actions: ActionMask(u64::MAX),
        surface: 255,
        dwell_seconds: [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, f32::MAX][i as usize % 5],
        age_bucket: 255,
        content: vec![0, u32::MAX, u32::MAX].into(),
        at: TimeMs(i64::MIN),
    };
    let items: Vec<_> = (0..40).map(strange).chain([HistoryItem::default()]).collect();
    let candidate = CandidateItem {
        post: PostId(u64::MAX),
        author: UserId(u64::MAX),
        surface: 255,
        age_bucket: 255,
        content: vec![u32::MAX; 1_000].into(),
    };
    let batch = vec![candidate, CandidateItem::default()];
    for model in [odd(), wide()] {
        let mut large = checkpoint(ModelKind::Ranker, model.clone(), 1);
        // Rows and matrices a thousand times as large saturate every cap and gate.
        large.dense.iter_mut().flat_map(|t| &mut t.data).for_each(|x| *x *= 1_000.0);
        let plain = checkpoint(ModelKind::Ranker, model.clone(), 1);
        let precisions = [Precision::F32, Precision::Bf16, Precision::I8];
        for (checkpoint_, precision) in [&plain, &large].into_iter().flat_map(|c| precisions.map(|p| (c, p))) {
            let ranker = Ranker::from_owned(checkpoint_.clone(), precision).unwrap();
            for items in [&items[..], &items[40..], &[]] {
                for user in [UserId::NONE, UserId(u64::MAX)] {
                    let mut logits = Vec::new();
                    ranker.score(&ranker.encode(user, items), &batch, &mut logits);
                    assert_eq!(logits.len(), 2 * model.num_actions);
                    assert!(logits.iter().all(|x| x.is_finite()), "{logits:?}");
                    assert!(ranker.heads(&logits).iter().all(|p| p.is_finite()));
                }
            }
        }
        let retrieval = RetrievalModel::new(&checkpoint(ModelKind::Retrieval, model, 1)).unwrap();
        assert!(retrieval.user_vector(UserId::NONE, &items).iter().all(|x| x.is_finite()));
        assert!(retrieval.post_vectors(&batch).iter().all(|x| x.is_finite()));
    }
}

#[test]
fn nothing_to_score_and_no_history() {
    let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, odd(), 1)).unwrap();
    let mut logits = vec![1.0; 7];
    ranker.score(&ranker.encode(UserId(1), &history(4, 1)), &[], &mut logits);
    assert!(logits.is_empty());
    ranker.score(&ranker.encode(UserId::NONE, &[]), &candidates(2, 1), &mut logits);
    assert_eq!(logits.len(), 10);
    let retrieval = RetrievalModel::new(&checkpoint(ModelKind::Retrieval, odd(), 1)).unwrap();
    assert!(retrieval.post_vectors(&[]).is_empty());
}
