//! A response is filled up from the next best as long as there are any.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use candidate_pipeline::ExecuteOptions;

use crate::fixtures::{
    Act, boom, degraded, explain, fill, fill_all, ids, keep, ranked, remove_if, removed_by, run, score, top, with_items,
};

#[tokio::test]
async fn until_it_is_full() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let builder = with_items(ranked(1..=20), top(4))
        .post_selection_hydrator(fill("verdict", move |items| {
            log.lock().expect("unpoisoned").push(ids(items));
            Ok(items.iter().map(|item| Ok(item.id as i64)).collect())
        }))
        .post_selection_filter(remove_if("odd", |item| {
            assert_eq!(item.field("verdict"), Some(item.id as i64), "hydrated before it is filtered");
            (item.id % 2 == 1).then_some("odd")
        }));
    let answer = explain(builder).await;
    assert_eq!(ids(&answer.selected), [2, 4, 6, 8]);
    // 1-4: two missing. 5-6: one missing. Twice the last round: 7-10, one more than needed.
    assert_eq!(*asked.lock().expect("unpoisoned"), [vec![1, 2, 3, 4], vec![5, 6], vec![7, 8, 9, 10]]);
    assert_eq!(ids(&answer.non_selected), (10..=20).collect::<Vec<_>>());
    assert_eq!(removed_by(&answer, "odd"), 5);
    let sizes = answer.sizes;
    assert_eq!((sizes.selector, sizes.post_selection_tried, sizes.post_selection, sizes.refills), (4, 10, 5, 2));
    let trace = answer.trace.expect("explained");
    assert_eq!(trace.selected().iter().map(|c| c.id).collect::<Vec<_>>(), [2, 4, 6, 8]);
    let (spare, untried) = (trace.of(10).next().expect("given"), trace.of(11).next().expect("given"));
    assert_eq!((spare.rank, spare.hydrated.len(), spare.position), (None, 1, Some(9)));
    assert_eq!((untried.rank, untried.hydrated.len(), untried.removed.is_some()), (None, 0, false));
}

#[tokio::test]
async fn until_there_is_nobody_left() {
    let builder = with_items(ranked(1..=9), top(5))
        .post_selection_filter(remove_if("most", |item| (item.id != 9).then_some("no")));
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [9]);
    assert!(answer.non_selected.is_empty());
    assert_eq!(removed_by(&answer, "most"), 8);
    assert!(answer.degraded.is_empty(), "a short feed is not a degraded one");
}

#[tokio::test]
async fn newcomers_are_compared_with_those_who_stayed() {
    // One per conversation, which is the last digit.
    let dedup = keep("conversation", |items, mask, _| {
        for i in 0..items.len() {
            if items[..i].iter().any(|earlier| earlier.id % 10 == items[i].id % 10) {
                mask.remove(i);
            }
        }
        Ok(())
    });
    let builder = with_items(ranked([11, 21, 12, 31, 22, 13]), top(3)).post_selection_filter(dedup);
    let answer = run(builder, ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [11, 12, 13]);
}

#[tokio::test]
async fn a_filter_that_fails_in_a_refill_does_not_unseat_those_who_passed() {
    let rounds = Mutex::new(0);
    let flaky = keep("flaky", move |_, mask, _| {
        let mut round = rounds.lock().expect("unpoisoned");
        *round += 1;
        if *round > 1 {
            return Err(boom());
        }
        mask.remove(1);
        Ok(())
    });
    let answer =
        run(with_items(ranked([1, 2, 3, 4]), top(2)).post_selection_filter(flaky.closed()), ExecuteOptions::default());
    let answer = answer.await;
    assert_eq!(ids(&answer.selected), [1]);
    assert_eq!(removed_by(&answer, "flaky"), 3);
    assert_eq!(degraded(&answer), [("flaky", "boom")]);
}

#[tokio::test(start_paused = true)]
async fn a_refill_stops_at_the_deadline_and_says_so() {
    let builder = with_items(ranked(1..=100), top(2))
        .post_selection_hydrator(fill_all("verdict", 1).wait(Act::After(Duration::from_millis(30), ())))
        .post_selection_filter(remove_if("all", |_| Some("no")));
    let within = ExecuteOptions::default().within(Duration::from_millis(70));
    let answer = run(builder, within).await;
    assert!(answer.selected.is_empty());
    assert_eq!(
        degraded(&answer),
        [("verdict", "deadline exceeded"), ("refill", "deadline exceeded with 2 candidates missing")]
    );
    assert_eq!(answer.sizes.refills, 2, "at 30 and at 60 ms");
}

#[tokio::test]
async fn scores_of_a_refilled_candidate_are_those_of_stage_5() {
    let builder = with_items(ranked([1, 2]), top(1))
        .scorer(score("once", |items, _| Ok(items.iter().map(|item| item.score + 1.0).collect())))
        .post_selection_filter(remove_if("first", |item| (item.id == 1).then_some("no")));
    let answer = explain(builder).await;
    assert_eq!(answer.selected[0].score, 1_000.0);
    assert_eq!(answer.trace.expect("explained").of(2).next().expect("given").scores.len(), 1);
}
