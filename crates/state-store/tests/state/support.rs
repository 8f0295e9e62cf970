//! A folder with a log in memory, and short ways to write events.

use std::sync::Arc;

use event_log::{
    ActionEvent, EdgeEvent, EdgeKind, Event, EventBody, EventSink, ImpressionEvent, MemoryLog, Origin, PostEvent,
    ServedEvent, ServedPost,
};
use foryou_types::{ActionSet, ClockKind, PostId, Profile, TimeMs, UserId};
use state_store::StateStore;
use tempfile::TempDir;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;

/// Two actions (view 0, like 1), no impressions, half-life 100 s, log clock.
pub(crate) fn reading() -> Profile {
    Profile {
        name: "reading".to_owned(),
        clock: ClockKind::Log,
        has: Vec::new(),
        prior_half_life_seconds: 100,
        action_set: ActionSet::discrete(1, &[("view", 1.0), ("like", 3.0)]),
        ..Profile::live()
    }
}

pub(crate) struct Folder {
    pub(crate) dir: TempDir,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) profile: Profile,
    pub(crate) state: Arc<StateStore>,
}

impl Folder {
    pub(crate) fn new(profile: Profile) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(MemoryLog::default());
        let state = Arc::new(StateStore::open(dir.path(), log.clone(), &profile).unwrap());
        Self { dir, log, profile, state }
    }

    pub(crate) fn with(profile: Profile, events: Vec<Event>) -> Self {
        let folder = Self::new(profile);
        folder.put(events);
        folder
    }

    /// Appends and applies.
    pub(crate) fn put(&self, events: Vec<Event>) {
        self.log.append(events).unwrap();
        self.state.catch_up().unwrap();
    }

    /// Closes the state and opens it again.
    pub(crate) fn reopen(self) -> Self {
        let Self { dir, log, profile, state } = self;
        drop(state);
        let state = Arc::new(StateStore::open(dir.path(), log.clone(), &profile).unwrap());
        Self { dir, log, profile, state }
    }
}

/// Every key and value but the position (whose checksum tells how the log was batched).
pub(crate) fn dump(state: &StateStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = Vec::new();
    state
        .for_each(&mut |key, value| {
            if key != b"\0position" {
                pairs.push((key.to_vec(), value.to_vec()));
            }
        })
        .unwrap();
    pairs
}

pub(crate) fn event(at: i64, body: EventBody) -> Event {
    Event { at: TimeMs(at), id: None, origin: Origin::Import, body }
}

pub(crate) fn post(at: i64, id: u64, author: u64) -> Event {
    let post = PostEvent { post_id: PostId(id), author_id: UserId(author), ..PostEvent::default() };
    event(at, EventBody::Post(Box::new(post)))
}

pub(crate) fn repost(at: i64, id: u64, author: u64, of: u64) -> Event {
    let post = PostEvent {
        post_id: PostId(id),
        author_id: UserId(author),
        source_post_id: PostId(of),
        ..PostEvent::default()
    };
    event(at, EventBody::Post(Box::new(post)))
}

pub(crate) fn reply(at: i64, id: u64, author: u64, to: u64) -> Event {
    let post = PostEvent {
        post_id: PostId(id),
        author_id: UserId(author),
        in_reply_to_post_id: PostId(to),
        ..PostEvent::default()
    };
    event(at, EventBody::Post(Box::new(post)))
}

pub(crate) fn delete(at: i64, id: u64) -> Event {
    event(at, EventBody::Delete { post_id: PostId(id) })
}

pub(crate) fn edge(at: i64, kind: EdgeKind, user: u64, target: u64, added: bool) -> Event {
    event(at, EventBody::Edge(EdgeEvent { user_id: UserId(user), target_id: UserId(target), kind, added }))
}

pub(crate) fn follow(at: i64, user: u64, target: u64) -> Event {
    edge(at, EdgeKind::Follow, user, target, true)
}

pub(crate) fn act(at: i64, user: u64, post: u64, action: u8) -> Event {
    let action = ActionEvent { user_id: UserId(user), post_id: PostId(post), action, ..ActionEvent::default() };
    event(at, EventBody::Action(action))
}

pub(crate) fn undo(at: i64, user: u64, post: u64, action: u8) -> Event {
    let action =
        ActionEvent { user_id: UserId(user), post_id: PostId(post), action, undo: true, ..ActionEvent::default() };
    event(at, EventBody::Action(action))
}

pub(crate) fn dwell(at: i64, user: u64, post: u64, action: u8, ms: u32) -> Event {
    let action = ActionEvent {
        user_id: UserId(user),
        post_id: PostId(post),
        action,
        dwell_ms: Some(ms),
        ..ActionEvent::default()
    };
    event(at, EventBody::Action(action))
}

pub(crate) fn shown(at: i64, user: u64, posts: &[u64]) -> Event {
    let post_ids = posts.iter().map(|&id| PostId(id)).collect();
    event(at, EventBody::Impression(ImpressionEvent { user_id: UserId(user), post_ids, ..ImpressionEvent::default() }))
}

pub(crate) fn served(at: i64, user: u64, posts: &[u64]) -> Event {
    let posts = (0..)
        .zip(posts)
        .map(|(position, &id)| ServedPost { post_id: PostId(id), position, ..ServedPost::default() })
        .collect();
    let body = EventBody::Served(ServedEvent { user_id: UserId(user), posts, ..ServedEvent::default() });
    Event { origin: Origin::Server, ..event(at, body) }
}

pub(crate) fn ids(posts: &[PostId]) -> Vec<u64> {
    posts.iter().map(|id| id.0).collect()
}

pub(crate) fn users(users: &[UserId]) -> Vec<u64> {
    users.iter().map(|id| id.0).collect()
}
