//! The parts of one data folder, and the two things every transport asks of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::{DecodeError, Event, EventBody, EventDecoder, EventDraft, EventLog};
use foryou_types::{Clock, ClockKind, IdForm, LogTime, Profile, TimeMs, UserId};
use home_mixer::HomeMixer;
use home_mixer::answer::{FeedOptions, FeedResult};
use home_mixer::notes::Degraded;
use parking_lot::Mutex;
use serde::Serialize;
use state_store::{Ingestor, StateStore};
use utoipa::ToSchema;

use crate::answer::FeedAnswer;
use crate::cursor::{self, CursorKey};
use crate::ids::Ids;
use crate::own_writes::OwnWrites;
use crate::problem::Problem;
use crate::request::{FeedRequest, Resolved};

/// How long a feed waits for the viewer's own last write.
const OWN_WRITE_WAIT: Duration = Duration::from_millis(50);

/// Something that follows the log and can say how far it has come.
pub trait Follower: Send + Sync {
    /// Its name in `degraded`.
    fn name(&self) -> &'static str;
    /// Waits until everything before `next_seq` is applied, at most `timeout`; says whether it is.
    fn wait_applied(&self, next_seq: u64, timeout: Duration) -> bool;
    /// Everything before this `seq` is applied.
    fn position(&self) -> u64;
}

/// The parts of one data folder.
pub struct App {
    /// What the data is.
    pub profile: Arc<Profile>,
    /// The log, which also keeps the dictionary of string ids.
    pub log: Arc<dyn EventLog>,
    /// The projections.
    pub state: Arc<StateStore>,
    /// Takes events in.
    pub ingestor: Arc<Ingestor>,
    /// The pipeline.
    pub mixer: Arc<HomeMixer>,
    /// The folder's clock.
    pub clock: Arc<dyn Clock>,
    /// Thunder, and whatever else must have read a viewer's own writes.
    pub followers: Vec<Arc<dyn Follower>>,
    /// Posts of an answer where the caller does not say.
    pub default_limit: usize,
    /// Seals the cursors.
    pub cursor_key: CursorKey,
    own_writes: OwnWrites,
    /// The last answer of [`Self::made_now`].
    made_now: Mutex<Option<(LogTime, Option<String>)>>,
}

/// An event as a transport read it, or why it could not.
pub type SentEvent = Result<EventDraft, DecodeError>;

/// A ranked feed before its ids are printed.
#[derive(Debug)]
pub(crate) struct Scored {
    /// Whose feed, as the folder prints it.
    pub(crate) viewer: String,
    pub(crate) result: FeedResult,
    /// Whether the caller gave the moment of the feed.
    pub(crate) said_now: bool,
    pub(crate) next_cursor: Option<String>,
}

/// An event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rejected {
    /// Its place in the request.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// What happened to the events of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AppendOutcome {
    /// Events taken.
    pub accepted: usize,
    /// Events that the log already had (same `id`), or that change nothing.
    pub duplicates: usize,
    /// Events not taken.
    pub rejected: Vec<Rejected>,
    /// The end of the log after them; opaque.
    pub position: String,
}

impl App {
    /// Puts the parts together. `cursor_key` is the folder's.
    pub fn new(
        profile: Arc<Profile>,
        log: Arc<dyn EventLog>,
        state: Arc<StateStore>,
        ingestor: Arc<Ingestor>,
        mixer: Arc<HomeMixer>,
        clock: Arc<dyn Clock>,
        cursor_key: CursorKey,
    ) -> Self {
        Self {
            profile,
            log,
            state,
            ingestor,
            mixer,
            clock,
            followers: Vec::new(),
            default_limit: home_mixer::params::RESULT_SIZE,
            cursor_key,
            own_writes: OwnWrites::default(),
            made_now: Mutex::default(),
        }
    }

    /// Adds a part that must have read a viewer's own writes before their feed.
    #[must_use]
    pub fn following(mut self, follower: Arc<dyn Follower>) -> Self {
        self.followers.push(follower);
        self
    }

    /// Reads and prints this folder's ids.
    pub fn ids(&self) -> Ids<'_> {
        Ids::new(&self.profile, &*self.log)
    }

    /// Sets the gauges that are computed on demand: the end of the log, and how far each follower is behind it.
    pub fn report_metrics(&self) {
        let head = self.log.head().position.next_seq;
        metrics::gauge!("log_events").set(head as f64);
        crate::memory::measure(self);
        let lag = |name, position: u64| {
            metrics::gauge!("follower_lag_events", "follower" => name).set(head.saturating_sub(position) as f64);
        };
        lag("state", self.state.position().next_seq);
        for follower in &self.followers {
            lag(follower.name(), follower.position());
        }
    }

    /// One feed.
    pub async fn feed(
        self: &Arc<Self>,
        request: FeedRequest,
        deadline: Option<Instant>,
    ) -> Result<FeedAnswer, Problem> {
        let scored = self.scored(request, deadline).await?;
        let said_now = scored.said_now;
        let mut answer = self.looking_up(move |app| FeedAnswer::new(app, scored)).await?;
        if answer.feed.is_empty() && !said_now && self.profile.clock == ClockKind::Log {
            answer.clock.made_by = self.made_now().await;
        }
        Ok(answer)
    }

    /// One feed, before its ids are printed.
    pub(crate) async fn scored(
        self: &Arc<Self>,
        request: FeedRequest,
        deadline: Option<Instant>,
    ) -> Result<Scored, Problem> {
        let resolved = self.looking_up(move |app| request.resolve(app)).await??;
        let Resolved { viewer, earlier, scope, query, said_now, record, explain } = resolved;
        let late = self.wait_for_own_writes(query.user_id).await;
        let options = FeedOptions { explain, record, deadline };
        let mut result = self.mixer.scored_posts(query, options).await?;
        result.degraded.extend(late);
        if let Some(why) = &mut result.empty_because {
            why.push_str(&self.newest_post_against(result.now).await?);
        }
        let page: Vec<_> = result.posts.iter().map(|post| post.tweet_id).collect();
        let next_cursor = cursor::encode(&self.cursor_key, &scope, &earlier, &page);
        Ok(Scored { viewer: viewer.printed, result, said_now, next_cursor })
    }

    /// The event that set the log's clock, looked up once per moment.
    async fn made_now(self: &Arc<Self>) -> Option<String> {
        let imported = self.log.head().imported;
        if let Some((known, event)) = &*self.made_now.lock()
            && *known == imported
        {
            return event.clone();
        }
        let app = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || event_log::made_now(&*app.log, &app.profile)).await;
        let event = match found {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the event that set the log's clock cannot be found");
                return None;
            }
            Err(_) => return None,
        };
        *self.made_now.lock() = Some((imported, event.clone()));
        event
    }

    /// Runs something that reads and prints ids. If ids are strings, their dictionary is on the disk. Then it runs on a thread that
    /// may wait for the disk, not on the threads that all requests share.
    pub(crate) async fn looking_up<T: Send + 'static>(
        self: &Arc<Self>,
        look_up: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let ids = &self.profile.ids;
        if ![ids.users, ids.posts].contains(&IdForm::Dictionary) {
            return Ok(look_up(self));
        }
        let app = Arc::clone(self);
        let looked_up = tokio::task::spawn_blocking(move || look_up(&app)).await;
        looked_up.map_err(|e| Problem::internal(format!("looking up ids: {e}")))
    }

    /// People whose last write some part may not have read yet.
    pub(crate) fn waiting_writers(&self) -> usize {
        self.own_writes.len()
    }

    /// Compares `now` with the folder's newest post: a clock that runs far ahead leaves every feed empty.
    async fn newest_post_against(self: &Arc<Self>, now: TimeMs) -> Result<String, Problem> {
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

    async fn wait_for_own_writes(self: &Arc<Self>, user: UserId) -> Option<Degraded> {
        // Nearly always everything is applied already, and nobody waits.
        let applied = |position| self.followers.iter().all(|f| f.wait_applied(position, Duration::ZERO));
        let needed = self.own_writes.needed(user, applied)?;
        let app = Arc::clone(self);
        let late = tokio::task::spawn_blocking(move || {
            let until = Instant::now() + OWN_WRITE_WAIT;
            let late =
                |f: &&Arc<dyn Follower>| !f.wait_applied(needed, until.saturating_duration_since(Instant::now()));
            app.followers.iter().find(late).map(|f| f.name())
        })
        .await
        .unwrap_or(Some("read_your_own_writes"))?;
        let reason = format!("has not read the viewer's own last event after {} ms", OWN_WRITE_WAIT.as_millis());
        Some(Degraded { component: late.to_owned(), reason })
    }

    /// Appends the events that `read` finds in a request. Each is taken wholly or refused, and the good ones of a batch are
    /// kept. Reading and writing happen on threads that may block.
    pub async fn append<R>(self: &Arc<Self>, read: R) -> Result<AppendOutcome, Problem>
    where
        R: FnOnce(&Profile) -> Result<Vec<SentEvent>, Problem> + Send + 'static,
    {
        let app = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || app.append_blocking(read(&app.profile)?))
            .await
            .map_err(|e| Problem::internal(format!("appending: {e}")))?;
        match &outcome {
            Ok(outcome) => {
                let count = |name, n: usize| {
                    metrics::counter!("ingest_events_total", "outcome" => name).increment(n as u64);
                };
                count("accepted", outcome.accepted);
                count("duplicate", outcome.duplicates);
                count("rejected", outcome.rejected.len());
            }
            Err(problem) if problem.status >= 500 => metrics::counter!("ingest_errors_total").increment(1),
            // The body could not be read: nothing was written.
            Err(_) => {}
        }
        outcome
    }

    fn append_blocking(&self, events: Vec<SentEvent>) -> Result<AppendOutcome, Problem> {
        let mut decoder = EventDecoder::new(&self.profile, &*self.log, self.clock.now());
        let mut rejected = Vec::new();
        let mut good: Vec<(usize, Event)> = Vec::with_capacity(events.len());
        for (index, event) in events.into_iter().enumerate() {
            match event.and_then(|draft| decoder.decode_draft(draft)) {
                Ok(event) => good.push((index, event)),
                Err(error) => rejected.push(Rejected { index, reason: error.to_string() }),
            }
        }
        let mut batch = decoder.take_new_names();
        let names = batch.len();
        let writers: Vec<_> = good.iter().filter_map(|(_, e)| writer(&e.body)).collect();
        let places: Vec<_> = good.iter().map(|(index, _)| *index).collect();
        batch.extend(good.into_iter().map(|(_, event)| event));
        let outcome = self.ingestor.submit(batch).map_err(|e| Problem::unavailable(e.to_string()))?;
        let refused = rejected.len();
        rejected.extend(outcome.rejected.into_iter().filter_map(|r| {
            let place = r.index.checked_sub(names)?;
            Some(Rejected { index: *places.get(place)?, reason: r.reason })
        }));
        // Names that another request brought at the same time count as duplicates too, but they are not events of the caller.
        let duplicates = outcome.duplicates.iter().filter(|&&place| place >= names).count();
        let accepted = places.len() - duplicates - (rejected.len() - refused);
        rejected.sort_by_key(|r| r.index);
        for user in writers {
            self.own_writes.wrote(user, outcome.position.next_seq);
        }
        Ok(AppendOutcome { accepted, duplicates, rejected, position: outcome.position.next_seq.to_string() })
    }
}

/// Names what is measured here, for `/metrics`.
pub(crate) fn describe_metrics() {
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

/// Who will expect to see the event in their next feed.
fn writer(body: &EventBody) -> Option<UserId> {
    match body {
        EventBody::Post(post) => post.author_id.some(),
        EventBody::Edge(edge) => Some(edge.user_id),
        EventBody::MuteKeyword { user_id, .. } => Some(*user_id),
        EventBody::Profile(profile) => Some(profile.user_id),
        EventBody::Action(action) => Some(action.user_id),
        EventBody::Impression(impression) => Some(impression.user_id),
        _ => None,
    }
}
