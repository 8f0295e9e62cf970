//! Ids are bit patterns: no form of them changes what is learnt from.

use event_log::NameAllocator;
use foryou_types::Namespace;
use foryou_types::NoNames;
use phoenix::{CandidateItem, HistoryItem};
use proptest::prelude::*;

use super::agreement::random_events;
use super::*;

/// The ids 1 ..= 6 of users (their posts' authors from 101) and posts under other names.
struct Names {
    users: Vec<u64>,
    posts: Vec<u64>,
}

impl Names {
    fn user(&self, id: UserId) -> UserId {
        let place = if id.0 > 100 { id.0 - 101 } else { id.0 + 5 };
        if id.is_some() { UserId(self.users[place as usize]) } else { id }
    }

    fn post(&self, id: PostId) -> PostId {
        if id.is_some() { PostId(self.posts[id.0 as usize - 1]) } else { id }
    }

    fn event(&self, event: &Event) -> Event {
        let mut event = event.clone();
        match &mut event.body {
            EventBody::Post(post) => {
                (post.post_id, post.author_id) = (self.post(post.post_id), self.user(post.author_id));
            }
            EventBody::Delete { post_id } => *post_id = self.post(*post_id),
            EventBody::Action(action) => {
                (action.user_id, action.post_id) = (self.user(action.user_id), self.post(action.post_id));
            }
            EventBody::Impression(shown) => {
                shown.user_id = self.user(shown.user_id);
                shown.post_ids = shown.post_ids.iter().map(|id| self.post(*id)).collect();
            }
            _ => {}
        }
        event
    }

    fn pass(&self, pass: &Pass) -> Pass {
        let seen = |item: &HistoryItem| HistoryItem {
            post: self.post(item.post),
            author: self.user(item.author),
            ..item.clone()
        };
        let shown = |candidate: &Candidate| Candidate {
            item: CandidateItem {
                post: self.post(candidate.item.post),
                author: self.user(candidate.item.author),
                ..candidate.item.clone()
            },
            ..candidate.clone()
        };
        Pass {
            user: self.user(pass.user),
            history: pass.history.iter().map(seen).collect(),
            candidates: pass.candidates.iter().map(shown).collect(),
            at: pass.at,
        }
    }
}

/// Whether a log under other names is the same training data under other names.
fn assert_only_renamed(seed: u64, names: &Names) {
    let mut events = random_events(seed, 120);
    let end = events.last().map_or(0, |event| event.at.0) + HOUR;
    events.extend([shown(end, 1, &[1]), look(end + 1, 1, 1, 500)]);
    // No two at one moment: acts of one moment stand in order of their ids.
    for (n, event) in (0..).zip(&mut events) {
        event.at = TimeMs(event.at.0 * 1_000 + n);
    }
    let options = DataOptions { validation_share: 0.2, ..options() };
    let plain = load(events.clone(), &options);
    let renamed = load(events.iter().map(|event| names.event(event)).collect(), &options);
    let passes = |passes: &[Pass]| passes.iter().map(|pass| names.pass(pass)).collect::<Vec<_>>();
    assert_eq!((passes(&plain.train), passes(&plain.validation)), (renamed.train, renamed.validation));
    assert_eq!((plain.ids, plain.positives_per_head), (renamed.ids, renamed.positives_per_head));
    for (post, count) in plain.post_frequency {
        assert_eq!(renamed.post_frequency.get(&names.post(post)), Some(&count));
    }
    let mut alive: Vec<_> = plain.alive_posts.iter().map(|(post, at)| (names.post(*post), *at)).collect();
    // Posts of one moment stand in order of their ids.
    alive.sort_by_key(|(post, at)| (*at, *post));
    assert_eq!(alive, renamed.alive_posts);
}

#[test]
fn negative_very_large_and_string_ids_come_through() {
    let mut allocator = NameAllocator::new(&NoNames);
    let mut ids = |namespace| {
        let names = ["N55528", "U-1", "\u{65e5}\u{672c}", "x", "y", "z"].map(|name| allocator.number(namespace, name));
        let numbers = [i64::MIN.cast_unsigned(), u64::MAX, u64::MAX - 1, 1 << 61, (1 << 61) - 1, 7];
        [numbers, names].concat()
    };
    let names = Names { users: ids(Namespace::Users), posts: ids(Namespace::Posts) };
    for seed in 0..20 {
        assert_only_renamed(seed, &names);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_ids_come_through(
        seed: u64,
        users in prop::collection::hash_set(1u64.., 12),
        posts in prop::collection::hash_set(1u64.., 12),
    ) {
        assert_only_renamed(seed, &Names { users: users.into_iter().collect(), posts: posts.into_iter().collect() });
    }
}
