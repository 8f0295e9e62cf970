//! `foryou stream`: lives through a real log on the log's own clock. Each event is first predicted, then learned (prequential evaluation:
//! Dawid, "Statistical theory: the prequential approach", 1984).
//!
//! Counts, histories and the catalogue are always current; the models' weights are refreshed every simulated day. Nothing after an event,
//! and not the event itself, reaches its prediction: histories and the catalogue are those strictly before its moment, counts those of
//! the events that stand before it in the log (of one moment, too), and a refresh at a moment reads the log strictly before it.

mod actions;
mod blend;
mod catalogue;
mod models;
mod plan;
mod report;
mod shown;
mod state;
mod task;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use event_log::Record;
use foryou_types::{TimeMs, parse_duration_ms};
use phoenix::ModelKind;
use serde_json::json;

use self::catalogue::Catalogue;
use self::models::{Models, Recipes, Refresher, stopped};
use self::plan::{Kind, Plan};
use self::report::StreamReport;
use self::shown::ShownLists;
use self::state::{Progress, StreamFolder};
use self::task::Task;
use super::import;
use crate::cli::StreamArgs;
use crate::config::Config;
use crate::engine::Parts;
use crate::exit::{WrongUse, wrong_use};
use crate::output::Output;
use crate::stop::stop_flag;

pub(super) fn run(config: &Config, args: &StreamArgs, output: Output) -> anyhow::Result<()> {
    let options = Options::new(args)?;
    let set = import::open(config, args.kind, std::slice::from_ref(&args.path), None)?;
    let checksum = datasets::import::checksum(set.importer.files())?;
    let name = set.importer.kind();
    let (imported, parts) = import::bring(set, output)?;
    output.say(import::describe(&imported).trim_end());
    let stream = Stream { parts: &parts, config, options: &options, name, checksum, output };
    let report = stream.live(stop_flag(), &mut |_| {})?;
    if let Some(folder) = &args.report {
        report.write(folder)?;
    }
    output.print(&report, || report.describe())
}

/// How to live through a log.
struct Options {
    share: f64,
    every: Option<u64>,
    train_every_ms: i64,
    learn_from_ms: Option<i64>,
    shortlist: usize,
    speed: Option<f64>,
    settings: Vec<String>,
    restart: bool,
}

impl Options {
    fn new(args: &StreamArgs) -> anyhow::Result<Self> {
        let duration =
            |flag: &str, text: &str| parse_duration_ms(text).map_err(|error| WrongUse(format!("{flag} {error}")));
        if !(args.test_share > 0.0 && args.test_share < 1.0) {
            wrong_use!("--test-share {}: must be between 0 and 1", args.test_share);
        }
        if let Some(speed) = args.speed.filter(|speed| !(speed.is_finite() && *speed > 0.0)) {
            wrong_use!("--speed {speed}: must be positive");
        }
        Ok(Self {
            share: args.test_share,
            every: args.every,
            train_every_ms: duration("--train-every", &args.train_every)?,
            learn_from_ms: args.learn_from.as_deref().map(|text| duration("--learn-from", text)).transpose()?,
            shortlist: args.shortlist as usize,
            speed: args.speed,
            settings: args.set.clone(),
            restart: args.restart,
        })
    }
}

/// A log to live through.
struct Stream<'a> {
    parts: &'a Parts,
    config: &'a Config,
    options: &'a Options,
    /// The kind of set, and the checksum of its files.
    name: &'static str,
    checksum: String,
    output: Output,
}

impl Stream<'_> {
    /// Lives through the log, from where an earlier run of the same stream stopped; `on_refresh` is called after every refresh.
    fn live(&self, stop: &AtomicBool, on_refresh: &mut dyn FnMut(u32)) -> anyhow::Result<StreamReport> {
        let (parts, options) = (self.parts, self.options);
        let kind = Kind::of(&*parts.log, &parts.profile)?;
        let recipes = Recipes::new(
            match kind {
                Kind::Catalogue => &[ModelKind::Ranker, ModelKind::Retrieval],
                Kind::ShownLists => &[ModelKind::Ranker],
            },
            &options.settings,
        )?;
        let every = options.every.unwrap_or(match kind {
            Kind::Catalogue => 5,
            Kind::ShownLists => 1,
        });
        let life = Life { stream: self, kind, recipes: &recipes, every, stop };
        let seed = self.config.seed;
        match kind {
            Kind::Catalogue => {
                life.live(Catalogue::new(&parts.profile, &recipes, options.shortlist, every, seed), on_refresh)
            }
            Kind::ShownLists => life.live(ShownLists::new(&parts.profile, &recipes, every, seed), on_refresh),
        }
    }
}

/// How a stream is lived through.
struct Life<'a> {
    stream: &'a Stream<'a>,
    kind: Kind,
    recipes: &'a Recipes,
    every: u64,
    stop: &'a AtomicBool,
}

impl Life<'_> {
    fn live<T: Task>(&self, mut task: T, on_refresh: &mut dyn FnMut(u32)) -> anyhow::Result<StreamReport> {
        let (parts, config, options) = (self.stream.parts, self.stream.config, self.stream.options);
        let plan = Plan::survey(&*parts.log, self.kind, options.share, options.train_every_ms)?;
        let head = parts.log.head().position;
        let fingerprint = json!({
            "set": [self.stream.name, self.stream.checksum],
            "log": [head.next_seq.to_string(), head.check.to_string()],
            "test-share": options.share,
            "every": self.every,
            "train-every": options.train_every_ms,
            "learn-from": options.learn_from_ms,
            "shortlist": options.shortlist,
            "seed": config.seed.to_string(),
            "threads": super::train::threads(config),
            "set MODEL.KEY=VALUE": serde_json::to_value(self.recipes).context("rendering the recipes")?,
        });
        let (folder, progress) = StreamFolder::open(config.data.join("stream"), fingerprint, options.restart)?;
        let refresher = Refresher { parts, config, recipes: self.recipes, folder: folder.path(), stop: self.stop };
        let mut run = Run { life: self, plan: &plan, folder: &folder, refresher, on_refresh };
        let progress = match progress {
            Some(progress) => progress,
            None => run.first_training(&task)?,
        };
        let progress = if progress.finished { progress } else { run.live(&mut task, progress)? };
        if progress.table.targets() == 0 {
            bail!("none of {} events could be judged: their candidates could not be told apart", progress.eligible);
        }
        Ok(StreamReport::new(self.stream, self.kind, self.every, &plan, &task, &progress))
    }
}

/// One run of a stream.
struct Run<'a> {
    life: &'a Life<'a>,
    plan: &'a Plan,
    folder: &'a StreamFolder,
    refresher: Refresher<'a>,
    on_refresh: &'a mut dyn FnMut(u32),
}

impl Run<'_> {
    fn first_training<T: Task>(&mut self, task: &T) -> anyhow::Result<Progress<T::Outcome>> {
        let until = self.plan.judge_from;
        let mut progress = Progress::new(until, task.models().into_iter().map(|(name, _)| name))?;
        let since = self.life.stream.options.learn_from_ms.map(|ms| until - ms);
        self.refresh::<T>(&mut progress, since, until)?;
        Ok(progress)
    }

    /// Refreshes the models on `since ..until`, and saves the progress with them.
    fn refresh<T: Task>(
        &mut self,
        progress: &mut Progress<T::Outcome>,
        since: Option<TimeMs>,
        until: TimeMs,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let learned = self.refresher.refresh(progress.refreshes, since, until, &mut progress.checkpoints)?;
        progress.refreshes += 1;
        progress.until = until;
        self.folder.save(progress)?;
        self.refresher.tidy(&progress.checkpoints)?;
        let seconds = started.elapsed().as_secs_f64();
        let so_far = report::in_short(&progress.table);
        self.life.stream.output.say(format!("{until}: learned from {learned} posts in {seconds:.1} s{so_far}"));
        (self.on_refresh)(progress.refreshes);
        Ok(())
    }

    fn live<T: Task>(
        &mut self,
        task: &mut T,
        mut progress: Progress<T::Outcome>,
    ) -> anyhow::Result<Progress<T::Outcome>> {
        let mut models = progress.checkpoints.load(self.folder.path())?;
        let stream = self.life.stream;
        let bar = stream.output.progress(Some(stream.parts.log.head().position.next_seq), "living");
        let mut pace = Pace::new(stream.options.speed);
        let mut next = 0;
        // A refresh reads the log itself, so it is done between two readings of it.
        while let Some((seq, until)) = self.until_refresh(next, task, &mut progress, &models, &mut pace)? {
            bar.set_position(seq);
            next = seq;
            task.end_period(&mut progress)?;
            progress.blend.choose();
            let since = progress.until;
            self.refresh::<T>(&mut progress, Some(since), until)?;
            models = progress.checkpoints.load(self.folder.path())?;
        }
        task.end_period(&mut progress)?;
        bar.finish_and_clear();
        progress.finished = true;
        self.folder.save(&progress)?;
        Ok(progress)
    }

    /// Lives from an event to the next refresh. Returns the event before which the refresh is due, and its moment; `None` at the end
    /// of the log.
    fn until_refresh<T: Task>(
        &self,
        from: u64,
        task: &mut T,
        progress: &mut Progress<T::Outcome>,
        models: &Models,
        pace: &mut Pace,
    ) -> anyhow::Result<Option<(u64, TimeMs)>> {
        let (kind, stop) = (self.life.kind, self.life.stop);
        let mut refresh = None;
        let mut live = |record: &Record| -> anyhow::Result<bool> {
            let event = &record.event;
            // Events that an earlier run judged, or before the judged part, are only taken in.
            if event.at >= progress.until && kind.judges(&event.body) {
                let boundary = self.plan.refresh_before(event.at);
                if boundary > progress.until {
                    refresh = Some((record.seq, boundary));
                    return Ok(false);
                }
                pace.wait(event.at, stop);
                progress.latest = progress.latest.max(event.at);
                task.predict(self.plan.row(progress.latest), event, models, progress)?;
            }
            task.take_in(event, (event.at >= self.plan.judge_from).then_some(&mut *progress));
            Ok(true)
        };
        let mut end = Ok(true);
        let read = self.life.stream.parts.log.read_from(from, &mut |records, _| {
            for record in &records {
                end = if stop.load(Ordering::Relaxed) { Err(stopped()) } else { live(record) };
                if !matches!(end, Ok(true)) {
                    return false;
                }
            }
            true
        });
        read.context("reading the log")?;
        end?;
        Ok(refresh)
    }
}

/// Lets the log's time pass `speed` times as fast as the machine's; without a speed, as fast as possible.
struct Pace {
    speed: Option<f64>,
    /// The first moment waited for, and when that was.
    start: Option<(TimeMs, Instant)>,
}

impl Pace {
    const fn new(speed: Option<f64>) -> Self {
        Self { speed, start: None }
    }

    fn wait(&mut self, at: TimeMs, stop: &AtomicBool) {
        let Some(speed) = self.speed else { return };
        let (first, started) = *self.start.get_or_insert_with(|| (at, Instant::now()));
        let seconds = at.since(first).max(0) as f64 / 1_000.0 / speed;
        // A moment beyond the range of the clock never comes.
        let due = Duration::try_from_secs_f64(seconds).ok().and_then(|wait| started.checked_add(wait));
        while !stop.load(Ordering::Relaxed) {
            let left = due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}
