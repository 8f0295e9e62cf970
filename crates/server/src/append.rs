//! Events come in.

use std::sync::Arc;

use event_log::{DecodeError, Event, EventBody, EventDecoder, EventDraft};
use foryou_types::{Profile, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// An event as a transport read it, or why it could not.
pub type SentEvent = Result<EventDraft, DecodeError>;

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
    /// Appends the events that `read` finds in a request. Each is taken wholly or refused, and the good ones of a batch are
    /// kept. Reading and writing happen on threads that may block.
    pub async fn append<R>(self: &Arc<Self>, read: R) -> Result<AppendOutcome, Problem>
    where
        R: FnOnce(&Profile) -> Result<Vec<SentEvent>, Problem> + Send + 'static,
    {
        let app = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || app.append_blocking(read(&app.folder().profile)?))
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
        let folder = self.folder();
        let mut decoder = EventDecoder::new(&folder.profile, &*folder.names, folder.clock.now());
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
            self.writers.wrote(user, &outcome.position);
        }
        Ok(AppendOutcome { accepted, duplicates, rejected, position: outcome.position.to_string() })
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
