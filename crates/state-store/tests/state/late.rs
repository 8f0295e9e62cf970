//! The state does not depend on the order in which events arrive, nor on how often they do: their times decide.

use std::collections::BTreeSet;

use event_log::{EdgeKind, Event, EventBody, LabelEvent, LabelTarget, PostEvent, ProfileEvent};
use foryou_types::{PostId, Profile, TimeMs, UserId};
use proptest::prelude::*;
use state_store::StateStore;

use crate::support::{Folder, HOUR, SECOND, act, delete, dump, dwell, edge, event, post, reading, shown, undo};

/// What may happen to a few people and posts. A post is created in one way only; 6, 7 and 8 repost each other in a circle.
fn one() -> impl Strategy<Value = (u8, u64, u64, u64, u8, bool)> {
    (0u8..20, 1u64..4, 1u64..4, 1u64..10, 0u8..3, any::<bool>())
}

fn creation(at: i64, id: u64) -> Event {
    let source = [0, 0, 0, 2, 3, 9, 7, 8, 6, 4][id as usize];
    let post = PostEvent {
        post_id: PostId(id),
        author_id: UserId(id % 3 + 1),
        source_post_id: PostId(source),
        ..PostEvent::default()
    };
    event(at, EventBody::Post(Box::new(post)))
}

fn event_of(at: i64, (what, user, other, id, action, flag): (u8, u64, u64, u64, u8, bool)) -> Event {
    match what {
        0 | 1 => creation(at, id),
        2 => delete(at, id),
        3 => edge(at, EdgeKind::Follow, user, other, flag),
        4 => edge(at, EdgeKind::Block, user, other, flag),
        5 => edge(at, EdgeKind::Mute, user, other, flag),
        6 => edge(at, EdgeKind::Subscribe, user, other, flag),
        7 => {
            let keyword = if action == 0 { format!("Word{other}") } else { format!("wORD{other} ") };
            event(at, EventBody::MuteKeyword { user_id: UserId(user), keyword, muted: flag })
        }
        8 => event(
            at,
            EventBody::Profile(Box::new(ProfileEvent {
                user_id: UserId(user),
                screen_name: (action == 0).then(|| format!("name {other}")),
                followers: flag.then_some(other),
                protected: (action == 1).then_some(flag),
                created_at: (action == 2).then_some(TimeMs(at)),
                ..ProfileEvent::default()
            })),
        ),
        9 => event(
            at,
            EventBody::Label(LabelEvent {
                target: if flag { LabelTarget::Post(PostId(id)) } else { LabelTarget::User(UserId(user)) },
                label: format!("label {other}"),
                until: (action > 0).then_some(TimeMs(at)),
            }),
        ),
        10 => shown(at, user, &[id, other]),
        11 => dwell(at, user, id, 18, 700),
        12 => dwell(at, user, id, action, 300),
        13..=15 => undo(at, user, id, action),
        _ => act(at, user, id, action),
    }
}

/// Events at different moments, a post created once.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let close = prop_oneof![Just(60 * SECOND), Just(HOUR)];
    (prop::collection::btree_map(0i64..1_500, one(), 1..150), close).prop_map(|(happened, apart)| {
        let mut created = BTreeSet::new();
        let events = happened.into_iter().map(|(n, what)| event_of(n * apart, what));
        let events = events.filter(|event| match &event.body {
            EventBody::Post(post) => created.insert(post.post_id),
            _ => true,
        });
        // An id each: what arrives twice is one event, also where it adds up.
        (0..).zip(events).map(|(n, event)| Event { id: Some(format!("event {n}")), ..event }).collect()
    })
}

fn shuffled(events: &[Event], seed: u64, twice: bool) -> Vec<Event> {
    let mut events: Vec<Event> = if twice { [events, events].concat() } else { events.to_vec() };
    let mut rng = foryou_types::SplitMix64::new(seed);
    for i in (1..events.len()).rev() {
        events.swap(i, foryou_types::Rng::below(&mut rng, i + 1));
    }
    events
}

/// Everything but the rings of what was seen and served, which hold the newest arrivals.
fn tables(state: &StateStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = dump(state);
    pairs.retain(|(key, _)| !matches!(key[0], 14 | 15));
    pairs
}

fn answers(state: &StateStore) -> String {
    let now = TimeMs(1_500 * HOUR);
    let mut answers = String::new();
    for user in (1..4).map(UserId) {
        let acted = state.acted_among(user, &(1..10).map(PostId).collect::<Vec<_>>()).unwrap();
        let edges = [EdgeKind::Follow, EdgeKind::Block, EdgeKind::Mute, EdgeKind::Subscribe]
            .map(|kind| (state.targets(kind, user).unwrap(), state.sources(kind, user).unwrap()));
        answers += &format!("{user:?} {acted:?} {edges:?} {:?}\n", state.action_sequence(user).unwrap());
        answers += &format!("{:?} {:?}\n", state.muted_keywords(user).unwrap(), state.profile(user).unwrap());
    }
    for post in (1..10).map(PostId) {
        let (counts, raw) = (state.engagement(post).unwrap(), state.raw_counts(post).unwrap());
        answers += &format!("{post:?} {counts:?} {raw:?} {:?}\n", state.post(post).unwrap());
        answers += &format!("{:?}\n", state.labels_of_post(post, TimeMs(0)).unwrap());
    }
    let top = state.most_popular(now, TimeMs(0), 99, &|_, _| false).unwrap();
    answers + &format!("{:?} {top:?}", state.popularity_prior(now))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_of_arrival_and_any_repetition_give_the_same_state(
        events in events(), seed: u64, twice: bool, has_impressions: bool, batch in 1usize..60,
    ) {
        let profile = if has_impressions { Profile::live() } else { reading() };
        let in_order = Folder::with(profile.clone(), events.clone());
        let late = Folder::new(profile);
        for batch in shuffled(&events, seed, twice).chunks(batch) {
            late.put(batch.to_vec());
        }
        prop_assert_eq!(tables(&in_order.state), tables(&late.state));
        prop_assert_eq!(answers(&in_order.reopen().state), answers(&late.reopen().state));
    }
}

#[test]
fn what_was_done_before_a_post_was_known_to_be_a_repost_counts_for_its_original() {
    let folder = Folder::with(
        reading(),
        vec![act(10, 1, 5, 1), act(11, 2, 5, 1), act(12, 1, 1, 1), dwell(13, 3, 5, 0, 100), post(1, 1, 9)],
    );
    assert_eq!(folder.state.raw_counts(PostId(5)).unwrap(), [1, 2]);
    let repost =
        PostEvent { post_id: PostId(5), author_id: UserId(8), source_post_id: PostId(1), ..PostEvent::default() };
    folder.put(vec![event(2, EventBody::Post(Box::new(repost)))]);
    assert_eq!(folder.state.raw_counts(PostId(5)).unwrap(), [0, 0]);
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [1, 2]); // person 1 once
    assert_eq!(folder.state.action_sequence(UserId(2)).unwrap().tokens[0].author_id, UserId(8));
}
