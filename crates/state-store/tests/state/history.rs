use std::sync::Arc;

use event_log::{ActionEvent, EventBody};
use foryou_types::{ActionMask, ActionToken, PostId, Profile, Surface, TimeMs, UserActionSequence, UserId};

use crate::support::{Folder, SECOND, act, dwell, event, post, repost, undo};

const FAVORITE: u8 = 0;
const REPLY: u8 = 1;
const DWELL_TIME: u8 = 18;

fn token(post: u64, author: u64, actions: &[u8], dwell_ms: u32, at: i64) -> ActionToken {
    let mut mask = ActionMask::default();
    for &action in actions {
        mask.insert(action);
    }
    ActionToken {
        post_id: PostId(post),
        author_id: UserId(author),
        actions: mask,
        dwell_ms,
        surface: Surface::Unknown,
        at: TimeMs(at),
    }
}

fn sequence(folder: &Folder, user: u64) -> Arc<UserActionSequence> {
    folder.state.action_sequence(UserId(user)).unwrap()
}

#[test]
fn a_history_that_was_read_follows_every_batch() {
    let folder = Folder::with(Profile::live(), vec![act(1, 7, 5, 0)]);
    let seen =
        || sequence(&folder, 7).tokens.iter().map(|t| (t.post_id.0, t.author_id.0, t.actions.0)).collect::<Vec<_>>();
    assert_eq!((seen(), seen()), (vec![(5, 0, 1)], vec![(5, 0, 1)]));
    folder.put(vec![post(2, 5, 9)]);
    assert_eq!(seen(), [(5, 9, 1)], "the author is known now");
    folder.put(vec![act(3, 7, 5, 1), act(3, 8, 5, 1)]);
    assert_eq!(seen(), [(5, 9, 3)]);
    folder.put(vec![undo(4, 7, 5, 0)]);
    assert_eq!(seen(), [(5, 9, 2)]);
    folder.put(vec![undo(5, 7, 5, 1)]);
    assert_eq!(seen(), []);
}

#[test]
fn actions_on_one_post_merge_up_to_300_seconds_apart() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(0, 1, 9),
            act(0, 1, 1, FAVORITE),
            act(300 * SECOND, 1, 1, REPLY),    // exactly 300 s after the token's time
            act(600 * SECOND, 1, 1, 2),        // and again: the token's time moved
            act(901 * SECOND, 1, 1, 3),        // 301 s: a new token
            act(902 * SECOND, 1, 2, FAVORITE), // another post, not known
            act(903 * SECOND, 1, 1, 4),        // not consecutive any more
            act(450 * SECOND, 1, 1, 5),        // late: into the first token
        ],
    );
    let folder = folder.reopen();
    let apart = [
        token(1, 9, &[FAVORITE, REPLY, 2, 5], 0, 600 * SECOND),
        token(1, 9, &[3], 0, 901 * SECOND),
        token(2, 0, &[FAVORITE], 0, 902 * SECOND),
        token(1, 9, &[4], 0, 903 * SECOND),
    ];
    let found = sequence(&folder, 1);
    assert_eq!((found.total, found.tokens.as_slice()), (4, apart.as_slice()));

    folder.put(vec![act(750 * SECOND, 1, 1, 6)]); // late: between two tokens, which become one
    let found = sequence(&folder, 1);
    assert_eq!((found.total, found.tokens.len()), (3, 3));
    assert_eq!(found.tokens[0], token(1, 9, &[FAVORITE, REPLY, 2, 5, 6, 3], 0, 901 * SECOND));

    folder.put(vec![undo(2_000 * SECOND, 1, 1, 6)]);
    let found = sequence(&folder, 1);
    assert_eq!((found.total, found.tokens.as_slice()), (4, apart.as_slice()));
    assert!(sequence(&folder, 2).is_empty());

    folder.put(vec![post(0, 2, 8)]); // the author comes late
    assert_eq!(sequence(&folder, 1).tokens[2], token(2, 8, &[FAVORITE], 0, 902 * SECOND));
}

#[test]
fn dwell_adds_up_and_the_continuous_head_sets_no_bit() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            dwell(0, 1, 1, DWELL_TIME, 40_000),
            dwell(1, 1, 1, FAVORITE, 500),
            dwell(2, 1, 1, DWELL_TIME, u32::MAX),
            dwell(3, 1, 2, DWELL_TIME, 7),
        ],
    );
    assert_eq!(sequence(&folder, 1).tokens, [token(1, 0, &[FAVORITE], u32::MAX, 2), token(2, 0, &[], 7, 3)]);
}

#[test]
fn an_action_is_one_act_until_taken_back_and_then_none() {
    let folder = Folder::with(
        Profile::live(),
        vec![act(0, 1, 1, FAVORITE), act(1, 1, 1, REPLY), act(9_000 * SECOND, 1, 1, REPLY)],
    );
    assert_eq!(sequence(&folder, 1).tokens, [token(1, 0, &[FAVORITE, REPLY], 0, 1)]);
    folder.put(vec![undo(9_001 * SECOND, 1, 1, FAVORITE), undo(9_002 * SECOND, 1, 1, REPLY)]);
    assert_eq!(sequence(&folder, 1), Arc::default());
    folder.put(vec![
        act(10, 1, 2, FAVORITE),
        act(11, 1, 3, FAVORITE),
        undo(12, 1, 2, FAVORITE),
        undo(13, 2, 2, FAVORITE),
    ]);
    assert_eq!(sequence(&folder, 1).tokens, [token(3, 0, &[FAVORITE], 0, 11)]);
    assert!(sequence(&folder, 2).is_empty());
}

#[test]
fn a_late_taking_back_between_two_times_leaves_the_second() {
    let folder =
        Folder::with(Profile::live(), vec![post(0, 1, 9), act(10, 1, 1, FAVORITE), act(900_000, 1, 1, FAVORITE)]);
    folder.put(vec![undo(20, 1, 1, FAVORITE)]);
    assert_eq!(sequence(&folder, 1).tokens, [token(1, 9, &[FAVORITE], 0, 900_000)]);
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap()[0], 1);
    assert_eq!(folder.state.engagement(PostId(1)).unwrap().unwrap().actions[0], 1.0);
}

#[test]
fn what_was_looked_at_stays_looked_at() {
    let folder = Folder::with(Profile::live(), vec![dwell(5, 1, 1, FAVORITE, 700), undo(6, 1, 1, FAVORITE)]);
    assert_eq!(sequence(&folder, 1).tokens, [token(1, 0, &[], 700, 5)]);
}

#[test]
fn the_newest_1024_tokens_stay_and_all_are_counted() {
    let events = (0..1_100).map(|n| act(n, 1, 1 + n as u64, FAVORITE)).collect();
    let folder = Folder::with(Profile::live(), events).reopen();
    let found = sequence(&folder, 1);
    assert_eq!((found.total, found.tokens.len()), (1_100, 1_024));
    assert_eq!(found.tokens.iter().map(|t| t.at.0).collect::<Vec<_>>(), (76..1_100).collect::<Vec<_>>());
    folder.put(vec![act(1_100, 1, 1_100, REPLY)]); // joins the last one
    let found = sequence(&folder, 1);
    assert_eq!((found.total, found.tokens.len(), found.tokens[1_023].at), (1_100, 1_024, TimeMs(1_100)));
}

#[test]
fn a_token_keeps_the_first_surface_that_was_said() {
    let on = |at: i64, surface| {
        let (post_id, action) = (PostId(1), at as u8);
        let action = ActionEvent { user_id: UserId(1), post_id, action, surface, ..ActionEvent::default() };
        event(at, EventBody::Action(action))
    };
    let folder = Folder::with(
        Profile::live(),
        vec![on(0, Surface::Unknown), on(1, Surface::Search), on(2, Surface::Home), on(3, Surface::Unknown)],
    );
    assert_eq!(sequence(&folder, 1).tokens[0].surface, Surface::Search);
}

#[test]
fn acted_posts_outlive_the_history_and_a_repost_stands_for_its_original() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(0, 1, 9),
            repost(0, 2, 8, 1),
            act(1, 1, 2, FAVORITE),
            act(2, 1, 3, FAVORITE),
            act(3, 1, 3, REPLY),
            dwell(4, 1, 4, DWELL_TIME, 5),
            act(5, 2, 5, FAVORITE),
        ],
    );
    let acted = |folder: &Folder, user| {
        let asked: Vec<_> = [9, 1, 5, 4, 3, 2, 3].map(PostId).to_vec();
        let found = folder.state.acted_among(UserId(user), &asked).unwrap();
        let mut ids: Vec<_> = asked.iter().zip(found).filter(|(_, acted)| *acted).map(|(id, _)| id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    assert_eq!(acted(&folder, 1), [1, 2, 3, 4]);
    assert_eq!(acted(&folder, 2), [5]);
    let actions = |post| folder.state.acted(UserId(1), PostId(post)).unwrap().iter().collect::<Vec<_>>();
    assert_eq!((actions(3), actions(2), actions(1)), (vec![FAVORITE, REPLY], vec![FAVORITE], vec![FAVORITE]));
    folder.put(vec![undo(6, 1, 3, FAVORITE), undo(7, 1, 2, FAVORITE), undo(8, 1, 9, FAVORITE)]);
    assert_eq!(acted(&folder, 1), [3, 4]);
    assert!(actions(2).is_empty() && actions(1).is_empty());
}

#[test]
fn an_action_the_set_does_not_have_changes_nothing() {
    let folder = Folder::with(crate::support::reading(), vec![act(1, 1, 1, 2), act(1, 1, 1, 200)]);
    assert!(sequence(&folder, 1).is_empty());
    assert_eq!(folder.state.acted_among(UserId(1), &[PostId(1)]).unwrap(), [false]);
    assert_eq!(folder.state.engagement(PostId(1)).unwrap(), None);
}

#[test]
fn taking_back_on_a_repost_leaves_what_was_done_with_the_original() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(0, 1, 9),
            repost(0, 2, 8, 1),
            repost(0, 3, 7, 2),
            act(10, 1, 2, FAVORITE),
            act(20, 1, 1, FAVORITE),
            act(30, 1, 3, FAVORITE),
            act(40, 2, 3, FAVORITE),
        ],
    );
    let acted = |user| {
        let found = folder.state.acted_among(UserId(user), &[1, 2, 3].map(PostId)).unwrap();
        (1..).zip(found).filter(|(_, acted)| *acted).map(|(id, _)| id).collect::<Vec<u64>>()
    };
    let count = || folder.state.raw_counts(PostId(1)).unwrap()[0];
    assert_eq!((acted(1), acted(2), count()), (vec![1, 2, 3], vec![1, 3], 2));
    folder.put(vec![undo(50, 1, 2, FAVORITE), undo(51, 1, 3, FAVORITE)]);
    assert_eq!((acted(1), count()), (vec![1], 2));
    folder.put(vec![undo(52, 1, 1, FAVORITE), undo(53, 2, 1, FAVORITE)]);
    assert_eq!((acted(1), acted(2), count()), (vec![], vec![1, 3], 1));
}

#[test]
fn posts_acted_on_are_found_among_any_posts_asked_about() {
    // Dense and sparse stretches, so that some of what lies between two posts is read and some jumped over.
    let acted_on = |post: u64| post.is_multiple_of(3) && !(200..900).contains(&post) || post.is_multiple_of(97);
    let events = (1..=1_500).filter(|post| acted_on(*post)).map(|post| act(1, 1, post, FAVORITE)).collect();
    let folder = Folder::with(Profile::live(), events);
    for step in [1, 2, 50, 301] {
        let mut asked: Vec<_> = (1..=1_600).step_by(step).map(PostId).collect();
        asked.reverse();
        let found = folder.state.acted_among(UserId(1), &asked).unwrap();
        let wanted: Vec<_> = asked.iter().map(|post| post.0 <= 1_500 && acted_on(post.0)).collect();
        assert_eq!(found, wanted, "every {step}th");
    }
    assert_eq!(folder.state.acted_among(UserId(2), &[PostId(3)]).unwrap(), [false]);
    assert!(folder.state.acted_among(UserId(1), &[]).unwrap().is_empty());
}
