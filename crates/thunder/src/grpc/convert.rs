//! Between the seam's types and the messages. Ids keep their bits; `created_at` is in whole seconds; the milliseconds are a field of their own.

use foryou_proto::thunder::v1 as proto;
use foryou_types::seams::{InNetworkRequest, InNetworkResponse, LightPost};
use foryou_types::{PostId, TimeMs, UserId};

use crate::store::LookupStats;

pub(super) fn request_from_proto(request: proto::GetInNetworkPostsRequest) -> InNetworkRequest {
    InNetworkRequest {
        user_id: UserId(request.user_id),
        following_user_ids: request.following_user_ids.into_iter().map(UserId).collect(),
        max_results: request.max_results as usize,
        exclude_post_ids: request.exclude_tweet_ids.into_iter().map(PostId).collect(),
        algorithm: request.algorithm,
        debug: request.debug,
        is_video_request: request.is_video_request,
        now: (request.now_ms != 0).then_some(TimeMs(request.now_ms)),
    }
}

pub(super) fn request_to_proto(request: InNetworkRequest) -> proto::GetInNetworkPostsRequest {
    proto::GetInNetworkPostsRequest {
        user_id: request.user_id.0,
        following_user_ids: request.following_user_ids.into_iter().map(|id| id.0).collect(),
        max_results: u32::try_from(request.max_results).unwrap_or(u32::MAX),
        exclude_tweet_ids: request.exclude_post_ids.into_iter().map(|id| id.0).collect(),
        algorithm: request.algorithm,
        debug: request.debug,
        is_video_request: request.is_video_request,
        now_ms: request.now.map_or(0, |now| now.0),
    }
}

pub(super) fn response_to_proto(
    response: InNetworkResponse,
    stats: Option<LookupStats>,
) -> proto::GetInNetworkPostsResponse {
    proto::GetInNetworkPostsResponse {
        posts: response.posts.iter().map(post_to_proto).collect(),
        partial: response.partial,
        warnings: response.warnings,
        stats: stats.map(|stats| proto::LookupStats {
            authors_looked_at: stats.authors_looked_at,
            entries_scanned: stats.entries_scanned,
            posts_eligible: stats.posts_eligible,
        }),
    }
}

pub(super) fn response_from_proto(response: proto::GetInNetworkPostsResponse) -> InNetworkResponse {
    InNetworkResponse {
        posts: response.posts.iter().map(post_from_proto).collect(),
        partial: response.partial,
        warnings: response.warnings,
    }
}

fn post_to_proto(post: &LightPost) -> proto::LightPost {
    proto::LightPost {
        post_id: post.post_id.as_i64(),
        author_id: post.author_id.0,
        created_at: post.created_at.as_secs(),
        in_reply_to_post_id: post.in_reply_to_post_id.as_i64(),
        in_reply_to_user_id: post.in_reply_to_user_id.as_i64(),
        is_retweet: post.is_retweet,
        is_reply: post.is_reply,
        source_post_id: post.source_post_id.as_i64(),
        source_user_id: post.source_user_id.as_i64(),
        has_video: post.has_video,
        conversation_id: post.conversation_id.as_i64(),
        created_at_ms: post.created_at.0,
    }
}

fn post_from_proto(post: &proto::LightPost) -> LightPost {
    // A server that knows only the documents' fields sends no milliseconds.
    let created_at =
        if post.created_at_ms == 0 { TimeMs::from_secs(post.created_at) } else { TimeMs(post.created_at_ms) };
    LightPost {
        post_id: PostId::from_i64(post.post_id),
        author_id: UserId(post.author_id),
        created_at,
        in_reply_to_post_id: PostId::from_i64(post.in_reply_to_post_id),
        in_reply_to_user_id: UserId::from_i64(post.in_reply_to_user_id),
        is_retweet: post.is_retweet,
        is_reply: post.is_reply,
        source_post_id: PostId::from_i64(post.source_post_id),
        source_user_id: UserId::from_i64(post.source_user_id),
        has_video: post.has_video,
        conversation_id: PostId::from_i64(post.conversation_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_keeps_all_its_bits_and_its_milliseconds() {
        let post = LightPost {
            post_id: PostId(u64::MAX),
            author_id: UserId(u64::MAX - 1),
            created_at: TimeMs(-1),
            in_reply_to_post_id: PostId(1 << 63),
            in_reply_to_user_id: UserId(5),
            is_retweet: true,
            is_reply: true,
            source_post_id: PostId(6),
            source_user_id: UserId(7),
            has_video: true,
            conversation_id: PostId(8),
        };
        let sent = post_to_proto(&post);
        assert_eq!((sent.post_id, sent.created_at, sent.created_at_ms), (-1, -1, -1));
        assert_eq!(post_from_proto(&sent), post);
        let from_elsewhere = proto::LightPost { created_at_ms: 0, created_at: 3, ..sent };
        assert_eq!(post_from_proto(&from_elsewhere).created_at, TimeMs(3_000));
    }

    #[test]
    fn a_request_survives_the_wire() {
        let request = InNetworkRequest {
            user_id: UserId(1),
            following_user_ids: vec![UserId(u64::MAX)],
            max_results: 9,
            exclude_post_ids: vec![PostId(2)],
            algorithm: "recent".to_owned(),
            debug: true,
            is_video_request: true,
            now: Some(TimeMs(-7)),
        };
        assert_eq!(request_from_proto(request_to_proto(request.clone())), request);
        let now = InNetworkRequest { now: None, ..request };
        assert_eq!(request_from_proto(request_to_proto(now.clone())), now);
    }
}
