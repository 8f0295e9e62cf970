//! A component that panics is a component that failed.

use candidate_pipeline::{ExecuteOptions, Filter, FilterPolicy, KeepMask, Pipeline, Selector, StageError};

use crate::fixtures::{
    Act, Complete, Give, Item, Query, degraded, explain, fill, fill_all, ids, item, keep, ranked, run, score, top,
    with_items,
};

#[tokio::test]
async fn in_every_stage_that_waits() {
    let builder = Pipeline::builder("p")
        .query_hydrator(Complete("viewer", Act::Panic))
        .source(Give("bad", Act::Panic))
        .source(Give("good", Act::Give(ranked([1, 2]))))
        .hydrator(fill_all("author", 1).wait(Act::Panic))
        .hydrator(fill_all("core", 1))
        .scorer(score("rank", |items, _| Ok(vec![items[items.len()].score])))
        .selector(top(2))
        .post_selection_hydrator(fill("verdict", |_| panic!("{}", 41 + 1)));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [1, 2]);
    assert!(answer.selected.iter().all(|item| item.fields == [("core", 1)]));
    assert_eq!(
        degraded(&answer),
        [
            ("viewer", "panicked: act"),
            ("bad", "panicked: act"),
            ("author", "panicked: act"),
            ("rank", "panicked: index out of bounds: the len is 2 but the index is 2"),
            ("verdict", "panicked: 42"),
        ]
    );
}

#[tokio::test]
async fn while_merging_costs_the_candidate_its_fields_only() {
    let builder = with_items(ranked([1, 2, 3]), top(3)).hydrator(fill("author", |items| {
        Ok(items.iter().map(|item| Ok(if item.id == 2 { i64::MIN } else { 1 })).collect())
    }));
    let answer = explain(builder).await;
    let fields: Vec<_> = answer.selected.iter().map(|item| item.field("author")).collect();
    assert_eq!(fields, [Some(1), None, Some(1)]);
    assert_eq!(degraded(&answer), [("author", "1 of 3 candidates: panicked: a value that cannot be merged")]);
    let trace = answer.trace.expect("explained");
    let error = StageError::Panicked("a value that cannot be merged".to_owned());
    assert_eq!(trace.of(2).next().expect("given").failed[0].error, error);
}

#[tokio::test]
async fn in_a_filter_is_answered_by_its_policy() {
    let panicking = || {
        keep("bloom", |_, mask, _| {
            mask.remove(0);
            mask.remove(usize::MAX);
            Ok(())
        })
    };
    let open = run(with_items(ranked([1, 2]), top(2)).filter(panicking()), ExecuteOptions::default()).await;
    assert_eq!(ids(&open.selected), [1, 2]);
    assert!(open.degraded.iter().any(|d| d.component == "bloom"));
    let closed = run(with_items(ranked([1, 2]), top(2)).filter(panicking().closed()), ExecuteOptions::default()).await;
    assert!(closed.selected.is_empty());
    let torn = panicking().policy_for(|item| if item.id == 1 { panic!("undecided") } else { FilterPolicy::FailOpen });
    let torn = run(with_items(ranked([1, 2]), top(2)).filter(torn), ExecuteOptions::default()).await;
    assert_eq!(ids(&torn.selected), [2], "a policy that cannot be told is taken as the strict one");
}

struct Undecided;

impl Filter<Query, Item> for Undecided {
    fn name(&self) -> &'static str {
        "undecided"
    }
    fn enable(&self, _: &Query) -> bool {
        panic!("on or off?")
    }
    fn policy(&self) -> FilterPolicy {
        FilterPolicy::FailClosed
    }
    fn filter(
        &self,
        _: &Query,
        _: &[Item],
        _: &mut KeepMask,
        _: &candidate_pipeline::Budget,
    ) -> Result<(), StageError> {
        Ok(())
    }
}

#[tokio::test]
async fn in_a_filters_switch_is_a_failure_of_the_filter() {
    let answer = run(with_items(ranked([1]), top(1)).filter(Undecided), ExecuteOptions::default()).await;
    assert!(answer.selected.is_empty());
    assert_eq!(degraded(&answer), [("undecided", "panicked: on or off?")]);
}

struct Squeamish;

impl Selector<Query, Item> for Squeamish {
    fn name(&self) -> &'static str {
        "squeamish"
    }
    fn score(&self, item: &Item) -> f64 {
        assert!(item.id != 13, "not that one");
        item.score
    }
    fn id(&self, item: &Item) -> u64 {
        item.id
    }
    fn size(&self, _: &Query) -> usize {
        panic!("no size")
    }
}

#[tokio::test]
async fn in_the_selector_costs_no_candidate() {
    let builder = || {
        Pipeline::builder("p")
            .source(Give("items", Act::Give(vec![item(13, 9.0), item(1, 1.0), item(2, 2.0)])))
            .selector(Squeamish)
    };
    for options in [ExecuteOptions::default(), ExecuteOptions::EXPLAIN] {
        let answer = run(builder(), options).await;
        assert_eq!(ids(&answer.selected), [2, 1, 13]);
        assert_eq!(answer.non_finite_scores, 1);
        assert_eq!(degraded(&answer), [("squeamish", "panicked: no size")]);
    }
}

struct Nameless;

impl Selector<Query, Item> for Nameless {
    fn name(&self) -> &'static str {
        "nameless"
    }
    fn score(&self, item: &Item) -> f64 {
        item.score
    }
    fn id(&self, _: &Item) -> u64 {
        panic!("no id")
    }
    fn size(&self, _: &Query) -> usize {
        2
    }
}

#[tokio::test]
async fn over_ids_costs_no_candidate_either() {
    let items = vec![item(1, 1.0), item(2, 2.0), item(3, 1.0)];
    let builder = Pipeline::builder("p").source(Give("items", Act::Give(items))).selector(Nameless);
    let answer = explain(builder).await;
    assert_eq!((answer.selected[0].id, answer.selected.len(), answer.non_selected.len()), (2, 2, 1));
    assert_eq!(degraded(&answer), [("nameless", "panicked: no id")]);
}
