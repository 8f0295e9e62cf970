//! The reports as they are printed, of invented figures.

use evaluation::{Day, Outcome, PrequentialTable, Protocol, QueryTime};
use insta::assert_snapshot;

use crate::evaluate::{BucketCell, HeadRow, ModelMetrics, RankerRow, RetrievalRow, WorldEvaluation};
use crate::stream::{ActionRow, StreamReport, differences};

fn protocol() -> Protocol {
    Protocol {
        data_set: "an invented set".to_owned(),
        checksum: Some("sha256:0".to_owned()),
        filtering: "none".to_owned(),
        split: "the last half".to_owned(),
        tie_order: "log order".to_owned(),
        candidates: "all".to_owned(),
        seen_masking: true,
        query_time: QueryTime::Known,
        seeds: vec![7],
        metric_definitions: vec![("mrr".to_owned(), "mean of 1 / rank".to_owned())],
    }
}

#[test]
fn snapshots_of_a_stream() {
    let names = ["popular", "ranker", "ranker + 7-day counts"];
    let mut table = PrequentialTable::new(names.map(str::to_owned)).unwrap();
    for i in 0..40u64 {
        let ranks = [20 + i % 7, i % 9, i % 4].map(|rank| Outcome::ranked(rank as usize));
        table.push(Day(18_000 + i as i64 / 20).into(), i % 6, &ranks).unwrap();
    }
    let report = StreamReport {
        protocol: protocol(),
        judged: table.targets(),
        eligible: 80,
        trainings: 3,
        days: table.rows().collect(),
        total: table.total().ok(),
        differences: differences(&table, 7),
        actions: vec![ActionRow { action: "like".to_owned(), positives: 12, auc: 0.75 }],
        blend_weight: 0.5,
    };
    assert_snapshot!("stream", report.describe());
    let dir = tempfile::tempdir().unwrap();
    report.write(dir.path()).unwrap();
    assert_snapshot!("stream_markdown", std::fs::read_to_string(dir.path().join("stream.md")).unwrap());
}

#[test]
fn snapshots_of_an_evaluation() {
    let row = |model: &str, ndcg_at_10: f64| RankerRow {
        model: model.to_owned(),
        ndcg_at_10,
        ndcg_at_10_taken: ndcg_at_10 / 2.0,
        mrr: 0.25,
        of_the_way: (model != "random").then_some(0.5),
        above_popularity: model.starts_with("ranker").then_some([0.1, 0.05, 0.15]),
        by_training_impressions: [("0", 10, None), ("1-9", 20, Some(0.5))]
            .map(|(impressions, posts, value)| BucketCell { impressions, posts, ndcg_at_10: value, auc: value })
            .into(),
    };
    let found = |model: &str, recall: f64| RetrievalRow {
        model: model.to_owned(),
        at_10: recall / 4.0,
        at_100: recall,
        at_1000: 2.0 * recall,
        at_100_unseen: model.starts_with("retrieval").then_some(recall / 3.0),
        above_popularity: None,
    };
    let report = WorldEvaluation {
        protocol: protocol(),
        slates: 3,
        posts: 30,
        results: vec![ModelMetrics { model: "random".to_owned(), metrics: [("mrr", 0.25)].into() }],
        ranking: [("random", 0.25), ("popularity", 0.375), ("ranker-0001", 0.5), ("oracle", 1.0)]
            .map(|(model, ndcg)| row(model, ndcg))
            .into(),
        heads: vec![HeadRow {
            model: "ranker-0001".to_owned(),
            action: "like".to_owned(),
            positives: 12,
            auc: Some(0.75),
            pr_auc: Some(0.5),
            normalised_entropy: None,
            calibration: Some(1.0),
        }],
        retrieval: vec![found("popularity", 0.125), found("recency", 0.0625), found("retrieval-0001", 0.25)],
    };
    assert_snapshot!("evaluation", report.describe());
    assert_snapshot!("evaluation_summary", report.summary());
}
