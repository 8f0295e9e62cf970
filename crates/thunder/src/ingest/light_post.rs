//! From a post event to the post as Thunder knows it.

use event_log::PostEvent;
use foryou_types::TimeMs;
use foryou_types::seams::LightPost;

/// The post an event of the moment `at` created.
///
/// Whether a repost is a video depends on its source; that is the store's to know.
pub fn light_post(at: TimeMs, event: &PostEvent) -> LightPost {
    LightPost {
        post_id: event.post_id,
        author_id: event.author_id,
        created_at: at,
        in_reply_to_post_id: event.in_reply_to_post_id,
        in_reply_to_user_id: event.in_reply_to_user_id,
        is_retweet: event.is_repost(),
        is_reply: event.is_reply(),
        source_post_id: event.source_post_id,
        source_user_id: event.source_user_id,
        has_video: event.has_video(),
        conversation_id: event.conversation_id,
    }
}

#[cfg(test)]
mod tests {
    use event_log::{Media, MediaKind};
    use foryou_types::{PostId, UserId};

    use super::*;

    #[test]
    fn every_field_comes_from_the_event() {
        let video = Media { kind: MediaKind::Video, duration_ms: Some(5_000) };
        let event = PostEvent {
            post_id: PostId(1),
            author_id: UserId(2),
            media: vec![video],
            in_reply_to_post_id: PostId(3),
            in_reply_to_user_id: UserId(4),
            conversation_id: PostId(5),
            source_post_id: PostId(6),
            source_user_id: UserId(7),
            ..PostEvent::default()
        };
        let expected = LightPost {
            post_id: PostId(1),
            author_id: UserId(2),
            created_at: TimeMs(8),
            in_reply_to_post_id: PostId(3),
            in_reply_to_user_id: UserId(4),
            is_retweet: true,
            is_reply: true,
            source_post_id: PostId(6),
            source_user_id: UserId(7),
            has_video: true,
            conversation_id: PostId(5),
        };
        assert_eq!(light_post(TimeMs(8), &event), expected);
        let plain = light_post(TimeMs(0), &PostEvent { media: vec![video, video], ..PostEvent::default() });
        assert!(!plain.has_video && !plain.is_retweet && !plain.is_reply);
    }
}
