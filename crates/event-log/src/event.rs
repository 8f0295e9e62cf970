//! The events: everything the rest of foryou knows is projected from them.
//!
//! [`crate::event_to_json`] and [`crate::EventDecoder`] write and read the form on the wire (JSON). The stored form is in [`crate::codec`].

use foryou_types::{ActionIndex, Namespace, PostId, Surface, TimeMs, UserId};
use serde::{Deserialize, Serialize};

/// Where an event comes from. Only imported events move a log clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An API call.
    #[default]
    Live,
    /// An importer: a row of a data set.
    Import,
    /// The server's own record (served posts).
    Server,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: TimeMs,
    /// The sender's own id of the event: the same id twice is one event.
    pub id: Option<String>,
    /// Who put it into the log.
    pub origin: Origin,
    /// What happened.
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventBody {
    /// A post was created. (Boxed: it is several times larger than the other, more frequent ones.)
    Post(Box<PostEvent>),
    /// A post was deleted.
    Delete {
        /// The post.
        post_id: PostId,
    },
    /// An edge of the graph came or went.
    Edge(EdgeEvent),
    /// A keyword was muted or unmuted.
    MuteKeyword {
        /// Who mutes it.
        user_id: UserId,
        /// The word or phrase.
        keyword: String,
        /// Muted (true) or unmuted (false).
        muted: bool,
    },
    /// A person's profile, whole fields replaced where given.
    Profile(Box<ProfileEvent>),
    /// A person acted on a post.
    Action(ActionEvent),
    /// Posts were shown to a person.
    Impression(ImpressionEvent),
    /// Posts were served to a person (the mixer's own record).
    Served(ServedEvent),
    /// A post or a person was labelled.
    Label(LabelEvent),
    /// A string id got its number (dictionary forms only). Written before its first use, in the same batch.
    Name {
        /// Users or posts.
        namespace: Namespace,
        /// The number.
        id: u64,
        /// The string.
        name: String,
    },
    /// An importer finished rows of a file. Written in the same batch as the rows' events.
    ImportProgress(ImportProgress),
}

/// A post, reply, repost or quote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PostEvent {
    /// The post.
    pub post_id: PostId,
    /// Its author; [`UserId::NONE`] in sets without authors.
    pub author_id: UserId,
    /// Its text.
    pub text: Option<String>,
    /// Its title, where posts have one.
    pub title: Option<String>,
    /// Language, as a BCP 47 tag.
    pub language: Option<String>,
    /// Country, as ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Photos and videos.
    pub media: Vec<Media>,
    /// The post it answers.
    pub in_reply_to_post_id: PostId,
    /// The author of the post it answers.
    pub in_reply_to_user_id: UserId,
    /// The first post of its thread.
    pub conversation_id: PostId,
    /// The post it reposts.
    pub source_post_id: PostId,
    /// The author of the post it reposts.
    pub source_user_id: UserId,
    /// The post it quotes.
    pub quoted_post_id: PostId,
    /// The author of the post it quotes.
    pub quoted_user_id: UserId,
    /// Only subscribers of this author may see it.
    pub subscription_author_id: UserId,
    /// Topics, by number.
    pub topics: Vec<u32>,
}

impl PostEvent {
    /// Whether it is a repost.
    pub const fn is_repost(&self) -> bool {
        self.source_post_id.is_some()
    }

    /// Whether it is a reply.
    pub const fn is_reply(&self) -> bool {
        self.in_reply_to_post_id.is_some()
    }

    /// Thunder's rule for a video post: exactly one media entity, a video, of at least 5,000 ms.
    pub fn has_video(&self) -> bool {
        matches!(self.media.as_slice(), [Media { kind: MediaKind::Video, duration_ms: Some(ms) }] if *ms >= 5_000)
    }
}

/// Kind of a media entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Photo,
    /// A video.
    Video,
    /// A short loop without sound.
    Gif,
}

/// One media entity of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Length of a video, in milliseconds.
    pub duration_ms: Option<u32>,
}

/// Kind of an edge between two people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum EdgeKind {
    /// `user` follows `target`.
    Follow = 1,
    /// `user` blocks `target`.
    Block = 2,
    /// `user` mutes `target`.
    Mute = 3,
    /// `user` pays to see `target`'s subscriber-only posts.
    Subscribe = 4,
}

/// An edge that came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeEvent {
    /// The person who follows, blocks, mutes or subscribes.
    pub user_id: UserId,
    /// The person who is followed, blocked, muted or subscribed to.
    pub target_id: UserId,
    /// Which edge.
    pub kind: EdgeKind,
    /// Came (true) or went (false).
    pub added: bool,
}

/// A person's profile; a field that is not given keeps its value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileEvent {
    /// The person.
    pub user_id: UserId,
    /// The name shown.
    pub screen_name: Option<String>,
    /// Followers, as the platform counts them.
    pub followers: Option<u64>,
    /// Verified.
    pub verified: Option<bool>,
    /// Only followers see this person's posts.
    pub protected: Option<bool>,
    /// Suspended by the platform.
    pub suspended: Option<bool>,
    /// Country, as ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Language, as a BCP 47 tag.
    pub language: Option<String>,
    /// When the account was made.
    pub created_at: Option<TimeMs>,
}

/// A person's action on a post.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionEvent {
    /// Who acted.
    pub user_id: UserId,
    /// On what.
    pub post_id: PostId,
    /// Which action, as its index in the profile's set.
    pub action: ActionIndex,
    /// Attention, in milliseconds.
    pub dwell_ms: Option<u32>,
    /// Where in the product.
    pub surface: Surface,
    /// With which app; 0 if unknown.
    pub client_app: u32,
    /// The action was taken back.
    pub undo: bool,
}

/// Posts shown together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpressionEvent {
    /// To whom.
    pub user_id: UserId,
    /// What, top first.
    pub post_ids: Vec<PostId>,
    /// The request that served them.
    pub request_id: Option<String>,
    /// Where in the product.
    pub surface: Surface,
    /// With which app; 0 if unknown.
    pub client_app: u32,
}

/// Posts served together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServedEvent {
    /// The request.
    pub request_id: String,
    /// To whom.
    pub user_id: UserId,
    /// What, top first.
    pub posts: Vec<ServedPost>,
    /// The model version that ranked them; `None` for the popularity prior.
    pub model: Option<String>,
}

/// One post of a served feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServedPost {
    /// The post.
    pub post_id: PostId,
    /// Its place, from 0.
    pub position: u32,
    /// Its final score.
    pub score: f64,
    /// The source that gave it.
    pub source: String,
}

/// What a label is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelTarget {
    /// A post.
    Post(PostId),
    /// A person.
    User(UserId),
}

/// A label on a post or a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelEvent {
    /// On what.
    pub target: LabelTarget,
    /// The label (`spam`, `abuse`, ...).
    pub label: String,
    /// When it ends, `None` for never.
    pub until: Option<TimeMs>,
}

/// Rows of one role of an imported set that are in the log now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    /// The kind of set (`higgs`).
    pub kind: String,
    /// The role of the file in the set (`activity`).
    pub role: String,
    /// First row covered, from 0.
    pub first_row: u64,
    /// Per row covered, the low 32 bits of the XXH3-64 of its bytes: they tell whether a row changed.
    pub row_hashes: Vec<u32>,
}

/// A topic of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Topic {
    /// Posts and deletes, by post.
    Posts = 0,
    /// Edges and muted keywords, by user.
    Graph = 1,
    /// Actions and impressions, by user.
    Actions = 2,
    /// Profiles, by user.
    Profiles = 3,
    /// Labels, by what is labelled.
    Labels = 4,
    /// Served feeds, by user.
    Served = 5,
    /// Names and import progress; one partition.
    Meta = 6,
}

impl Topic {
    /// Every topic, by number.
    pub const ALL: [Self; 7] =
        [Self::Posts, Self::Graph, Self::Actions, Self::Profiles, Self::Labels, Self::Served, Self::Meta];

    /// The topic's name, as Kafka would carry it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::Graph => "graph",
            Self::Actions => "actions",
            Self::Profiles => "profiles",
            Self::Labels => "labels",
            Self::Served => "served",
            Self::Meta => "meta",
        }
    }
}

impl EventBody {
    /// The topic the event belongs to and the key that places it in a partition.
    ///
    /// A delete names only its post, so posts are keyed by post: a post and its delete keep their order.
    pub fn topic_and_key(&self) -> (Topic, u64) {
        match self {
            Self::Post(post) => (Topic::Posts, post.post_id.0),
            Self::Delete { post_id } => (Topic::Posts, post_id.0),
            Self::Edge(edge) => (Topic::Graph, edge.user_id.0),
            Self::MuteKeyword { user_id, .. } => (Topic::Graph, user_id.0),
            Self::Profile(profile) => (Topic::Profiles, profile.user_id.0),
            Self::Action(action) => (Topic::Actions, action.user_id.0),
            Self::Impression(impression) => (Topic::Actions, impression.user_id.0),
            Self::Served(served) => (Topic::Served, served.user_id.0),
            Self::Label(LabelEvent { target: LabelTarget::Post(post_id), .. }) => (Topic::Labels, post_id.0),
            Self::Label(LabelEvent { target: LabelTarget::User(user_id), .. }) => (Topic::Labels, user_id.0),
            Self::Name { .. } | Self::ImportProgress(_) => (Topic::Meta, 0),
        }
    }
}
