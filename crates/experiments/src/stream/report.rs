//! The report of a stream: the protocol, every day, the totals, and the differences with their intervals.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::{Table, presets};
use evaluation::{Bootstrap, MeanRow, Measured, Metric, PrequentialTable, Protocol, QueryTime, ResampleUnit, TieOrder};
use foryou_types::{DAY_MS, SplitMix64};
use serde::Serialize;

use super::actions::ActionRow;
use super::options::Stream;
use super::plan::{Kind, Plan};
use super::state::Progress;
use super::task::Task;
use crate::ExperimentError;
use crate::error::During;

/// Redraws of a bootstrap interval; whole people are drawn.
const BOOTSTRAP: Bootstrap = Bootstrap { unit: ResampleUnit::User, resamples: 1_000, level: 0.95 };

/// The difference of two rows of the table over the same judged events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The row of a model.
    pub model: String,
    /// The row it is compared with.
    pub than: String,
    /// The metric's name.
    pub metric: String,
    /// Mean difference.
    pub mean: f64,
    /// Ends of the 95 % interval.
    pub interval: [f64; 2],
}

/// A stream's report. The same log, settings, seed and threads give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamReport {
    /// What the numbers mean.
    pub protocol: Protocol,
    /// Judged events.
    pub judged: usize,
    /// Events that could be judged.
    pub eligible: u64,
    /// Trainings: the first one and the refreshes.
    pub trainings: u32,
    /// The means of each day (the thin last days count as one), in order.
    pub days: Vec<MeanRow>,
    /// The means over all judged events.
    pub total: Option<MeanRow>,
    /// Every model's rows against every row without one.
    pub differences: Vec<Difference>,
    /// Per action; empty for shown lists.
    pub actions: Vec<ActionRow>,
    /// The weight of the statistic in the blend, at the end.
    pub blend_weight: f64,
}

impl StreamReport {
    pub(crate) fn new<T: Task>(
        stream: &Stream<'_>,
        kind: Kind,
        every: u64,
        plan: &Plan,
        task: &T,
        progress: &Progress<T::Outcome>,
    ) -> Self {
        let table = &progress.table;
        let (profile, seed) = (stream.profile, stream.options.seed);
        let hours = plan.train_every_ms as f64 / 3_600_000.0;
        let candidates = match kind {
            Kind::Catalogue => format!(
                "the full catalogue of the moment (originals created before it, without age limit) less what the person acted on; models and the rows named so rank what a feed may show (the profile's age limit), the rest counts as missed; one of every {every} first interactions (by an action of positive weight) of a person with a post"
            ),
            Kind::ShownLists => format!(
                "the list shown; one of every {every} impressions; lists without or of nothing but clicks left out"
            ),
        };
        let rows = task.models().into_iter().map(|(name, definition)| (format!("row {name}"), definition));
        let metrics =
            metrics::<T::Outcome>().iter().map(|metric| (metric.name().to_owned(), metric.definition().to_owned()));
        let auc = (kind == Kind::Catalogue).then(|| {
            let text = "mean, over predicted posts on which the action came to be taken, of the share of the other ranked candidates that its head put below the post, ties 1/2";
            ("AUC of an action".to_owned(), text.to_owned())
        });
        let interval =
            "mean difference over the same judged events; 95 % percentile bootstrap over people, 1,000 redraws";
        let protocol = Protocol {
            data_set: stream.name.to_owned(),
            checksum: Some(stream.checksum.to_owned()),
            filtering: "none".to_owned(),
            split: format!(
                "prequential: the last {:.0} % of the {} (from {}) are each predicted, then learned; counts, histories and catalogue current, weights refreshed every {hours} h of the log{}",
                100.0 * stream.options.share,
                match kind {
                    Kind::Catalogue => "actions",
                    Kind::ShownLists => "impressions",
                },
                plan.judge_from,
                stream.options.learn_from_ms.map_or(String::new(), |ms| format!(
                    "; the first training looks back {:.1} days",
                    ms as f64 / DAY_MS as f64
                ))
            ),
            tie_order: format!("events: log order (exact milliseconds, stable); {}", TieOrder::new(seed).definition()),
            candidates,
            seen_masking: kind == Kind::Catalogue,
            query_time: QueryTime::Known,
            seeds: vec![seed],
            metric_definitions: rows
                .chain(metrics)
                .chain(auc)
                .chain([("difference".to_owned(), interval.to_owned())])
                .collect(),
        };
        Self {
            protocol,
            judged: table.targets(),
            eligible: progress.eligible,
            trainings: progress.refreshes,
            days: table.rows().collect(),
            total: table.total().ok(),
            differences: differences(table, seed),
            actions: progress.actions.rows(&profile.action_set),
            blend_weight: progress.blend.weight(),
        }
    }

    /// Writes `stream.md` and `stream.json` into a folder.
    pub fn write(&self, folder: &Path) -> Result<(), ExperimentError> {
        std::fs::create_dir_all(folder).during(|| format!("making {}", folder.display()))?;
        let json = serde_json::to_string_pretty(self).during(|| "rendering the report".to_owned())? + "\n";
        for (name, text) in [("stream.md", self.markdown()), ("stream.json", json)] {
            let file = folder.join(name);
            std::fs::write(&file, text).during(|| format!("writing {}", file.display()))?;
        }
        Ok(())
    }

    /// The report as text.
    pub fn describe(&self) -> String {
        let grid = |rows: Vec<Vec<String>>| {
            let mut table = Table::new();
            table.load_style(presets::NOTHING);
            let mut rows = rows.into_iter();
            table.set_header(rows.next().unwrap_or_default()).add_rows(rows);
            format!("{table}\n\n")
        };
        format!("{}\n{}", self.protocol, self.body(&grid, ""))
    }

    /// The report as Markdown.
    fn markdown(&self) -> String {
        let grid = |rows: Vec<Vec<String>>| {
            let mut text = String::new();
            for (i, row) in rows.into_iter().enumerate() {
                text.push_str(&format!("| {} |\n", row.join(" | ")));
                if i == 0 {
                    text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
                }
            }
            text + "\n"
        };
        format!(
            "# A stream: {}\n\n```text\n{}```\n\n{}",
            self.protocol.data_set,
            self.protocol,
            self.body(&grid, "## ")
        )
    }

    fn body(&self, grid: &dyn Fn(Vec<Vec<String>>) -> String, heading: &str) -> String {
        let mut text = format!(
            "{} judged of {} that could be; {} trainings; weight of the statistic in the blend at the end: {}\n\n",
            self.judged, self.eligible, self.trainings, self.blend_weight
        );
        if let Some(total) = &self.total {
            let mut rows = vec![header("model", total)];
            for means in &total.models {
                rows.push(
                    [means.model.clone()].into_iter().chain(means.iter().map(|(_, v)| format!("{v:.4}"))).collect(),
                );
            }
            let _ = write!(text, "{heading}All days\n\n{}", grid(rows));
        }
        if !self.differences.is_empty() {
            let mut rows = vec![["model", "than", "metric", "difference [95 %]"].map(str::to_owned).to_vec()];
            for d in &self.differences {
                let [low, high] = d.interval;
                rows.push(vec![
                    d.model.clone(),
                    d.than.clone(),
                    d.metric.clone(),
                    format!("{:+.4} [{low:+.4}, {high:+.4}]", d.mean),
                ]);
            }
            let _ = write!(text, "{heading}Differences\n\n{}", grid(rows));
        }
        if !self.actions.is_empty() {
            let mut rows =
                vec![["action", "predicted posts with it", "AUC of the ranker's head"].map(str::to_owned).to_vec()];
            rows.extend(
                self.actions.iter().map(|a| vec![a.action.clone(), a.positives.to_string(), format!("{:.4}", a.auc)]),
            );
            let _ = write!(text, "{heading}Actions\n\n{}", grid(rows));
        }
        if let Some(first) = self.days.first() {
            // Two metrics a model: the table must fit a page.
            let shown: Vec<usize> = shown_by_day(first);
            let mut head = vec!["day".to_owned(), "judged".to_owned()];
            head.extend(first.models.iter().map(|means| means.model.clone()));
            let mut rows = vec![head];
            for day in &self.days {
                let mut row = vec![day.date.clone(), day.targets.to_string()];
                row.extend(day.models.iter().map(|means| {
                    let values: Vec<f64> = means.iter().map(|(_, value)| value).collect();
                    shown.iter().map(|i| format!("{:.3}", values[*i])).collect::<Vec<_>>().join(" / ")
                }));
                rows.push(row);
            }
            let names: Vec<&str> = first.models.iter().take(1).flat_map(|m| m.iter().map(|(name, _)| name)).collect();
            let metrics = shown.iter().map(|i| names[*i]).collect::<Vec<_>>().join(" / ");
            let _ = write!(text, "{heading}Day by day ({metrics})\n\n{}", grid(rows));
        }
        text
    }
}

/// The places of the two metrics in the table of days: the first, and the last NDCG.
fn shown_by_day(row: &MeanRow) -> Vec<usize> {
    let Some(means) = row.models.first() else { return Vec::new() };
    let ndcg = means.iter().enumerate().filter(|(_, (name, _))| name.starts_with("ndcg")).map(|(i, _)| i).last();
    [Some(0), ndcg].into_iter().flatten().collect()
}

fn header(first: &str, row: &MeanRow) -> Vec<String> {
    let names = row.models.first().into_iter().flat_map(|means| means.iter().map(|(name, _)| name.to_owned()));
    [first.to_owned()].into_iter().chain(names).collect()
}

/// The metrics of a table.
fn metrics<O: Measured>() -> &'static [O::Metric] {
    O::Metric::ALL
}

/// Rows with a trained model.
fn is_model(name: &str) -> bool {
    name.starts_with("ranker") || name.starts_with("retrieval")
}

pub(crate) fn differences<O: Measured>(table: &PrequentialTable<O>, seed: u64) -> Vec<Difference> {
    let (models, others): (Vec<&str>, Vec<&str>) =
        table.models().iter().map(String::as_str).partition(|name| is_model(name));
    let mut all = Vec::new();
    for model in models {
        for than in &others {
            for metric in metrics::<O>() {
                // Its own seed: an interval must not depend on how many others there are.
                let mut rng = SplitMix64::fork(seed, "bootstrap");
                let Ok(d) = table.difference(model, than, *metric, BOOTSTRAP, &mut rng) else { continue };
                all.push(Difference {
                    model: model.to_owned(),
                    than: (*than).to_owned(),
                    metric: metric.name().to_owned(),
                    mean: d.mean,
                    interval: [d.low, d.high],
                });
            }
        }
    }
    all
}

/// The means so far in one line; empty if nothing is judged yet.
pub(crate) fn in_short<O: Measured>(table: &PrequentialTable<O>) -> String {
    let Ok(total) = table.total() else { return String::new() };
    let shown = shown_by_day(&total);
    let of = |means: &evaluation::ModelMeans| {
        let values: Vec<String> = means.iter().map(|(_, value)| format!("{value:.3}")).collect();
        format!("{} {}", means.model, shown.iter().map(|i| values[*i].as_str()).collect::<Vec<_>>().join("/"))
    };
    format!("; so far {}", total.models.iter().map(of).collect::<Vec<_>>().join(", "))
}
