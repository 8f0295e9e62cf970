//! The service's end.

use std::time::Duration;

use async_trait::async_trait;
use foryou_proto::thunder::v1::in_network_posts_service_server::InNetworkPostsService;
use foryou_proto::thunder::v1::{GetInNetworkPostsRequest, GetInNetworkPostsResponse};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::convert::{error_to_status, request_from_proto, response_to_proto};
use crate::service::ThunderService;

/// Serves Thunder over gRPC: put it into an `InNetworkPostsServiceServer`.
#[derive(Clone, Debug)]
pub struct ThunderGrpc(ThunderService);

impl ThunderGrpc {
    /// Serves a service.
    pub const fn new(service: ThunderService) -> Self {
        Self(service)
    }
}

#[async_trait]
impl InNetworkPostsService for ThunderGrpc {
    async fn get_in_network_posts(
        &self,
        request: Request<GetInNetworkPostsRequest>,
    ) -> Result<Response<GetInNetworkPostsResponse>, Status> {
        let time = caller_timeout(request.metadata()).map(working_time);
        let request = request_from_proto(request.into_inner());
        let debug = request.debug;
        let answer = self.0.answer(request, time).await.map_err(error_to_status)?;
        Ok(Response::new(response_to_proto(answer.response, debug.then_some(answer.stats))))
    }
}

/// The part of the caller's time in which to look up: a partial answer still has to get back before the transport gives up.
fn working_time(timeout: Duration) -> Duration {
    timeout.saturating_sub((timeout / 4).min(Duration::from_millis(10)))
}

/// The `grpc-timeout` of a call: up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
pub fn caller_timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3_600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            caller_timeout(&metadata)
        };
        assert_eq!(read("2H"), Some(Duration::from_hours(2)));
        assert_eq!(read("3M"), Some(Duration::from_mins(3)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("50m"), Some(Duration::from_millis(50)));
        assert_eq!(read("60u"), Some(Duration::from_micros(60)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for bad in ["", "m", "5", "5x", "-5m", "123456789m", "5 m"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(caller_timeout(&MetadataMap::new()), None);
    }

    #[test]
    fn some_of_the_time_is_left_for_the_way_back() {
        assert_eq!(working_time(Duration::from_millis(100)), Duration::from_millis(90));
        assert_eq!(working_time(Duration::from_millis(8)), Duration::from_millis(6));
    }
}
