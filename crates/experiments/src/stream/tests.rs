//! Streams over small invented sets, from import to report.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use datasets::import::{DEFAULT_BATCH_ROWS, ImportOptions, LogSink};
use event_log::MemoryLog;
use foryou_types::{Rng, SplitMix64};
use phoenix_engine::Precision;

use super::learner::{Learner, Lesson};
use super::*;
use crate::Watcher;
use crate::ready::Ready;
use crate::testing::{Newest, NewestFamily};

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

/// A set of rows, and the folders of its streams.
struct Folder {
    dir: tempfile::TempDir,
}

/// Stops a stream at one of its refreshes.
struct StopAt {
    refresh: Option<u32>,
    stop: AtomicBool,
    told: Cell<u64>,
}

impl Watcher for StopAt {
    fn reached(&self, what: &'static str, done: u64, total: u64) {
        assert!(what == "living" && done <= total, "{what}: {done} of {total}");
        self.told.set(self.told.get() + 1);
    }

    fn refreshed(&self, refreshes: u32) {
        self.stop.store(self.refresh == Some(refreshes), Ordering::Relaxed);
    }
}

/// Two small models, refreshed daily; every second interaction is judged.
fn options() -> StreamOptions {
    let small = ["model.emb_size=16", "model.key_size=4", "model.num_layers=1", "epochs=1", "tokens_per_step=512"];
    let of = |model: &str| small.map(|setting| format!("{model}.{setting}"));
    StreamOptions {
        share: 0.2,
        every: Some(2),
        train_every_ms: 86_400_000,
        learn_from_ms: None,
        shortlist: 4_096,
        speed: None,
        settings: [of("ranker"), of("retrieval")].concat(),
        restart: false,
        seed: 42,
        threads: 1,
    }
}

impl Folder {
    fn new(rows: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("interactions_slim.tsv"), rows.join("\n") + "\n").unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the stream until the refresh number `stop_at`, with its progress in the folder `name`.
    fn stream(
        &self,
        name: &str,
        stop_at: Option<u32>,
        change: impl FnOnce(&mut StreamOptions),
    ) -> Result<StreamReport, ExperimentError> {
        self.stream_of(MODELS, name, stop_at, change)
    }

    /// As [`Self::stream`], with these models.
    fn stream_of(
        &self,
        models: &[&dyn Trainable],
        name: &str,
        stop_at: Option<u32>,
        change: impl FnOnce(&mut StreamOptions),
    ) -> Result<StreamReport, ExperimentError> {
        let importer = datasets::import::open("deskdrop", self.dir.path(), None).unwrap();
        let log = MemoryLog::default();
        let mut go_on = |_: &datasets::import::ImportStatus<'_>| std::ops::ControlFlow::Continue(());
        let import = ImportOptions { batch_rows: DEFAULT_BATCH_ROWS, on_progress: &mut go_on };
        datasets::import::import(&importer, &LogSink(&log), import).unwrap();
        let checksum = datasets::import::checksum(importer.files()).unwrap();
        let mut options = options();
        change(&mut options);
        let watcher = StopAt { refresh: stop_at, stop: AtomicBool::new(false), told: Cell::new(0) };
        let stream = Stream {
            log: &log,
            profile: importer.profile(),
            name: "deskdrop",
            checksum: &checksum,
            folder: &self.path(name),
            options: &options,
            watcher: &watcher,
        };
        stream.live_with(models, &watcher.stop)
    }
}

/// Changes nothing.
fn same(_: &mut StreamOptions) {}

fn metric(report: &StreamReport, model: &str, metric: &str) -> f64 {
    let total = report.total.as_ref().unwrap();
    let means = total.models.iter().find(|means| means.model == model).unwrap();
    means.iter().find(|(name, _)| *name == metric).unwrap().1
}

#[test]
fn a_stopped_stream_ends_as_one_that_was_not() {
    let folder = Folder::new(&rows(1));
    let whole = folder.stream("whole", None, same).unwrap();
    assert!(whole.trainings >= 3 && whole.judged > 50, "{whole:?}");
    for stop_at in 1..whole.trainings {
        let error = folder.stream("stopped", Some(stop_at), same).unwrap_err();
        assert!(matches!(error, ExperimentError::Stopped), "{error}");
    }
    let stopped = folder.stream("stopped", None, same).unwrap();
    assert_eq!(serde_json::to_string(&stopped).unwrap(), serde_json::to_string(&whole).unwrap());
    // And once more: nothing is left to do.
    assert_eq!(folder.stream("stopped", None, same).unwrap(), whole);
    let left = std::fs::read_dir(folder.path("stopped")).unwrap().count();
    assert_eq!(left, 3, "the progress and the runs of two models");
}

#[test]
fn the_models_learn_and_every_figure_is_one() {
    let folder = Folder::new(&rows(2));
    let report = folder.stream("data", None, same).unwrap();
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
    report.write(&folder.path("report")).unwrap();
    let json = std::fs::read_to_string(folder.path("report/stream.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["days"][0]["models"].as_object().unwrap().len(),
        9
    );
}

/// A third model, which learns nothing and ranks by age.
struct ByAge;

impl Trainable for ByAge {
    fn name(&self) -> &'static str {
        "by_age"
    }

    fn kind(&self) -> model_registry::Kind {
        model_registry::Kind::RANKER
    }

    fn defaults(&self) -> Result<serde_json::Value, ExperimentError> {
        Ok(json!({ "nothing": 0 }))
    }

    fn learner(&self, settings: &[&str], _: f64) -> Result<Box<dyn Learner>, ExperimentError> {
        assert_eq!(settings, ["by_age.nothing=1"]);
        Ok(Box::new(Self))
    }
}

impl Learner for ByAge {
    fn recipes(&self) -> Result<[serde_json::Value; 2], ExperimentError> {
        Ok([json!(1), json!(1)])
    }

    fn learn(&self, lesson: &Lesson<'_>) -> Result<u64, ExperimentError> {
        assert_eq!(lesson.from.is_some(), lesson.since.is_some(), "it continues from what it was");
        let action_set = lesson.profile.action_set.clone();
        let model = Newest { kind: self.kind(), action_set, trained_until: lesson.until };
        std::fs::create_dir_all(lesson.run).during(|| "making a run".to_owned())?;
        model_registry::save(&model, &lesson.run.join("checkpoint"), None)?;
        Ok(1)
    }

    fn load(&self, checkpoint: &Path) -> Result<Ready, ExperimentError> {
        let files = model_registry::ModelFiles::open(checkpoint)?;
        Ready::of(&NewestFamily, &files, Precision::F32, "loading")
    }
}

#[test]
fn a_third_model_is_one_more_line_of_the_report_and_changes_no_other() {
    let folder = Folder::new(&rows(2));
    let two = folder.stream("two", None, same).unwrap();
    let models: Vec<&dyn Trainable> = MODELS.iter().copied().chain([&ByAge as &dyn Trainable]).collect();
    let set = |options: &mut StreamOptions| options.settings.push("by_age.nothing=1".to_owned());
    let stopped = folder.stream_of(&models, "three", Some(2), set).unwrap_err();
    assert!(matches!(stopped, ExperimentError::Stopped), "{stopped}");
    let three = folder.stream_of(&models, "three", None, set).unwrap();
    for model in two.total.as_ref().unwrap().models.iter().map(|means| means.model.as_str()) {
        assert_eq!(metric(&three, model, "ndcg@10"), metric(&two, model, "ndcg@10"), "{model}");
    }
    // Posts of one hour are alike to it.
    assert!((metric(&three, "by_age", "mrr") - metric(&three, "newest", "mrr")).abs() < 0.1, "{}", three.describe());
    assert!(metric(&three, "by_age", "mrr") > metric(&three, "popular", "mrr"));
    assert_eq!(three.total.unwrap().models.len(), two.total.unwrap().models.len() + 1);
}

#[test]
fn what_comes_later_changes_no_earlier_day() {
    let all = rows(3);
    let folder = Folder::new(&all);
    let whole = folder.stream("whole", None, same).unwrap();
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
    let changed = Folder::new(&mixed).stream("changed", None, same).unwrap();
    assert!(split > 0);
    assert_eq!(changed.days[..split], whole.days[..split]);
    assert_ne!(changed.days[split..], whole.days[split..]);
}

#[test]
fn another_stream_and_a_broken_progress_are_refused() {
    let folder = Folder::new(&rows(4));
    folder.stream("data", Some(1), same).unwrap_err();
    // The error with what caused it.
    fn chain(error: &dyn std::error::Error) -> String {
        error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
    }
    let error = |change: fn(&mut StreamOptions)| chain(&folder.stream("data", None, change).unwrap_err());
    let other = error(|options| (options.train_every_ms, options.share) = (43_200_000, 0.3));
    assert!(other.contains("other settings (test-share, train-every)"), "{other}");
    let setting = error(|options| options.settings.push("ranker.post_dropout=0.2".to_owned()));
    assert!(setting.contains("other settings (set MODEL.KEY=VALUE)"), "{setting}");
    let file = folder.path("data/progress.json");
    let text = std::fs::read_to_string(&file).unwrap();
    for broken in ["", "{}", &text[..text.len() / 2], &text.replace("\"refreshes\"", "\"refreshed\"")] {
        std::fs::write(&file, broken).unwrap();
        let error = error(same);
        assert!(error.contains("progress.json") && error.contains("--restart"), "{error}");
    }
    std::fs::write(&file, text).unwrap();
    // A checkpoint that is gone or cut off is named, not replaced by nothing.
    let run = std::fs::read_dir(folder.path("data")).unwrap();
    let run = run.map(|e| e.unwrap().path()).find(|p| p.to_string_lossy().ends_with("-ranker")).unwrap();
    std::fs::remove_dir_all(&run).unwrap();
    assert!(error(same).contains("-ranker"));
    folder.stream("data", Some(1), |options| options.restart = true).unwrap_err();
}

#[test]
fn options_out_of_range_are_wrong_use() {
    let folder = Folder::new(&rows(5)[..20]);
    type Change = fn(&mut StreamOptions);
    let cases: [(Change, &str); 5] = [
        (|options| options.share = 1.5, "--test-share 1.5"),
        (|options| options.share = f64::NAN, "--test-share NaN"),
        (|options| options.speed = Some(0.0), "--speed 0"),
        (|options| options.speed = Some(f64::INFINITY), "--speed inf"),
        (|options| options.settings.push("epochs".to_owned()), "--set epochs"),
    ];
    for (change, said) in cases {
        let error = folder.stream("data", None, change).unwrap_err();
        assert!(matches!(&error, ExperimentError::Usage(text) if text.contains(said)), "{error}");
    }
}
