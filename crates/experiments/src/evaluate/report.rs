//! What `evaluate` prints, its protocol first.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use datasets::world::WorldManifest;
use evaluation::{Protocol, QueryTime};
use model_registry::Kind;
use serde::Serialize;

use super::held_out::HeldOut;
use super::ranking::{HeadRow, RankerRow, Ranking};
use super::retrieval::RetrievalRow;

/// Model versions on a world's held-out slates.
#[derive(Clone, Debug, Serialize)]
pub struct WorldEvaluation {
    /// What the numbers mean.
    pub protocol: Protocol,
    /// Held-out slates.
    pub slates: usize,
    /// Their posts.
    pub posts: usize,
    /// Every model with its metrics by name.
    pub results: Vec<ModelMetrics>,
    /// The rankers.
    pub ranking: Vec<RankerRow>,
    /// Every head of every version.
    pub heads: Vec<HeadRow>,
    /// The retrieval models.
    pub retrieval: Vec<RetrievalRow>,
}

/// A model's metrics in the form that every evaluation prints.
#[derive(Clone, Debug, Serialize)]
pub struct ModelMetrics {
    /// The model.
    pub model: String,
    /// The values by metric.
    pub metrics: BTreeMap<&'static str, f64>,
}

fn results(ranking: &Ranking, retrieval: &[RetrievalRow]) -> Vec<ModelMetrics> {
    let rankers = ranking.rows.iter().map(|r| ModelMetrics {
        model: r.model.clone(),
        metrics: [("ndcg@10", r.ndcg_at_10), ("ndcg@10_taken", r.ndcg_at_10_taken), ("mrr", r.mrr)].into(),
    });
    let found = retrieval.iter().map(|r| ModelMetrics {
        model: r.model.clone(),
        metrics: [("recall@10", r.at_10), ("recall@100", r.at_100), ("recall@1000", r.at_1000)].into(),
    });
    rankers.chain(found).collect()
}

impl WorldEvaluation {
    pub(crate) fn new(
        manifest: &WorldManifest,
        held_out: &HeldOut,
        ranking: Ranking,
        retrieval: Vec<RetrievalRow>,
        seed: u64,
    ) -> Self {
        let config = &manifest.config;
        let age_hours = held_out.max_post_age_ms / 3_600_000;
        let definitions = [
            ("ndcg@10", "mean over slates with gain; gain = max(0, sum w p_true), linear, discount 1/log2(rank + 1), ties as shown".to_owned()),
            ("ndcg@10 taken", "the same with gain = max(0, sum w taken)".to_owned()),
            ("mrr", "mean over slates with a positive of 1 / rank of the first post with an action of positive weight".to_owned()),
            ("of the way", "(ndcg@10 - popularity) / (informed ceiling - popularity)".to_owned()),
            ("auc", "mean over heads of positive weight with at least 50 outcomes of each kind, midranks for ties".to_owned()),
            ("recall@k", format!("mean over slates with a positive of |first k and positives| / min(k, |positives|); positives: posts of the slate with an action of positive weight; candidates: every original of the last {age_hours} h")),
        ];
        let protocol = Protocol {
            data_set: format!(
                "synthetic world: {} users, {} authors, {} posts, {} days, seed {}",
                config.users, config.authors, config.posts, config.days, config.seed
            ),
            checksum: None,
            filtering: "none".to_owned(),
            split: format!("global time cut at {}; home slates of at least 10 posts after it", manifest.cut),
            tie_order: "exact milliseconds, log order".to_owned(),
            candidates: "ranking: the posts of the slate; retrieval: full catalogue of its moment".to_owned(),
            seen_masking: false,
            query_time: QueryTime::Known,
            seeds: vec![seed],
            metric_definitions: definitions.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
        };
        Self {
            protocol,
            slates: held_out.cases.len(),
            posts: held_out.cases.iter().map(|c| c.slate.posts.len()).sum(),
            results: results(&ranking, &retrieval),
            ranking: ranking.rows,
            heads: ranking.heads,
            retrieval,
        }
    }

    /// The report as text.
    pub fn describe(&self) -> String {
        let mut text = format!("{}\n{} slates, {} posts\n\n", self.protocol, self.slates, self.posts);
        let ranking = table(
            ["ranker", "NDCG@10", "taken", "MRR", "of the way", "above popularity [95 %]"],
            self.ranking.iter().map(|r| {
                [
                    r.model.clone(),
                    format!("{:.4}", r.ndcg_at_10),
                    format!("{:.4}", r.ndcg_at_10_taken),
                    format!("{:.4}", r.mrr),
                    r.of_the_way.map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", 100.0 * v)),
                    above(r.above_popularity),
                ]
            }),
        );
        text.push_str(&format!("{ranking}\n\n"));
        if let Some(first) = self.ranking.first() {
            let mut header = vec!["by training impressions of the post".to_owned()];
            header
                .extend(first.by_training_impressions.iter().map(|c| format!("{} ({} posts)", c.impressions, c.posts)));
            let mut buckets = Table::new();
            buckets.load_style(presets::NOTHING).set_header(header);
            for row in &self.ranking {
                let mut cells = vec![format!("{} NDCG@10 / AUC", row.model)];
                cells.extend(
                    row.by_training_impressions.iter().map(|c| format!("{} / {}", number(c.ndcg_at_10), number(c.auc))),
                );
                buckets.add_row(cells);
            }
            text.push_str(&format!("{buckets}\n\n"));
        }
        if !self.heads.is_empty() {
            let heads = table(
                ["model", "head", "positives", "AUC", "PR-AUC", "norm. entropy", "calibration"],
                self.heads.iter().map(|h| {
                    [
                        h.model.clone(),
                        h.action.clone(),
                        h.positives.to_string(),
                        number(h.auc),
                        number(h.pr_auc),
                        number(h.normalised_entropy),
                        number(h.calibration),
                    ]
                }),
            );
            text.push_str(&format!("{heads}\n\n"));
        }
        if !self.retrieval.is_empty() {
            let retrieval = table(
                [
                    "retrieval",
                    "recall@10",
                    "recall@100",
                    "recall@1000",
                    "@100, unseen posts",
                    "above popularity [95 %]",
                ],
                self.retrieval.iter().map(|r| {
                    [
                        r.model.clone(),
                        format!("{:.4}", r.at_10),
                        format!("{:.4}", r.at_100),
                        format!("{:.4}", r.at_1000),
                        number(r.at_100_unseen),
                        above(r.above_popularity),
                    ]
                }),
            );
            text.push_str(&format!("{retrieval}\n"));
        }
        text
    }

    /// The serving versions and the baselines, in a few lines.
    pub fn summary(&self) -> String {
        let mut text = format!("held out: {} slates with {} posts\n", self.slates, self.posts);
        let rows = self.ranking.iter().filter(|r| !matches!(r.model.as_str(), "recency" | "oracle"));
        for row in rows {
            text.push_str(&format!("  NDCG@10   {:<22}{:.4}", row.model, row.ndcg_at_10));
            if row.model.starts_with(Kind::RANKER.name()) {
                text.push_str(&format!("   above popularity {}", above(row.above_popularity)));
            }
            text.push('\n');
        }
        for row in self.retrieval.iter().filter(|r| r.model != "recency") {
            text.push_str(&format!("  recall@100 {:<21}{:.4}\n", row.model, row.at_100));
        }
        text.trim_end().to_owned()
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
}

fn above(interval: Option<[f64; 3]>) -> String {
    interval.map_or_else(|| "-".to_owned(), |[mean, low, high]| format!("{mean:+.4} [{low:+.4}, {high:+.4}]"))
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table
}
