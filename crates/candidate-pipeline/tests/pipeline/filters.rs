//! Filters, and what happens to candidates when one fails.

use candidate_pipeline::{ExecuteOptions, FilterPolicy, KeepMask, Stage, StageError};

use crate::fixtures::{
    boom, degraded, explain, ids, keep, ranked, remove_if, removed_by, run, score_each, top, with_items,
};

#[tokio::test]
async fn each_filter_sees_what_the_ones_before_it_left() {
    let builder = with_items(ranked([1, 2, 3, 4, 5, 6]), top(6))
        .filter(remove_if("even", |item| item.id.is_multiple_of(2).then_some("even")))
        .filter(keep("first", |items, mask, _| {
            assert!(items.iter().all(|item| item.id % 2 == 1));
            mask.remove(0);
            Ok(())
        }))
        .filter(remove_if("nobody", |_| None));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [3, 5]);
    let counts: Vec<_> = answer.removed.iter().map(|r| (r.stage, r.filter, r.count)).collect();
    assert_eq!(counts, [(Stage::Filter, "even", 3), (Stage::Filter, "first", 1), (Stage::Filter, "nobody", 0)]);
    assert!(answer.removed.iter().all(|r| r.candidates.is_empty()), "kept in a traced request only");
    assert_eq!((answer.sizes.hydrators, answer.sizes.filters), (6, 2));
}

#[tokio::test]
async fn a_failing_filter_keeps_all_or_removes_all() {
    let failing = || {
        keep("muted", |_, mask, _| {
            mask.remove(0);
            Err(boom())
        })
    };
    let open = explain(with_items(ranked([1, 2]), top(2)).filter(failing())).await;
    assert_eq!(ids(&open.selected), [1, 2], "what it had removed before it failed counts for nothing");
    assert_eq!(degraded(&open), [("muted", "boom")]);
    assert!(open.trace.expect("explained").candidates.iter().all(|c| c.removed.is_none()));

    let closed = explain(with_items(ranked([1, 2]), top(2)).filter(failing().closed())).await;
    assert!(closed.selected.is_empty());
    assert_eq!(degraded(&closed), [("muted", "boom")]);
    assert_eq!(removed_by(&closed, "muted"), 2);
    assert_eq!(ids(&closed.removed[0].candidates), [1, 2]);
    for candidate in closed.trace.expect("explained").candidates {
        let removal = candidate.removed.expect("removed");
        assert_eq!((removal.filter, removal.reason.as_deref()), ("muted", Some("fails closed: boom")));
    }
}

#[tokio::test]
async fn a_policy_may_differ_per_candidate() {
    let builder =
        with_items(ranked([1, 2, 3]), top(3)).filter(keep("visibility", |_, _, _| Err(boom())).policy_for(|item| {
            match item.id {
                2 => FilterPolicy::FailClosed,
                _ => FilterPolicy::FailOpen,
            }
        }));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [1, 3]);
    assert_eq!(removed_by(&answer, "visibility"), 1);
}

#[tokio::test]
async fn a_filter_out_of_time_keeps_what_it_decided() {
    let late = || {
        keep("tiled", |_, mask, _| {
            mask.remove_because(1, || "seen".to_owned());
            Err(StageError::DeadlineExceeded)
        })
    };
    let open = run(with_items(ranked([1, 2, 3]), top(3)).filter(late()), ExecuteOptions::default()).await;
    assert_eq!(ids(&open.selected), [1, 3]);
    assert_eq!(degraded(&open), [("tiled", "deadline exceeded")]);
    let closed = explain(with_items(ranked([1, 2, 3]), top(3)).filter(late().closed())).await;
    assert!(closed.selected.is_empty());
    let trace = closed.trace.expect("explained");
    let reasons: Vec<_> =
        trace.candidates.iter().map(|c| c.removed.as_ref().and_then(|r| r.reason.as_deref())).collect();
    let unreached = Some("fails closed: deadline exceeded");
    assert_eq!(reasons, [unreached, Some("seen"), unreached]);
}

#[tokio::test]
async fn a_filter_that_hands_back_another_mask_has_failed() {
    let builder = with_items(ranked([1, 2]), top(2)).filter(keep("swapped", |_, mask, _| {
        *mask = KeepMask::all(1);
        mask.remove(0);
        Ok(())
    }));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [1, 2]);
    assert_eq!(degraded(&answer), [("swapped", "answered for 1 candidates, was asked about 2")]);
}

#[tokio::test]
async fn post_selection_filters_remove_after_scoring() {
    let builder = with_items(ranked([1, 2, 3]), top(3))
        .scorer(score_each("negate", |item| -item.score))
        .post_selection_filter(remove_if("label", |item| (item.id == 2).then_some("spam")));
    let answer = explain(builder).await;
    assert_eq!(ids(&answer.selected), [3, 1]);
    assert!(answer.non_selected.is_empty(), "what was removed is not among the others");
    let removed = &answer.removed[0];
    assert_eq!((removed.stage, removed.filter, removed.count), (Stage::PostSelectionFilter, "label", 1));
    assert_eq!(ids(&removed.candidates), [2]);
}
