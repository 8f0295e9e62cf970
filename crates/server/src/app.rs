//! The parts of one data folder that every transport asks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::follow::Follows;
use foryou_types::{TimeMs, UserId};
use mixer_kit::Degraded;
use state_store::{Ingestor, StateStore};

use crate::folder::Folder;
use crate::memory::Measured;
use crate::problem::Problem;
use crate::writer_positions::WriterPositions;

/// How long a feed waits for the viewer's own last write.
const OWN_WRITE_WAIT: Duration = Duration::from_millis(50);

/// The parts of one data folder. Feeds are served by [`App::feed`], events come in by [`App::append`].
pub struct App {
    folder: Arc<Folder>,
    pub(crate) state: Arc<StateStore>,
    pub(crate) ingestor: Arc<Ingestor>,
    /// Thunder, and whatever else must have read a viewer's own writes.
    followers: Vec<Arc<dyn Follows>>,
    /// What else holds memory.
    measured: Vec<Arc<dyn Measured>>,
    pub(crate) writers: WriterPositions,
}

impl App {
    /// Puts the parts together: the folder, its projections, and where events come in.
    pub fn new(folder: Arc<Folder>, state: Arc<StateStore>, ingestor: Arc<Ingestor>) -> Self {
        let writers = WriterPositions::default();
        Self { folder, state, ingestor, followers: Vec::new(), measured: Vec::new(), writers }
    }

    /// Adds a part that must have read a viewer's own writes before their feed.
    #[must_use]
    pub fn following(mut self, follower: Arc<dyn Follows>) -> Self {
        self.followers.push(follower);
        self
    }

    /// Adds a part whose memory is measured.
    #[must_use]
    pub fn measuring(mut self, part: Arc<dyn Measured>) -> Self {
        self.measured.push(part);
        self
    }

    /// Where events come in.
    pub const fn ingestor(&self) -> &Arc<Ingestor> {
        &self.ingestor
    }

    /// What the data is.
    pub const fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Sets the gauges that are computed on demand: the end of the log, and how far each follower is behind it.
    pub fn report_metrics(&self) {
        let head = self.folder.log.head().position.events();
        metrics::gauge!("log_events").set(head as f64);
        crate::memory::measure(&self.state.memory(), &self.measured, self.writers.len());
        let lag = |name, position: u64| {
            metrics::gauge!("follower_lag_events", "follower" => name).set(head.saturating_sub(position) as f64);
        };
        lag("state", self.state.position().events());
        for follower in &self.followers {
            lag(follower.name(), follower.position().events());
        }
    }

    /// Compares `now` with the folder's newest post: a clock that runs far ahead leaves every feed empty.
    pub(crate) async fn newest_post_against(self: &Arc<Self>, now: TimeMs) -> Result<String, Problem> {
        let state = Arc::clone(&self.state);
        let newest = tokio::task::spawn_blocking(move || state.newest_post_at())
            .await
            .map_err(|e| Problem::internal(format!("looking for the newest post: {e}")))?
            .map_err(|e| Problem::internal(e.to_string()))?;
        Ok(match newest {
            None => "; the folder has no posts".to_owned(),
            Some(at) if at > now => format!("; now is {now}, and the newest post is from {at}, which is later"),
            Some(at) => format!("; now is {now}, the newest post is {} old", in_words(now.since(at))),
        })
    }

    pub(crate) async fn wait_for_own_writes(self: &Arc<Self>, user: UserId) -> Option<Degraded> {
        // Nearly always everything is applied already, and nobody waits.
        let applied = |position: &_| self.followers.iter().all(|f| f.wait_for(position, Duration::ZERO));
        let needed = self.writers.needed(user, applied)?;
        let app = Arc::clone(self);
        let late = tokio::task::spawn_blocking(move || {
            let until = Instant::now() + OWN_WRITE_WAIT;
            let late = |f: &&Arc<dyn Follows>| !f.wait_for(&needed, until.saturating_duration_since(Instant::now()));
            app.followers.iter().find(late).map(|f| f.name())
        })
        .await
        .unwrap_or(Some("read_your_own_writes"))?;
        let reason = format!("has not read the viewer's own last event after {} ms", OWN_WRITE_WAIT.as_millis());
        Some(Degraded { component: late.to_owned(), reason })
    }
}

/// Describes what is measured here to the recorder.
pub(crate) fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge};
    crate::memory::describe();
    describe_counter!("ingest_events_total", Unit::Count, "Events sent to the service, by what became of them");
    describe_counter!("ingest_errors_total", Unit::Count, "Batches of events that could not be written");
    describe_gauge!("log_events", Unit::Count, "Events in the log");
    describe_gauge!("follower_lag_events", Unit::Count, "Events of the log that a follower has not applied yet");
}

fn in_words(ms: i64) -> String {
    match ms / 60_000 {
        m if m < 120 => format!("{m} min"),
        m if m < 48 * 60 => format!("{} h", m / 60),
        m => format!("{} days", m / 1_440),
    }
}
