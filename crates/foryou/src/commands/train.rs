//! `foryou train`: a model from the data folder's log, registered as a version and, unless told otherwise, serving.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use datasets::world::read_manifest;
use foryou_types::{Clock, TimeMs, WallClock};
use indicatif::ProgressBar;
use phoenix::{Checkpoint, ModelKind, Registry};
use phoenix_train::data::{DataOptions, TrainingData};
use phoenix_train::recipe::Recipe;
use phoenix_train::trainer::{self, EvaluationReport, Outcome, Progress, RunOptions, StepReport};
use serde::Serialize;

use super::train_from::{self, Since};
use crate::cli::{Device, TrainArgs};
use crate::config::Config;
use crate::engine::Parts;
use crate::exit::{WrongUse, wrong_use};
use crate::folder::DataFolder;
use crate::output::Output;
use crate::stop::stop_flag;

/// What `train` prints.
#[derive(Debug, Serialize)]
pub(super) struct TrainReport {
    /// The version it became.
    pub(super) version: String,
    /// Whether it serves.
    pub(super) promoted: bool,
    /// The best evaluation, by metric.
    pub(super) best: BTreeMap<String, f64>,
    /// Passes over the training data, begun ones counted.
    pub(super) epochs: u32,
    /// Posts learned from per second.
    pub(super) examples_per_second: f64,
    /// Training and evaluations, without reading the log.
    pub(super) seconds: f64,
    /// Reading the log and cutting it into passes.
    pub(super) data_seconds: f64,
    /// Values learned, tables included.
    pub(super) parameters: u64,
    /// Steps left out because their loss was not finite.
    pub(super) skipped_steps: u64,
    /// Where recipe, metrics, curves and checkpoints are.
    pub(super) run: PathBuf,
}

pub(super) fn run(config: &Config, args: &TrainArgs, output: Output) -> anyhow::Result<()> {
    if args.device == Device::Gpu {
        bail!("--device gpu: this build has no GPU back end; use --device cpu");
    }
    let kind = ModelKind::from(args.model);
    let recipe = recipe(kind, args)?;
    let until = args.until.as_deref().map(TimeMs::parse).transpose().map_err(|e| WrongUse(format!("--until: {e}")))?;
    let since = args.since.as_deref().map(Since::parse).transpose()?;
    let folder = DataFolder::open(&config.data)?.ours(&config.data)?;
    let from = args.from.as_deref().map(|from| train_from::checkpoint(config, from)).transpose()?;
    let parts = Parts::open(folder, config)?;
    let since = since.map(|since| since.moment(&*parts.log)).transpose()?;
    let run = args.out.clone().unwrap_or_else(|| run_folder(&config.data, kind));
    let again = "the same command with --resume goes on from here";
    let job = Job { kind, recipe, from, since, until, run, resume: args.resume, promote: !args.no_promote, again };
    let report = train(&parts, config, &job, output)?;
    output.print(&report, || describe(&report))
}

/// One training.
pub(super) struct Job {
    pub(super) kind: ModelKind,
    pub(super) recipe: Recipe,
    /// The checkpoint to go on from.
    pub(super) from: Option<PathBuf>,
    pub(super) since: Option<TimeMs>,
    pub(super) until: Option<TimeMs>,
    pub(super) run: PathBuf,
    pub(super) resume: bool,
    pub(super) promote: bool,
    /// What goes on after a stop.
    pub(super) again: &'static str,
}

/// Where a model's runs stand when nothing else is said.
pub(super) fn run_folder(data: &Path, kind: ModelKind) -> PathBuf {
    data.join("models/runs").join(kind.name())
}

fn recipe(kind: ModelKind, args: &TrainArgs) -> anyhow::Result<Recipe> {
    let wrong = |error: phoenix_train::recipe::RecipeError| WrongUse(error.to_string());
    let mut recipe = match &args.recipe {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|e| WrongUse(format!("--recipe {}: {e}", path.display())))?;
            Recipe::from_toml(kind, &text).map_err(|e| WrongUse(format!("{}: {e}", path.display())))?
        }
        None => Recipe::of(kind),
    };
    for setting in &args.set {
        let Some((key, value)) = setting.split_once('=') else {
            wrong_use!("--set {setting}: expected KEY=VALUE");
        };
        recipe.set(key, value).map_err(wrong)?;
    }
    if let Some(epochs) = args.epochs {
        recipe.epochs = epochs;
    }
    recipe.check().map_err(wrong)?;
    Ok(recipe)
}

/// The training part's end: what was asked for, and never into a synthetic world's held-out part.
fn learn_until(data: &Path, until: Option<TimeMs>) -> anyhow::Result<Option<TimeMs>> {
    let world = data.join("world");
    if !world.join("world.json").is_file() {
        return Ok(until);
    }
    let cut = read_manifest(&world)?.cut;
    Ok(Some(until.map_or(cut, |until| until.min(cut))))
}

/// Reads the training part of the log.
fn read_log(parts: &Parts, config: &Config, job: &Job, output: Output) -> anyhow::Result<TrainingData> {
    let bar = output.progress(Some(parts.log.head().position.next_seq), "reading");
    let until = learn_until(&config.data, job.until)?;
    if let (Some(since), Some(until)) = (job.since, until)
        && since >= until
    {
        wrong_use!("--since {since} is not before {until}, where the part to learn from ends");
    }
    let options = DataOptions { since: job.since, until, seed: config.seed, ..job.recipe.data_options() };
    let data = phoenix_train::data::load(&*parts.log, &parts.profile, &options, &|read, total| {
        bar.set_length(total);
        bar.set_position(read);
    });
    bar.finish_and_clear();
    Ok(data?)
}

/// Trains, registers and promotes.
pub(super) fn train(parts: &Parts, config: &Config, job: &Job, output: Output) -> anyhow::Result<TrainReport> {
    let started = Instant::now();
    let data = read_log(parts, config, job, output)?;
    let data_seconds = started.elapsed().as_secs_f64();
    output.say(format!(
        "learning from {} posts shown to {} people before {} ({} held back for validation)",
        data.candidates(),
        data.users,
        data.trained_until,
        data.validation_candidates()
    ));
    let bar = Bar { bar: output.progress(Some(0), job.kind.name()), output };
    let options = RunOptions {
        threads: threads(config),
        seed: config.seed,
        resume: job.resume,
        from: job.from.as_deref(),
        stop: stop_flag(),
        progress: &bar,
    };
    let action_set = &parts.profile.action_set;
    let outcome = match job.kind {
        ModelKind::Ranker => trainer::train_ranker(&data, &job.recipe, action_set, &job.run, &options),
        ModelKind::Retrieval => trainer::train_retrieval(&data, &job.recipe, action_set, &job.run, &options),
    };
    bar.bar.finish_and_clear();
    let outcome = outcome.with_context(|| format!("training the {}", job.kind.name()))?;
    if outcome.stopped {
        bail!("stopped after {} steps; {}", outcome.steps, job.again);
    }
    Ok(TrainReport {
        promoted: job.promote,
        version: register(config, job, &outcome)?,
        best: outcome.best,
        epochs: outcome.epochs,
        examples_per_second: outcome.examples_per_second,
        seconds: outcome.seconds,
        data_seconds,
        parameters: outcome.parameters,
        skipped_steps: outcome.skipped_steps,
        run: job.run.clone(),
    })
}

fn register(config: &Config, job: &Job, outcome: &Outcome) -> anyhow::Result<String> {
    let models = config.data.join("models");
    let registry = Registry::open(&models)?;
    let now = WallClock.now();
    // A copy beside the versions: the run keeps its own, and may be on another disk.
    let staging = models.join(format!(".new-{}", job.kind.name()));
    Checkpoint::load(&outcome.checkpoint)?.save(&staging, None)?;
    let version = registry.register(job.kind, &staging, now)?;
    if job.promote {
        registry.promote(&version, now)?;
    }
    Ok(version)
}

/// The threads of a training.
pub(super) fn threads(config: &Config) -> usize {
    match config.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    }
}

/// The trainer's progress as a bar on a terminal, a line per evaluation elsewhere.
struct Bar {
    bar: ProgressBar,
    output: Output,
}

impl Progress for Bar {
    fn step(&self, report: &StepReport) {
        self.bar.set_length(report.steps);
        self.bar.set_position(report.step);
        self.bar.set_message(format!(
            "epoch {} loss {:.4} {:.0} examples/s",
            report.epoch, report.loss, report.examples_per_second
        ));
    }

    fn evaluated(&self, report: &EvaluationReport) {
        let metrics: Vec<_> = report.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        self.bar.suspend(|| {
            self.output.say(format!("epoch {} step {}: {}", report.epoch, report.step, metrics.join(" · ")));
        });
    }
}

fn describe(report: &TrainReport) -> String {
    let best: Vec<_> = report.best.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    format!(
        "{}{}\nbest: {}\n{} epochs in {:.1} s ({:.0} examples/s), data read in {:.1} s, {} parameters, {} steps skipped\nrun: {}\n",
        report.version,
        if report.promoted { " serves" } else { "" },
        best.join(" · "),
        report.epochs,
        report.seconds,
        report.examples_per_second,
        report.data_seconds,
        report.parameters,
        report.skipped_steps,
        report.run.display()
    )
}
