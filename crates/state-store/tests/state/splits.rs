//! The state does not depend on how its events were batched, nor on when it was closed and opened.

use event_log::{EdgeKind, Event, EventBody, EventSource, LabelEvent, LabelTarget, Origin, ProfileEvent};
use foryou_types::{PostId, Profile, TimeMs, UserId};
use proptest::prelude::*;
use state_store::StateStore;

use crate::support::{
    Folder, HOUR, act, delete, dump, dwell, edge, event, post, reading, reply, repost, served, shown, undo,
};

fn events() -> impl Strategy<Value = Vec<Event>> {
    // Few ids and many hours: everything meets everything, in any order, across the age limit.
    let (users, posts) = (1u64..5, 1u64..9);
    let one = (0u8..16, 0..400 * HOUR, users.clone(), users, posts.clone(), posts, 0u8..3, any::<bool>()).prop_map(
        |(what, at, user, other, id, other_id, action, flag)| match what {
            0 | 1 => post(at, id, user),
            2 => repost(at, id, user, other_id),
            3 => reply(at, id, user, other_id),
            4 => delete(at, id),
            5 => edge(at, EdgeKind::Follow, user, other, flag),
            6 => edge(at, EdgeKind::Mute, user, other, flag),
            7 => event(at, EventBody::MuteKeyword { user_id: UserId(user), keyword: format!("k{other}"), muted: flag }),
            8 => event(
                at,
                EventBody::Profile(Box::new(ProfileEvent {
                    user_id: UserId(user),
                    followers: flag.then_some(other),
                    protected: (!flag).then_some(true),
                    ..ProfileEvent::default()
                })),
            ),
            9 => shown(at, user, &[id, other_id]),
            10 => served(at, user, &[id, other_id]),
            11 => undo(at, user, id, action),
            12 => dwell(at, user, id, if flag { 18 } else { 0 }, at as u32),
            13 => event(
                at,
                EventBody::Label(LabelEvent {
                    target: if flag { LabelTarget::Post(PostId(id)) } else { LabelTarget::User(UserId(user)) },
                    label: format!("l{other}"),
                    until: flag.then_some(TimeMs(at)),
                }),
            ),
            14 => Event { origin: Origin::Live, ..act(at, user, id, action) },
            _ => act(at, user, id, action),
        },
    );
    proptest::collection::vec(one, 1..150)
}

fn answers(state: &StateStore) -> impl PartialEq + std::fmt::Debug {
    let now = TimeMs(400 * HOUR);
    let top = state.most_popular(now, TimeMs(0), 99, &|_, _| false).unwrap();
    (state.popularity_prior(now), top, state.action_sequence(UserId(1)).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn any_split_and_any_restart_give_the_same_state(
        events in events(),
        cuts in proptest::collection::vec((1usize..40, any::<bool>()), 1..12),
        has_impressions: bool,
    ) {
        let profile = if has_impressions { Profile::live() } else { reading() };
        let whole = Folder::with(profile.clone(), events.clone());
        let mut parts = Folder::new(profile.clone());
        let mut rest = events.as_slice();
        for (len, reopen) in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, after) = rest.split_at(len.min(rest.len()));
            parts.put(batch.to_vec());
            rest = after;
            if reopen {
                parts = parts.reopen();
            }
        }
        prop_assert_eq!(dump(&whole.state), dump(&parts.state));
        prop_assert_eq!(format!("{:?}", answers(&whole.state)), format!("{:?}", answers(&parts.state)));

        // Read again from the log: byte for byte, the position included.
        let before = parts.state.dump_hash().unwrap();
        let Folder { dir, log, state, .. } = parts;
        drop(state);
        let rebuilt = StateStore::rebuild(dir.path(), log.clone(), &profile).unwrap();
        prop_assert_eq!(rebuilt.dump_hash().unwrap(), before);
        prop_assert_eq!(rebuilt.position(), log.head().position);
    }
}
