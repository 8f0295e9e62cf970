//! Schema version 1: protobuf. Tags are never reused; a field that is added is optional.

#![expect(clippy::struct_field_names, reason = "the names are those of the events' fields")]

use foryou_types::{Namespace, PostId, Surface, TimeMs, UserId};
use prost::Message;

use super::CodecError;
use crate::event::{
    ActionEvent, EdgeEvent, EdgeKind, Event, EventBody, ImportProgress, ImpressionEvent, LabelEvent, LabelTarget,
    Media, MediaKind, Origin, PostEvent, ProfileEvent, ServedEvent, ServedPost,
};

/// An event's id and body. Ids of users and posts are `fixed64`: most are hashes or snowflakes, which a varint makes longer.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, optional, tag = "1")]
    id: Option<String>,
    #[prost(oneof = "Body", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Body {
    #[prost(message, boxed, tag = "2")]
    Post(Box<Post>),
    #[prost(fixed64, tag = "3")]
    Delete(u64),
    #[prost(message, tag = "4")]
    Edge(Edge),
    #[prost(message, tag = "5")]
    MuteKeyword(MuteKeyword),
    #[prost(message, boxed, tag = "6")]
    Profile(Box<Profile>),
    #[prost(message, tag = "7")]
    Action(Action),
    #[prost(message, tag = "8")]
    Impression(Impression),
    #[prost(message, tag = "9")]
    Served(Served),
    #[prost(message, tag = "10")]
    Label(Label),
    #[prost(message, tag = "11")]
    Name(Name),
    #[prost(message, tag = "12")]
    ImportProgress(Progress),
}

#[derive(Clone, PartialEq, Message)]
struct Post {
    #[prost(fixed64, tag = "1")]
    post_id: u64,
    #[prost(fixed64, tag = "2")]
    author_id: u64,
    #[prost(string, optional, tag = "3")]
    text: Option<String>,
    #[prost(string, optional, tag = "4")]
    title: Option<String>,
    #[prost(string, optional, tag = "5")]
    language: Option<String>,
    #[prost(string, optional, tag = "6")]
    country: Option<String>,
    #[prost(message, repeated, tag = "7")]
    media: Vec<StoredMedia>,
    #[prost(fixed64, tag = "8")]
    in_reply_to_post_id: u64,
    #[prost(fixed64, tag = "9")]
    in_reply_to_user_id: u64,
    #[prost(fixed64, tag = "10")]
    conversation_id: u64,
    #[prost(fixed64, tag = "11")]
    source_post_id: u64,
    #[prost(fixed64, tag = "12")]
    source_user_id: u64,
    #[prost(fixed64, tag = "13")]
    quoted_post_id: u64,
    #[prost(fixed64, tag = "14")]
    quoted_user_id: u64,
    #[prost(fixed64, tag = "15")]
    subscription_author_id: u64,
    #[prost(uint32, repeated, tag = "16")]
    topics: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct StoredMedia {
    /// 0 photo, 1 video, 2 gif.
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint32, optional, tag = "2")]
    duration_ms: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Edge {
    #[prost(fixed64, tag = "1")]
    user_id: u64,
    #[prost(fixed64, tag = "2")]
    target_id: u64,
    /// The number of the [`EdgeKind`].
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(bool, tag = "4")]
    added: bool,
}

#[derive(Clone, PartialEq, Message)]
struct MuteKeyword {
    #[prost(fixed64, tag = "1")]
    user_id: u64,
    #[prost(string, tag = "2")]
    keyword: String,
    #[prost(bool, tag = "3")]
    muted: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(fixed64, tag = "1")]
    user_id: u64,
    #[prost(string, optional, tag = "2")]
    screen_name: Option<String>,
    #[prost(uint64, optional, tag = "3")]
    followers: Option<u64>,
    #[prost(bool, optional, tag = "4")]
    verified: Option<bool>,
    #[prost(bool, optional, tag = "5")]
    protected: Option<bool>,
    #[prost(bool, optional, tag = "6")]
    suspended: Option<bool>,
    #[prost(string, optional, tag = "7")]
    country: Option<String>,
    #[prost(string, optional, tag = "8")]
    language: Option<String>,
    #[prost(sint64, optional, tag = "9")]
    created_at: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Action {
    #[prost(fixed64, tag = "1")]
    user_id: u64,
    #[prost(fixed64, tag = "2")]
    post_id: u64,
    #[prost(uint32, tag = "3")]
    action: u32,
    #[prost(uint32, optional, tag = "4")]
    dwell_ms: Option<u32>,
    #[prost(uint32, tag = "5")]
    surface: u32,
    #[prost(uint32, tag = "6")]
    client_app: u32,
    #[prost(bool, tag = "7")]
    undo: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Impression {
    #[prost(fixed64, tag = "1")]
    user_id: u64,
    #[prost(fixed64, repeated, tag = "2")]
    post_ids: Vec<u64>,
    #[prost(string, optional, tag = "3")]
    request_id: Option<String>,
    #[prost(uint32, tag = "4")]
    surface: u32,
    #[prost(uint32, tag = "5")]
    client_app: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Served {
    #[prost(string, tag = "1")]
    request_id: String,
    #[prost(fixed64, tag = "2")]
    user_id: u64,
    #[prost(message, repeated, tag = "3")]
    posts: Vec<StoredServedPost>,
    #[prost(string, optional, tag = "4")]
    model: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredServedPost {
    #[prost(fixed64, tag = "1")]
    post_id: u64,
    #[prost(uint32, tag = "2")]
    position: u32,
    #[prost(double, tag = "3")]
    score: f64,
    #[prost(string, tag = "4")]
    source: String,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(oneof = "Target", tags = "1, 2")]
    target: Option<Target>,
    #[prost(string, tag = "3")]
    label: String,
    #[prost(sint64, optional, tag = "4")]
    until: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
enum Target {
    #[prost(fixed64, tag = "1")]
    Post(u64),
    #[prost(fixed64, tag = "2")]
    User(u64),
}

#[derive(Clone, PartialEq, Message)]
struct Name {
    /// 0 users, 1 posts.
    #[prost(uint32, tag = "1")]
    namespace: u32,
    #[prost(fixed64, tag = "2")]
    id: u64,
    #[prost(string, tag = "3")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Progress {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    role: String,
    #[prost(uint64, tag = "3")]
    first_row: u64,
    #[prost(fixed32, repeated, tag = "4")]
    row_hashes: Vec<u32>,
}

pub(super) fn encode(event: Event, out: &mut Vec<u8>) {
    Stored { id: event.id, body: Some(store(event.body)) }.encode_raw(out);
}

pub(super) fn encode_with_length(event: Event, out: &mut Vec<u8>) {
    let stored = Stored { id: event.id, body: Some(store(event.body)) };
    crate::varint::put(out, stored.encoded_len() as u64);
    stored.encode_raw(out);
}

fn store(body: EventBody) -> Body {
    match body {
        EventBody::Post(post) => Body::Post(Box::new(store_post(*post))),
        EventBody::Delete { post_id } => Body::Delete(post_id.0),
        EventBody::Edge(edge) => Body::Edge(Edge {
            user_id: edge.user_id.0,
            target_id: edge.target_id.0,
            kind: edge.kind as u32,
            added: edge.added,
        }),
        EventBody::MuteKeyword { user_id, keyword, muted } => {
            Body::MuteKeyword(MuteKeyword { user_id: user_id.0, keyword, muted })
        }
        EventBody::Profile(profile) => Body::Profile(Box::new(Profile {
            user_id: profile.user_id.0,
            screen_name: profile.screen_name,
            followers: profile.followers,
            verified: profile.verified,
            protected: profile.protected,
            suspended: profile.suspended,
            country: profile.country,
            language: profile.language,
            created_at: profile.created_at.map(|at| at.0),
        })),
        EventBody::Action(action) => Body::Action(Action {
            user_id: action.user_id.0,
            post_id: action.post_id.0,
            action: action.action.into(),
            dwell_ms: action.dwell_ms,
            surface: action.surface as u32,
            client_app: action.client_app,
            undo: action.undo,
        }),
        EventBody::Impression(impression) => Body::Impression(Impression {
            user_id: impression.user_id.0,
            post_ids: impression.post_ids.into_iter().map(|id| id.0).collect(),
            request_id: impression.request_id,
            surface: impression.surface as u32,
            client_app: impression.client_app,
        }),
        EventBody::Served(served) => Body::Served(Served {
            request_id: served.request_id,
            user_id: served.user_id.0,
            posts: served.posts.into_iter().map(store_served_post).collect(),
            model: served.model,
        }),
        EventBody::Label(label) => Body::Label(Label {
            target: Some(match label.target {
                LabelTarget::Post(id) => Target::Post(id.0),
                LabelTarget::User(id) => Target::User(id.0),
            }),
            label: label.label,
            until: label.until.map(|at| at.0),
        }),
        EventBody::Name { namespace, id, name } => {
            let namespace = match namespace {
                Namespace::Users => 0,
                Namespace::Posts => 1,
            };
            Body::Name(Name { namespace, id, name })
        }
        EventBody::ImportProgress(progress) => Body::ImportProgress(Progress {
            kind: progress.kind,
            role: progress.role,
            first_row: progress.first_row,
            row_hashes: progress.row_hashes,
        }),
    }
}

fn store_post(post: PostEvent) -> Post {
    Post {
        post_id: post.post_id.0,
        author_id: post.author_id.0,
        text: post.text,
        title: post.title,
        language: post.language,
        country: post.country,
        media: post
            .media
            .into_iter()
            .map(|media| StoredMedia {
                kind: match media.kind {
                    MediaKind::Photo => 0,
                    MediaKind::Video => 1,
                    MediaKind::Gif => 2,
                },
                duration_ms: media.duration_ms,
            })
            .collect(),
        in_reply_to_post_id: post.in_reply_to_post_id.0,
        in_reply_to_user_id: post.in_reply_to_user_id.0,
        conversation_id: post.conversation_id.0,
        source_post_id: post.source_post_id.0,
        source_user_id: post.source_user_id.0,
        quoted_post_id: post.quoted_post_id.0,
        quoted_user_id: post.quoted_user_id.0,
        subscription_author_id: post.subscription_author_id.0,
        topics: post.topics,
    }
}

fn store_served_post(post: ServedPost) -> StoredServedPost {
    StoredServedPost { post_id: post.post_id.0, position: post.position, score: post.score, source: post.source }
}

pub(super) fn decode(at: TimeMs, origin: Origin, payload: &[u8]) -> Result<Event, CodecError> {
    let stored = Stored::decode(payload).map_err(|e| CodecError::Payload(e.to_string()))?;
    let body = stored.body.ok_or_else(|| payload_error("no body that version 1 knows"))?;
    Ok(Event { at, id: stored.id, origin, body: restore(body)? })
}

fn payload_error(problem: impl Into<String>) -> CodecError {
    CodecError::Payload(problem.into())
}

/// Surfaces are numbered below 256; one that this version does not know reads as unknown.
fn surface(number: u32) -> Surface {
    u8::try_from(number).map_or_else(|_| Surface::default(), Surface::from_u8)
}

fn restore(body: Body) -> Result<EventBody, CodecError> {
    Ok(match body {
        Body::Post(post) => EventBody::Post(Box::new(restore_post(*post)?)),
        Body::Delete(post_id) => EventBody::Delete { post_id: PostId(post_id) },
        Body::Edge(edge) => EventBody::Edge(EdgeEvent {
            user_id: UserId(edge.user_id),
            target_id: UserId(edge.target_id),
            kind: match edge.kind {
                1 => EdgeKind::Follow,
                2 => EdgeKind::Block,
                3 => EdgeKind::Mute,
                4 => EdgeKind::Subscribe,
                kind => return Err(payload_error(format!("kind of edge {kind}"))),
            },
            added: edge.added,
        }),
        Body::MuteKeyword(mute) => {
            EventBody::MuteKeyword { user_id: UserId(mute.user_id), keyword: mute.keyword, muted: mute.muted }
        }
        Body::Profile(profile) => EventBody::Profile(Box::new(ProfileEvent {
            user_id: UserId(profile.user_id),
            screen_name: profile.screen_name,
            followers: profile.followers,
            verified: profile.verified,
            protected: profile.protected,
            suspended: profile.suspended,
            country: profile.country,
            language: profile.language,
            created_at: profile.created_at.map(TimeMs),
        })),
        Body::Action(action) => EventBody::Action(ActionEvent {
            user_id: UserId(action.user_id),
            post_id: PostId(action.post_id),
            action: u8::try_from(action.action).map_err(|_| payload_error(format!("action {}", action.action)))?,
            dwell_ms: action.dwell_ms,
            surface: surface(action.surface),
            client_app: action.client_app,
            undo: action.undo,
        }),
        Body::Impression(impression) => EventBody::Impression(ImpressionEvent {
            user_id: UserId(impression.user_id),
            post_ids: impression.post_ids.into_iter().map(PostId).collect(),
            request_id: impression.request_id,
            surface: surface(impression.surface),
            client_app: impression.client_app,
        }),
        Body::Served(served) => EventBody::Served(ServedEvent {
            request_id: served.request_id,
            user_id: UserId(served.user_id),
            posts: served.posts.into_iter().map(restore_served_post).collect(),
            model: served.model,
        }),
        Body::Label(label) => EventBody::Label(LabelEvent {
            target: match label.target {
                Some(Target::Post(id)) => LabelTarget::Post(PostId(id)),
                Some(Target::User(id)) => LabelTarget::User(UserId(id)),
                None => return Err(payload_error("a label on nothing")),
            },
            label: label.label,
            until: label.until.map(TimeMs),
        }),
        Body::Name(name) => EventBody::Name {
            namespace: match name.namespace {
                0 => Namespace::Users,
                1 => Namespace::Posts,
                other => return Err(payload_error(format!("namespace {other}"))),
            },
            id: name.id,
            name: name.name,
        },
        Body::ImportProgress(progress) => EventBody::ImportProgress(ImportProgress {
            kind: progress.kind,
            role: progress.role,
            first_row: progress.first_row,
            row_hashes: progress.row_hashes,
        }),
    })
}

fn restore_post(post: Post) -> Result<PostEvent, CodecError> {
    let media = post
        .media
        .into_iter()
        .map(|media| {
            let kind = match media.kind {
                0 => MediaKind::Photo,
                1 => MediaKind::Video,
                2 => MediaKind::Gif,
                other => return Err(payload_error(format!("kind of media {other}"))),
            };
            Ok(Media { kind, duration_ms: media.duration_ms })
        })
        .collect::<Result<_, _>>()?;
    Ok(PostEvent {
        post_id: PostId(post.post_id),
        author_id: UserId(post.author_id),
        text: post.text,
        title: post.title,
        language: post.language,
        country: post.country,
        media,
        in_reply_to_post_id: PostId(post.in_reply_to_post_id),
        in_reply_to_user_id: UserId(post.in_reply_to_user_id),
        conversation_id: PostId(post.conversation_id),
        source_post_id: PostId(post.source_post_id),
        source_user_id: UserId(post.source_user_id),
        quoted_post_id: PostId(post.quoted_post_id),
        quoted_user_id: UserId(post.quoted_user_id),
        subscription_author_id: UserId(post.subscription_author_id),
        topics: post.topics,
    })
}

fn restore_served_post(post: StoredServedPost) -> ServedPost {
    ServedPost { post_id: PostId(post.post_id), position: post.position, score: post.score, source: post.source }
}
