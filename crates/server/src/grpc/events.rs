//! `foryou.v1.EventService`.

use std::sync::Arc;

use foryou_proto::v1::event_service_server::EventService;
use foryou_proto::v1::{AppendRequest, AppendResponse, Rejection};
use tonic::{Request, Response, Status};

use super::event_json;
use crate::app::{App, Rejected};

/// Takes events over gRPC.
pub struct EventsGrpc(pub Arc<App>);

#[tonic::async_trait]
impl EventService for EventsGrpc {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let mut rejected = Vec::new();
        let (mut texts, mut places) = (Vec::new(), Vec::new());
        for (index, event) in request.get_ref().events.iter().enumerate() {
            match event_json::to_json(event, &self.0.profile) {
                Ok(json) => {
                    texts.push(json.to_string());
                    places.push(index);
                }
                Err(reason) => rejected.push(Rejected { index, reason }),
            }
        }
        let outcome = self.0.append(texts).await.map_err(|p| p.to_status())?;
        rejected.extend(outcome.rejected.into_iter().map(|r| Rejected { index: places[r.index], ..r }));
        rejected.sort_by_key(|r| r.index);
        Ok(Response::new(AppendResponse {
            accepted: outcome.accepted as u64,
            duplicates: outcome.duplicates as u64,
            rejected: rejected.into_iter().map(|r| Rejection { index: r.index as u32, reason: r.reason }).collect(),
            offset: outcome.offset,
        }))
    }
}
