//! What every gRPC service of foryou does the same way: the caller's deadline, and errors as statuses.

use std::time::Duration;

use foryou_types::seams::SeamError;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

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

/// The part of the caller's time in which to work: the answer still has to get back before the transport gives up.
pub fn working_time(timeout: Duration) -> Duration {
    timeout.saturating_sub((timeout / 4).min(Duration::from_millis(10)))
}

/// A part's failure as the status of the call.
pub fn error_to_status(error: SeamError) -> Status {
    match error {
        SeamError::BadRequest(message) => Status::invalid_argument(message),
        SeamError::Overloaded(message) => Status::resource_exhausted(message),
        SeamError::Unavailable(message) => Status::unavailable(message),
        SeamError::DeadlineExceeded => Status::deadline_exceeded("no answer in time"),
        SeamError::Internal(message) => Status::internal(message),
    }
}

/// The status of a call as the failure of the part that was called.
pub fn error_from_status(status: &Status) -> SeamError {
    let message = status.message().to_owned();
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange => SeamError::BadRequest(message),
        Code::ResourceExhausted => SeamError::Overloaded(message),
        Code::Unavailable => SeamError::Unavailable(message),
        // tonic's own timeout, on either side, comes as CANCELLED.
        Code::DeadlineExceeded | Code::Cancelled => SeamError::DeadlineExceeded,
        code => SeamError::Internal(format!("{code:?}: {message}")),
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

    #[test]
    fn errors_keep_their_kind_both_ways() {
        let text = || "why".to_owned();
        for (error, code) in [
            (SeamError::BadRequest(text()), Code::InvalidArgument),
            (SeamError::Overloaded(text()), Code::ResourceExhausted),
            (SeamError::Unavailable(text()), Code::Unavailable),
            (SeamError::DeadlineExceeded, Code::DeadlineExceeded),
        ] {
            let status = error_to_status(error.clone());
            assert_eq!(status.code(), code);
            assert_eq!(error_from_status(&status), error);
        }
        assert_eq!(error_to_status(SeamError::Internal(text())).code(), Code::Internal);
        assert_eq!(error_from_status(&Status::cancelled("Timeout expired")), SeamError::DeadlineExceeded);
    }
}
