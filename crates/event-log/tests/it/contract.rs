//! What an [`EventLog`] promises, of both logs.

use std::time::Duration;

use event_log::*;
use foryou_types::{Namespace, TimeMs};

use crate::samples::{action, all, events, every_kind, imported, name, progress, with_id};

/// Runs a test on a log on disk (with tiny segments, so that most tests cross several) and on one in memory.
fn on_both(test: impl Fn(&dyn EventLog)) {
    test(&MemoryLog::new(4));
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 600, ..LogOptions::default() };
    test(&EmbeddedLog::open(dir.path(), options).unwrap());
}

#[test]
fn what_was_appended_is_read() {
    on_both(|log| {
        let sent: Vec<_> = every_kind().into_iter().map(|(_, event)| event).collect();
        for event in &sent {
            assert_eq!(log.append(vec![event.clone()]).unwrap().accepted, 1);
        }
        assert_eq!(events(log), sent);
        assert_eq!(log.head().position.events(), sent.len() as u64);
    });
}

#[test]
fn an_empty_batch_changes_nothing() {
    on_both(|log| {
        assert_eq!(log.append(Vec::new()).unwrap(), Appended::default());
        let head = log.append(vec![action(1, 1, 1)]).unwrap().position;
        assert_eq!(log.append(Vec::new()).unwrap().position, head);
        assert_eq!(all(log).len(), 1);
    });
}

#[test]
fn the_same_id_twice_is_one_event() {
    on_both(|log| {
        let first = log.append(vec![with_id("a", action(1, 1, 1)), action(1, 2, 2)]).unwrap();
        let batch = vec![with_id("b", action(1, 3, 3)), with_id("a", action(9, 9, 9)), with_id("b", action(1, 4, 4))];
        let second = log.append(batch).unwrap();
        assert_eq!((second.accepted, second.duplicates), (1, vec![1, 2]));
        assert_eq!(second.position.events(), 3);
        // A batch of nothing but duplicates leaves the end where it is.
        let third = log.append(vec![with_id("a", action(1, 1, 1))]).unwrap();
        assert_eq!((third.accepted, third.position), (0, second.position));
        assert!(log.holds(&first.position).unwrap());
    });
}

fn refused(error: &AppendError) -> Vec<usize> {
    match error {
        AppendError::Refused(refused) => refused.iter().map(|refusal| refusal.index).collect(),
        AppendError::Log(error) => panic!("{error}"),
    }
}

#[test]
fn what_can_be_stored_of_a_batch_is_stored_and_the_rest_is_named_at_once() {
    on_both(|log| {
        let good = |id: &str| with_id(id, action(1, 1, 1));
        let bad = || with_id("", action(1, 1, 1));
        let mut told = Vec::new();
        let batch = [bad(), good("a"), bad(), good("b"), good("a"), bad()];
        let stored = append_storable(log, &batch, &mut |refused| {
            told.push(refused.to_vec());
            vec![progress(0, vec![1])]
        })
        .unwrap();
        assert_eq!((stored.appended.accepted, stored.appended.duplicates, stored.marks.len()), (3, vec![4], 1));
        assert_eq!(stored.refused.iter().map(|refusal| refusal.index).collect::<Vec<_>>(), [0, 2, 5]);
        assert_eq!(told, [vec![], vec![0, 2, 5]]);
        let stored = append_storable(log, &[bad()], &mut |_| Vec::new()).unwrap();
        assert_eq!((stored.appended.accepted, stored.refused.len(), log.head().position.events()), (0, 1, 3));
        let nothing = append_storable(log, &[], &mut |_| Vec::new()).unwrap();
        assert_eq!(nothing.appended.position, log.head().position);
    });
}

#[test]
fn a_refused_batch_leaves_nothing() {
    on_both(|log| {
        let bad = with_id("", action(1, 1, 1));
        let error = log.append(vec![with_id("x", action(1, 1, 1)), bad]).unwrap_err();
        assert_eq!(refused(&error), [1], "{error}");
        assert_eq!(log.head(), LogHead::default());
        assert_eq!(log.append(vec![with_id("x", action(1, 1, 1))]).unwrap().accepted, 1);
    });
}

#[test]
fn readers_start_anywhere() {
    on_both(|log| {
        for batch in 0..20u64 {
            log.append((0..=batch % 5).map(|i| action(batch, i, 1)).collect()).unwrap();
        }
        let whole = all(log);
        for from in 0..=whole.len() as u64 + 2 {
            let mut read = Vec::new();
            let mut ends = Vec::new();
            let Some(position) = log.position_at(from).unwrap() else {
                assert!(from > whole.len() as u64);
                continue;
            };
            assert_eq!(position.events(), from, "every event takes one offset");
            assert!(log.holds(&position).unwrap());
            log.read_from(&position, &mut |batch, position| {
                assert!(!batch.is_empty());
                read.extend(batch);
                ends.push(position.clone());
                true
            })
            .unwrap();
            assert_eq!(read, whole[from as usize..]);
            assert!(ends.iter().all(|end| log.holds(end).unwrap() && end.check().is_some()));
            assert_eq!(ends.last().map_or(from, Position::events), whole.len() as u64);
        }
        let mut batches = 0;
        log.read_from(&Position::default(), &mut |_, _| {
            batches += 1;
            batches < 3
        })
        .unwrap();
        assert_eq!(batches, 3, "a reader stops when it wants to");
    });
}

#[test]
fn partitions_are_dense_and_keep_the_order_of_a_key() {
    on_both(|log| {
        for batch in 0..40u64 {
            log.append((0..7).map(|i| action(i, batch, (batch * 7 + i) as i64)).collect()).unwrap();
        }
        assert_eq!((log.partitions(Topic::Actions), log.partitions(Topic::Meta)), (4, 1));
        let whole = all(log);
        let mut total = 0;
        for partition in 0..4 {
            let wanted: Vec<_> = whole.iter().filter(|r| r.partition == partition).cloned().collect();
            let end = log.end_offset(Topic::Actions, partition);
            assert_eq!(end, wanted.len() as u64);
            assert!(wanted.iter().zip(0..).all(|(r, offset)| r.offset == offset));
            for from in [0, 1, end / 2, end.saturating_sub(1), end, end + 5] {
                let mut read = Vec::new();
                log.read_partition(Topic::Actions, partition, from, &mut |record| {
                    read.push(record);
                    true
                })
                .unwrap();
                assert_eq!(read, wanted[wanted.len().min(from as usize)..]);
            }
            total += end;
        }
        assert_eq!(total, 280);
        for user in 0..7u64 {
            let partition = partition_of(user, 4);
            assert!(whole.iter().all(|r| match &r.event.body {
                EventBody::Action(a) if a.user_id.0 == user => r.partition == partition,
                _ => true,
            }));
        }
        let mut nothing = true;
        log.read_partition(Topic::Actions, 4, 0, &mut |_| std::mem::replace(&mut nothing, false)).unwrap();
        assert!(nothing && log.end_offset(Topic::Posts, 0) == 0 && log.end_offset(Topic::Meta, 1) == 0);
    });
}

#[test]
fn offsets_by_time_miss_nothing() {
    on_both(|log| {
        // Times go back and forth.
        let times: Vec<i64> = (0..200).map(|i| i * 10 + [0, 300, -200][i as usize % 3]).collect();
        for batch in times.chunks(9) {
            log.append(batch.iter().map(|&at| action(1, 1, at)).collect()).unwrap();
        }
        let partition = partition_of(1, 4);
        for at in (-250..2_400).step_by(70) {
            let offset = log.offset_for_time(Topic::Actions, partition, TimeMs(at)).unwrap();
            let wanted = times.iter().position(|&t| t >= at).unwrap_or(times.len());
            assert_eq!(offset, wanted as u64, "at {at}");
        }
        let other = (partition + 1) % 4;
        assert_eq!(log.offset_for_time(Topic::Actions, other, TimeMs(0)).unwrap(), 0);
    });
}

#[test]
fn only_imported_events_move_the_clock() {
    on_both(|log| {
        log.append(vec![action(1, 1, 500)]).unwrap();
        assert_eq!(log.head().imported.newest(), None);
        log.append(vec![name(Namespace::Users, 1, "a"), progress(0, vec![1])]).unwrap();
        assert_eq!(log.head().imported.newest(), None, "what an importer notes for itself is no event of the set");
        log.append(vec![imported(action(1, 1, -70))]).unwrap();
        assert_eq!(log.head().imported.newest(), Some(TimeMs(-70)));
        log.append(vec![imported(action(1, 1, 90)), imported(action(1, 1, 80)), action(1, 1, 1_000)]).unwrap();
        assert_eq!(log.head().imported.newest(), Some(TimeMs(90)));
        log.append(vec![imported(action(1, 1, 9_000_000))]).unwrap();
        let imported = log.head().imported;
        assert_eq!(
            (imported.now(), imported.newest()),
            (Some(TimeMs(90)), Some(TimeMs(9_000_000))),
            "one is not enough"
        );
    });
}

#[test]
fn a_position_stands_for_what_was_before_it() {
    on_both(|log| {
        assert!(log.holds(&Position::default()).unwrap());
        assert!(!log.holds(&Position::new(&[], Some(1))).unwrap());
        let appended = |i| log.append(vec![action(i, 1, 1), action(i, 2, 1)]).unwrap().position;
        let ends: Vec<_> = (0..30).map(appended).collect();
        for (place, end) in ends.iter().enumerate() {
            assert!(log.holds(end).unwrap());
            let offsets = |shift: u64| [0, 1, 2, 3].map(|p| end.offset(Topic::Actions, p) + shift);
            let with = |offsets: [u64; 4], check| Position::new(&[(Topic::Actions, &offsets)], check);
            assert!(log.holds(&with(offsets(0), end.check())).unwrap());
            assert!(!log.holds(&with(offsets(0), end.check().map(|check| check ^ 1))).unwrap());
            assert!(!log.holds(&with(offsets(15), end.check())).unwrap(), "beyond the end");
            // The same number of events, but others: the offsets do not fit, and reading says so.
            let mut turned = offsets(0);
            turned.rotate_left(1);
            if turned != offsets(0) {
                assert!(!log.holds(&with(turned, None)).unwrap());
                // Where enough follows that every partition is met.
                if place < 15 {
                    let read = log.read_from(&with(turned, None), &mut |_, _| true);
                    assert!(matches!(read, Err(LogError::Foreign { .. })), "{read:?}");
                }
            }
        }
        let checks: std::collections::HashSet<_> = ends.iter().map(Position::check).collect();
        assert_eq!(checks.len(), ends.len());
    });
}

#[test]
fn names_are_known_both_ways() {
    on_both(|log| {
        log.append(vec![name(Namespace::Users, 7, "U7"), name(Namespace::Posts, 7, "N7"), action(7, 7, 1)]).unwrap();
        assert_eq!(log.id_of(Namespace::Users, "U7"), Some(7));
        assert_eq!(log.id_of(Namespace::Posts, "U7"), None);
        assert_eq!(log.name_of(Namespace::Posts, 7).as_deref(), Some("N7"));
        assert_eq!(log.name_of(Namespace::Posts, 8), None);
        assert_eq!(log.id_of(Namespace::Users, ""), None);
        // Told again: a duplicate. Told otherwise: refused, and nothing of the batch is there.
        let again = log.append(vec![name(Namespace::Users, 7, "U7"), action(7, 8, 1)]).unwrap();
        assert_eq!((again.accepted, again.duplicates), (1, vec![0]));
        for contradiction in [name(Namespace::Users, 7, "U8"), name(Namespace::Users, 8, "U7")] {
            let error = log.append(vec![action(7, 9, 1), contradiction]).unwrap_err();
            assert_eq!(refused(&error), [1], "{error}");
        }
        assert_eq!(log.head().position, again.position);
    });
}

#[test]
fn import_progress_is_joined() {
    on_both(|log| {
        assert_eq!(log.import_progress("kind", "role").unwrap(), [0u32; 0]);
        log.append(vec![progress(0, (0..300).collect())]).unwrap();
        log.append(vec![progress(300, (300..1_000).collect())]).unwrap();
        assert_eq!(log.import_progress("kind", "role").unwrap(), (0..1_000).collect::<Vec<u32>>());
        // A chunk that is written again counts as it was written last, in one batch too.
        log.append(vec![progress(300, vec![1; 700]), progress(300, vec![2; 700]), progress(1_000, vec![3])]).unwrap();
        let rows = log.import_progress("kind", "role").unwrap();
        assert_eq!((rows.len(), rows[299], rows[300], rows[999], rows[1_000]), (1_001, 299, 2, 2, 3));
        assert_eq!(log.import_progress("kind", "rol").unwrap(), [0u32; 0]);
        assert_eq!(log.import_progress("kindrole", "").unwrap(), [0u32; 0]);
    });
}

#[test]
fn waiters_wake_when_the_log_grows() {
    on_both(|log| {
        assert!(!log.wait_past(&Position::default(), Duration::from_millis(5)));
        std::thread::scope(|scope| {
            let first = log.append(vec![action(1, 1, 1)]).unwrap().position;
            let waiter = scope.spawn(move || log.wait_past(&first, Duration::from_secs(20)));
            std::thread::sleep(Duration::from_millis(10));
            assert!(!waiter.is_finished());
            log.append(vec![action(1, 2, 1)]).unwrap();
            assert!(waiter.join().unwrap());
        });
        assert!(log.wait_past(&Position::default(), Duration::ZERO));
    });
}
