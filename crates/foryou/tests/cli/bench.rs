//! `foryou bench`: every report has the machine, the sizes and the times; sizes that measure nothing are wrong use.

use serde_json::Value;

use crate::common::{fails, json, small_town};

fn bench(arguments: &[&str]) -> Value {
    let report = json(&[&["bench"], arguments].concat());
    assert_eq!(report["what"], arguments[0]);
    let machine = &report["machine"];
    assert!(machine["f32_gemm"]["gflops"].as_f64().unwrap() > 0.0, "{machine}");
    assert!(!machine["cpu"].as_str().unwrap().is_empty());
    report
}

fn above_zero(value: &Value) -> bool {
    value.as_f64().is_some_and(|x| x > 0.0)
}

#[test]
fn every_part_is_measured_in_the_sizes_asked_for() {
    let ranker = bench(&[
        "ranker",
        "--dim",
        "16",
        "--layers",
        "1",
        "--history",
        "8",
        "--candidates",
        "4",
        "--runs",
        "3",
        "--threads",
        "1",
    ]);
    assert_eq!(
        (&ranker["config"]["dim"], &ranker["config"]["threads"], &ranker["runs"]),
        (&16.into(), &1.into(), &3.into())
    );
    assert!(above_zero(&ranker["median_ms"]) && above_zero(&ranker["gflops"]), "{ranker}");
    assert!(above_zero(&ranker["one_more_token"]["median_ms"]), "{ranker}");

    let retrieval = bench(&["retrieval", "--posts", "500", "--dim", "8", "--k", "5", "--runs", "3"]);
    assert!(above_zero(&retrieval["exact"]["median_ms"]), "{retrieval}");

    let train = bench(&["train", "--batch", "4", "--history", "4", "--candidates", "2", "--rows", "20", "--runs", "2"]);
    assert!(above_zero(&train["median_ms"]) && train["config"]["batch"] == 4, "{train}");

    let thunder = bench(&["thunder", "--posts", "1000", "--followed", "10", "--runs", "5"]);
    assert!(above_zero(&thunder["lookup"]["p999_us"]) && above_zero(&thunder["insert"]["per_second"]), "{thunder}");

    let pipeline = bench(&["pipeline", "--runs", "10"]);
    assert!(above_zero(&pipeline["plain"]["p50_us"]) && pipeline["candidates"] == 1_500, "{pipeline}");
}

#[test]
fn the_feeds_of_a_folder_are_measured_and_nothing_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("town");
    small_town(&data);
    let segments = data.join("log/segments");
    let bytes =
        || std::fs::read_dir(&segments).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>();
    let before = bytes();
    let data = data.to_str().unwrap();
    let feed = bench(&["feed", "--data", data, "--viewers", "5", "--runs", "10"]);
    // One person of the town has acted.
    assert_eq!((&feed["viewers"], &feed["runs"]), (&1.into(), &10.into()));
    assert!(above_zero(&feed["p50_ms"]) && above_zero(&feed["stages"]["scorers"]), "{feed}");
    assert_eq!(bytes(), before);
}

#[test]
fn sizes_that_measure_nothing_are_wrong_use() {
    for (arguments, problem) in [
        (&["ranker", "--dim", "12"][..], "--dim: 12 is not a multiple of 8"),
        (&["ranker", "--layers", "0"], "num_layers: must be between 1 and 256"),
        (&["ranker", "--history", "801"], "history_seq_len: must be between 1 and 800"),
        (&["retrieval", "--posts", "0"], "'--posts <N>'"),
        (&["thunder", "--runs", "-1"], "-1"),
    ] {
        let said = fails(2, &[&["bench"], arguments].concat());
        assert!(said.contains(problem), "{said}");
    }
    let nobody = tempfile::tempdir().unwrap();
    let data = nobody.path().join("data");
    json(&["init", "--data", data.to_str().unwrap()]);
    let said = fails(1, &["bench", "feed", "--data", data.to_str().unwrap()]);
    assert!(said.contains("nobody has acted yet"), "{said}");
}
