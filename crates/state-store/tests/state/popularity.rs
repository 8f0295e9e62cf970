use std::sync::Arc;

use foryou_types::{PostId, Profile, TimeMs, UserId};
use state_store::StateStore;

use crate::support::{Folder, HOUR, SECOND, act, delete, dwell, ids, post, reading, repost, served, shown, undo};

const VIEW: u8 = 0;
const LIKE: u8 = 1;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

/// Post 1 viewed (now) and liked through its repost 3 (now), post 2 viewed one half-life ago, post 4 left alone.
fn folder() -> Folder {
    Folder::with(
        reading(),
        vec![
            post(0, 1, 91),
            post(10 * SECOND, 2, 92),
            repost(20 * SECOND, 3, 93, 1),
            post(30 * SECOND, 4, 94),
            act(0, 1, 2, VIEW),
            act(100 * SECOND, 1, 1, VIEW),
            act(100 * SECOND, 2, 3, LIKE),
        ],
    )
}

#[test]
fn the_prior_by_hand() {
    for folder in [folder(), folder().reopen()] {
        let now = TimeMs(100 * SECOND);
        let prior = folder.state.popularity_prior(now);
        assert_eq!(prior.viewers, Some(2.0));
        // views 1 + 1/2, likes 1, over 2 posts with engagement and 2 viewers
        close(prior.rates[0], 1.5 / 4.0);
        close(prior.rates[1], 1.0 / 4.0);
        let top = folder.state.most_popular(now, TimeMs(0), 10, &|_, _| false).unwrap();
        assert_eq!(
            top.iter().map(|post| (post.post_id.0, post.author_id.0)).collect::<Vec<_>>(),
            [(1, 91), (2, 92), (4, 94)]
        );
        close(top[0].score, (1.0 + 7.5) / 22.0 + 3.0 * (1.0 + 5.0) / 22.0);
        close(top[1].score, (0.5 + 7.5) / 22.0 + 3.0 * 5.0 / 22.0);
        close(top[2].score, 7.5 / 22.0 + 3.0 * 5.0 / 22.0);
        assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [1, 1]);
        assert_eq!(folder.state.raw_counts(PostId(3)).unwrap(), [0, 0]);
        assert_eq!([3, 4].map(|id| folder.state.engagement(PostId(id)).unwrap()), [None, None]);
        // One half-life and a millisecond later nobody was active within it.
        assert_eq!(folder.state.popularity_prior(now + 100 * SECOND).viewers, Some(2.0));
        assert_eq!(folder.state.popularity_prior(now + (100 * SECOND + 1)).viewers, Some(0.0));
    }
}

#[test]
fn taking_back_takes_what_is_left_of_it_once() {
    let folder = folder();
    let at = 200 * SECOND;
    folder.put(vec![undo(at, 2, 3, LIKE), undo(at, 2, 3, LIKE), undo(at, 1, 1, LIKE), undo(at, 7, 1, VIEW)]);
    let counts = folder.state.engagement(PostId(1)).unwrap().unwrap();
    assert_eq!((counts.at, counts.actions.as_slice()), (TimeMs(100 * SECOND), [1.0].as_slice()));
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [1, 0]);
}

#[test]
fn one_person_counts_once_and_taking_back_restores_what_was() {
    for profile in [reading(), Profile::live()] {
        let mut events = vec![post(0, 1, 91), post(0, 2, 92), repost(0, 3, 93, 1), shown(0, 9, &[1, 2])];
        events.extend((1..4).map(|user| act(user * 7 * SECOND, user as u64, 1, LIKE)));
        let folder = Folder::with(profile, events);
        let heads = |now: i64| {
            let prior = folder.state.popularity_prior(TimeMs(now));
            let counts = folder.state.engagement(PostId(1)).unwrap();
            (prior.heads(counts.as_ref()), prior.viewers, folder.state.raw_counts(PostId(1)).unwrap())
        };
        let acted = |user| {
            let found = folder.state.acted_among(UserId(user), &[1, 2, 3].map(PostId)).unwrap();
            found.into_iter().filter(|acted| *acted).count()
        };
        let now = 200 * SECOND;
        let before = heads(now);

        folder.put(vec![act(30 * SECOND, 6, 1, LIKE)]);
        let once = heads(now);
        assert_ne!(before.0, once.0);
        for n in 0..50 {
            folder.put(vec![act((31 + n) * SECOND, 6, if n % 2 == 0 { 1 } else { 3 }, LIKE)]);
        }
        let often = heads(now);
        assert_eq!((&once.1, &once.2), (&often.1, &often.2));
        for (a, b) in once.0.iter().zip(&often.0) {
            close(*a, *b);
        }

        folder.put(vec![undo(100 * SECOND, 6, 1, LIKE), undo(100 * SECOND, 6, 3, LIKE)]);
        let after = heads(now);
        assert_eq!((&before.1, &before.2), (&after.1, &after.2));
        for (a, b) in before.0.iter().zip(&after.0) {
            close(*a, *b);
        }
        assert_eq!((acted(6), folder.state.action_sequence(UserId(6)).unwrap().total), (0, 0));
        // Two more change nothing.
        folder.put(vec![undo(101 * SECOND, 6, 1, LIKE), undo(102 * SECOND, 6, 3, LIKE)]);
        assert_eq!(heads(now), after);
        let folder = folder.reopen();
        let counts = folder.state.engagement(PostId(1)).unwrap();
        assert_eq!(folder.state.popularity_prior(TimeMs(now)).heads(counts.as_ref()), after.0);
    }
}

#[test]
fn a_person_who_repeats_an_action_keeps_no_post_young() {
    let now = 1_000 * SECOND;
    let score = |events: Vec<event_log::Event>| {
        let folder = Folder::with(reading(), [vec![post(0, 1, 91), act(0, 1, 1, LIKE)], events].concat());
        folder.state.engagement(PostId(1)).unwrap().unwrap().action(
            LIKE,
            TimeMs(now),
            foryou_types::HalfLife::seconds(100),
        )
    };
    let often = (1..=10).map(|n| act(n * 100 * SECOND, 1, 1, LIKE)).collect();
    close(score(Vec::new()), score(often));
}

#[test]
fn the_list_honours_age_exclusion_limit_and_deletes() {
    let folder = folder();
    let now = TimeMs(100 * SECOND);
    let top = |not_before, limit, exclude: &dyn Fn(PostId, UserId) -> bool| {
        let top = folder.state.most_popular(now, TimeMs(not_before), limit, exclude).unwrap();
        ids(&top.iter().map(|post| post.post_id).collect::<Vec<_>>())
    };
    assert_eq!(top(0, 2, &|_, _| false), [1, 2]);
    assert_eq!(top(1, 10, &|_, _| false), [2, 4]);
    assert_eq!(top(10 * SECOND, 10, &|_, _| false), [2, 4]);
    assert_eq!(top(0, 10, &|_, author| author == UserId(91)), [2, 4]);
    assert_eq!(top(0, 0, &|_, _| false), [0; 0]);
    // Posts that come later than the moment asked about are not there yet.
    let early = folder.state.most_popular(TimeMs(9_999), TimeMs(0), 10, &|_, _| false).unwrap();
    assert_eq!(early.iter().map(|post| post.post_id.0).collect::<Vec<_>>(), [1]);
    folder.put(vec![delete(100 * SECOND, 1)]);
    assert_eq!(top(0, 10, &|_, _| false), [2, 4]);
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [1, 1]); // what happened, happened
}

#[test]
fn with_impressions_each_post_has_its_own_and_dwell_is_clipped() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(0, 1, 91),
            post(0, 2, 92),
            shown(0, 1, &[1, 2]),
            shown(0, 2, &[1]),
            act(0, 1, 1, 0),
            dwell(0, 1, 1, 18, 45_000),
            dwell(0, 2, 1, 10, 1_500),
        ],
    );
    let prior = folder.state.popularity_prior(TimeMs(0));
    assert_eq!(prior.viewers, None);
    close(prior.rates[0], 1.0 / 3.0);
    close(prior.rates[18], 31.5 / 3.0);
    let counts = folder.state.engagement(PostId(1)).unwrap().unwrap();
    close(counts.impressions, 2.0);
    close(counts.actions[18], 31.5);
    close(prior.heads(Some(&counts))[0], (1.0 + 20.0 / 3.0) / 22.0);
    let raw = folder.state.raw_counts(PostId(1)).unwrap();
    assert_eq!((raw[0], raw[10], raw[18], raw.len()), (1, 1, 1, 19));
}

#[test]
fn actions_before_their_post_are_counted_with_it() {
    let folder = Folder::with(reading(), vec![act(0, 1, 1, LIKE)]);
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [0, 1]);
    folder.put(vec![post(1, 1, 9), act(2, 2, 1, LIKE)]);
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [0, 2]);
    assert_eq!(folder.reopen().state.raw_counts(PostId(1)).unwrap(), [0, 2]);
}

#[test]
fn old_posts_leave_memory_but_not_the_answers() {
    let day = 24 * HOUR;
    let mut profile = reading();
    profile.prior_half_life_seconds = 86_400;
    let folder = Folder::with(
        profile,
        vec![
            post(0, 1, 9),
            act(0, 1, 1, LIKE),
            post(10 * day, 2, 9),
            act(10 * day, 1, 2, VIEW),
            act(10 * day, 2, 1, LIKE), // on the old post
        ],
    );
    let folder = folder.reopen();
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [0, 2]);
    let top = |not_before| {
        let top = folder.state.most_popular(TimeMs(10 * day), TimeMs(not_before), 9, &|_, _| false).unwrap();
        ids(&top.iter().map(|post| post.post_id).collect::<Vec<_>>())
    };
    assert_eq!(top(9 * day), [2]);
    assert_eq!(top(0), [1, 2]); // beyond memory
    folder.put(vec![delete(10 * day, 1), act(10 * day, 3, 1, VIEW)]);
    assert_eq!(top(0), [2]);
    assert_eq!(folder.state.raw_counts(PostId(1)).unwrap(), [1, 2]);
}

#[test]
fn a_log_clock_s_answers_are_those_of_the_counts_at_once() {
    let folder = folder();
    let now = TimeMs(100 * SECOND);
    let top = || folder.state.most_popular(now, TimeMs(0), 10, &|_, _| false).unwrap();
    let (before, prior) = (top(), folder.state.popularity_prior(now));
    folder.put(vec![served(200 * SECOND, 1, &[1, 2])]);
    assert!(Arc::ptr_eq(&prior, &folder.state.popularity_prior(now)), "a served feed changes nothing");
    folder.put(vec![act(100 * SECOND, 5, 4, LIKE)]);
    assert_ne!(folder.state.popularity_prior(now), prior);
    let after = top();
    assert!(after.iter().map(|post| post.score).ne(before.iter().map(|post| post.score)));
}

#[test]
fn a_wall_clock_s_answers_stand_for_a_step_and_posts_come_and_go_at_once() {
    let Folder { state, log, profile, dir } = folder();
    drop(state);
    let state = StateStore::open(dir.path(), log.clone(), &profile).unwrap().with_answer_step_ms(1_000);
    let folder = Folder { state: Arc::new(state), log, profile, dir };
    let at = |ms: i64| TimeMs(100 * SECOND + ms);
    let ids_at = |now| {
        let top = folder.state.most_popular(now, TimeMs(0), 10, &|_, _| false).unwrap();
        ids(&top.iter().map(|post| post.post_id).collect::<Vec<_>>())
    };
    let prior = folder.state.popularity_prior(at(1));
    assert_eq!(prior.now, at(0));
    folder.put(vec![act(at(2).0, 5, 4, LIKE)]);
    assert!(Arc::ptr_eq(&prior, &folder.state.popularity_prior(at(999))));
    assert_ne!(folder.state.popularity_prior(at(1_000)), prior, "the next step counts anew");
    let before = ids_at(at(10));
    folder.put(vec![post(at(500).0, 9, 95)]);
    assert_eq!(ids_at(at(499)), before, "what is not there yet is not shown");
    assert_eq!(ids_at(at(500)).len(), before.len() + 1);
    folder.put(vec![delete(at(600).0, 9)]);
    assert_eq!(ids_at(at(700)), before);
}
