//! `foryou train`: trains a model from the data folder's log and registers it as a version. It serves if it passes its gate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use experiments::evaluate::learn_until;
use foryou_types::{Clock, TimeMs, WallClock};
use indicatif::ProgressBar;
use model_registry::Gate;
use phoenix::{Checkpoint, ModelKind};
use phoenix_train::{DataOptions, DataSize, Recipe, TrainingData, is_positive};
use serde::Serialize;
use train_core::{EvaluationReport, Progress, RunOptions, StepReport};

use super::source::Source;
use super::train_from::{self, Since};
use super::train_previous::previous;
use super::train_recipe::{self, Plan, Settings};
use crate::cli::{Device, TrainArgs};
use crate::config::Config;
use crate::exit::{WrongUse, wrong_use};
use crate::models::registry;
use crate::output::Output;
use crate::stop::stop_flag;

/// With fewer held-out posts acted on than this, the output warns: two standard errors of an AUC of .7 are then above .03.
const FEW_HELD_OUT: usize = 200;

/// What `train` prints.
#[derive(Debug, Serialize)]
pub(super) struct TrainReport {
    /// The version it became.
    pub(super) version: String,
    /// Whether it serves: it passed its gate, and `--no-promote` was not given.
    pub(super) promoted: bool,
    /// How it was judged on the held-out part.
    pub(super) gate: Gate,
    /// The size of the data that the recipe was chosen for; `null` if the recipe was fixed.
    pub(super) recipe_for: Option<DataSize>,
    /// The best evaluation, by metric.
    pub(super) best: BTreeMap<String, f64>,
    /// Passes over the training data, including one that was not finished.
    pub(super) epochs: u32,
    /// Posts learned from per second.
    pub(super) examples_per_second: f64,
    /// Training and evaluations, without reading the log.
    pub(super) seconds: f64,
    /// Reading the log and cutting it into passes.
    pub(super) data_seconds: f64,
    /// Learned parameters, including the tables.
    pub(super) parameters: u64,
    /// Steps skipped because their loss was not finite.
    pub(super) skipped_steps: u64,
    /// The run folder, with recipe, metrics, curves and checkpoints.
    pub(super) run: PathBuf,
}

pub(super) fn run(config: &Config, args: &TrainArgs, output: Output) -> anyhow::Result<()> {
    if args.device == Device::Gpu {
        bail!("--device gpu: this build has no GPU back end; use --device cpu");
    }
    let kind = args.model;
    let settings = Settings::read(kind, args)?;
    let until = args.until.as_deref().map(TimeMs::parse).transpose().map_err(|e| WrongUse(format!("--until: {e}")))?;
    let since = args.since.as_deref().map(Since::parse).transpose()?;
    let source = Source::open(config)?;
    let from = args.from.as_deref().map(|from| train_from::checkpoint(config, from)).transpose()?;
    // A training that continues from a checkpoint keeps the model's own recipe: the recipe by size is for fresh starts.
    let recipe = if from.is_some() { Plan::Fixed(Box::new(settings.recipe(None)?)) } else { Plan::BySize(settings) };
    let since = since.map(|since| since.moment(&*source.log)).transpose()?;
    let run = args.out.clone().unwrap_or_else(|| run_folder(&config.data, kind));
    let again = "the same command with --resume continues from here";
    let job = Job { kind, recipe, from, since, until, run, resume: args.resume, promote: !args.no_promote, again };
    let report = train(&source, config, &job, output)?;
    output.print(&report, || describe(&report))
}

/// One training.
pub(super) struct Job {
    pub(super) kind: ModelKind,
    pub(super) recipe: Plan,
    /// The checkpoint to continue from.
    pub(super) from: Option<PathBuf>,
    pub(super) since: Option<TimeMs>,
    pub(super) until: Option<TimeMs>,
    pub(super) run: PathBuf,
    pub(super) resume: bool,
    pub(super) promote: bool,
    /// How to continue after a stop.
    pub(super) again: &'static str,
}

/// The default run folder of a model.
pub(super) fn run_folder(data: &Path, kind: ModelKind) -> PathBuf {
    data.join("models/runs").join(kind.name())
}

/// Reads the training part of the log as a recipe wants it.
fn read_log(
    source: &Source,
    config: &Config,
    job: &Job,
    recipe: &Recipe,
    output: Output,
) -> anyhow::Result<TrainingData> {
    let bar = output.progress(Some(source.log.head().position.events()), "reading");
    let until = learn_until(&config.data.join("world"), job.until)?;
    if let (Some(since), Some(until)) = (job.since, until)
        && since >= until
    {
        wrong_use!("--since {since}: must be before {until}, where the training part ends");
    }
    let events = if job.resume { train_core::events_of_run(&job.run)? } else { None };
    let options = DataOptions { since: job.since, until, events, seed: config.seed, ..recipe.data_options() };
    let data = TrainingData::load(&*source.log, &source.profile, &options, &|read, total| {
        bar.set_length(total);
        bar.set_position(read);
    });
    bar.finish_and_clear();
    Ok(data?)
}

/// The recipe for the data, and the data read for this recipe. The size of the data is known only after reading it.
fn recipe_and_data(
    source: &Source,
    config: &Config,
    job: &Job,
    output: Output,
) -> anyhow::Result<(Recipe, Option<DataSize>, TrainingData)> {
    let first = job.recipe.first()?;
    let data = read_log(source, config, job, &first, output)?;
    let Plan::BySize(settings) = &job.recipe else { return Ok((first, None, data)) };
    let size = DataSize::of(&data);
    let recipe = settings.recipe(Some(size))?;
    output.say(train_recipe::describe(&recipe, size));
    let data = if recipe.data_options() == first.data_options() {
        data
    } else {
        read_log(source, config, job, &recipe, output)?
    };
    Ok((recipe, Some(size), data))
}

/// Trains, judges and registers a model, and promotes it if it passed its gate.
pub(super) fn train(source: &Source, config: &Config, job: &Job, output: Output) -> anyhow::Result<TrainReport> {
    let started = Instant::now();
    let (recipe, recipe_for, data) = recipe_and_data(source, config, job, output)?;
    let data_seconds = started.elapsed().as_secs_f64();
    let action_set = &source.profile.action_set;
    let wanted =
        data.validation.iter().flat_map(|pass| &pass.candidates).filter(|c| is_positive(c, action_set)).count();
    output.say(format!(
        "learning from {} posts shown to {} people before {} ({} held back for validation, {wanted} of them acted on)",
        data.candidates(),
        data.users,
        data.trained_until,
        data.validation_candidates()
    ));
    if wanted < FEW_HELD_OUT {
        output.say(format!("only {wanted} held-out posts were acted on, so the measures are rough: an AUC of .7 is known to about ± {:.2} (two standard errors)", 0.44 / (wanted.max(1) as f64).sqrt()));
    }
    let bar = Bar { bar: output.progress(Some(0), job.kind.name()), output };
    let options = RunOptions {
        threads: threads(config),
        seed: config.seed,
        resume: job.resume,
        from: job.from.as_deref(),
        stop: stop_flag(),
        progress: &bar,
    };
    let outcome = phoenix_train::train(job.kind, &data, &recipe, action_set, &job.run, &options);
    bar.bar.finish_and_clear();
    let outcome = outcome.with_context(|| format!("training the {}", job.kind.name()))?;
    if outcome.stopped {
        bail!("stopped after {} steps; {}", outcome.steps, job.again);
    }
    let registry = registry(&config.data)?.for_actions(action_set);
    let checkpoint = Checkpoint::load(&outcome.checkpoint)?;
    let (previous, note) = previous(&registry, job.kind)?;
    let mut gate =
        phoenix_train::judge(&data, &recipe, action_set, checkpoint.clone(), &outcome.best, previous, threads(config))
            .with_context(|| format!("judging the {}", job.kind.name()))?;
    gate.notes.extend(note);
    let promoted = job.promote && gate.passed;
    let now = WallClock.now();
    // A copy: the run keeps its checkpoint, and may be on another disk.
    let version = if promoted {
        registry.add_and_promote(&checkpoint, Some(gate.clone()), now)
    } else {
        registry.add(&checkpoint, Some(gate.clone()), now)
    }?;
    Ok(TrainReport {
        version,
        promoted,
        gate,
        recipe_for,
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
        "{}{}\n{}best: {}\n{} epochs in {:.1} s ({:.0} examples/s), data read in {:.1} s, {} parameters, {} steps skipped\nrun: {}\n",
        report.version,
        if report.promoted { " serves" } else { " is registered but does not serve" },
        describe_gate(report),
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

/// The judgement, one line per finding.
fn describe_gate(report: &TrainReport) -> String {
    let gate = &report.gate;
    let mut text = String::new();
    if gate.passed {
        text.push_str(&format!("gate: passed ({})\n", measures(gate)));
    } else {
        text.push_str("gate: did not pass, so it is not promoted\n");
        for reason in &gate.reasons {
            text.push_str(&format!("  {reason}\n"));
        }
        text.push_str(&format!("  to promote it anyway: foryou models promote {} --force\n", report.version));
    }
    for note in &gate.notes {
        text.push_str(&format!("  {note}\n"));
    }
    text
}

/// The measures that decided, with their uncertainty.
fn measures(gate: &Gate) -> String {
    let of = |name: &str| gate.measured.get(name).copied().unwrap_or(f64::NAN);
    if gate.measured.contains_key("recall") {
        return format!(
            "recall@{:.0} {:.3} over {:.0} posts held out; chance {:.3}, popularity {:.3}",
            of("recall_at"),
            of("recall"),
            of("wanted"),
            of("chance_recall"),
            of("popularity_recall")
        );
    }
    format!(
        "AUC {:.3} ± {:.3} over {:.0} posts acted on and {:.0} others, held out; popularity {:.3}",
        of("auc"),
        of("auc_error"),
        of("positives"),
        of("negatives"),
        of("popularity_auc")
    )
}
