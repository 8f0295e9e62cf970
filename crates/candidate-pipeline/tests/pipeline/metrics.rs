//! What a recorder hears of a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use candidate_pipeline::ExecuteOptions;
use candidate_pipeline::metrics::{
    COMPONENT_DEADLINE_MISSES, COMPONENT_ERRORS, COMPONENT_IN, COMPONENT_OUT, COMPONENT_SECONDS, REQUEST_DEGRADED,
    REQUEST_SECONDS, REQUEST_SELECTED,
};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use crate::fixtures::{Act, Give, Query, fill, ranked, remove_if, top, with_items};

/// Values heard, by metric and component (empty for those of the whole request).
type Heard = Arc<Mutex<BTreeMap<(String, String), Vec<f64>>>>;

#[derive(Clone, Default)]
struct Ear(Heard);

struct Line(Heard, (String, String));

impl Ear {
    fn line(&self, key: &Key) -> Arc<Line> {
        let component = key.labels().find(|label| label.key() == "component").map_or("", |label| label.value());
        Arc::new(Line(Arc::clone(&self.0), (key.name().to_owned(), component.to_owned())))
    }

    fn heard(&self, metric: &str, component: &str) -> Vec<f64> {
        let heard = self.0.lock().expect("unpoisoned");
        heard.get(&(metric.to_owned(), component.to_owned())).cloned().unwrap_or_default()
    }
}

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        self.record(value as f64);
    }
    fn absolute(&self, value: u64) {
        self.record(value as f64);
    }
}

impl HistogramFn for Line {
    fn record(&self, value: f64) {
        self.0.lock().expect("unpoisoned").entry(self.1.clone()).or_default().push(value);
    }
}

impl Recorder for Ear {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.line(key))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.line(key))
    }
}

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

    assert_eq!(ear.heard(COMPONENT_OUT, "items"), [3.0]);
    assert_eq!((ear.heard(COMPONENT_IN, "half"), ear.heard(COMPONENT_OUT, "half")), (vec![3.0], vec![1.0]));
    assert_eq!((ear.heard(COMPONENT_IN, "third"), ear.heard(COMPONENT_OUT, "third")), (vec![3.0], vec![2.0]));
    assert_eq!((ear.heard(COMPONENT_IN, "top"), ear.heard(COMPONENT_OUT, "top")), (vec![2.0], vec![1.0]));
    assert_eq!(ear.heard(COMPONENT_ERRORS, "half"), [1.0], "one failure, not one per candidate");
    assert_eq!(ear.heard(COMPONENT_ERRORS, "late"), [1.0]);
    assert_eq!(ear.heard(COMPONENT_DEADLINE_MISSES, "late"), [1.0]);
    assert!(ear.heard(COMPONENT_ERRORS, "third").is_empty());
    for component in ["items", "late", "half", "third", "top"] {
        assert_eq!(ear.heard(COMPONENT_SECONDS, component).len(), 1, "{component}");
    }
    assert!(ear.heard(COMPONENT_SECONDS, "late")[0] >= 0.004, "in seconds");
    assert_eq!(ear.heard(REQUEST_SELECTED, ""), [1.0]);
    assert_eq!(ear.heard(REQUEST_DEGRADED, ""), [1.0]);
    assert_eq!(ear.heard(REQUEST_SECONDS, "").len(), 1);
}
