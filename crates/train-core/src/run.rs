//! The loop around an objective.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use model_registry::Manifest;

use crate::batches::{BatchPlan, Size, split_shards};
use crate::begin::{Begun, begin};
use crate::error::TrainError;
use crate::folder::RunFolder;
use crate::metrics_log::{MetricsLine, MetricsLog, read_lines};
use crate::objective::{NotFinite, Objective, Step, StepPlan};
use crate::optim::Schedule;
use crate::options::{EvaluationReport, Outcome, RunOptions, StepReport};
use crate::plot;
use crate::recipe::RunRecipe;
use crate::state::RunState;
use crate::workers::Workers;

/// Share of the running mean of the loss that a step keeps.
const LOSS_MEMORY: f64 = 0.95;
/// Before the names of an evaluation's measures in a checkpoint.
const VALIDATION: &str = "validation/";

/// Trains a model in the folder `path`, or continues a training, to the end of its recipe.
pub fn run<O: Objective>(objective: &O, path: &Path, options: &RunOptions<'_>) -> Result<Outcome, TrainError> {
    let recipe = objective.run_recipe();
    let units = objective.units();
    let sizes: Vec<Size> = units.iter().map(|(_, size)| *size).collect();
    let workers = Workers::new(options.threads)?;
    let Begun { folder, state, resumed } = begin(objective, path, options)?;
    let metrics = folder.metrics();
    let log = if resumed { MetricsLog::resume(&metrics, state.counters.step) } else { MetricsLog::create(&metrics) };
    let plan = BatchPlan::new(sizes, recipe.tokens_per_step, options.seed);
    // Epochs differ by a few steps (the noise on the lengths), and the schedule needs the total.
    let epoch_steps: Vec<u64> = (0..recipe.epochs).map(|epoch| plan.epoch(epoch.into()).len() as u64).collect();
    let schedule =
        Schedule { warm_up: recipe.schedule.warm_up, decay: recipe.schedule.decay, steps: epoch_steps.iter().sum() };
    let run = Run {
        recipe,
        objective,
        options,
        workers,
        schedule,
        epoch_steps,
        plan,
        units,
        state,
        log: log.map_err(TrainError::io(&metrics))?,
        folder,
        started: Instant::now(),
        pace: Pace::default(),
        best: BTreeMap::new(),
    };
    run.finish()
}

/// How fast it goes, since the run was begun or resumed.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    steps: u64,
    examples: u64,
    /// Seconds in steps, without evaluations.
    seconds: f64,
    /// Running mean of the loss.
    loss: Option<f64>,
    gradient_norm: f64,
    /// Sum and count of the losses since the last line of the metrics file.
    since_line: (f64, u64),
}

impl Pace {
    fn examples_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.examples as f64 / self.seconds } else { 0.0 }
    }
}

struct Run<'a, O: Objective> {
    recipe: RunRecipe,
    objective: &'a O,
    options: &'a RunOptions<'a>,
    workers: Workers,
    schedule: Schedule,
    epoch_steps: Vec<u64>,
    plan: BatchPlan,
    /// The units that the plan's numbers stand for.
    units: Vec<(u32, Size)>,
    state: RunState<O::Model>,
    log: MetricsLog,
    folder: RunFolder,
    started: Instant,
    pace: Pace,
    /// The measures of the best evaluation.
    best: BTreeMap<String, f64>,
}

/// Why the loop ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Stopped,
}

impl<O: Objective> Run<'_, O> {
    fn finish(mut self) -> Result<Outcome, TrainError> {
        if self.state.counters.best_step > 0 && self.folder.best().is_dir() {
            self.best = Manifest::read(&self.folder.best())?.metrics;
            self.best.retain(|name, _| name.starts_with(VALIDATION));
        }
        let end = self.steps()?;
        self.state.save(self.objective, &self.folder.checkpoint())?;
        let lines = read_lines(self.log.path()).map_err(TrainError::io(self.log.path()))?;
        plot::draw(&lines, self.objective.measures(), &self.folder.curves())?;
        let best = self.folder.best();
        Ok(Outcome {
            best: self.best.clone(),
            epochs: self.epoch(),
            steps: self.state.counters.step,
            examples_per_second: self.pace.examples_per_second(),
            seconds: self.started.elapsed().as_secs_f64(),
            parameters: self.objective.parameters(&self.state.model),
            skipped_steps: self.state.counters.skipped,
            stopped: end == End::Stopped,
            checkpoint: if best.is_dir() { best } else { self.folder.checkpoint() },
        })
    }

    /// The epoch of the last step done, from 1.
    fn epoch(&self) -> u32 {
        self.place(self.state.counters.step.saturating_sub(1)).0 + 1
    }

    /// The epoch of a step and its place in it, both from 0.
    fn place(&self, step: u64) -> (u32, u64) {
        let mut rest = step;
        for (epoch, &steps) in (0u32..).zip(&self.epoch_steps) {
            if rest < steps {
                return (epoch, rest);
            }
            rest -= steps;
        }
        (self.recipe.epochs.saturating_sub(1), rest)
    }

    fn steps(&mut self) -> Result<End, TrainError> {
        let mut epoch: Option<(u32, Vec<Vec<u32>>)> = None;
        while self.state.counters.step < self.schedule.steps {
            if self.options.stop.load(Ordering::Relaxed) {
                return Ok(End::Stopped);
            }
            if self.out_of_patience() {
                break;
            }
            let step = self.state.counters.step;
            let (number, place) = self.place(step);
            if epoch.as_ref().is_none_or(|(current, _)| *current != number) {
                epoch = Some((number, self.plan.epoch(number.into())));
            }
            let Some(units) = epoch.as_ref().and_then(|(_, steps)| steps.get(place as usize)) else { break };
            let tokens = |at: u32| self.units[at as usize].1.tokens();
            let mut shards = split_shards(units, tokens, self.workers.count());
            shards.iter_mut().flatten().for_each(|at| *at = self.units[*at as usize].0);
            self.step(&StepPlan { shards, step, seed: self.options.seed })?;

            let done = self.state.counters.step;
            let over = self.recipe.stopping.max_seconds.is_some_and(|most| self.started.elapsed().as_secs_f64() > most);
            let last = done == self.schedule.steps || over;
            let due = match self.recipe.stopping.evaluate_every {
                Some(every) => done.is_multiple_of(every),
                None => self.place(done).1 == 0,
            };
            if last || due {
                self.evaluate()?;
                self.state.save(self.objective, &self.folder.checkpoint())?;
            }
            if over {
                break;
            }
        }
        Ok(End::Done)
    }

    fn out_of_patience(&self) -> bool {
        let patience = u64::from(self.recipe.stopping.patience);
        patience > 0 && self.state.counters.since_best >= patience
    }

    fn step(&mut self, plan: &StepPlan) -> Result<(), TrainError> {
        let started = Instant::now();
        match self.objective.step(&self.state.model, plan, &self.workers)? {
            Ok(step) => self.update(plan.step, step),
            Err(what) => self.skip(plan.step, what)?,
        }
        self.state.counters.step += 1;
        self.pace.steps += 1;
        self.pace.seconds += started.elapsed().as_secs_f64();
        self.report()
    }

    fn update(&mut self, step: u64, Step { loss, examples, gradients }: Step<O::Gradients>) {
        let rate = self.schedule.factor(step);
        let pace = &mut self.pace;
        pace.gradient_norm = self.objective.apply(&mut self.state.model, gradients, rate);
        self.state.counters.skipped_in_row = 0;
        pace.examples += examples as u64;
        pace.loss = Some(pace.loss.map_or(loss, |mean| LOSS_MEMORY * mean + (1.0 - LOSS_MEMORY) * loss));
        pace.since_line = (pace.since_line.0 + loss, pace.since_line.1 + 1);
    }

    fn skip(&mut self, step: u64, NotFinite(tensor): NotFinite) -> Result<(), TrainError> {
        let counters = &mut self.state.counters;
        counters.skipped += 1;
        counters.skipped_in_row += 1;
        tracing::warn!(step, tensor, "not finite: the step is skipped");
        if counters.skipped_in_row > u64::from(self.recipe.stopping.max_skipped_steps) {
            let skipped = self.recipe.stopping.max_skipped_steps;
            return Err(TrainError::NotFinite { step, skipped, tensor });
        }
        Ok(())
    }

    fn report(&mut self) -> Result<(), TrainError> {
        let (done, steps, epoch) = (self.state.counters.step, self.schedule.steps, self.epoch());
        let pace = &mut self.pace;
        let report = StepReport {
            step: done,
            steps,
            epoch,
            loss: pace.loss.unwrap_or(f64::NAN),
            examples_per_second: pace.examples_per_second(),
            eta_seconds: pace.seconds / pace.steps.max(1) as f64 * steps.saturating_sub(done) as f64,
        };
        let (sum, count) = pace.since_line;
        let line_due = (done.is_multiple_of(self.recipe.stopping.log_every) || done == steps) && count > 0;
        if line_due {
            pace.since_line = (0.0, 0);
        }
        self.options.progress.step(&report);
        if line_due {
            let line = MetricsLine::Train {
                step: done,
                epoch,
                loss: sum / count as f64,
                rate: f64::from(self.schedule.factor(done - 1)),
                gradient_norm: self.pace.gradient_norm,
                examples_per_second: report.examples_per_second,
                seconds: self.started.elapsed().as_secs_f64(),
                skipped: self.state.counters.skipped,
            };
            self.log.write(&line).map_err(TrainError::io(self.log.path()))?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<(), TrainError> {
        let Some(evaluation) = self.objective.evaluate(&self.state.model, &self.workers)? else { return Ok(()) };
        let metrics = evaluation.metrics;
        // NaN compares as false: such an evaluation is never the best.
        let best = evaluation.criterion < self.state.best;
        let (step, epoch) = (self.state.counters.step, self.epoch());
        let counters = &mut self.state.counters;
        if best {
            (counters.since_best, counters.best_step) = (0, step);
            self.state.best = evaluation.criterion;
            self.best = metrics.iter().map(|(name, value)| (format!("{VALIDATION}{name}"), *value)).collect();
            self.objective.save(&self.state.model, &self.best, &self.folder.best(), None)?;
        } else {
            counters.since_best += 1;
        }
        let mut all = metrics.clone();
        all.extend(evaluation.details);
        all.retain(|_, value| value.is_finite());
        let seconds = self.started.elapsed().as_secs_f64();
        let line = MetricsLine::Evaluation { step, epoch, metrics: all, best, seconds };
        self.log.write(&line).map_err(TrainError::io(self.log.path()))?;
        self.options.progress.evaluated(&EvaluationReport { epoch, step, metrics, best });
        Ok(())
    }
}
