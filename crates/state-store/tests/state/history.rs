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

fn sequence(folder: &Folder, user: u64) -> UserActionSequence {
    folder.state.action_sequence(UserId(user)).unwrap()
}

#[test]
fn actions_on_one_post_merge_up_to_300_seconds_apart() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(0, 1, 9),
            act(0, 1, 1, FAVORITE),
            act(300 * SECOND, 1, 1, REPLY),    // exactly 300 s after the token's time
            act(600 * SECOND, 1, 1, REPLY),    // and again: the token's time moved
            act(901 * SECOND, 1, 1, FAVORITE), // 301 s: a new token
            act(902 * SECOND, 1, 2, FAVORITE), // another post, not known
            act(903 * SECOND, 1, 1, FAVORITE), // not consecutive any more
            act(500 * SECOND, 1, 1, REPLY),    // late by 403 s: a token in the place of its arrival
            act(450 * SECOND, 1, 1, FAVORITE), // late by 50 s: joins it, which keeps its time
        ],
    );
    let folder = folder.reopen();
    let found = sequence(&folder, 1);
    let want = [
        token(1, 9, &[FAVORITE, REPLY], 0, 600 * SECOND),
        token(1, 9, &[FAVORITE], 0, 901 * SECOND),
        token(2, 0, &[FAVORITE], 0, 902 * SECOND),
        token(1, 9, &[FAVORITE], 0, 903 * SECOND),
        token(1, 9, &[FAVORITE, REPLY], 0, 500 * SECOND),
    ];
    assert_eq!((found.total, found.tokens.as_slice()), (5, want.as_slice()));
    assert!(sequence(&folder, 2).is_empty());
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
fn taking_back_clears_the_last_token_only_and_leaves_it_standing() {
    let folder = Folder::with(
        Profile::live(),
        vec![act(0, 1, 1, FAVORITE), act(1, 1, 1, REPLY), undo(2, 1, 1, FAVORITE), undo(3, 1, 1, REPLY)],
    );
    assert_eq!(sequence(&folder, 1).tokens, [token(1, 0, &[], 0, 1)]);
    folder.put(vec![
        act(10, 1, 2, FAVORITE),
        act(11, 1, 3, FAVORITE),
        undo(12, 1, 2, FAVORITE),
        undo(13, 2, 2, FAVORITE),
    ]);
    let tokens = sequence(&folder, 1).tokens;
    assert_eq!(tokens[1..], [token(2, 0, &[FAVORITE], 0, 10), token(3, 0, &[FAVORITE], 0, 11)]);
    assert!(sequence(&folder, 2).is_empty());
}

#[test]
fn the_newest_1024_tokens_stay_and_all_are_counted() {
    let events = (0..1_100).map(|n| act(n, 1, 1 + (n as u64 % 7), FAVORITE)).collect();
    let folder = Folder::with(Profile::live(), events).reopen();
    let found = sequence(&folder, 1);
    assert_eq!((found.total, found.tokens.len()), (1_100, 1_024));
    assert_eq!(found.tokens.iter().map(|t| t.at.0).collect::<Vec<_>>(), (76..1_100).collect::<Vec<_>>());
    folder.put(vec![act(1_100, 1, 1, REPLY)]); // joins the last one
    let found = sequence(&folder, 1);
    assert_eq!((found.total, found.tokens.len(), found.tokens[1_023].at), (1_100, 1_024, TimeMs(1_100)));
}

#[test]
fn a_token_keeps_the_first_surface_that_was_said() {
    let on = |at, surface| {
        let action = ActionEvent { user_id: UserId(1), post_id: PostId(1), surface, ..ActionEvent::default() };
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
        let mut ids: Vec<_> = folder.state.acted_posts(UserId(user)).unwrap().into_iter().map(|id| id.0).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(acted(&folder, 1), [1, 2, 3, 4]);
    assert_eq!(acted(&folder, 2), [5]);
    let on_3 = folder.state.acted(UserId(1), PostId(3)).unwrap().unwrap();
    assert_eq!((on_3.actions.iter().collect::<Vec<_>>(), on_3.last_at), (vec![FAVORITE, REPLY], TimeMs(3)));
    folder.put(vec![undo(6, 1, 3, FAVORITE), undo(7, 1, 2, FAVORITE), undo(8, 1, 9, FAVORITE)]);
    assert_eq!(acted(&folder, 1), [3, 4]);
    assert_eq!(folder.state.acted(UserId(1), PostId(2)).unwrap(), None);
}

#[test]
fn an_action_the_set_does_not_have_changes_nothing() {
    let folder = Folder::with(crate::support::reading(), vec![act(1, 1, 1, 2), act(1, 1, 1, 200)]);
    assert!(sequence(&folder, 1).is_empty());
    assert!(folder.state.acted_posts(UserId(1)).unwrap().is_empty());
    assert_eq!(folder.state.engagement(PostId(1)).unwrap(), None);
}
