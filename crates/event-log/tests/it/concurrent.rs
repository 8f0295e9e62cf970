//! One writer and several readers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use event_log::*;
use foryou_types::TimeMs;

use crate::samples::{action, all};

const BATCHES: u64 = 400;
const PER_BATCH: u64 = 23;

fn batch(n: u64) -> Vec<Event> {
    (0..PER_BATCH).map(|i| action(i, n, n as i64)).collect()
}

#[test]
fn readers_see_whole_batches_while_the_log_grows() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 40_000, fsync: FsyncPolicy::EveryMs(2), ..LogOptions::default() };
    let log = EmbeddedLog::open(dir.path(), options).unwrap();
    std::thread::scope(|scope| {
        let log = &log;
        for _ in 0..2 {
            scope.spawn(move || {
                let mut next = Position::default();
                while next.events() < BATCHES * PER_BATCH {
                    assert!(log.wait_past(&next, Duration::from_secs(30)));
                    log.read_from(&next.clone(), &mut |records, position| {
                        assert_eq!(records.len() as u64, PER_BATCH);
                        assert_eq!(records[0].seq, next.events());
                        next.clone_from(position);
                        let seen = (next.events() / PER_BATCH - 1) as i64;
                        assert!(records.iter().all(|r| r.event.at == TimeMs(seen)));
                        true
                    })
                    .unwrap();
                    assert!(log.holds(&log.head().position).unwrap());
                }
            });
        }
        scope.spawn(move || {
            let partition = partition_of(0, 4);
            let mut next = 0;
            let end = all_of_partition(partition);
            while next < end {
                log.read_partition(Topic::Actions, partition, next, &mut |record| {
                    assert_eq!(record.offset, next);
                    next += 1;
                    true
                })
                .unwrap();
            }
        });
        scope.spawn(move || {
            for n in 0..BATCHES {
                log.append(batch(n)).unwrap();
            }
        });
    });
    assert_eq!(all(&log).len() as u64, BATCHES * PER_BATCH);
}

fn all_of_partition(partition: u16) -> u64 {
    (0..PER_BATCH).filter(|user| partition_of(*user, 4) == partition).count() as u64 * BATCHES
}

#[test]
fn several_writers_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for n in 0..50 {
                    // The same ids from all four: each is taken once.
                    let events = (0..5).map(|i| Event { id: Some(format!("{n} {i}")), ..action(writer, n, 1) });
                    log.append(events.collect()).unwrap();
                }
            });
        }
    });
    assert_eq!(all(&log).len(), 250);
}

#[test]
fn a_copy_made_while_the_log_grows_opens_to_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 40_000, ..LogOptions::default() };
    let log = EmbeddedLog::open(dir.path(), options).unwrap();
    log.append(batch(0)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..BATCHES {
                log.append(batch(n)).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut copies = 0;
        while !done.load(Ordering::SeqCst) || copies == 0 {
            // Oldest segment first, as a backup does; the index is left out, it is built anew.
            let at_least = log.head().position.events();
            let copy = tempfile::tempdir().unwrap();
            std::fs::copy(dir.path().join("log.toml"), copy.path().join("log.toml")).unwrap();
            let segments = copy.path().join("segments");
            std::fs::create_dir(&segments).unwrap();
            let mut names: Vec<_> =
                std::fs::read_dir(dir.path().join("segments")).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.retain(|name| std::path::Path::new(name).extension().is_some_and(|e| e == "log"));
            names.sort();
            for name in names {
                std::fs::copy(dir.path().join("segments").join(&name), segments.join(&name)).unwrap();
            }
            let opened = EmbeddedLog::open(copy.path(), options).unwrap();
            let held = all(&opened).len() as u64;
            assert!(held >= at_least && held.is_multiple_of(PER_BATCH), "{held} of at least {at_least}");
            copies += 1;
        }
    });
}
