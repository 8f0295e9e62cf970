//! `foryou.v1.ScoredPostsService`.

use std::sync::Arc;
use std::time::Instant;

use foryou_proto::calls::caller_timeout;
use foryou_proto::v1::scored_posts_service_server::ScoredPostsService;
use foryou_proto::v1::{self, ScoredPostsQuery, ScoredPostsResponse};
use foryou_types::{PostId, TimeMs};
use home_mixer::candidate::{PostCandidate, ServedType};
use mixer_kit::ImpressionBloomFilterEntry;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use server::{App, Folder, GivenId, Problem, Scored, TimeText, cut, ranked_by};
use tonic::{Request, Response, Status};

use crate::for_you::ForYou;
use crate::limits;
use crate::request::FeedRequest;

/// Serves the feed over gRPC.
pub(crate) struct ScoredPostsGrpc {
    /// The folder.
    pub(crate) app: Arc<App>,
    /// The feed.
    pub(crate) for_you: Arc<ForYou>,
}

#[tonic::async_trait]
impl ScoredPostsService for ScoredPostsGrpc {
    async fn get_scored_posts(
        &self,
        request: Request<ScoredPostsQuery>,
    ) -> Result<Response<ScoredPostsResponse>, Status> {
        let deadline = caller_timeout(request.metadata()).and_then(|time| Instant::now().checked_add(time));
        let request = read(request.into_inner()).map_err(|p| p.to_status())?;
        let scored = self.app.scored(&self.for_you, request, deadline).await.map_err(|p| p.to_status())?;
        let answer = self.app.folder().looking_up(move |folder| write(folder, scored)).await;
        answer.map(Response::new).map_err(|p| p.to_status())
    }
}

fn read(query: ScoredPostsQuery) -> Result<FeedRequest, Problem> {
    let surface = match query.surface.as_str() {
        "" => None,
        name => Some(
            Deserialize::deserialize(StrDeserializer::<Error>::new(name))
                .map_err(|e| Problem::field("surface", cut(&e.to_string(), 300)))?,
        ),
    };
    let posts = |numbers: Vec<u64>, strings: Vec<String>| -> Vec<GivenId> {
        if strings.is_empty() {
            numbers.into_iter().map(GivenId::Number).collect()
        } else {
            strings.into_iter().map(GivenId::Text).collect()
        }
    };
    let user_id = if query.user_id_string.is_empty() {
        GivenId::Number(query.user_id)
    } else {
        GivenId::Text(query.user_id_string)
    };
    let now = match query.now_ms {
        0 => None,
        ms => Some(TimeText(event_log::check_time(TimeMs(ms)).map_err(|e| Problem::field("now_ms", e))?)),
    };
    Ok(FeedRequest {
        user_id,
        client_app_id: query.client_app_id,
        country_code: query.country_code,
        language_code: query.language_code,
        seen_ids: posts(query.seen_ids, query.seen_id_strings),
        served_ids: posts(query.served_ids, query.served_id_strings),
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

fn write(folder: &Folder, scored: Scored<PostCandidate>) -> ScoredPostsResponse {
    let clock = folder.clock_kind(scored.said_now).to_owned();
    let ranked_by = ranked_by(&scored.result).to_owned();
    let result = scored.result;
    let degraded = result.degraded.into_iter();
    ScoredPostsResponse {
        posts: result.items.iter().zip(1..).map(|(post, rank)| scored_post(folder, rank, post)).collect(),
        request_id: result.request_id,
        model: result.model.unwrap_or_default(),
        clock,
        now_ms: result.now.0,
        degraded: degraded.map(|d| v1::Degradation { component: d.component, reason: d.reason }).collect(),
        timings_ms: result.timings_ms.by_name().map(|(stage, ms)| (stage.to_owned(), ms)).into(),
        next_cursor: scored.next_cursor.unwrap_or_default(),
        ranked_by,
        empty_because: result.empty_because.unwrap_or_default(),
    }
}

fn scored_post(folder: &Folder, rank: u32, post: &PostCandidate) -> v1::ScoredPost {
    let ids = folder.ids();
    let number = |id: Option<PostId>| id.unwrap_or(PostId::NONE).0;
    let heads = post.heads.as_deref().unwrap_or_default();
    let named = folder.profile.action_set.iter().zip(heads);
    v1::ScoredPost {
        post_id: post.tweet_id.0,
        author_id: post.author_id.0,
        rank,
        score: post.score.unwrap_or_default(),
        in_network: post.in_network.unwrap_or_default(),
        source: post.served_type.map_or("unknown", ServedType::as_str).to_owned(),
        heads: named.map(|((_, action), &head)| (action.name.clone(), head)).collect(),
        weighted_score: post.weighted_score.unwrap_or_default(),
        text: cut_or_empty(post.tweet_text.as_deref(), limits::ANSWER_TEXT_BYTES),
        created_at_ms: post.created_at.map_or(0, |t| t.0),
        in_reply_to_post_id: number(post.in_reply_to_tweet_id),
        retweeted_post_id: number(post.retweeted_tweet_id),
        quoted_post_id: number(post.quoted_tweet_id),
        author_screen_name: cut_or_empty(post.author_screen_name.as_deref(), limits::ANSWER_NAME_BYTES),
        video_duration_ms: post.video_duration_ms.unwrap_or_default(),
        post_id_string: ids.print_post(post.tweet_id),
        author_id_string: ids.print_user(post.author_id).unwrap_or_default(),
    }
}

fn cut_or_empty(text: Option<&str>, most: usize) -> String {
    text.map(|text| cut(text, most)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn the_longest_feed_fits_what_clients_take() {
        let post = v1::ScoredPost {
            post_id: u64::MAX,
            author_id: u64::MAX,
            score: -0.1,
            weighted_score: -0.1,
            source: "x".repeat(event_log::limits::SOURCE),
            heads: (0..64).map(|head| (format!("an action with a long name {head}"), 0.1)).collect(),
            text: cut_or_empty(Some(&"大".repeat(25_000)), limits::ANSWER_TEXT_BYTES),
            created_at_ms: i64::MAX,
            author_screen_name: cut_or_empty(Some(&"大".repeat(25_000)), limits::ANSWER_NAME_BYTES),
            post_id_string: "𝄞".repeat(event_log::limits::ID),
            author_id_string: "𝄞".repeat(event_log::limits::ID),
            ..v1::ScoredPost::default()
        };
        let answer = ScoredPostsResponse { posts: vec![post; server::limits::FEED], ..ScoredPostsResponse::default() };
        assert!(answer.encoded_len() < 4 << 20, "{}", answer.encoded_len());
    }
}
