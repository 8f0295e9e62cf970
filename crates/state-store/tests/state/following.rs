//! Opening, catching up, waiting: how the state follows its log.

use std::sync::Arc;
use std::time::Duration;

use event_log::{EventSink, EventSource, MemoryLog, Position, Topic, partition_of};
use foryou_types::{PostId, Profile, UserId};
use state_store::{StateError, StateStore};

use crate::support::{Folder, act, follow, post, reading};

#[test]
fn what_a_crash_left_in_the_log_only_is_applied_at_the_next_start() {
    let folder = Folder::with(Profile::live(), vec![post(1, 1, 9)]);
    folder.log.append(vec![act(2, 1, 1, 0), follow(3, 1, 9)]).unwrap(); // and then the process died
    assert_eq!(folder.state.position().events(), 1);
    let folder = folder.reopen();
    assert_eq!(folder.state.position(), folder.log.head().position);
    assert_eq!(folder.state.action_sequence(UserId(1)).unwrap().total, 1);
}

#[test]
fn a_state_of_another_log_is_rebuilt_and_one_ahead_of_its_log_is_named() {
    let Folder { dir, state, log, profile } = Folder::with(Profile::live(), vec![post(1, 1, 9)]);
    drop(log);
    drop(state);
    // The log lost its tail and went on with another event.
    let other = Arc::new(MemoryLog::default());
    other.append(vec![post(1, 2, 9)]).unwrap();
    let state = StateStore::open(dir.path(), other.clone(), &profile).unwrap();
    assert_eq!(state.position(), other.head().position);
    assert!(state.post(PostId(1)).unwrap().is_none() && state.post(PostId(2)).unwrap().is_some());
    drop(state);
    // The log lost events that the state knows of.
    let error = StateStore::open(dir.path(), Arc::new(MemoryLog::default()), &profile).err().unwrap();
    assert!(matches!(error, StateError::Ahead { covered: 1, held: 0, .. }), "{error}");
}

#[test]
fn a_state_computed_with_other_settings_is_rebuilt() {
    let folder = Folder::with(reading(), vec![post(0, 1, 9), act(0, 1, 1, 0), act(100_000, 2, 1, 0)]);
    assert_eq!(folder.state.engagement(PostId(1)).unwrap().unwrap().actions[0], 1.5);
    let profile = Profile { prior_half_life_seconds: 50, ..reading() };
    let folder = Folder { profile, ..folder }.reopen();
    assert_eq!(folder.state.engagement(PostId(1)).unwrap().unwrap().actions[0], 1.25);
}

#[test]
fn applying_again_changes_nothing_and_a_gap_is_refused() {
    let folder = Folder::with(Profile::live(), vec![post(1, 1, 9), act(2, 1, 1, 0)]);
    let before = folder.state.dump_hash().unwrap();
    let mut all = Vec::new();
    let mut end = Position::default();
    folder
        .log
        .read_from(&Position::default(), &mut |records, position| {
            all.extend(records);
            end.clone_from(position);
            true
        })
        .unwrap();
    folder.state.apply(&all, &end).unwrap();
    folder.state.apply(&[], &Position::default()).unwrap();
    assert_eq!(folder.state.dump_hash().unwrap(), before);

    let other = Folder::new(Profile::live());
    let error = other.state.apply(&all[1..], &end).unwrap_err();
    assert!(matches!(error, StateError::Gap { expected: 0, found: 1, .. }), "{error}");
    let first = folder.log.position_at(1).unwrap().unwrap();
    other.state.apply(&all[..1], &first).unwrap();
    other.state.apply(&all, &end).unwrap(); // the first one is skipped
    assert_eq!(other.state.dump_hash().unwrap(), before);
}

#[test]
fn a_reader_can_wait_for_its_own_write() {
    let folder = Folder::with(Profile::live(), vec![post(1, 1, 9)]);
    assert!(folder.state.wait_for(&folder.log.head().position, Duration::ZERO));
    let mut next = [0; 4];
    next[usize::from(partition_of(1, 4))] = 1;
    let next = Position::new(&[(Topic::Actions, &next)], None);
    assert!(!folder.state.wait_for(&next, Duration::from_millis(20)));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| folder.state.wait_for(&next, Duration::from_secs(20)));
        folder.put(vec![act(2, 1, 1, 0)]);
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn a_folder_in_use_is_named_and_left_alone() {
    let folder = Folder::with(Profile::live(), vec![post(1, 1, 9)]);
    for result in [
        StateStore::open(folder.dir.path(), folder.log.clone(), &folder.profile),
        StateStore::rebuild(folder.dir.path(), folder.log.clone(), &folder.profile),
    ] {
        let error = result.err().unwrap();
        assert!(matches!(error, StateError::InUse { .. }), "{error}");
        assert!(error.to_string().contains(&folder.dir.path().display().to_string()));
    }
    folder.put(vec![post(2, 2, 9)]);
    assert!(folder.state.post(PostId(2)).unwrap().is_some());
}

#[test]
fn readers_beside_a_writer_see_whole_values() {
    let folder = Folder::new(Profile::live());
    std::thread::scope(|scope| {
        let state = &folder.state;
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(move || {
                    while state.position().events() < 4_000 {
                        let sequence = state.action_sequence(UserId(1)).unwrap();
                        assert_eq!(sequence.tokens.len() as u64, sequence.total.min(1_024));
                        assert!(sequence.tokens.windows(2).all(|pair| pair[0].at < pair[1].at));
                        state.most_popular(foryou_types::TimeMs(9), foryou_types::TimeMs(0), 5, &|_, _| false).unwrap();
                    }
                })
            })
            .collect();
        for n in 0..40 {
            folder.put((n * 100..n * 100 + 100).map(|m| act(m, 1, 1 + m as u64, 0)).collect());
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
