//! Reading a request's body before the request takes a place, so that a slow sender delays nobody.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// Most bytes of all bodies in memory at a time: eight of the largest.
pub(super) const MEMORY: usize = 128 << 20;
/// The unit in which memory is counted.
const UNIT: usize = 1_024;

/// Reads bodies whole, with limits on the size of each, on the time, and on the memory of all.
#[derive(Debug)]
pub(super) struct BodyReader {
    limit: usize,
    time: Duration,
    memory: Arc<Semaphore>,
}

/// A body. It holds its share of the memory until it is dropped.
#[derive(Debug)]
pub(super) struct ReadBody {
    pub(super) bytes: Bytes,
    pub(super) memory: Option<OwnedSemaphorePermit>,
}

impl BodyReader {
    pub(super) fn new(limit: usize, time: Duration, memory: usize) -> Self {
        Self { limit, time, memory: Arc::new(Semaphore::new(memory.div_ceil(UNIT))) }
    }

    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<ReadBody, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse::<u64>().ok());
        let too_long = announced.is_some_and(|n| n > self.limit as u64);
        // A client that asks first (100-continue) has not sent its body.
        if too_long && headers.contains_key(header::EXPECT) {
            return Err(Refusal::LargeBody { limit: self.limit });
        }
        let reading = async {
            let mut body = body;
            let read =
                if too_long { Err(Refusal::LargeBody { limit: self.limit }) } else { self.collect(&mut body).await };
            if matches!(read, Err(Refusal::LargeBody { .. })) {
                self.discard(&mut body).await;
            }
            read
        };
        let out_of_time = |_| {
            if too_long {
                return Refusal::LargeBody { limit: self.limit };
            }
            Refusal::SlowBody { after_ms: self.time.as_millis() as u64 }
        };
        tokio::time::timeout(self.time, reading).await.map_err(out_of_time)?
    }

    /// Reads on and discards: a client that is still sending when the connection ends would not see the answer. A client that
    /// sends more than twice the limit is cut off.
    async fn discard(&self, body: &mut Body) {
        let mut left = self.limit.saturating_mul(2);
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    }

    async fn collect(&self, body: &mut Body) -> Result<ReadBody, Refusal> {
        let mut memory: Option<OwnedSemaphorePermit> = None;
        // One buffer: a body in pieces of a byte each must not cost more than its bytes.
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| Refusal::BrokenBody(e.to_string()))?;
            let Ok(part) = frame.into_data() else { continue };
            if bytes.len() + part.len() > self.limit {
                return Err(Refusal::LargeBody { limit: self.limit });
            }
            let held = memory.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = (bytes.len() + part.len()).div_ceil(UNIT).saturating_sub(held);
            let more = Arc::clone(&self.memory)
                .try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX))
                .map_err(|_| Refusal::TooMuchToRead)?;
            match &mut memory {
                Some(memory) => memory.merge(more),
                None => memory = Some(more),
            }
            bytes.extend_from_slice(&part);
        }
        Ok(ReadBody { bytes: bytes.into(), memory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> BodyReader {
        BodyReader::new(4_096, Duration::from_millis(20), 8 * 4_096)
    }

    async fn read(reader: &BodyReader, body: Body) -> Result<ReadBody, Refusal> {
        reader.read(&HeaderMap::new(), body).await
    }

    fn pieces(count: usize, size: usize) -> Body {
        let pieces = (0..count).map(move |_| Ok::<_, std::io::Error>(Bytes::from(vec![7; size])));
        Body::from_stream(futures::stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_its_limit() {
        let reader = reader();
        assert_eq!(read(&reader, Body::empty()).await.unwrap().bytes.len(), 0);
        assert_eq!(read(&reader, pieces(4, 1_024)).await.unwrap().bytes, vec![7; 4_096]);
        assert_eq!(read(&reader, pieces(5, 1_024)).await.unwrap_err(), Refusal::LargeBody { limit: 4_096 });
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, 4_097.into());
        headers.insert(header::EXPECT, "100-continue".parse().unwrap());
        let never = || Body::from_stream(futures::stream::pending::<std::io::Result<Bytes>>());
        assert_eq!(reader.read(&headers, never()).await.unwrap_err(), Refusal::LargeBody { limit: 4_096 });
        // What was already sent is read, so that the client reaches the answer.
        headers.remove(header::EXPECT);
        let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&taken);
        let sent = (0..100).map(move |_| {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![7; 1_024]))
        });
        let refused = reader.read(&headers, Body::from_stream(futures::stream::iter(sent))).await;
        assert_eq!(refused.unwrap_err(), Refusal::LargeBody { limit: 4_096 });
        assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 9);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(futures::stream::pending::<std::io::Result<Bytes>>());
        assert_eq!(read(&reader(), never).await.unwrap_err(), Refusal::SlowBody { after_ms: 20 });
        let broken = Body::from_stream(futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]));
        assert!(
            matches!(read(&reader(), broken).await.unwrap_err(), Refusal::BrokenBody(why) if why.contains("reset"))
        );
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_limit_and_give_their_memory_back() {
        let reader = reader();
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(read(&reader, pieces(4, 1_024)).await.unwrap());
        }
        assert_eq!(read(&reader, pieces(1, 1)).await.unwrap_err(), Refusal::TooMuchToRead);
        held.pop();
        assert!(read(&reader, pieces(4, 1_024)).await.is_ok());
        drop(held);
        assert_eq!(reader.memory.available_permits(), 32);
    }
}
