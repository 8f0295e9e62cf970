//! The order of everything depends on what components answer, not on when.

use std::time::Duration;

use candidate_pipeline::{ExecuteOptions, Pipeline, Selector};

use crate::fixtures::{
    Act, Complete, Give, Item, Query, Top, degraded, explain, fill_all, ids, item, ranked, run, score_each, top,
    with_items,
};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn query_hydrators_see_the_initial_query_and_merge_in_list_order() {
    let builder = with_items(vec![], top(1))
        .query_hydrator(Complete("slow", Act::After(20 * MS, ())))
        .query_hydrator(Complete("failing", Act::Fail))
        .query_hydrator(Complete("fast", Act::Give(())));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(answer.query.hydrated, [("slow", 0), ("fast", 0)]);
    assert_eq!(degraded(&answer), [("failing", "boom")]);
}

#[tokio::test(start_paused = true)]
async fn sources_are_concatenated_in_list_order_whatever_their_speed() {
    let equal = |ids: [u64; 2]| ids.map(|id| item(id, 0.0)).to_vec();
    let builder = Pipeline::builder("p")
        .source(Give("slow", Act::After(20 * MS, equal([7, 8]))))
        .source(Give("failing", Act::Fail))
        .source(Give("fast", Act::Give(equal([5, 6]))))
        .selector(top(4));
    let answer = explain(builder).await;
    let trace = answer.trace.as_ref().expect("explained");
    let seen: Vec<_> = trace.candidates.iter().map(|c| (c.index, c.id, c.source)).collect();
    assert_eq!(seen, [(0, 7, "slow"), (1, 8, "slow"), (2, 5, "fast"), (3, 6, "fast")]);
    assert_eq!(degraded(&answer), [("failing", "boom")]);
    assert_eq!(answer.sizes.sources, 4);
}

#[tokio::test(start_paused = true)]
async fn parallel_components_wait_together() {
    let start = tokio::time::Instant::now();
    let builder = Pipeline::builder("p")
        .source(Give("a", Act::After(30 * MS, ranked([1]))))
        .source(Give("b", Act::After(40 * MS, ranked([2]))))
        .hydrator(fill_all("c", 1).wait(Act::After(50 * MS, ())))
        .hydrator(fill_all("d", 1).wait(Act::After(60 * MS, ())))
        .selector(top(4));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(answer.selected.len(), 2);
    assert_eq!(start.elapsed(), 100 * MS, "the slowest source and the slowest hydrator");
}

#[tokio::test]
async fn ties_go_to_the_smaller_id_and_equal_ids_to_the_earlier() {
    let mut items = vec![item(9, 1.0), item(3, 2.0), item(4, 1.0), item(4, 1.0), item(u64::MAX, 2.0), item(1, -0.0)];
    items.push(item(0, 0.0));
    items[2].fields.push(("first", 1));
    let answer = run(with_items(items, top(10)), ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [3, u64::MAX, 4, 4, 9, 0, 1]);
    assert_eq!(answer.selected[2].field("first"), Some(1), "equal in score and id: as the sources gave them");
}

#[tokio::test]
async fn non_finite_scores_sink_and_are_counted() {
    let items = vec![
        item(1, f64::NAN),
        item(2, f64::INFINITY),
        item(3, f64::MIN),
        item(4, f64::NEG_INFINITY),
        item(5, f64::MAX),
        item(0, -f64::NAN),
    ];
    let answer = run(with_items(items, top(3)), ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [5, 3, 0]);
    assert_eq!(ids(&answer.non_selected), [1, 2, 4]);
    assert_eq!(answer.non_finite_scores, 4);
}

#[tokio::test]
async fn scorers_see_what_the_ones_before_them_left() {
    let builder = with_items(vec![item(1, 1.0), item(2, 3.0)], top(2))
        .scorer(score_each("double", |item| item.score * 2.0))
        .scorer(score_each("flip", |item| 5.0 - item.score));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(answer.selected.iter().map(|item| (item.id, item.score)).collect::<Vec<_>>(), [(1, 3.0), (2, -1.0)]);
}

#[tokio::test]
async fn the_response_is_cut_to_the_result_size_and_the_rest_follows_in_score_order() {
    let items = ranked([10, 20, 30, 40, 50, 60]);
    let answer = explain(with_items(items, Top { size: 4, result: 2 })).await;
    assert_eq!(ids(&answer.selected), [10, 20]);
    assert_eq!(ids(&answer.non_selected), [30, 40, 50, 60]);
    let sizes = answer.sizes;
    assert_eq!((sizes.selector, sizes.post_selection, sizes.selected, sizes.refills), (4, 4, 2, 0));
}

#[tokio::test]
async fn a_result_size_above_k_is_refilled() {
    let answer = run(with_items(ranked([1, 2, 3, 4]), Top { size: 1, result: 3 }), ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [1, 2, 3]);
    assert_eq!(ids(&answer.non_selected), [4]);
}

#[tokio::test]
async fn no_candidates_no_selection_and_sizes_of_zero() {
    let answer = explain(with_items(vec![], top(5)).hydrator(fill_all("h", 1))).await;
    assert!(answer.selected.is_empty() && answer.non_selected.is_empty() && answer.degraded.is_empty());
    let answer = explain(with_items(ranked([1, 2]), top(0))).await;
    assert_eq!((ids(&answer.selected), ids(&answer.non_selected)), (vec![], vec![1, 2]));
}

struct Unsorted;

impl Selector<Query, Item> for Unsorted {
    fn name(&self) -> &'static str {
        "unsorted"
    }
    fn enable(&self, query: &Query) -> bool {
        query.viewer != 0
    }
    fn score(&self, item: &Item) -> f64 {
        item.score
    }
    fn id(&self, item: &Item) -> u64 {
        item.id
    }
    fn size(&self, _: &Query) -> usize {
        2
    }
}

#[tokio::test]
async fn a_selector_that_is_off_only_truncates() {
    let pipeline = Pipeline::builder("p")
        .source(Give("items", Act::Give(vec![item(1, 1.0), item(2, 2.0), item(3, 3.0)])))
        .selector(Unsorted)
        .build()
        .expect("valid");
    let off = pipeline.execute(Query::default(), ExecuteOptions::EXPLAIN).await;
    assert_eq!((ids(&off.selected), ids(&off.non_selected)), (vec![1, 2], vec![3]));
    let on = pipeline.execute(Query { viewer: 1, ..Query::default() }, ExecuteOptions::EXPLAIN).await;
    assert_eq!((ids(&on.selected), ids(&on.non_selected)), (vec![3, 2], vec![1]));
}
