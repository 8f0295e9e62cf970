//! Side effects run after the answer, see it, and fail loudly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use candidate_pipeline::{Budgets, ExecuteOptions, SideEffectFailure, StageError};

use crate::fixtures::{Act, Afterwards, Query, afterwards, boom, ids, ranked, top, with_items};

#[tokio::test(start_paused = true)]
async fn they_are_detached_and_waited_for_on_request() {
    let pipeline = with_items(ranked([1]), top(1))
        .side_effect(afterwards("slow", Act::After(Duration::from_secs(5), ())))
        .build()
        .expect("valid");
    let start = tokio::time::Instant::now();
    let answer = pipeline.execute(Query::default(), ExecuteOptions::default()).await;
    assert_eq!(ids(&answer.selected), [1]);
    assert_eq!((start.elapsed(), pipeline.side_effects_in_flight()), (Duration::ZERO, 1));
    pipeline.side_effects_idle().await;
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert_eq!((pipeline.side_effects_in_flight(), pipeline.side_effects_failed()), (0, 0));
}

#[tokio::test]
async fn they_see_the_query_the_selected_and_the_others() {
    let seen = Arc::new(Mutex::new(None));
    let log = Arc::clone(&seen);
    let effect = Afterwards {
        by: Box::new(move |input| {
            let seen = (input.query.viewer, ids(&input.selected), ids(&input.non_selected));
            *log.lock().expect("unpoisoned") = Some(seen);
        }),
        ..afterwards("log", Act::Give(()))
    };
    let pipeline = with_items(ranked([5, 6, 7]), top(1)).side_effect(effect).build().expect("valid");
    let query = Query { viewer: 42, ..Query::default() };
    drop(pipeline.execute(query, ExecuteOptions::default()).await);
    pipeline.side_effects_idle().await;
    assert_eq!(*seen.lock().expect("unpoisoned"), Some((42, vec![5], vec![6, 7])));
}

#[tokio::test(start_paused = true)]
async fn failures_panics_and_hangs_are_recorded() {
    let pipeline = with_items(ranked([1]), top(1))
        .side_effect(afterwards("fails", Act::Fail))
        .side_effect(afterwards("panics", Act::Panic))
        .side_effect(afterwards("hangs", Act::Never))
        .side_effect(afterwards("works", Act::Give(())))
        .budgets(Budgets::default().side_effect(Duration::from_secs(1)))
        .build()
        .expect("valid");
    let answer = pipeline.execute(Query::default(), ExecuteOptions::default()).await;
    assert!(answer.degraded.is_empty(), "the answer was ready before");
    pipeline.side_effects_idle().await;
    let mut failures = pipeline.side_effect_failures();
    failures.sort_by_key(|failure| failure.component);
    let failure = |component, error| SideEffectFailure { component, error };
    assert_eq!(
        failures,
        [
            failure("fails", boom()),
            failure("hangs", StageError::DeadlineExceeded),
            failure("panics", StageError::Panicked("act".to_owned())),
        ]
    );
    assert_eq!(pipeline.side_effects_failed(), 3);
}

#[tokio::test]
async fn the_list_of_failures_is_bounded_and_the_count_is_not() {
    let pipeline = with_items(vec![], top(1)).side_effect(afterwards("fails", Act::Fail)).build().expect("valid");
    for _ in 0..100 {
        drop(pipeline.execute(Query::default(), ExecuteOptions::default()).await);
    }
    pipeline.side_effects_idle().await;
    assert_eq!((pipeline.side_effect_failures().len(), pipeline.side_effects_failed()), (64, 100));
}

#[tokio::test]
async fn one_too_many_is_not_started_and_recorded() {
    let pipeline = with_items(vec![], top(1))
        .side_effect(afterwards("first", Act::Never))
        .side_effect(afterwards("second", Act::Give(())))
        .side_effects_in_flight(1)
        .build()
        .expect("valid");
    drop(pipeline.execute(Query::default(), ExecuteOptions::default()).await);
    let failures = pipeline.side_effect_failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].component, "second");
    assert_eq!(pipeline.side_effects_in_flight(), 1);
}

#[test]
fn a_runtime_that_ends_and_one_that_is_not_there_are_recorded() {
    let build = || with_items(vec![], top(1)).side_effect(afterwards("hangs", Act::Never)).build().expect("valid");
    let pipeline = build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    drop(runtime.block_on(pipeline.execute(Query::default(), ExecuteOptions::default())));
    assert_eq!(pipeline.side_effects_failed(), 0);
    drop(runtime);
    assert_eq!((pipeline.side_effects_failed(), pipeline.side_effects_in_flight()), (1, 0));

    let pipeline = build();
    let answer = futures::executor::block_on(pipeline.execute(Query::default(), ExecuteOptions::default()));
    assert!(answer.degraded.is_empty());
    assert_eq!((pipeline.side_effects_failed(), pipeline.side_effects_in_flight()), (1, 0));
}
