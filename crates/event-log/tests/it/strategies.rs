//! Arbitrary events.

use event_log::*;
use foryou_types::{Namespace, PostId, Profile, Surface, TimeMs, UserId};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn user() -> impl Strategy<Value = UserId> {
    prop_oneof![1..20u64, 1..=u64::MAX].prop_map(UserId)
}

fn post_id() -> impl Strategy<Value = PostId> {
    prop_oneof![1..20u64, 1..=u64::MAX].prop_map(PostId)
}

fn some_user() -> impl Strategy<Value = UserId> {
    prop_oneof![Just(UserId::NONE), user()]
}

fn some_post() -> impl Strategy<Value = PostId> {
    prop_oneof![Just(PostId::NONE), post_id()]
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}"
}

fn word() -> impl Strategy<Value = String> {
    "[a-zé]{1,12}"
}

fn surface() -> impl Strategy<Value = Surface> {
    (0..12u8).prop_map(Surface::from_u8)
}

fn time() -> impl Strategy<Value = TimeMs> {
    prop_oneof![0..2_000_000_000_000i64, 0..253_402_300_800_000i64].prop_map(TimeMs)
}

fn media() -> impl Strategy<Value = Media> {
    let kind = prop_oneof![Just(MediaKind::Photo), Just(MediaKind::Video), Just(MediaKind::Gif)];
    (kind, of(any::<u32>())).prop_map(|(kind, duration_ms)| Media { kind, duration_ms })
}

fn post() -> impl Strategy<Value = EventBody> {
    let texts = (of(text()), of(text()), of(word()), of(word()));
    let posts = (post_id(), some_post(), some_post(), some_post(), some_post());
    let users = (some_user(), some_user(), some_user(), some_user(), some_user());
    (texts, posts, users, vec(media(), 0..4), vec(any::<u32>(), 0..4)).prop_map(
        |((text, title, language, country), posts, users, media, topics)| {
            EventBody::Post(Box::new(PostEvent {
                post_id: posts.0,
                author_id: users.0,
                text,
                title,
                language,
                country,
                media,
                in_reply_to_post_id: posts.1,
                in_reply_to_user_id: users.1,
                conversation_id: posts.2,
                source_post_id: posts.3,
                source_user_id: users.2,
                quoted_post_id: posts.4,
                quoted_user_id: users.3,
                subscription_author_id: users.4,
                topics,
            }))
        },
    )
}

fn profile() -> impl Strategy<Value = EventBody> {
    let flags = (of(any::<bool>()), of(any::<bool>()), of(any::<bool>()));
    (user(), of(text()), of(any::<u64>()), flags, of(word()), of(word()), of(time())).prop_map(
        |(user_id, screen_name, followers, (verified, protected, suspended), country, language, created_at)| {
            EventBody::Profile(Box::new(ProfileEvent {
                user_id,
                screen_name,
                followers,
                verified,
                protected,
                suspended,
                country,
                language,
                created_at,
            }))
        },
    )
}

fn edge() -> impl Strategy<Value = EventBody> {
    let kind =
        prop_oneof![Just(EdgeKind::Follow), Just(EdgeKind::Block), Just(EdgeKind::Mute), Just(EdgeKind::Subscribe)];
    (user(), user(), kind, any::<bool>()).prop_map(|(user_id, target_id, kind, added)| {
        let target_id = if target_id == user_id { UserId(user_id.0 ^ 1 << 40) } else { target_id };
        EventBody::Edge(EdgeEvent { user_id, target_id, kind, added })
    })
}

fn action() -> impl Strategy<Value = EventBody> {
    let actions = Profile::live().action_set.len() as u8;
    (user(), post_id(), 0..actions, of(any::<u32>()), surface(), any::<u32>(), any::<bool>()).prop_map(
        move |(user_id, post_id, action, dwell_ms, surface, client_app, undo)| {
            // The last one is measured by its dwell.
            let dwell_ms = if action == actions - 1 { dwell_ms.or(Some(0)) } else { dwell_ms };
            EventBody::Action(ActionEvent { user_id, post_id, action, dwell_ms, surface, client_app, undo })
        },
    )
}

fn impression() -> impl Strategy<Value = EventBody> {
    (user(), vec(post_id(), 1..6), of(text()), surface(), any::<u32>()).prop_map(
        |(user_id, post_ids, request_id, surface, client_app)| {
            EventBody::Impression(ImpressionEvent { user_id, post_ids, request_id, surface, client_app })
        },
    )
}

fn served() -> impl Strategy<Value = EventBody> {
    let score = prop_oneof![any::<f64>().prop_filter("JSON has no others", |s| s.is_finite()), -1.0..1.0f64];
    let post = (post_id(), any::<u32>(), score, text()).prop_map(|(post_id, position, score, source)| ServedPost {
        post_id,
        position,
        score,
        source,
    });
    (word(), user(), vec(post, 0..4), of(word())).prop_map(|(request_id, user_id, posts, model)| {
        EventBody::Served(ServedEvent { request_id, user_id, posts, model })
    })
}

fn label() -> impl Strategy<Value = EventBody> {
    let target = prop_oneof![post_id().prop_map(LabelTarget::Post), user().prop_map(LabelTarget::User)];
    (target, word(), of(time()))
        .prop_map(|(target, label, until)| EventBody::Label(LabelEvent { target, label, until }))
}

fn body() -> impl Strategy<Value = EventBody> {
    prop_oneof![
        post(),
        post_id().prop_map(|post_id| EventBody::Delete { post_id }),
        edge(),
        (user(), word(), any::<bool>()).prop_map(|(user_id, keyword, muted)| EventBody::MuteKeyword {
            user_id,
            keyword,
            muted
        }),
        profile(),
        action(),
        impression(),
        served(),
        label(),
    ]
}

fn noted() -> impl Strategy<Value = EventBody> {
    let namespace = prop_oneof![Just(Namespace::Users), Just(Namespace::Posts)];
    let name = (namespace, 1..=u64::MAX, word());
    let progress = (word(), word(), any::<u64>(), vec(any::<u32>(), 0..9));
    prop_oneof![
        name.prop_map(|(namespace, id, name)| EventBody::Name { namespace, id, name }),
        progress.prop_map(|(kind, role, first_row, row_hashes)| {
            EventBody::ImportProgress(ImportProgress { kind, role, first_row, row_hashes })
        }),
    ]
}

/// An event that can be sent, as an importer would write it.
pub(crate) fn sendable() -> impl Strategy<Value = Event> {
    (time(), of(text().prop_filter("not empty", |id| !id.is_empty())), body()).prop_map(|(at, id, body)| {
        let origin = if matches!(body, EventBody::Served(_)) { Origin::Server } else { Origin::Import };
        Event { at, id, origin, body }
    })
}

/// Any event at all.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let origin = prop_oneof![Just(Origin::Live), Just(Origin::Import), Just(Origin::Server)];
    let body = prop_oneof![9 => body(), 1 => noted()];
    (time(), of("[a-z]{1,20}"), origin, body).prop_map(|(at, id, origin, body)| Event { at, id, origin, body })
}
