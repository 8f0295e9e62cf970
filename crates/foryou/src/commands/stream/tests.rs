//! Streams over small invented sets, from import to report.

use std::path::Path;

use clap::Parser;
use foryou_types::{Rng, SplitMix64};

use super::*;
use crate::cli::{Cli, Command};
use crate::config::Effective;

/// Hours of the invented feed.
const HOURS: u64 = 24 * 12;

/// A feed of articles, two an hour: people read what is new, and those of even number only articles of even number. Signed ids.
fn rows(seed: u64) -> Vec<String> {
    let mut rng = SplitMix64::new(seed);
    let mut rows = vec!["timestamp\teventType\tcontentId\tpersonId\tsessionId".to_owned()];
    for hour in 0..HOURS {
        for i in 0..6 {
            let person = rng.below(40) as i64;
            let newest = 2 * hour as i64;
            let mut article = newest - rng.below(30) as i64;
            if (article - person) % 2 != 0 {
                article -= 1;
            }
            let event = ["VIEW", "VIEW", "VIEW", "LIKE"][rng.below(4)];
            // Ids at both ends of the 64 bits.
            let (article, person) = (i64::MIN + 1_000 + article, i64::MAX - person);
            rows.push(format!("{}\t{event}\t{article}\t{person}\t1", 1_600_000_000 + hour * 3_600 + i * 300));
        }
    }
    rows
}

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new(rows: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("interactions_slim.tsv"), rows.join("\n") + "\n").unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs the stream until the refresh number `stop_at`, in the data folder `data`.
    fn stream(&self, data: &str, stop_at: Option<u32>, more: &[&str]) -> anyhow::Result<StreamReport> {
        let data = self.path().join(data);
        let mut line = vec!["foryou", "stream", "deskdrop", self.path().to_str().unwrap(), "--every", "2"];
        line.extend(["--data", data.to_str().unwrap(), "--threads", "1"]);
        for setting in
            ["model.emb_size=16", "model.key_size=4", "model.num_layers=1", "epochs=1", "tokens_per_step=512"]
        {
            for model in ["ranker", "retrieval"] {
                line.extend(["--set", Box::leak(format!("{model}.{setting}").into_boxed_str())]);
            }
        }
        line.extend(more);
        let cli = Cli::try_parse_from(line).unwrap();
        let config = Effective::load(&cli.global, std::iter::empty()).unwrap().config;
        let Command::Stream(args) = cli.command else { panic!("not a stream") };
        let options = Options::new(&args)?;
        let output = Output { json: true, human: false };
        let set = import::open(&config, args.kind, std::slice::from_ref(&args.path), None)?;
        let checksum = datasets::import::checksum(set.importer.files())?;
        let (_, parts) = import::bring(set, output)?;
        let stream = Stream { parts: &parts, config: &config, options: &options, name: "deskdrop", checksum, output };
        let stop = AtomicBool::new(false);
        stream.live(&stop, &mut |refreshes| stop.store(Some(refreshes) == stop_at, Ordering::Relaxed))
    }
}

fn metric(report: &StreamReport, model: &str, metric: &str) -> f64 {
    let total = report.total.as_ref().unwrap();
    let means = total.models.iter().find(|means| means.model == model).unwrap();
    means.iter().find(|(name, _)| *name == metric).unwrap().1
}

#[test]
fn a_stopped_stream_ends_as_one_that_was_not() {
    let folder = Folder::new(&rows(1));
    let whole = folder.stream("whole", None, &[]).unwrap();
    assert!(whole.trainings >= 3 && whole.judged > 50, "{whole:?}");
    for stop_at in 1..whole.trainings {
        let error = folder.stream("stopped", Some(stop_at), &[]).unwrap_err();
        assert!(error.to_string().contains("continues from the last refresh"), "{error}");
    }
    let stopped = folder.stream("stopped", None, &[]).unwrap();
    assert_eq!(serde_json::to_string(&stopped).unwrap(), serde_json::to_string(&whole).unwrap());
    // And once more: nothing is left to do.
    assert_eq!(folder.stream("stopped", None, &[]).unwrap(), whole);
    let left = std::fs::read_dir(folder.path().join("stopped/stream")).unwrap().count();
    assert_eq!(left, 3, "the progress and the runs of two models");
}

#[test]
fn the_models_learn_and_every_figure_is_one() {
    let folder = Folder::new(&rows(2));
    let report = folder.stream("data", None, &[]).unwrap();
    let rows = ["popular", "recent-popular", "cooccurrence", "popular, age limit", "cooccurrence, age limit"];
    for model in rows.into_iter().chain(["newest", "retrieval", "ranker", "ranker + 7-day counts"]) {
        for name in ["recall@100", "ndcg@10", "mrr", "hr@10"] {
            let value = metric(&report, model, name);
            assert!((0.0..=1.0).contains(&value), "{model} {name} {value}");
        }
    }
    assert!(metric(&report, "ranker", "ndcg@10") > metric(&report, "popular", "ndcg@10"), "{}", report.describe());
    let judged: usize = report.days.iter().map(|day| day.targets).sum();
    assert_eq!(judged, report.judged);
    assert_eq!(report.judged as u64, report.eligible.div_ceil(2));
    assert_eq!(report.actions.iter().map(|a| a.action.as_str()).collect::<Vec<_>>(), ["view", "like"]);
    let text = report.describe();
    for part in ["sha256:", "prequential", "7-day counts", "Differences", "Day by day"] {
        assert!(text.contains(part), "{part}");
    }
    report.write(&folder.path().join("report")).unwrap();
    let json = std::fs::read_to_string(folder.path().join("report/stream.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["days"][0]["models"].as_object().unwrap().len(),
        9
    );
}

#[test]
fn what_comes_later_changes_no_earlier_day() {
    let all = rows(3);
    let folder = Folder::new(&all);
    let whole = folder.stream("whole", None, &[]).unwrap();
    let split = whole.days.len() / 2;
    // The same log, with other events from the middle of the judged part on; as many, so that the same part is judged.
    let date = whole.days[split].date.clone();
    let from = TimeMs::parse(&format!("{}T00:00:00Z", &date[..10])).unwrap().as_secs();
    let others = rows(99);
    let mixed: Vec<String> = (all.iter().zip(&others))
        .map(|(row, other)| {
            let at = row.split('\t').next().and_then(|t| t.parse::<i64>().ok());
            if at.is_some_and(|at| at >= from) { other.clone() } else { row.clone() }
        })
        .collect();
    assert_ne!(mixed, all);
    let changed = Folder::new(&mixed).stream("changed", None, &[]).unwrap();
    assert!(split > 0);
    assert_eq!(changed.days[..split], whole.days[..split]);
    assert_ne!(changed.days[split..], whole.days[split..]);
}

#[test]
fn another_stream_and_a_broken_progress_are_refused() {
    let folder = Folder::new(&rows(4));
    folder.stream("data", Some(1), &[]).unwrap_err();
    let error = |more: &[&str]| format!("{:#}", folder.stream("data", None, more).unwrap_err());
    let other = error(&["--train-every", "12h", "--test-share", "0.3"]);
    assert!(other.contains("other settings (test-share, train-every)"), "{other}");
    assert!(error(&["--set", "ranker.post_dropout=0.2"]).contains("other settings (set MODEL.KEY=VALUE)"));
    let file = folder.path().join("data/stream/progress.json");
    let text = std::fs::read_to_string(&file).unwrap();
    for broken in ["", "{}", &text[..text.len() / 2], &text.replace("\"refreshes\"", "\"refreshed\"")] {
        std::fs::write(&file, broken).unwrap();
        let error = error(&[]);
        assert!(error.contains("progress.json") && error.contains("--restart"), "{error}");
    }
    std::fs::write(&file, text).unwrap();
    // A checkpoint that is gone or cut off is named, not replaced by nothing.
    let run = std::fs::read_dir(folder.path().join("data/stream")).unwrap();
    let run = run.map(|e| e.unwrap().path()).find(|p| p.to_string_lossy().ends_with("-ranker")).unwrap();
    std::fs::remove_dir_all(&run).unwrap();
    assert!(error(&[]).contains("-ranker"));
    folder.stream("data", Some(1), &["--restart"]).unwrap_err();
}

#[test]
fn flags_out_of_range_are_wrong_use() {
    let folder = Folder::new(&rows(5)[..20]);
    for (more, said) in [
        (["--test-share", "1.5"], "--test-share 1.5"),
        (["--train-every", "1y"], "--train-every \"1y\""),
        (["--learn-from", "0d"], "--learn-from \"0d\""),
        (["--speed", "0"], "--speed 0"),
    ] {
        let error = folder.stream("data", None, &more).unwrap_err();
        assert!(error.is::<WrongUse>() && error.to_string().contains(said), "{error}");
    }
}

#[test]
fn time_passes_as_fast_as_asked() {
    let mut pace = Pace::new(Some(1_000.0));
    let started = Instant::now();
    for at in [5_000, 5_000, 25_000, 65_000] {
        pace.wait(TimeMs(at), &AtomicBool::new(false));
    }
    assert!(started.elapsed() >= Duration::from_millis(60));
    let stopped = AtomicBool::new(true);
    pace.wait(TimeMs(i64::MAX), &stopped);
    Pace::new(Some(1e-300)).wait(TimeMs(5), &stopped);
}
