//! `foryou.v1.EventService`.

use std::sync::Arc;

use foryou_proto::v1::event_service_server::EventService;
use foryou_proto::v1::{AppendRequest, AppendResponse, Rejection};
use tonic::{Request, Response, Status};

use super::event_draft::draft;
use crate::app::App;
use crate::append::AppendOutcome;
use crate::cut::cut;
use crate::limits;
use crate::rest::check_number;

/// Takes events over gRPC.
pub struct EventsGrpc(pub Arc<App>);

#[tonic::async_trait]
impl EventService for EventsGrpc {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let events = request.into_inner().events;
        check_number(events.len()).map_err(|p| p.to_status())?;
        let outcome = self
            .0
            .append(move |profile| Ok(events.into_iter().map(|event| draft(event, profile)).collect()))
            .await
            .map_err(|p| p.to_status())?;
        Ok(Response::new(answer(outcome)))
    }
}

fn answer(outcome: AppendOutcome) -> AppendResponse {
    // The reasons share what a gRPC client accepts in one message.
    let most = limits::ANSWER_REASONS_BYTES / outcome.rejected.len().max(1);
    let rejected = outcome.rejected.iter().map(|r| Rejection { index: r.index as u32, reason: cut(&r.reason, most) });
    AppendResponse {
        accepted: outcome.accepted as u64,
        duplicates: outcome.duplicates as u64,
        rejected: rejected.collect(),
        position: outcome.position,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::append::Rejected;

    #[test]
    fn the_longest_answer_fits_what_clients_take() {
        let rejected = (0..limits::EVENTS).map(|index| Rejected { index, reason: "ü".repeat(4_000) }).collect();
        let answer = answer(AppendOutcome { rejected, ..AppendOutcome::default() });
        assert_eq!(answer.rejected.len(), limits::EVENTS);
        assert!(answer.encoded_len() < 4 << 20, "{}", answer.encoded_len());
        let one = AppendOutcome { rejected: vec![Rejected { index: 0, reason: "why".into() }], ..Default::default() };
        assert_eq!(super::answer(one).rejected[0].reason, "why");
    }
}
