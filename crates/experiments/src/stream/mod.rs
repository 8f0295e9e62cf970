//! Lives through a real log on the log's own clock. Each event is first predicted, then learned (prequential evaluation:
//! Dawid, "Statistical theory: the prequential approach", 1984).
//!
//! Counts, histories and the catalogue are always current; the models' weights are refreshed every simulated day. Nothing after an event,
//! and not the event itself, reaches its prediction: histories and the catalogue are those strictly before its moment, counts those of
//! the events that stand before it in the log (of one moment, too), and a refresh at a moment reads the log strictly before it.

mod actions;
mod blend;
mod catalogue;
mod learner;
mod models;
mod options;
mod pace;
mod phoenix_model;
mod plan;
mod report;
mod shown;
mod state;
mod task;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use event_log::Record;
use foryou_types::TimeMs;
use serde_json::json;

use self::catalogue::Catalogue;
use self::learner::Trainable;
use self::models::{Learners, MODELS, Models, Refresher};
use self::pace::Pace;
use self::plan::{Kind, Plan};
use self::shown::ShownLists;
use self::state::{Progress, StreamFolder};
use self::task::Task;
use crate::ExperimentError;
use crate::error::During;

pub use self::actions::ActionRow;
pub use self::options::{Stream, StreamOptions};
#[cfg(test)]
pub(crate) use self::report::differences;
pub use self::report::{Difference, StreamReport};

impl Stream<'_> {
    /// Lives through the log, from where an earlier run of the same stream stopped. It ends with
    /// [`ExperimentError::Stopped`] soon after `stop` is set.
    pub fn live(&self, stop: &AtomicBool) -> Result<StreamReport, ExperimentError> {
        self.live_with(MODELS, stop)
    }

    /// As [`Self::live`], with these models.
    fn live_with(&self, models: &[&dyn Trainable], stop: &AtomicBool) -> Result<StreamReport, ExperimentError> {
        let (profile, options) = (self.profile, self.options);
        options.check()?;
        let kind = Kind::of(self.log, profile)?;
        let models: Vec<_> = models.iter().copied().filter(|model| kind.asks(&model.kind())).collect();
        let learners = Learners::new(&models, &options.settings)?;
        let every = options.every.unwrap_or(match kind {
            Kind::Catalogue => 5,
            Kind::ShownLists => 1,
        });
        let life = Life { stream: self, kind, learners: &learners, every, stop };
        let seed = options.seed;
        match kind {
            Kind::Catalogue => life.live(Catalogue::new(profile, &learners, options.shortlist, every, seed)),
            Kind::ShownLists => life.live(ShownLists::new(profile, &learners, every, seed)),
        }
    }
}

/// How a stream is lived through.
struct Life<'a> {
    stream: &'a Stream<'a>,
    kind: Kind,
    learners: &'a Learners,
    every: u64,
    stop: &'a AtomicBool,
}

impl Life<'_> {
    fn live<T: Task>(&self, mut task: T) -> Result<StreamReport, ExperimentError> {
        let stream = self.stream;
        let Stream { profile, options, .. } = *stream;
        let plan = Plan::survey(stream.log, self.kind, options.share, options.train_every_ms)?;
        let head = stream.log.head().position;
        let fingerprint = json!({
            "set": [stream.name, stream.checksum],
            "log": [head.events().to_string(), head.check().unwrap_or_default().to_string()],
            "test-share": options.share,
            "every": self.every,
            "train-every": options.train_every_ms,
            "learn-from": options.learn_from_ms,
            "shortlist": options.shortlist,
            "seed": options.seed.to_string(),
            "threads": options.threads,
            "set MODEL.KEY=VALUE": self.learners.recipes()?,
        });
        let (folder, progress) = StreamFolder::open(stream.folder.to_owned(), fingerprint, options.restart)?;
        let refresher = Refresher {
            learners: self.learners,
            log: stream.log,
            profile,
            folder: stream.folder,
            seed: options.seed,
            threads: options.threads,
            stop: self.stop,
        };
        let mut run = Run { life: self, plan: &plan, folder: &folder, refresher };
        let progress = match progress {
            Some(progress) => progress,
            None => run.first_training(&task)?,
        };
        let progress = if progress.finished { progress } else { run.live(&mut task, progress)? };
        if progress.table.targets() == 0 {
            return Err(ExperimentError::Unfit(format!(
                "none of {} events could be judged: their candidates could not be told apart",
                progress.eligible
            )));
        }
        Ok(StreamReport::new(stream, self.kind, self.every, &plan, &task, &progress))
    }
}

/// One run of a stream.
struct Run<'a> {
    life: &'a Life<'a>,
    plan: &'a Plan,
    folder: &'a StreamFolder,
    refresher: Refresher<'a>,
}

impl Run<'_> {
    fn first_training<T: Task>(&mut self, task: &T) -> Result<Progress<T::Outcome>, ExperimentError> {
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
    ) -> Result<(), ExperimentError> {
        let started = Instant::now();
        let learned = self.refresher.refresh(progress.refreshes, since, until, &mut progress.checkpoints)?;
        progress.refreshes += 1;
        progress.until = until;
        self.folder.save(progress)?;
        self.refresher.tidy(&progress.checkpoints)?;
        let seconds = started.elapsed().as_secs_f64();
        let so_far = report::in_short(&progress.table);
        let line = format!("{until}: learned from {learned} posts in {seconds:.1} s{so_far}");
        self.life.stream.watcher.say(&line);
        self.life.stream.watcher.refreshed(progress.refreshes);
        Ok(())
    }

    fn live<T: Task>(
        &mut self,
        task: &mut T,
        mut progress: Progress<T::Outcome>,
    ) -> Result<Progress<T::Outcome>, ExperimentError> {
        let mut models = self.life.learners.load(&progress.checkpoints, self.folder.path())?;
        let stream = self.life.stream;
        let total = stream.log.head().position.events();
        let mut pace = Pace::new(stream.options.speed);
        let mut next = 0;
        // A refresh reads the log itself, so it is done between two readings of it.
        while let Some((seq, until)) = self.until_refresh(next, task, &mut progress, &models, &mut pace)? {
            stream.watcher.reached("living", seq, total);
            next = seq;
            task.end_period(&mut progress)?;
            progress.blend.choose();
            let since = progress.until;
            self.refresh::<T>(&mut progress, Some(since), until)?;
            models = self.life.learners.load(&progress.checkpoints, self.folder.path())?;
        }
        task.end_period(&mut progress)?;
        stream.watcher.finished();
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
    ) -> Result<Option<(u64, TimeMs)>, ExperimentError> {
        let (kind, stop) = (self.life.kind, self.life.stop);
        let mut refresh = None;
        let mut live = |record: &Record| -> Result<bool, ExperimentError> {
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
        let log = self.life.stream.log;
        let from = log.position_at(from).during(|| "reading the log".to_owned())?.unwrap_or_default();
        let read = log.read_from(&from, &mut |records, _| {
            for record in &records {
                end = if stop.load(Ordering::Relaxed) { Err(ExperimentError::Stopped) } else { live(record) };
                if !matches!(end, Ok(true)) {
                    return false;
                }
            }
            true
        });
        read.during(|| "reading the log".to_owned())?;
        end?;
        Ok(refresh)
    }
}
