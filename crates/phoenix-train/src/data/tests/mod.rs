//! Hand-made logs in, passes out.

mod agreement;
mod errors;
mod ids;
mod sampling;
mod since;
mod slates;

use event_log::{ActionEvent, Event, EventBody, EventSink, ImpressionEvent, MemoryLog, Origin, PostEvent};
use foryou_types::{ActionIndex, Has, PostId, Profile, Surface, TimeMs, UserId};
use phoenix::{Candidate, Pass};

use super::{DataOptions, TrainingData};

const FAVORITE: ActionIndex = 0;
const REPLY: ActionIndex = 1;
const REPORT: ActionIndex = 17;
const DWELL_TIME: ActionIndex = 18;
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;

fn event(at: i64, body: EventBody) -> Event {
    Event { at: TimeMs(at), id: None, origin: Origin::Import, body }
}

fn post(at: i64, id: u64, author: u64) -> Event {
    let text = Some(format!("post number {id}"));
    event(
        at,
        EventBody::Post(Box::new(PostEvent {
            post_id: PostId(id),
            author_id: UserId(author),
            text,
            ..PostEvent::default()
        })),
    )
}

fn repost(at: i64, id: u64, author: u64, source: u64) -> Event {
    let body = PostEvent {
        post_id: PostId(id),
        author_id: UserId(author),
        source_post_id: PostId(source),
        ..PostEvent::default()
    };
    event(at, EventBody::Post(Box::new(body)))
}

fn delete(at: i64, id: u64) -> Event {
    event(at, EventBody::Delete { post_id: PostId(id) })
}

fn shown(at: i64, user: u64, posts: &[u64]) -> Event {
    let post_ids = posts.iter().map(|id| PostId(*id)).collect();
    let impression =
        ImpressionEvent { user_id: UserId(user), post_ids, surface: Surface::Home, ..ImpressionEvent::default() };
    event(at, EventBody::Impression(impression))
}

fn action(user: u64, post: u64, action: ActionIndex) -> ActionEvent {
    ActionEvent { user_id: UserId(user), post_id: PostId(post), action, ..ActionEvent::default() }
}

fn act(at: i64, user: u64, post: u64, index: ActionIndex) -> Event {
    event(at, EventBody::Action(action(user, post, index)))
}

fn undo(at: i64, user: u64, post: u64, index: ActionIndex) -> Event {
    event(at, EventBody::Action(ActionEvent { undo: true, ..action(user, post, index) }))
}

fn look(at: i64, user: u64, post: u64, dwell_ms: u32) -> Event {
    let looked = ActionEvent { dwell_ms: Some(dwell_ms), ..action(user, post, DWELL_TIME) };
    event(at, EventBody::Action(looked))
}

fn log(events: Vec<Event>) -> MemoryLog {
    let log = MemoryLog::default();
    log.append(events).unwrap();
    log
}

/// The first posts 1 ..= n, by author 100 + id, an hour before the epoch.
fn posts(n: u64) -> Vec<Event> {
    (1..=n).map(|id| post(-HOUR, id, 100 + id)).collect()
}

/// S 8: the window holds up to 10 tokens and moves by 2. Nothing is held back.
fn options() -> DataOptions {
    DataOptions { history: 8, validation_share: 0.0, ..DataOptions::default() }
}

fn without_impressions() -> Profile {
    let live = Profile::live();
    Profile { has: live.has.iter().copied().filter(|has| *has != Has::Impressions).collect(), ..live }
}

fn load(events: Vec<Event>, options: &DataOptions) -> TrainingData {
    TrainingData::load(&log(events), &Profile::live(), options, &|_, _| {}).unwrap()
}

/// Posts and actions of the history that a candidate sees.
fn seen(pass: &Pass, candidate: &Candidate) -> Vec<(u64, u64)> {
    pass.history[..usize::from(candidate.cutoff)].iter().map(|item| (item.post.0, item.actions.0)).collect()
}

/// Post and labels of the candidates of passes.
fn labels(passes: &[Pass]) -> Vec<(u64, u64)> {
    passes.iter().flat_map(|pass| &pass.candidates).map(|c| (c.item.post.0, c.labels.0)).collect()
}
