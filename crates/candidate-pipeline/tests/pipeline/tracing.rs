//! The trace tells the whole story of each candidate.

use candidate_pipeline::{ExecuteOptions, Pipeline, Removal, ScoreStep, Stage};

use crate::fixtures::{Act, Give, boom, explain, fill, fill_all, item, keep, remove_if, run, score, score_each, top};

#[tokio::test]
async fn every_decision_about_every_candidate() {
    let builder = Pipeline::builder("p")
        .source(Give("near", Act::Give(vec![item(10, 1.0), item(20, 2.0), item(30, 3.0)])))
        .source(Give("far", Act::Give(vec![item(20, 2.0), item(40, 4.0), item(50, 0.5)])))
        .hydrator(fill_all("author", 1))
        .hydrator(fill("stars", |items| {
            Ok(items.iter().map(|item| if item.id == 10 { Err(boom()) } else { Ok(5) }).collect())
        }))
        .filter(keep("duplicates", |items, mask, _| {
            for i in 0..items.len() {
                if items[..i].iter().any(|earlier| earlier.id == items[i].id) {
                    mask.remove_because(i, || format!("second {}", items[i].id));
                }
            }
            Ok(())
        }))
        .scorer(score_each("double", |item| item.score * 2.0))
        .scorer(score("broken", |_, _| Err(boom())))
        .scorer(score_each("boost", |item| if item.id == 10 { item.score + 3.5 } else { item.score }))
        .selector(crate::fixtures::Top { size: 3, result: 2 })
        .post_selection_filter(remove_if("label", |item| (item.id == 40).then_some("spam")));
    let answer = explain(builder).await;
    let trace = answer.trace.as_ref().expect("explained");
    assert_eq!(trace.candidates.len(), 6);
    assert!(trace.candidates.iter().enumerate().all(|(i, c)| c.index == i));

    let boosted = &trace.candidates[0];
    assert_eq!((boosted.id, boosted.source), (10, "near"));
    assert_eq!(boosted.hydrated, ["author"]);
    assert_eq!((boosted.failed[0].hydrator, &boosted.failed[0].error), ("stars", &boom()));
    assert_eq!(
        boosted.scores,
        [
            ScoreStep { scorer: "double", before: 1.0, after: 2.0 },
            ScoreStep { scorer: "broken", before: 2.0, after: 2.0 },
            ScoreStep { scorer: "boost", before: 2.0, after: 5.5 },
        ]
    );
    // Final scores: 40 has 8, 30 has 6, 10 has 5.5, 20 has 4, 50 has 1. 40 is removed after selection.
    assert_eq!((boosted.score, boosted.position, boosted.rank), (Some(5.5), Some(2), Some(1)));
    assert_eq!(trace.selected().iter().map(|c| c.id).collect::<Vec<_>>(), [30, 10]);

    let twice: Vec<_> = trace.of(20).map(|c| (c.index, c.source, c.removed.clone(), c.position)).collect();
    let second = Removal { stage: Stage::Filter, filter: "duplicates", reason: Some("second 20".to_owned()) };
    assert_eq!(twice, [(1, "near", None, Some(3)), (3, "far", Some(second), None)]);

    let spam = trace.of(40).next().expect("given");
    assert_eq!((spam.score, spam.position, spam.rank), (Some(8.0), Some(0), None));
    let label = Removal { stage: Stage::PostSelectionFilter, filter: "label", reason: Some("spam".to_owned()) };
    assert_eq!(spam.removed, Some(label));

    let last = trace.of(50).next().expect("given");
    assert_eq!((last.position, last.rank, &last.removed), (Some(4), None, &None));
}

#[tokio::test]
async fn a_trace_changes_nothing_but_is_there() {
    let builder = || {
        crate::fixtures::with_items((0..50).map(|id| item(id, (id * 7 % 13) as f64)).collect(), top(10))
            .hydrator(fill_all("h", 1))
            .filter(remove_if("third", |item| item.id.is_multiple_of(3).then_some("third")))
            .scorer(score_each("s", |item| item.score + 0.5))
            .post_selection_filter(remove_if("fifth", |item| item.id.is_multiple_of(5).then_some("fifth")))
    };
    let plain = run(builder(), ExecuteOptions::default()).await;
    let explained = explain(builder()).await;
    assert_eq!(plain.selected, explained.selected);
    assert_eq!(plain.non_selected, explained.non_selected);
    assert_eq!(plain.sizes, explained.sizes);
    assert!(plain.trace.is_none());
    assert!(explained.trace.is_some());
}

#[tokio::test]
async fn each_component_that_ran_has_a_time() {
    let builder = crate::fixtures::with_items(vec![item(1, 1.0), item(2, 2.0)], top(1))
        .hydrator(fill_all("on", 1))
        .hydrator(fill_all("off", 1).off())
        .post_selection_hydrator(fill_all("verdict", 1))
        .post_selection_filter(remove_if("first", |item| (item.id == 2).then_some("no")));
    let answer = run(builder, ExecuteOptions::default()).await;
    let timings = answer.timings;
    let names: Vec<_> = answer.components.iter().map(|c| c.component).collect();
    assert_eq!(names, ["items", "on", "top", "verdict", "first"], "once each, refills together");
    let stages = timings.query_hydrators
        + timings.sources
        + timings.hydrators
        + timings.filters
        + timings.scorers
        + timings.selector
        + timings.post_selection;
    assert!(timings.total >= stages && stages > 0.0, "{timings:?}");
}
