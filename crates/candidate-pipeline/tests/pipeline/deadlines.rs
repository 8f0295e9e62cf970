//! Late components are left behind and the feed is served. Time is Tokio's, paused, so nothing here sleeps.

use std::time::Duration;

use candidate_pipeline::{Budgets, ExecuteOptions, Pipeline};

use crate::fixtures::{
    Act, Complete, Give, degraded, explain, fill_all, ids, item, ranked, remove_if, run, score, top, with_items,
};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_slow_source_is_abandoned_at_its_cap_and_the_others_go_on() {
    let start = tokio::time::Instant::now();
    let builder = Pipeline::builder("p")
        .source(Give("slow", Act::Never))
        .source(Give("fast", Act::After(10 * MS, ranked([1]))))
        .hydrator(fill_all("fine", 1).wait(Act::After(40 * MS, ())))
        .selector(top(5))
        .budgets(Budgets::default().default_cap(50 * MS).cap("slow", 20 * MS));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [1]);
    assert_eq!(answer.selected[0].field("fine"), Some(1), "its cap starts when it does");
    assert_eq!(degraded(&answer), [("slow", "deadline exceeded")]);
    let elapsed = start.elapsed();
    assert!((60 * MS..65 * MS).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn the_requests_deadline_ends_every_wait() {
    let start = tokio::time::Instant::now();
    let builder = Pipeline::builder("p")
        .query_hydrator(Complete("viewer", Act::Never))
        .source(Give("fast", Act::Give(ranked([1, 2]))))
        .source(Give("slow", Act::Never))
        .hydrator(fill_all("at_hand", 1))
        .hydrator(fill_all("author", 1).wait(Act::Never))
        .selector(top(5))
        .budgets(Budgets::default().request(100 * MS).cap("viewer", 30 * MS));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [1, 2]);
    assert!(answer.selected.iter().all(|item| item.field("at_hand") == Some(1)), "what needs no time is still done");
    let late = "deadline exceeded";
    assert_eq!(degraded(&answer), [("viewer", late), ("slow", late), ("author", late)]);
    assert!(start.elapsed() < 105 * MS, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_the_callers_deadline_and_the_pipelines_counts() {
    for (own, callers) in [(20, 500), (500, 20)] {
        let start = tokio::time::Instant::now();
        let builder = with_items(vec![item(1, 1.0)], top(1))
            .source(Give("slow", Act::Never))
            .budgets(Budgets::default().request(own * MS));
        let answer = run(builder, ExecuteOptions::default().within(callers * MS)).await;
        assert_eq!(ids(&answer.selected), [1]);
        assert!((20 * MS..25 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_scorer_that_finds_its_budget_spent_returns_what_it_has() {
    let tiles = |spend: Duration| {
        score("tiled", move |items, budget| {
            let mut scores: Vec<f64> = items.iter().map(|item| item.score).collect();
            for (tile, scores) in scores.chunks_mut(1).enumerate() {
                // A budget of no time is spent at the first question.
                if budget.capped(spend).is_spent() && tile == 1 {
                    break;
                }
                scores[0] += 10_000.0;
            }
            Ok(scores)
        })
    };
    let items = || ranked([1, 2, 3]);
    let spent = with_items(items(), top(3)).scorer(tiles(Duration::ZERO));
    let answer = run(spent, ExecuteOptions::default().within(Duration::ZERO)).await;
    let changed = answer.selected.iter().filter(|item| item.score > 5_000.0).count();
    assert_eq!((ids(&answer.selected), changed), (vec![1, 2, 3], 1));
    assert!(answer.degraded.iter().any(|d| d.component == "tiled"), "{:?}", answer.degraded);

    let in_time =
        run(with_items(items(), top(3)).scorer(tiles(Duration::from_secs(1))), ExecuteOptions::default()).await;
    assert!(in_time.selected.iter().all(|item| item.score > 5_000.0));
    assert!(in_time.degraded.is_empty());
}

#[tokio::test(start_paused = true)]
async fn filters_run_even_when_no_time_is_left() {
    let builder = with_items(ranked([1, 2]), top(2))
        .source(Give("slow", Act::Never))
        .filter(remove_if("blocked", |item| (item.id == 1).then_some("blocked")));
    let answer = explain(builder.budgets(Budgets::default().request(10 * MS))).await;
    assert_eq!(ids(&answer.selected), [2]);
    assert_eq!(degraded(&answer), [("slow", "deadline exceeded")], "a filter that did all its work is not degraded");
}
