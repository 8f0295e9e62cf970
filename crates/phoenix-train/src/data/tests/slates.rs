//! What a slate sees, what happens to it, and how slates share passes.

use foryou_types::{PostId, TimeMs, UserId};

use super::*;
use crate::data::slates_after;

#[test]
fn consecutive_actions_on_a_post_are_one_token() {
    let mut events = posts(3);
    events.extend([
        act(10 * SECOND, 1, 1, FAVORITE),
        act(20 * SECOND, 1, 1, REPLY),
        act(30 * SECOND, 1, 2, FAVORITE),
        shown(40 * SECOND, 1, &[3]),
        act(50 * SECOND, 1, 3, FAVORITE),
    ]);
    let data = load(events, &options());
    let [pass] = data.train.as_slice() else { panic!("{:?}", data.train) };
    assert_eq!(seen(pass, &pass.candidates[0]), [(1, 0b11), (2, 1)]);
    let first = &pass.history[0];
    assert_eq!((first.author, first.age_bucket, first.content.is_empty()), (UserId(101), 2, false));
    let item = &pass.candidates[0].item;
    assert_eq!((item.author, item.age_bucket, item.surface), (UserId(103), 2, 1));
    assert_eq!(*item.content, *data.corpus.get(PostId(3)).unwrap().content);
    assert_eq!((data.users, data.posts, data.slates, data.impressions), (1, 3, 1, 1));
    assert_eq!((data.positives_per_head[0], data.positives_per_head[1]), (1, 0));
    assert_eq!(data.trained_until, TimeMs(50 * SECOND + 1));
    assert_eq!(data.log_position.events(), 8);
}

#[test]
fn a_slate_sees_tokens_strictly_before_it() {
    let mut events = posts(5);
    events.extend([
        act(999, 1, 1, FAVORITE),
        act(1_000, 1, 2, FAVORITE), // at the very moment
        act(1_001, 1, 4, FAVORITE), // logged before, but later
        shown(1_000, 1, &[3]),
        act(2_000, 1, 3, FAVORITE),
    ]);
    let data = load(events, &options());
    assert_eq!(seen(&data.train[0], &data.train[0].candidates[0]), [(1, 1)]);
}

#[test]
fn a_token_is_seen_as_it_was_strictly_before_the_slate() {
    let mut events = posts(5);
    events.extend([
        act(1_000, 1, 1, FAVORITE),
        shown(2_000, 1, &[3]),
        act(3_000, 1, 1, REPLY),
        shown(4_000, 1, &[3]),
        act(5_000, 1, 1, REPORT),
        shown(5_000, 1, &[4]),
        act(6_000, 1, 4, FAVORITE),
    ]);
    let data = load(events, &options());
    let seen: Vec<_> = data.train.iter().map(|pass| seen(pass, &pass.candidates[0])).collect();
    // The report at the very moment of the last slate is not seen, what was done before it is.
    assert_eq!(seen, [vec![(1, 0b1)], vec![(1, 0b11)]]);
    assert_eq!(data.train[1].candidates.len(), 2);
}

#[test]
fn actions_label_the_latest_impression_and_taking_back_takes_the_label_back() {
    let mut events = posts(5);
    events.extend([
        act(500, 1, 1, REPORT), // before any impression: no label
        shown(1_000, 1, &[1, 2, 2]),
        act(1_100, 1, 1, FAVORITE),
        look(1_200, 1, 2, 20_000),
        look(1_300, 1, 2, 20_000),
        shown(2_000, 1, &[1, 3]),
        act(2_100, 1, 1, REPLY),
        act(2_200, 1, 3, FAVORITE),
        undo(2_300, 1, 3, FAVORITE),
        act(2_400, 2, 3, REPORT), // somebody else's
    ]);
    let data = load(events, &options());
    assert_eq!(labels(&data.train), [(1, 1), (2, 0), (1, 2), (3, 0)]);
    let candidates: Vec<_> = data.train.iter().flat_map(|pass| &pass.candidates).collect();
    assert_eq!(candidates.iter().map(|c| c.dwell_seconds).collect::<Vec<_>>(), [0.0, 30.0, 0.0, 0.0]);
    assert_eq!(candidates.iter().map(|c| c.training_impressions).collect::<Vec<_>>(), [2, 1, 2, 1]);
    assert_eq!(candidates.iter().map(|c| c.slate).collect::<Vec<_>>(), [0, 0, 1, 1]);
    assert_eq!((data.positives_per_head[0], data.positives_per_head[18]), (1, 1));
    assert_eq!(data.post_frequency.get(&PostId(1)), Some(&2));
    assert_eq!(data.post_frequency.len(), 1);
}

#[test]
fn a_repost_is_shown_and_acted_on_as_its_original() {
    let mut events = posts(2);
    events.extend([repost(0, 9, 50, 1), shown(1_000, 1, &[9, 1]), act(1_100, 1, 9, FAVORITE), shown(2_000, 1, &[2])]);
    let data = load(events, &options());
    assert_eq!(labels(&data.train), [(1, 1), (2, 0)]);
    // The token is of the post that was shown, as the state store has it.
    let last = data.train.last().unwrap();
    assert_eq!((last.history[0].post, last.history[0].author), (PostId(9), UserId(50)));
    assert_eq!(data.alive_posts.iter().map(|(post, _)| post.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(data.corpus.get(PostId(9)).unwrap().source, PostId(1));
}

#[test]
fn a_moved_window_starts_a_pass() {
    let mut events = posts(30);
    for n in 0..13 {
        events.push(shown(n * HOUR, 1, &[30]));
        events.push(act(n * HOUR + 1, 1, n as u64 + 1, FAVORITE));
    }
    events.push(shown(13 * HOUR, 1, &[30]));
    events.push(act(13 * HOUR + 1, 1, 30, FAVORITE));
    let data = load(events, &options());
    // s = 8, q = 2: up to 10 tokens nothing moves, 11 and 12 start at 2, 13 at 4.
    let cutoffs: Vec<Vec<u16>> =
        data.train.iter().map(|pass| pass.candidates.iter().map(|c| c.cutoff).collect()).collect();
    assert_eq!(cutoffs, [(0..=10).collect::<Vec<u16>>(), vec![9, 10], vec![9]]);
    let first: Vec<u64> = data.train.iter().map(|pass| pass.history[0].post.0).collect();
    assert_eq!(first, [1, 3, 5]);
    assert_eq!(data.train[1].at, TimeMs(12 * HOUR));
    assert_eq!(data.train[0].tokens(), 1 + 10 + 11);
}

#[test]
fn a_thinned_run_of_looks_starts_a_pass() {
    let mut events = posts(40);
    for n in 0..22 {
        events.push(look(n * SECOND, 1, n as u64 + 1, 500));
        if n >= 18 {
            events.push(shown(n * SECOND + 1, 1, &[40]));
        }
    }
    events.push(act(23 * SECOND, 1, 40, FAVORITE));
    let data = load(events, &DataOptions { history: 128, ..options() });
    let histories: Vec<(u64, usize)> =
        data.train.iter().map(|pass| (pass.history[0].post.0, pass.history.len())).collect();
    assert_eq!(histories, [(1, 20), (2, 20), (3, 20)]);
    assert_eq!(data.train[0].candidates.iter().map(|c| c.cutoff).collect::<Vec<_>>(), [19, 20]);
}

#[test]
fn full_passes_are_split_and_repeat_the_history() {
    let mut events = posts(20);
    events.extend([
        act(1, 1, 20, FAVORITE),
        shown(10, 1, &[1, 2]),
        shown(20, 1, &[3, 4]),
        shown(30, 1, &[5, 6, 7, 8, 9, 10, 11]),
        shown(40, 1, &[12]),
        shown(41, 1, &[13, 14]),
        act(50, 1, 11, FAVORITE),
    ]);
    let data = load(events, &DataOptions { max_candidates: 3, ..options() });
    let passes: Vec<Vec<u64>> =
        data.train.iter().map(|pass| pass.candidates.iter().map(|c| c.item.post.0).collect()).collect();
    assert_eq!(passes, [vec![1, 2], vec![3, 4], vec![5, 6, 7], vec![8, 9, 10], vec![11, 12], vec![13, 14]]);
    assert!(data.train.iter().all(|pass| pass.history.len() == 1 && pass.candidates.iter().all(|c| c.cutoff == 1)));
    let slates: Vec<u32> = data.train[2..5].iter().flat_map(|pass| &pass.candidates).map(|c| c.slate).collect();
    assert_eq!(slates, [2, 2, 2, 2, 2, 2, 2, 3]);
    assert_eq!(labels(&data.train)[10], (11, 1));
}

#[test]
fn the_last_slates_are_held_back_and_what_is_learnt_from_ends_before_them() {
    let mut events = posts(30);
    for n in 0..10 {
        events.push(shown(n * SECOND, 1, &[n as u64 + 1, 30]));
        events.push(act(n * SECOND + 1, 1, n as u64 + 1, FAVORITE));
    }
    let data = load(events.clone(), &DataOptions { validation_share: 0.2, ..options() });
    assert_eq!(data.validation_from, Some(TimeMs(8 * SECOND)));
    let [train] = data.train.as_slice() else { panic!("{:?}", data.train) };
    let [validation] = data.validation.as_slice() else { panic!("{:?}", data.validation) };
    assert_eq!((train.history.len(), train.candidates.len(), train.at), (7, 16, TimeMs(7 * SECOND)));
    assert_eq!((validation.history.len(), validation.candidates.len()), (9, 4));
    assert_eq!(validation.candidates.iter().map(|c| c.cutoff).collect::<Vec<_>>(), [8, 8, 9, 9]);
    // Post 9 was never shown in the part learnt from, post 30 eight times.
    assert_eq!(validation.candidates[0].training_impressions, 0);
    assert_eq!(validation.candidates[1].training_impressions, 8);
    assert_eq!((data.impressions, data.positives_per_head[0]), (16, 8));

    // Slates of one moment stay together; where all are, none is held back.
    let same = vec![shown(0, 1, &[1]), shown(0, 2, &[1]), act(1, 1, 1, FAVORITE)];
    let same = load([posts(1), same].concat(), &DataOptions { validation_share: 0.5, ..options() });
    assert_eq!((same.validation_from, same.train.len()), (None, 2));

    // The end is strict, and what comes after it is no label.
    let cut = DataOptions { until: Some(TimeMs(SECOND + 1)), ..options() };
    let data = load(events.clone(), &cut);
    assert_eq!(labels(&data.train), [(1, 1), (30, 0), (2, 0), (30, 0)]);
    assert_eq!((data.trained_until, data.slates), (TimeMs(SECOND + 1), 2));

    // The held-out slates after it see all that was before them.
    let slates = slates_after(&log(events), &Profile::live(), &cut, TimeMs(8 * SECOND), &|_, _| {}).unwrap();
    assert_eq!(slates.iter().map(|s| s.history.len()).collect::<Vec<_>>(), [8, 9]);
    assert_eq!(slates[1].candidates.iter().map(|c| c.post.0).collect::<Vec<_>>(), [10, 30]);
    assert_eq!(slates[1].labels.iter().map(|l| l.0).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(slates[1].impressions_before, [0, 8]);
    assert_eq!((slates[1].user, slates[1].at), (UserId(1), TimeMs(9 * SECOND)));
}

#[test]
fn a_deleted_post_keeps_its_author_in_histories_and_leaves_the_corpus() {
    let mut events = posts(3);
    events.extend([
        delete(0, 1),
        delete(0, 7),
        post(1, 7, 107), // deleted before it came: stays deleted
        post(1, 2, 999), // known: keeps its first creation
        act(2, 1, 1, FAVORITE),
        act(3, 1, 2, FAVORITE),
        act(4, 1, 7, FAVORITE),
        shown(5, 1, &[3]),
        act(6, 1, 3, FAVORITE),
    ]);
    let data = load(events, &options());
    let history = &data.train[0].history;
    assert_eq!(history.iter().map(|item| item.author.0).collect::<Vec<_>>(), [101, 102, 107]);
    assert!(history[0].content.is_empty() && history[0].age_bucket == 0);
    assert_eq!(data.alive_posts.iter().map(|(post, _)| post.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(data.corpus.len(), 2);
}
