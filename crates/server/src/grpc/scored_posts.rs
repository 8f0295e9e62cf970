//! `foryou.v1.ScoredPostsService`.

use std::sync::Arc;
use std::time::Instant;

use foryou_proto::calls::caller_timeout;
use foryou_proto::v1::scored_posts_service_server::ScoredPostsService;
use foryou_proto::v1::{self, ScoredPostsQuery, ScoredPostsResponse};
use foryou_types::{IdForm, Namespace, PostId, TimeMs};
use home_mixer::answer::Timings;
use home_mixer::bloom::ImpressionBloomFilterEntry;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use tonic::{Request, Response, Status};

use crate::answer::{FeedAnswer, FeedPost};
use crate::app::App;
use crate::ids::IdText;
use crate::problem::Problem;
use crate::request::{FeedRequest, TimeText};

/// Serves the feed over gRPC.
pub struct ScoredPostsGrpc(pub Arc<App>);

#[tonic::async_trait]
impl ScoredPostsService for ScoredPostsGrpc {
    async fn get_scored_posts(
        &self,
        request: Request<ScoredPostsQuery>,
    ) -> Result<Response<ScoredPostsResponse>, Status> {
        let deadline = caller_timeout(request.metadata()).and_then(|time| Instant::now().checked_add(time));
        let query = request.into_inner();
        let request = self.0.looking_up(move |app| Self(Arc::clone(app)).read(query)).await;
        let request = request.and_then(|read| read).map_err(|p| p.to_status())?;
        let answer = self.0.feed(request, deadline).await.map_err(|p| p.to_status())?;
        let answer = self.0.looking_up(move |app| Self(Arc::clone(app)).write(answer)).await;
        answer.map(Response::new).map_err(|p| p.to_status())
    }
}

impl ScoredPostsGrpc {
    fn read(&self, query: ScoredPostsQuery) -> Result<FeedRequest, Problem> {
        let surface = match query.surface.as_str() {
            "" => None,
            name => Some(
                Deserialize::deserialize(StrDeserializer::<Error>::new(name))
                    .map_err(|_| Problem::bad_request(format!("surface: {name:?} is no product surface")))?,
            ),
        };
        let posts = |numbers: &[u64], strings: Vec<String>| -> Vec<IdText> {
            if strings.is_empty() {
                numbers.iter().map(|&n| self.number(Namespace::Posts, n)).collect()
            } else {
                strings.into_iter().map(IdText).collect()
            }
        };
        let user_id = match (query.user_id_string.is_empty(), query.user_id) {
            (false, _) => IdText(query.user_id_string),
            (true, number) => self.number(Namespace::Users, number),
        };
        let now = (query.now_ms != 0).then(|| TimeMs::from_given(query.now_ms).map(TimeText)).transpose();
        let now = now.map_err(|e| Problem::bad_request(format!("now_ms: {e}")))?;
        Ok(FeedRequest {
            user_id,
            client_app_id: query.client_app_id,
            country_code: query.country_code,
            language_code: query.language_code,
            seen_ids: posts(&query.seen_ids, query.seen_id_strings),
            served_ids: posts(&query.served_ids, query.served_id_strings),
            in_network_only: query.in_network_only,
            is_bottom_request: query.is_bottom_request,
            bloom_filter_entries: query.bloom_filter_entries.into_iter().map(bloom).collect(),
            request_id: query.request_id,
            exclude_videos: query.exclude_videos,
            video_only: query.video_only,
            topic_ids: query.topic_ids,
            limit: (query.limit > 0).then_some(query.limit as usize),
            now,
            surface,
            cursor: (!query.cursor.is_empty()).then_some(query.cursor),
            record: query.do_not_record.then_some(false),
            explain: false,
        })
    }

    /// A number as the profile prints it; numbers name dictionary ids by what they stand for.
    fn number(&self, namespace: Namespace, number: u64) -> IdText {
        IdText(match self.0.profile.id_form(namespace) {
            IdForm::Dictionary if number == 0 => String::new(),
            form => form.print(namespace, number, &*self.0.log),
        })
    }

    fn write(&self, answer: FeedAnswer) -> ScoredPostsResponse {
        ScoredPostsResponse {
            posts: answer.feed.into_iter().map(|post| self.post(post)).collect(),
            request_id: answer.request_id,
            model: answer.model.unwrap_or_default(),
            clock: answer.clock.kind,
            now_ms: answer.clock.now,
            degraded: answer
                .degraded
                .into_iter()
                .map(|d| v1::Degradation { component: d.component, reason: d.reason })
                .collect(),
            timings_ms: timings(&answer.timings_ms),
            next_cursor: answer.next_cursor.unwrap_or_default(),
        }
    }

    fn post(&self, post: FeedPost) -> v1::ScoredPost {
        let ids = self.0.ids();
        let number = |text: &Option<String>| text.as_ref().and_then(|t| ids.post(t).ok()).unwrap_or(PostId::NONE).0;
        let mut heads: std::collections::HashMap<_, _> = post.probabilities.into_iter().collect();
        if let (Some(seconds), Some(index)) = (post.dwell_time, self.0.profile.action_set.dwell_time()) {
            heads.insert(self.0.profile.action_set.name(index).to_owned(), seconds);
        }
        v1::ScoredPost {
            post_id: number(&Some(post.post_id.clone())),
            author_id: post.author_id.as_ref().and_then(|t| ids.user(t).ok()).unwrap_or_default().0,
            rank: post.rank as u32,
            score: post.score,
            in_network: post.in_network,
            source: post.source,
            heads,
            weighted_score: post.weighted_score,
            text: post.text.unwrap_or_default(),
            created_at_ms: post.created_at.unwrap_or_default(),
            in_reply_to_post_id: number(&post.in_reply_to),
            retweeted_post_id: number(&post.repost_of),
            quoted_post_id: number(&post.quotes),
            author_screen_name: post.author.unwrap_or_default(),
            video_duration_ms: post.video_duration_ms.unwrap_or_default(),
            post_id_string: post.post_id,
            author_id_string: post.author_id.unwrap_or_default(),
        }
    }
}

fn bloom(entry: v1::ImpressionBloomFilterEntry) -> ImpressionBloomFilterEntry {
    ImpressionBloomFilterEntry {
        bits: entry.bits,
        num_hashes: entry.num_hashes,
        seed: entry.seed,
        count: entry.count,
        created_at: entry.created_at,
    }
}

fn timings(t: &Timings) -> std::collections::HashMap<String, f64> {
    [
        ("query_hydrators", t.query_hydrators),
        ("sources", t.sources),
        ("hydrators", t.hydrators),
        ("filters", t.filters),
        ("scorers", t.scorers),
        ("selector", t.selector),
        ("post_selection", t.post_selection),
        ("total", t.total),
    ]
    .into_iter()
    .map(|(stage, ms)| (stage.to_owned(), ms))
    .collect()
}
