//! A recorder that keeps what it hears.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Values heard, by metric and labels.
type Heard = Arc<Mutex<BTreeMap<(String, Vec<(String, String)>), Vec<f64>>>>;

/// A recorder that hears every value of every counter and histogram.
#[derive(Clone, Debug, Default)]
pub struct Ear(Heard);

struct Line(Heard, (String, Vec<(String, String)>));

impl Ear {
    fn line(&self, key: &Key) -> Arc<Line> {
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        Arc::new(Line(Arc::clone(&self.0), (key.name().to_owned(), labels)))
    }

    /// What a metric was told under exactly these labels.
    pub fn heard(&self, metric: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(&(metric.to_owned(), labels)).cloned().unwrap_or_default()
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(self.1.clone()).or_default().push(value);
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
