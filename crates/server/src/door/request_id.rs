//! The id of a request, given by the caller or generated. It is in the access log and in the answer's `x-request-id`.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use tower_http::request_id::{MakeRequestId, RequestId};

/// The header.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids are replaced: they are logged and sent back.
const LONGEST: usize = 128;

/// Removes the caller's id if it is too long or has characters that could mislead a reader of the log.
pub(super) fn drop_bad_id(mut request: Request) -> Request {
    let mut ids = request.headers().get_all(REQUEST_ID).iter();
    let good = ids.next().is_none_or(is_good) && ids.next().is_none();
    if !good {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

fn is_good(id: &HeaderValue) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(fits)
}

/// Makes ids from a number of the process and a counter, mixed, so that two processes do not make the same ids.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestIds(std::sync::Arc<Ids>);

#[derive(Debug, Default)]
struct Ids {
    process: RandomState,
    made: AtomicU64,
}

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let count = self.0.made.fetch_add(1, Relaxed);
        let id = format!("{:016x}", self.0.process.hash_one(count));
        HeaderValue::try_from(id).ok().map(RequestId::new)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn ids_that_are_long_odd_or_several_are_replaced() {
        let kept = |ids: &[&str]| {
            let mut request = Request::builder();
            for id in ids {
                request = request.header(REQUEST_ID, *id);
            }
            let request = drop_bad_id(request.body(Body::empty()).unwrap());
            request.headers().get(REQUEST_ID).map(|id| id.to_str().unwrap().to_owned())
        };
        let long = "x".repeat(LONGEST);
        for id in ["a", "0f:B-c_d.9", &long] {
            assert_eq!(kept(&[id]).as_deref(), Some(id));
        }
        for id in ["", "a b", "a\tb", "a\"b", &"x".repeat(LONGEST + 1)] {
            assert_eq!(kept(&[id]), None, "{id:?}");
        }
        assert_eq!(kept(&["a", "b"]), None);
        assert_eq!(kept(&[]), None);
    }

    #[test]
    fn made_ids_differ() {
        let request = axum::http::Request::new(());
        let mut ids = RequestIds::default();
        let mut id = || ids.make_request_id(&request).unwrap().into_header_value();
        assert_ne!(id(), id());
    }
}
