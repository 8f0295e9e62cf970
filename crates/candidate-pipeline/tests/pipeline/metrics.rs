//! What a recorder hears of a request.

use candidate_pipeline::ExecuteOptions;
use candidate_pipeline::compliance::Ear;
use candidate_pipeline::metrics::{
    COMPONENT_DEADLINE_MISSES, COMPONENT_ERRORS, COMPONENT_IN, COMPONENT_OUT, COMPONENT_SECONDS, REQUEST_DEGRADED,
    REQUEST_SECONDS, REQUEST_SELECTED,
};

use crate::fixtures::{Act, Give, Query, fill, ranked, remove_if, top, with_items};

#[tokio::test]
async fn sizes_errors_deadline_misses_and_times_of_each_component() {
    let ear = Ear::default();
    let pipeline = metrics::with_local_recorder(&ear, || {
        with_items(ranked([1, 2, 3]), top(1))
            .source(Give("late", Act::Never))
            .hydrator(fill("half", |items| {
                let fails = candidate_pipeline::StageError::failed("odd");
                Ok(items.iter().map(|item| if item.id % 2 == 1 { Err(fails.clone()) } else { Ok(1) }).collect())
            }))
            .filter(remove_if("third", |item| (item.id == 3).then_some("third")))
            .build()
            .expect("valid")
    });
    drop(
        pipeline.execute(Query::default(), ExecuteOptions::default().within(std::time::Duration::from_millis(5))).await,
    );

    let of = |metric: &str, stage: &str, component: &str| {
        ear.heard(metric, &[("pipeline", "test"), ("stage", stage), ("component", component)])
    };
    let of_request = |metric: &str| ear.heard(metric, &[("pipeline", "test")]);
    assert_eq!(of(COMPONENT_OUT, "source", "items"), [3.0]);
    assert_eq!((of(COMPONENT_IN, "hydrator", "half"), of(COMPONENT_OUT, "hydrator", "half")), (vec![3.0], vec![1.0]));
    assert_eq!((of(COMPONENT_IN, "filter", "third"), of(COMPONENT_OUT, "filter", "third")), (vec![3.0], vec![2.0]));
    assert_eq!((of(COMPONENT_IN, "selector", "top"), of(COMPONENT_OUT, "selector", "top")), (vec![2.0], vec![1.0]));
    assert_eq!(of(COMPONENT_ERRORS, "hydrator", "half"), [1.0], "one failure, not one per candidate");
    assert_eq!(of(COMPONENT_ERRORS, "source", "late"), [1.0]);
    assert_eq!(of(COMPONENT_DEADLINE_MISSES, "source", "late"), [1.0]);
    assert!(of(COMPONENT_ERRORS, "filter", "third").is_empty());
    let ran = [("source", "items"), ("source", "late"), ("hydrator", "half"), ("filter", "third"), ("selector", "top")];
    for (stage, component) in ran {
        assert_eq!(of(COMPONENT_SECONDS, stage, component).len(), 1, "{component}");
    }
    assert!(of(COMPONENT_SECONDS, "source", "late")[0] >= 0.004, "in seconds");
    assert_eq!(of_request(REQUEST_SELECTED), [1.0]);
    assert_eq!(of_request(REQUEST_DEGRADED), [1.0]);
    assert_eq!(of_request(REQUEST_SECONDS).len(), 1);
}
