//! One row of a report: means over the targets of a day, or of all days.

use serde::{Serialize, Serializer};

use super::{Measured, Metric};

/// The means of every model over the same targets, written as `{"date": .., "targets": n, "models": {name: {metric: value}}}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeanRow {
    /// A day (`2017-10-17`), pooled days (`2017-10-18..2017-11-13`), or `all`.
    pub date: String,
    /// How many targets.
    pub targets: usize,
    /// The models in the order of the table.
    #[serde(serialize_with = "by_name")]
    pub models: Vec<ModelMeans>,
}

/// The means of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMeans {
    /// The name of the model.
    pub model: String,
    means: Vec<(&'static str, f64)>,
}

impl ModelMeans {
    /// The means over `outcomes`; 0 of none, which no row of a table has.
    pub(super) fn of<O: Measured>(model: &str, outcomes: &[O]) -> Self {
        let sum = |metric: O::Metric| outcomes.iter().map(|outcome| outcome.value(metric)).sum::<f64>();
        let mean = |metric: &O::Metric| (metric.name(), sum(*metric) / outcomes.len().max(1) as f64);
        Self { model: model.to_owned(), means: O::Metric::ALL.iter().map(mean).collect() }
    }

    /// The means with the names of their metrics, in the order of [`Metric::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.means.iter().copied()
    }

    /// The mean of one metric; 0 of one that is not of the table.
    pub fn get(&self, metric: impl Metric) -> f64 {
        self.iter().find(|(name, _)| *name == metric.name()).map_or(0.0, |(_, mean)| mean)
    }
}

impl Serialize for ModelMeans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

fn by_name<S: Serializer>(models: &[ModelMeans], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(models.iter().map(|means| (&means.model, means)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, RankMetric};

    #[test]
    fn written_by_name_in_order() {
        let outcomes = [Outcome::ranked(0), Outcome::ranked(3), Outcome::MISSED, Outcome::ranked(99)];
        let models = vec![ModelMeans::of("zeta", &outcomes), ModelMeans::of("alpha", &outcomes[2..3])];
        assert_eq!(models[0].get(RankMetric::RecallAt100), 0.75);
        assert_eq!(models[0].get(RankMetric::HitAt10), 0.5);
        let row = MeanRow { date: "1970-01-02".into(), targets: 4, models };
        let ndcg = (1.0 + 1.0 / 5f64.log2()) / 4.0;
        let expected = format!(
            "{{\"date\":\"1970-01-02\",\"targets\":4,\"models\":{{\
             \"zeta\":{{\"recall@100\":0.75,\"ndcg@10\":{ndcg},\"mrr\":0.315,\"hr@10\":0.5}},\
             \"alpha\":{{\"recall@100\":0.0,\"ndcg@10\":0.0,\"mrr\":0.0,\"hr@10\":0.0}}}}}}"
        );
        assert_eq!(serde_json::to_string(&row).unwrap(), expected);
    }
}
