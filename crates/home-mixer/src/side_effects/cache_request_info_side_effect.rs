//! What was asked and answered lately, for support and debugging.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{SideEffect, SideEffectInput, StageError};
use foryou_types::{Clock, PostId, Surface, TimeMs, UserId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::candidate::{PostCandidate, ServedType};
use crate::notes::{Outcome, RankedBy, RequestNotes};
use crate::query::ScoredPostsQuery;

/// A request is remembered for this long (the documents' TTL): 3 h.
const TTL_MS: i64 = 3 * 3_600 * 1_000;
/// Bytes of the requests remembered; with 35 posts each about 2.5 KiB, so some 3,000 requests.
const CAPACITY_BYTES: usize = 8 << 20;
/// What a request costs in addition to its own fields: its entries in the two lists and its notes.
const OVERHEAD_BYTES: usize = 512;

/// What the caller asked.
#[derive(Clone, Debug, PartialEq)]
pub struct QuerySummary {
    /// The app the viewer uses.
    pub client_app_id: i32,
    /// Where the viewer is.
    pub country_code: String,
    /// What the viewer reads.
    pub language_code: String,
    /// The product surface.
    pub surface: Surface,
    /// How many posts were wanted.
    pub limit: usize,
    /// Posts the client said the viewer has seen.
    pub seen_ids: usize,
    /// Posts the client said it was served.
    pub served_ids: usize,
    /// Bloom filters of impressions.
    pub bloom_filter_entries: usize,
    /// A request for more at the bottom.
    pub is_bottom_request: bool,
    /// No posts with video.
    pub exclude_videos: bool,
    /// Only posts with video.
    pub video_only: bool,
    /// Topics asked for.
    pub topic_ids: Vec<u32>,
    /// Tokens of the viewer's history that were used; `None` where it was not fetched.
    pub history_tokens: Option<usize>,
    /// Accounts the viewer follows; `None` where the graph was not fetched.
    pub followed: Option<usize>,
}

/// A post of the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShownPost {
    /// The post.
    pub post_id: PostId,
    /// Its author.
    pub author_id: UserId,
    /// Its final score.
    pub score: Option<f64>,
    /// The source that gave it.
    pub served_type: Option<ServedType>,
    /// Whether the viewer follows its author.
    pub in_network: Option<bool>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The request.
    pub request_id: String,
    /// The viewer.
    pub viewer: UserId,
    /// The moment the feed was made for.
    pub now: TimeMs,
    /// What was asked.
    pub query: QuerySummary,
    /// What was answered, in order.
    pub selected: Vec<ShownPost>,
    /// Ranked candidates that were not in the answer.
    pub non_selected: usize,
    notes: Arc<RequestNotes>,
}

impl RequestInfo {
    /// What predicted the actions; `None` where nothing did.
    pub fn ranked_by(&self) -> Option<&RankedBy> {
        self.notes.ranked_by()
    }

    /// Bytes that it takes, about.
    fn bytes(&self) -> usize {
        let QuerySummary { country_code, language_code, topic_ids, .. } = &self.query;
        // The id stands in the entry, the map and the list.
        OVERHEAD_BYTES
            + size_of::<Self>()
            + 3 * self.request_id.len()
            + country_code.len()
            + language_code.len()
            + size_of_val(topic_ids.as_slice())
            + size_of_val(self.selected.as_slice())
    }

    /// Timings and what was degraded; `None` in the moment between the side effect and the end of the request.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.notes.outcome()
    }
}

/// The latest requests, bounded in bytes and age.
pub struct RequestInfoCache {
    clock: Arc<dyn Clock>,
    capacity_bytes: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    by_id: FxHashMap<String, Entry>,
    /// Oldest first; an entry whose number is not the one in the map was replaced.
    order: VecDeque<(u64, String)>,
    next: u64,
    /// Of all entries of the map.
    bytes: usize,
}

struct Entry {
    number: u64,
    at: TimeMs,
    bytes: usize,
    info: Arc<RequestInfo>,
}

impl RequestInfoCache {
    /// A cache of 8 MiB and 3 hours by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, capacity_bytes: CAPACITY_BYTES, inner: Mutex::default() }
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// The request of an id, unless it is unknown, too old or pushed out by newer ones.
    pub fn get(&self, request_id: &str) -> Option<Arc<RequestInfo>> {
        let now = self.clock.now();
        let inner = self.inner.lock();
        inner.by_id.get(request_id).filter(|entry| now.since(entry.at) < TTL_MS).map(|entry| Arc::clone(&entry.info))
    }

    fn put(&self, info: RequestInfo) {
        let at = self.clock.now();
        let mut inner = self.inner.lock();
        let number = inner.next;
        inner.next += 1;
        let (id, bytes) = (info.request_id.clone(), info.bytes());
        let replaced = inner.by_id.insert(id.clone(), Entry { number, at, bytes, info: Arc::new(info) });
        inner.bytes = inner.bytes + bytes - replaced.map_or(0, |entry| entry.bytes);
        inner.order.push_back((number, id));
        while let Some((number, id)) = inner.order.front() {
            let current = inner.by_id.get(id).filter(|entry| entry.number == *number);
            let old = current.is_some_and(|entry| at.since(entry.at) >= TTL_MS);
            // `order` is bounded too: a replaced entry goes as soon as it is the oldest.
            if current.is_some() && !old && inner.bytes <= self.capacity_bytes {
                break;
            }
            let stays = current.is_none();
            if let Some((_, id)) = inner.order.pop_front()
                && !stays
                && let Some(gone) = inner.by_id.remove(&id)
            {
                inner.bytes -= gone.bytes;
            }
        }
    }
}

/// Remembers the request and its answer. Off when only in-network posts were asked for, as in the documents.
pub struct CacheRequestInfoSideEffect {
    cache: Arc<RequestInfoCache>,
}

impl CacheRequestInfoSideEffect {
    /// The component's name.
    pub const NAME: &'static str = "CacheRequestInfoSideEffect";

    /// Into this cache.
    pub fn new(cache: Arc<RequestInfoCache>) -> Self {
        Self { cache }
    }
}

#[async_trait]
impl SideEffect<ScoredPostsQuery, PostCandidate> for CacheRequestInfoSideEffect {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        !query.in_network_only
    }

    async fn run(&self, input: Arc<SideEffectInput<ScoredPostsQuery, PostCandidate>>) -> Result<(), StageError> {
        let query = &input.query;
        self.cache.put(RequestInfo {
            request_id: query.request_id.clone(),
            viewer: query.user_id,
            now: query.now,
            query: QuerySummary {
                client_app_id: query.client_app_id,
                country_code: query.country_code.clone(),
                language_code: query.language_code.clone(),
                surface: query.surface,
                limit: query.limit,
                seen_ids: query.seen_ids.len(),
                served_ids: query.served_ids.len(),
                bloom_filter_entries: query.bloom_filter_entries.len(),
                is_bottom_request: query.is_bottom_request,
                exclude_videos: query.exclude_videos,
                video_only: query.video_only,
                topic_ids: query.topic_ids.clone(),
                history_tokens: query.user_action_sequence.as_ref().map(|s| s.tokens.len()),
                followed: query.user_features.as_ref().map(|f| f.followed_user_ids.len()),
            },
            selected: input
                .selected
                .iter()
                .map(|c| ShownPost {
                    post_id: c.tweet_id,
                    author_id: c.author_id,
                    score: c.score,
                    served_type: c.served_type,
                    in_network: c.in_network,
                })
                .collect(),
            non_selected: input.non_selected.len(),
            notes: Arc::clone(&query.notes),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{ManualClock, Profile};

    use super::*;

    async fn remember(cache: &Arc<RequestInfoCache>, request_id: &str, viewer: u64) {
        let profile = Arc::new(Profile::live());
        let query = ScoredPostsQuery::new(UserId(viewer), TimeMs(0), profile, request_id.to_owned());
        let input = SideEffectInput { query: Arc::new(query), selected: Vec::new(), non_selected: Arc::default() };
        CacheRequestInfoSideEffect::new(Arc::clone(cache)).run(Arc::new(input)).await.unwrap();
    }

    #[tokio::test]
    async fn requests_are_forgotten_by_age_and_by_number() {
        let clock = Arc::new(ManualClock::new(TimeMs(1_000)));
        let mut cache = RequestInfoCache::new(Arc::clone(&clock) as Arc<dyn Clock>);
        // Room for two and a half.
        cache.capacity_bytes = (OVERHEAD_BYTES + size_of::<RequestInfo>() + 3) * 5 / 2;
        let cache = Arc::new(cache);
        remember(&cache, "a", 1).await;
        clock.advance(TTL_MS - 1);
        assert_eq!(cache.get("a").map(|info| info.viewer), Some(UserId(1)));
        clock.advance(1);
        assert!(cache.get("a").is_none());

        remember(&cache, "b", 2).await;
        assert_eq!(cache.inner.lock().by_id.len(), 1, "the old one is gone, not only hidden");
        remember(&cache, "c", 3).await;
        remember(&cache, "b", 4).await;
        remember(&cache, "d", 5).await;
        assert_eq!(
            cache.get("b").map(|info| info.viewer),
            Some(UserId(4)),
            "asked again: the newer answer, and newer age"
        );
        assert!(cache.get("c").is_none() && cache.get("d").is_some());
        let inner = cache.inner.lock();
        assert_eq!((inner.by_id.len(), inner.order.len()), (2, 2));
        assert_eq!(inner.bytes, inner.by_id.values().map(|entry| entry.bytes).sum::<usize>());
    }
}
