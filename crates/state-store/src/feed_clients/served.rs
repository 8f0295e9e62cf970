//! Served feeds into the event log.

use std::sync::Arc;

use async_trait::async_trait;
use event_log::{Event, EventBody, Origin, ServedEvent, ServedPost};
use foryou_types::TimeMs;
use foryou_types::seams::{SeamError, ServedFeed, ServedRecorder};

use crate::Ingestor;

/// [`ServedRecorder`] into the log, through the one way events come in.
pub struct LogServedRecorder(pub Arc<Ingestor>);

#[async_trait]
impl ServedRecorder for LogServedRecorder {
    async fn record_served(&self, served: ServedFeed, at: TimeMs) -> Result<(), SeamError> {
        let event = Event { at, id: None, origin: Origin::Server, body: EventBody::Served(served_event(served)) };
        let ingestor = Arc::clone(&self.0);
        // An append may wait for the disk.
        let outcome = tokio::task::spawn_blocking(move || ingestor.submit(vec![event]))
            .await
            .map_err(|e| SeamError::Internal(e.to_string()))?
            .map_err(|e| SeamError::Internal(e.to_string()))?;
        match outcome.rejected.first() {
            Some(rejection) => Err(SeamError::BadRequest(rejection.reason.clone())),
            None => Ok(()),
        }
    }
}

fn served_event(served: ServedFeed) -> ServedEvent {
    let ServedFeed { request_id, user_id, posts, model } = served;
    let posts = posts.into_iter().zip(0..).map(|(post, position)| ServedPost {
        post_id: post.post_id,
        position,
        score: post.score,
        source: post.source,
    });
    ServedEvent { request_id, user_id, posts: posts.collect(), model }
}
