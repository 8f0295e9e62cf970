//! Hydrators fill what they can and change nothing else.

use candidate_pipeline::{ExecuteOptions, StageError};

use crate::fixtures::{
    Act, Query, boom, degraded, explain, fill, fill_all, ids, item, ranked, run, score, top, with_items,
};

#[tokio::test]
async fn a_wrong_length_changes_nothing() {
    for answers in [1, 3] {
        let builder = with_items(ranked([1, 2]), top(2))
            .hydrator(fill("off_by_one", move |_| Ok(vec![Ok(1); answers])))
            .hydrator(fill_all("fine", 2));
        let answer = explain(builder).await;
        assert!(answer.selected.iter().all(|item| item.fields == [("fine", 2)]));
        let reason = format!("answered for {answers} candidates, was asked about 2");
        assert_eq!(degraded(&answer), [("off_by_one", reason.as_str())]);
        let trace = answer.trace.as_ref().expect("explained");
        for candidate in &trace.candidates {
            assert_eq!(candidate.hydrated, ["fine"]);
            assert_eq!(candidate.failed[0].hydrator, "off_by_one");
            assert_eq!(candidate.failed[0].error, StageError::WrongLength { expected: 2, got: answers });
        }
    }
}

#[tokio::test]
async fn a_failure_on_one_candidate_is_that_candidates_alone() {
    let builder = with_items(ranked([1, 2, 3]), top(3)).hydrator(fill("author", |items| {
        Ok(items.iter().map(|item| if item.id == 2 { Err(boom()) } else { Ok(7) }).collect())
    }));
    let answer = explain(builder).await;
    let fields: Vec<_> = answer.selected.iter().map(|item| item.field("author")).collect();
    assert_eq!(fields, [Some(7), None, Some(7)]);
    assert_eq!(degraded(&answer), [("author", "1 of 3 candidates: boom")]);
    let trace = answer.trace.as_ref().expect("explained");
    let second = trace.of(2).next().expect("given");
    assert!(second.hydrated.is_empty());
    assert_eq!(second.failed[0].error, boom());
    assert_eq!(trace.of(1).next().expect("given").hydrated, ["author"]);
}

#[tokio::test]
async fn a_hydrator_sees_what_it_needs_and_not_what_runs_beside_it() {
    let sees = |items: &[crate::fixtures::Item]| Ok(items.iter().map(|item| Ok(item.fields.len() as i64)).collect());
    let pipeline = with_items(ranked([1]), top(1))
        .hydrator(fill("quote", sees).needs(&["author", "mark"]))
        .hydrator(fill("author", sees).needs(&["core"]))
        .hydrator(fill("core", sees))
        .hydrator(fill("mark", sees))
        .build()
        .expect("valid");
    assert_eq!(pipeline.hydrator_waves(), [vec!["core", "mark"], vec!["author"], vec!["quote"]]);
    let answer = pipeline.execute(Query::default(), ExecuteOptions::default()).await;
    assert_eq!(answer.selected[0].fields, [("core", 0), ("mark", 0), ("author", 2), ("quote", 3)]);
}

#[tokio::test]
async fn a_hydrator_that_is_off_is_skipped_and_what_needs_it_still_runs() {
    let builder = with_items(ranked([1]), top(1))
        .hydrator(fill_all("core", 1).off())
        .hydrator(fill_all("author", 2).needs(&["core"]));
    let answer = explain(builder).await;
    assert_eq!(answer.selected[0].fields, [("author", 2)]);
    assert!(answer.degraded.is_empty(), "off is not degraded");
    let trace = answer.trace.expect("explained");
    assert_eq!(trace.disabled, [(candidate_pipeline::Stage::Hydrator, "core")]);
}

#[tokio::test]
async fn post_selection_hydrators_fill_the_selected_only() {
    let builder = with_items(ranked([1, 2, 3]), top(2)).post_selection_hydrator(fill_all("verdict", 1));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert!(answer.selected.iter().all(|item| item.field("verdict") == Some(1)));
    assert_eq!(ids(&answer.non_selected), [3]);
    assert_eq!(answer.non_selected[0].field("verdict"), None);
}

#[tokio::test]
async fn a_failing_hydrator_is_reported_once_however_often_it_fails() {
    let builder = with_items(vec![item(1, 1.0)], top(1))
        .hydrator(fill_all("first", 1).wait(Act::Fail))
        .scorer(score("second", |_, _| Ok(vec![])));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(degraded(&answer), [("first", "boom"), ("second", "answered for 0 candidates, was asked about 1")]);
    assert_eq!(answer.selected[0].score, 1.0, "the scorer is ignored");
}
