//! From a post event to what the models may know of the post.

use event_log::{MediaKind, PostEvent};
use foryou_types::TimeMs;

use crate::content::{PostText, content_words};
use crate::corpus::PostInfo;

/// What an event of the moment `at` says of the post it created. Trainer and engine both make their corpus here.
///
/// A video of unknown length is a video, and no long one; a GIF is neither photo nor video.
pub fn post_info(at: TimeMs, event: &PostEvent) -> PostInfo {
    let of = |kind| event.media.iter().filter(move |media| media.kind == kind);
    let content = content_words(&PostText {
        text: event.text.as_deref(),
        title: event.title.as_deref(),
        language: event.language.as_deref(),
        photos: of(MediaKind::Photo).count(),
        longest_video_ms: of(MediaKind::Video).map(|video| video.duration_ms.unwrap_or(0)).max(),
        is_reply: event.is_reply(),
        is_quote: event.quoted_post_id.is_some(),
    });
    PostInfo { author: event.author_id, created_at: Some(at), content, source: event.source_post_id }
}

#[cfg(test)]
mod tests {
    use event_log::Media;
    use foryou_types::{PostId, UserId};

    use super::*;

    #[test]
    fn every_field_comes_from_the_event() {
        let media = |kind, duration_ms| Media { kind, duration_ms };
        let event = PostEvent {
            post_id: PostId(1),
            author_id: UserId(2),
            text: Some("Hello there".to_owned()),
            title: Some("A title".to_owned()),
            language: Some("en".to_owned()),
            media: vec![
                media(MediaKind::Photo, None),
                media(MediaKind::Gif, Some(99_000)),
                media(MediaKind::Video, None),
                media(MediaKind::Video, Some(20_000)),
            ],
            in_reply_to_post_id: PostId(3),
            source_post_id: PostId(4),
            quoted_post_id: PostId(5),
            ..PostEvent::default()
        };
        let info = post_info(TimeMs(8), &event);
        let content = content_words(&PostText {
            text: Some("Hello there"),
            title: Some("A title"),
            language: Some("en"),
            photos: 1,
            longest_video_ms: Some(20_000),
            is_reply: true,
            is_quote: true,
        });
        assert_eq!(info, PostInfo { author: UserId(2), created_at: Some(TimeMs(8)), content, source: PostId(4) });

        let unknown_length = PostEvent { media: vec![media(MediaKind::Video, None)], ..PostEvent::default() };
        let a_video = content_words(&PostText { longest_video_ms: Some(0), ..PostText::default() });
        assert_eq!(post_info(TimeMs(0), &unknown_length).content, a_video);
        assert!(!a_video.is_empty());
        let gif = PostEvent { media: vec![media(MediaKind::Gif, None)], ..PostEvent::default() };
        assert!(post_info(TimeMs(0), &gif).content.is_empty());
    }
}
