//! Every target of a stream under every model.

use std::collections::BTreeSet;

use foryou_types::Rng;
use serde::{Deserialize, Serialize};

use super::{DaySpan, MeanRow, Measured, ModelMeans, Outcome, TableError};
use crate::{Interval, clustered_bootstrap_mean, paired_bootstrap};

/// What is redrawn for the interval of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResampleUnit {
    /// Every target for itself: too narrow where a user's targets resemble each other.
    Target,
    /// A user with all his targets.
    User,
}

/// How the interval of a difference is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// What is redrawn.
    pub unit: ResampleUnit,
    /// How often (1,000).
    pub resamples: usize,
    /// The share of the resamples within the interval (0.95).
    pub level: f64,
}

/// The outcomes of a stream's targets, by day.
///
/// A target comes with its outcome under every model at once, so two models can never be compared on different targets. Days come in
/// order. Stored with serde, it is checked when it is read; a stream that was stopped continues pushing to the table it reads back.
/// Outcomes with fractions need a format that brings numbers back to the bit (serde_json does with `float_roundtrip`).
/// Memory: 8 bytes a target, and of ranks 4 for each model.
///
/// ```
/// use evaluation::{Day, Outcome, PrequentialTable, RankMetric};
///
/// let mut table = PrequentialTable::new(["model", "popular"])?;
/// table.push(Day(0).into(), 7, &[Outcome::ranked(0), Outcome::ranked(2)])?;
/// table.push(Day(1).into(), 8, &[Outcome::ranked(2), Outcome::MISSED])?;
/// let ndcg: Vec<f64> = table.rows().map(|row| row.models[0].get(RankMetric::NdcgAt10)).collect();
/// assert_eq!(ndcg, [1.0, 0.5]);
/// assert_eq!(table.total()?.models[1].get(RankMetric::NdcgAt10), 0.25);
/// # Ok::<(), evaluation::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored<O>", bound(deserialize = "O: Measured + Deserialize<'de>"))]
pub struct PrequentialTable<O = Outcome> {
    models: Vec<String>,
    /// Each day with the number of its targets, in order.
    days: Vec<(DaySpan, usize)>,
    /// By target.
    users: Vec<u64>,
    /// By model and target.
    outcomes: Vec<Vec<O>>,
}

impl<O: Measured> PrequentialTable<O> {
    /// An empty table of models with different names; their order is that of the columns.
    pub fn new<S: Into<String>>(models: impl IntoIterator<Item = S>) -> Result<Self, TableError> {
        let models: Vec<String> = models.into_iter().map(Into::into).collect();
        let mut names = BTreeSet::new();
        match models.iter().find(|name| !names.insert(*name)) {
            Some(twice) => Err(TableError::SameName(twice.clone())),
            None => Ok(Self { outcomes: vec![Vec::new(); models.len()], models, days: Vec::new(), users: Vec::new() }),
        }
    }

    /// The names of the models, in the order of the outcomes.
    pub fn models(&self) -> &[String] {
        &self.models
    }

    /// How many targets there are.
    pub fn targets(&self) -> usize {
        self.users.len()
    }

    /// The days so far, in order: a stream that continues can tell which it has done.
    pub fn days(&self) -> impl Iterator<Item = DaySpan> {
        self.days.iter().map(|day| day.0)
    }

    /// A target of `user` on `day` with its outcome under each model. Refused, it changes nothing.
    pub fn push(&mut self, day: DaySpan, user: u64, outcomes: &[O]) -> Result<(), TableError> {
        if outcomes.len() != self.models.len() {
            return Err(TableError::WrongLength { models: self.models.len(), outcomes: outcomes.len() });
        }
        match self.days.last_mut() {
            Some((newest, targets)) if *newest == day => *targets += 1,
            Some((newest, _)) if newest.last() >= day.first() => {
                return Err(TableError::DayIsOver { day: day.to_string(), newest: newest.to_string() });
            }
            _ => self.days.push((day, 1)),
        }
        self.users.push(user);
        for (all, outcome) in self.outcomes.iter_mut().zip(outcomes) {
            all.push(*outcome);
        }
        Ok(())
    }

    /// The means of each day, in order.
    pub fn rows(&self) -> impl Iterator<Item = MeanRow> {
        let mut start = 0;
        self.days.iter().map(move |(day, targets)| {
            let range = start..start + targets;
            start = range.end;
            self.row(day.to_string(), range)
        })
    }

    /// The means over all targets (each target alike, whatever its day).
    pub fn total(&self) -> Result<MeanRow, TableError> {
        match self.targets() {
            0 => Err(TableError::NoTargets),
            targets => Ok(self.row("all".into(), 0..targets)),
        }
    }

    /// A model's metric of each target, in the order of pushing.
    pub fn values(&self, model: &str, metric: O::Metric) -> Result<Vec<f64>, TableError> {
        let column = self.models.iter().position(|name| name == model);
        let outcomes =
            column.and_then(|i| self.outcomes.get(i)).ok_or_else(|| TableError::UnknownModel(model.into()))?;
        Ok(outcomes.iter().map(|outcome| outcome.value(metric)).collect())
    }

    /// The mean of `metric` under model `a` minus that under `b`, with its paired bootstrap interval.
    pub fn difference(
        &self,
        a: &str,
        b: &str,
        metric: O::Metric,
        bootstrap: Bootstrap,
        rng: &mut dyn Rng,
    ) -> Result<Interval, TableError> {
        let (a, b) = (self.values(a, metric)?, self.values(b, metric)?);
        let Bootstrap { unit, resamples, level } = bootstrap;
        let interval = match unit {
            ResampleUnit::Target => paired_bootstrap(&a, &b, resamples, level, rng),
            ResampleUnit::User => {
                let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
                clustered_bootstrap_mean(&differences, &self.users, resamples, level, rng)
            }
        };
        interval.ok_or(TableError::NoTargets)
    }

    fn row(&self, date: String, targets: std::ops::Range<usize>) -> MeanRow {
        let means = |(model, outcomes): (&String, &Vec<O>)| {
            ModelMeans::of(model, outcomes.get(targets.clone()).unwrap_or_default())
        };
        MeanRow { date, targets: targets.len(), models: self.models.iter().zip(&self.outcomes).map(means).collect() }
    }
}

/// The stored form, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<O> {
    models: Vec<String>,
    days: Vec<(DaySpan, usize)>,
    users: Vec<u64>,
    outcomes: Vec<Vec<O>>,
}

impl<O: Measured> TryFrom<Stored<O>> for PrequentialTable<O> {
    type Error = TableError;

    fn try_from(stored: Stored<O>) -> Result<Self, TableError> {
        let Stored { models, days, users, outcomes } = stored;
        let empty = Self::new(models)?;
        if outcomes.len() != empty.models.len() {
            return Err(TableError::Corrupt("another number of models than of columns"));
        }
        if outcomes.iter().any(|column| column.len() != users.len()) {
            return Err(TableError::Corrupt("columns of different lengths"));
        }
        if days.iter().try_fold(0usize, |sum, day| sum.checked_add(day.1)) != Some(users.len()) {
            return Err(TableError::Corrupt("another number of targets than its days"));
        }
        if days.iter().any(|day| day.1 == 0) || days.windows(2).any(|w| w[0].0.last() >= w[1].0.first()) {
            return Err(TableError::Corrupt("days that are empty or not in order"));
        }
        Ok(Self { days, users, outcomes, ..empty })
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::SplitMix64;
    use proptest::prelude::*;

    use super::*;
    use crate::{Day, RankMetric, ShownListMetric, ShownListMetrics, mean};

    const BY_USER: Bootstrap = Bootstrap { unit: ResampleUnit::User, resamples: 500, level: 0.95 };
    const BY_TARGET: Bootstrap = Bootstrap { unit: ResampleUnit::Target, ..BY_USER };

    fn table(targets: &[(i64, u64, u32, u32)]) -> PrequentialTable {
        let mut table = PrequentialTable::new(["a", "b"]).unwrap();
        for &(day, user, a, b) in targets {
            table.push(Day(day).into(), user, &[Outcome { rank: a }, Outcome { rank: b }]).unwrap();
        }
        table
    }

    #[test]
    fn by_day_and_overall_by_hand() {
        let table = table(&[(3, 1, 0, 9), (3, 2, 100, 1), (5, 1, 2, u32::MAX)]);
        let rows: Vec<MeanRow> = table.rows().collect();
        assert_eq!(
            rows.iter().map(|r| (r.date.as_str(), r.targets)).collect::<Vec<_>>(),
            [("1970-01-04", 2), ("1970-01-06", 1)]
        );
        // Day 3, model a: ranks 0 and 100. Day 5, model b: not returned.
        assert_eq!(rows[0].models[0].get(RankMetric::NdcgAt10), 0.5);
        assert_eq!(rows[0].models[0].get(RankMetric::Mrr), f64::midpoint(1.0, 1.0 / 101.0));
        assert_eq!(rows[1].models[1].iter().map(|(_, mean)| mean).collect::<Vec<_>>(), [0.0; 4]);
        let total = table.total().unwrap();
        assert_eq!((total.date.as_str(), total.targets), ("all", 3));
        assert_eq!(total.models[1].get(RankMetric::RecallAt100), 2.0 / 3.0);
        assert_eq!(total.models[0].get(RankMetric::NdcgAt10), (1.0 + 0.5) / 3.0, "each target alike, not each day");
        assert_eq!(table.values("b", RankMetric::HitAt10), Ok(vec![1.0, 1.0, 0.0]));
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let mut table = table(&[(3, 1, 0, 9)]);
        let before = table.clone();
        let outcome = Outcome::ranked(0);
        let short = table.push(Day(3).into(), 1, &[outcome]).unwrap_err();
        assert_eq!(short.to_string(), "a target needs 2 outcomes, one of each model, and has 1");
        let late = table.push(Day(2).into(), 1, &[outcome; 2]).unwrap_err();
        assert_eq!(late.to_string(), "a target of 1970-01-03 comes after one of 1970-01-04");
        let overlap = table.push(DaySpan::new(Day(3), Day(9)), 1, &[outcome; 2]);
        assert!(matches!(overlap, Err(TableError::DayIsOver { .. })), "{overlap:?}");
        assert_eq!(table, before);
        table.push(DaySpan::new(Day(4), Day(9)), 1, &[outcome; 2]).unwrap();
        table.push(DaySpan::new(Day(4), Day(9)), 1, &[outcome; 2]).unwrap();
        assert_eq!(table.rows().last().map(|r| (r.date, r.targets)), Some(("1970-01-05..1970-01-10".into(), 2)));
        assert_eq!(table.days().count(), 2);
    }

    #[test]
    fn names_and_emptiness() {
        assert_eq!(PrequentialTable::<Outcome>::new(["a", "b", "a"]), Err(TableError::SameName("a".into())));
        let empty = table(&[]);
        let mut rng = SplitMix64::new(1);
        assert_eq!(empty.total(), Err(TableError::NoTargets));
        assert_eq!(empty.rows().count(), 0);
        assert_eq!(empty.difference("a", "b", RankMetric::Mrr, BY_USER, &mut rng), Err(TableError::NoTargets));
        let unknown = empty.difference("a", "c", RankMetric::Mrr, BY_USER, &mut rng);
        assert_eq!(unknown, Err(TableError::UnknownModel("c".into())));
    }

    #[test]
    fn a_difference_that_one_user_makes_is_none() {
        // Model a wins all 60 targets of user 0 and loses one of each of 20 others: clear by target, open by user.
        let mut targets = vec![(0, 0, 0, 500); 60];
        targets.extend((1..21).map(|user| (0, user, 500, 0)));
        let table = table(&targets);
        let metric = RankMetric::HitAt10;
        let by_target = table.difference("a", "b", metric, BY_TARGET, &mut SplitMix64::new(2)).unwrap();
        let by_user = table.difference("a", "b", metric, BY_USER, &mut SplitMix64::new(2)).unwrap();
        assert_eq!((by_target.mean, by_user.mean), (0.5, 0.5));
        assert!(by_target.low > 0.25, "{by_target:?}");
        assert!(by_user.low < 0.0, "{by_user:?}");
        let reverse = table.difference("b", "a", metric, BY_TARGET, &mut SplitMix64::new(2)).unwrap();
        assert_eq!((reverse.mean, reverse.high), (-0.5, -by_target.low));
    }

    #[test]
    fn a_stored_table_that_contradicts_itself_is_refused() {
        let json = serde_json::to_string(&table(&[(3, 1, 0, 9), (4, u64::MAX, 7, 1)])).unwrap();
        let stored = r#"{"models":["a","b"],"days":[[[3,3],1],[[4,4],1]],"users":[1,18446744073709551615],"outcomes":[[0,7],[9,1]]}"#;
        assert_eq!(json, stored);
        let edits = [
            (r#""a","b""#, r#""a","a""#, "two models are named"),
            (r#""a","b""#, r#""a""#, "another number of models"),
            ("[9,1]]", "[9]]", "columns of different lengths"),
            ("[[4,4],1]", "[[4,4],2]", "another number of targets"),
            ("[[3,3],1]", "[[3,4],1]", "days that are empty or not in order"),
            ("[[4,4],1]", "[[4,4],1],[[5,5],0]", "days that are empty or not in order"),
            ("[[4,4],1]", "[[4,4],18446744073709551615]", "another number of targets"),
            (r#""users""#, r#""people""#, "unknown field"),
        ];
        for (from, to, reason) in edits {
            let error = serde_json::from_str::<PrequentialTable>(&json.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(reason), "{from} -> {to}: {error}");
        }
        assert!(serde_json::from_str::<PrequentialTable>(&json[..json.len() - 3]).is_err());
    }

    #[test]
    fn of_shown_lists_it_is_the_same_table() {
        let metrics = |auc| ShownListMetrics { auc, mrr: 0.5, ndcg_at_5: 0.25, ndcg_at_10: 0.75 };
        let mut table = PrequentialTable::new(["ranker", "random"]).unwrap();
        table.push(Day(0).into(), 1, &[metrics(0.75), metrics(0.5)]).unwrap();
        table.push(Day(0).into(), 2, &[metrics(0.25), metrics(0.5)]).unwrap();
        let total = table.total().unwrap();
        let means: Vec<(&str, f64)> = total.models[0].iter().collect();
        assert_eq!(means, [("auc", 0.5), ("mrr", 0.5), ("ndcg@5", 0.25), ("ndcg@10", 0.75)]);
        assert_eq!(total.models[0].get(RankMetric::HitAt10), 0.0, "not of this table");
        let mut rng = SplitMix64::new(1);
        let difference = table.difference("ranker", "random", ShownListMetric::Auc, BY_USER, &mut rng).unwrap();
        assert_eq!(difference, Interval { mean: 0.0, low: -0.25, high: 0.25 });
    }

    proptest! {
        #[test]
        fn numbers_come_back_to_the_bit(values in prop::collection::vec(0.0..=1.0f64, 4)) {
            let (mrr, ndcg_at_5) = (values[1], values[2]);
            let metrics = ShownListMetrics { auc: values[0], mrr, ndcg_at_5, ndcg_at_10: values[3] };
            let mut table = PrequentialTable::new(["a"]).unwrap();
            table.push(Day(0).into(), 1, &[metrics]).unwrap();
            let stored = serde_json::to_string(&table).unwrap();
            prop_assert_eq!(serde_json::from_str::<PrequentialTable<ShownListMetrics>>(&stored).unwrap(), table);
        }

        #[test]
        fn stopped_anywhere_it_ends_the_same(
            targets in prop::collection::vec((0..3i64, any::<u64>(), 0..200u32, 0..200u32), 1..40),
            cut in 0..40usize,
        ) {
            let mut day = 0;
            let targets: Vec<_> = targets.into_iter().map(|(gap, user, a, b)| { day += gap; (day, user, a, b) }).collect();
            let whole = table(&targets);
            let cut = cut.min(targets.len());
            let stored = serde_json::to_string(&table(&targets[..cut])).unwrap();
            let mut resumed: PrequentialTable = serde_json::from_str(&stored).unwrap();
            for &(day, user, a, b) in &targets[cut..] {
                resumed.push(Day(day).into(), user, &[Outcome { rank: a }, Outcome { rank: b }]).unwrap();
            }
            prop_assert_eq!(&resumed, &whole);
            // The rows are means over the targets of their day, and together they are the total.
            let metric = RankMetric::Mrr;
            let total = whole.total().unwrap();
            let sum: f64 = whole.rows().map(|r| r.models[0].get(metric) * r.targets as f64).sum();
            prop_assert!((sum / targets.len() as f64 - total.models[0].get(metric)).abs() < 1e-12);
            prop_assert_eq!(mean(&whole.values("a", metric).unwrap()), Some(total.models[0].get(metric)));
            for row in whole.rows() {
                let of_day = |t: &&(i64, u64, u32, u32)| Day(t.0).to_string() == row.date;
                prop_assert_eq!(targets.iter().filter(of_day).count(), row.targets);
            }
        }
    }
}
