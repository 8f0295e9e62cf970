//! Damage: what a crash leaves is cut off, anything else is refused with the events concerned, and can be repaired.

use std::fs;
use std::path::{Path, PathBuf};

use event_log::*;
use foryou_types::{Namespace, Rng, SplitMix64};

use crate::samples::{action, all, copy_folder, events, name, newest_segment, progress, scratch, with_id};

const BATCHES: u64 = 60;
/// Bytes of a segment before its first batch, with 4 partitions.
const HEADER: usize = 264;

fn options() -> LogOptions {
    LogOptions { segment_bytes: 28_000, fsync: FsyncPolicy::Never, ..LogOptions::default() }
}

fn batch(n: u64) -> Vec<Event> {
    let mut rng = SplitMix64::new(n);
    let mut events = vec![name(Namespace::Posts, 1 + n, &format!("post {n}")), progress(n * 3, vec![n as u32; 3])];
    events.extend((0..=rng.below(40)).map(|i| with_id(format!("{n}/{i}"), action(rng.next_u64(), n, n as i64))));
    events
}

/// Damages a file in one of the ways a disk does, and says how.
fn damage(path: &std::path::Path, rng: &mut SplitMix64) -> String {
    let mut bytes = fs::read(path).unwrap();
    let len = bytes.len();
    let at = rng.below(len);
    let text = match rng.below(7) {
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            bytes[at] ^= 1 << rng.below(8);
            format!("bit flipped at {at}")
        }
        2 => {
            bytes[at..].fill(0);
            format!("zeros from {at}")
        }
        3 => {
            let to = len.min(at + 1 + rng.below(64));
            bytes[at..to].fill_with(|| rng.next_u64() as u8);
            format!("garbage {at}..{to}")
        }
        4 => {
            bytes[at..].fill_with(|| rng.next_u64() as u8);
            format!("garbage from {at}")
        }
        5 => {
            bytes.extend((0..=rng.below(9_000)).map(|_| rng.next_u64() as u8));
            format!("garbage behind {len}")
        }
        // Blocks of an earlier place: whole frames that do not belong there.
        _ => {
            let from = rng.below(at + 1);
            let copied = bytes[from..(from + (len - at)).min(len)].to_vec();
            bytes[at..at + copied.len()].copy_from_slice(&copied);
            format!("bytes of {from} at {at}")
        }
    };
    fs::write(path, bytes).unwrap();
    text
}

/// A log of several segments: what was written, and per batch its segment, its bytes there and its events.
struct Written {
    dir: tempfile::TempDir,
    ends: Vec<Position>,
    places: Vec<(PathBuf, std::ops::Range<usize>)>,
    events: Vec<Event>,
}

fn written() -> Written {
    let dir = scratch();
    let log = EmbeddedLog::open(dir.path(), options()).unwrap();
    let (mut ends, mut places) = (vec![Position::default()], Vec::new());
    for n in 0..BATCHES {
        ends.push(log.append(batch(n)).unwrap().position);
        let path = newest_segment(dir.path());
        let end = fs::metadata(&path).unwrap().len() as usize;
        let start = match places.last() {
            Some((before, place)) if *before == path => std::ops::Range::<usize>::clone(place).end,
            _ => HEADER,
        };
        places.push((path, start..end));
    }
    let events = events(&log);
    drop(log);
    Written { dir, ends, places, events }
}

/// What a process that was killed leaves: no word of what was synced, and no index that is ahead.
fn forget_what_was_synced(dir: &Path) {
    fs::remove_file(dir.join("synced")).ok();
    fs::remove_dir_all(dir.join("index")).ok();
}

#[test]
fn a_damaged_newest_segment_opens_to_whole_batches_or_is_refused_and_can_be_repaired() {
    let Written { dir: original, ends, places, events: all_events } = written();
    let newest = newest_segment(original.path());
    let whole = fs::read(&newest).unwrap();
    let base: usize = newest.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    assert!(base > 0 && base < all_events.len() * 9 / 10, "the newest segment holds several batches");

    let (mut opened, mut refused) = (0, 0);
    for seed in 0..220 {
        let mut rng = SplitMix64::new(seed);
        let dir = scratch();
        copy_folder(original.path(), dir.path());
        fs::remove_file(dir.path().join("lock")).unwrap();
        let witness = seed % 4 == 0;
        if !witness {
            forget_what_was_synced(dir.path());
        }
        let path = newest_segment(dir.path());
        let how = format!("seed {seed}: {}", damage(&path, &mut rng));
        let damaged = fs::read(&path).unwrap();
        let first_bad = whole.iter().zip(&damaged).position(|(a, b)| a != b).unwrap_or(damaged.len().min(whole.len()));
        let last_bad = (first_bad..whole.len()).rev().find(|&i| damaged.get(i) != Some(&whole[i])).unwrap_or(first_bad);
        let hit = |n: usize| {
            let (path, place) = &places[n];
            *path == newest && place.start <= last_bad && first_bad < place.end
        };
        let whole_batches: Vec<_> = (0..BATCHES as usize).filter(|&n| !hit(n)).collect();

        let log = match EmbeddedLog::open(dir.path(), options()) {
            Ok(log) => {
                // Nothing but the end is gone, and nobody was told that it was there.
                let head = log.head().position;
                let batches =
                    ends.iter().position(|end| *end == head).unwrap_or_else(|| panic!("{how}: no whole batch"));
                assert!(events(&log) == all_events[..head.events() as usize], "{how}");
                assert!(
                    !witness || batches == ends.len() - 1,
                    "{how}: events that were synced are gone without a word"
                );
                assert!(whole_batches.iter().all(|&n| n < batches), "{how}: a whole batch is gone");
                opened += 1;
                log
            }
            Err(error) => {
                assert!(matches!(error, LogError::Damaged(_) | LogError::Missing { .. }), "{how}: {error}");
                assert!(fs::read(&path).unwrap() == damaged, "{how}: a refused log is left as it is");
                assert!(ReadOnlyLog::open(dir.path()).is_err(), "{how}: readers are told too");
                let repaired = repair(dir.path(), &meaning(), options()).unwrap_or_else(|e| panic!("{how}: {e}"));
                let log = EmbeddedLog::open(dir.path(), options()).unwrap();
                let wanted: Vec<_> = whole_batches
                    .iter()
                    .flat_map(|&n| all_events[ends[n].events() as usize..ends[n + 1].events() as usize].to_vec())
                    .collect();
                let held = events(&log);
                // A batch may come back although a byte of it is wrong: only its check was.
                assert!(
                    held.len() >= wanted.len(),
                    "{how}: {} of {} events of whole batches",
                    held.len(),
                    wanted.len()
                );
                let mut rest = held.iter();
                assert!(
                    wanted.iter().all(|event| rest.any(|held| held == event)),
                    "{how}: in order, with nothing left out"
                );
                if witness {
                    let missing = repaired.before.missing();
                    assert_eq!(missing as usize, all_events.len() - held.len(), "{how}: {:?}", repaired.before);
                }
                assert!(repaired.kept_as.unwrap().join("segments").is_dir(), "{how}: the damaged log is kept");
                refused += 1;
                log
            }
        };

        // Sending everything again brings back what was lost and nothing twice.
        for n in 0..BATCHES {
            log.append(batch(n)).unwrap();
        }
        let again: Vec<_> = events(&log).into_iter().filter(|event| event.id.is_some()).collect();
        let mut ids: Vec<_> = again.iter().map(|event| event.id.clone().unwrap()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(
            (ids.len(), again.len()),
            (all_events.iter().filter(|e| e.id.is_some()).count(), ids.len()),
            "{how}"
        );
        let after = all(&log);
        drop(log);
        let log = EmbeddedLog::open(dir.path(), options()).unwrap();
        assert_eq!(log.recovery().cut_bytes, 0, "{how}: what follows is whole");
        assert!(all(&log) == after, "{how}");
        fs::remove_dir_all(dir.path()).unwrap();
    }
    assert!(opened > 60 && refused > 60, "{opened} opened, {refused} refused");
}

fn meaning() -> Meaning {
    Meaning::of(&foryou_types::Profile::live())
}

#[test]
fn a_huge_length_does_not_allocate() {
    let dir = scratch();
    let path = dir.path().join("log");
    let log = EmbeddedLog::open(&path, options()).unwrap();
    let ends: Vec<_> = (0..3).map(|n| log.append(batch(n)).unwrap().position.events()).collect();
    drop(log);
    let segment = newest_segment(&path);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[HEADER + 12..HEADER + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(&segment, &bytes).unwrap();
    let error = EmbeddedLog::open(&path, options()).unwrap_err();
    let LogError::Damaged(damage) = &error else { panic!("{error}") };
    assert_eq!((damage.offset, damage.first_seq, damage.next_seq), (HEADER as u64, 0, Some(ends[0])));
    let text = error.to_string();
    assert!(
        text.contains(&format!("{} events (0 to {})", ends[0], ends[0] - 1)) && text.contains("--repair"),
        "{text}"
    );
    assert!(fs::read(&segment).unwrap() == bytes, "left as it is");
    let repaired = repair(&path, &meaning(), options()).unwrap();
    assert_eq!(repaired.position.events(), ends[2] - ends[0], "two whole batches follow");
}

#[test]
fn an_unfinished_batch_is_cut_without_fuss_and_an_overwritten_one_is_kept() {
    let dir = scratch();
    let log = EmbeddedLog::open(dir.path(), options()).unwrap();
    log.append(batch(0)).unwrap();
    let end = fs::metadata(newest_segment(dir.path())).unwrap().len();
    log.append(batch(1)).unwrap();
    drop(log);
    let path = newest_segment(dir.path());
    let whole = fs::read(&path).unwrap();
    for cut in [1, 8, 11, 12, 31, 32, 33, whole.len() - end as usize - 1] {
        fs::write(&path, &whole[..end as usize + cut]).unwrap();
        forget_what_was_synced(dir.path());
        let log = ReadOnlyLog::open(dir.path()).unwrap();
        assert_eq!(log.head().position.events() as usize, batch(0).len());
        assert_eq!(fs::metadata(&path).unwrap().len(), end + cut as u64, "a reader cuts nothing");
        let log = EmbeddedLog::open(dir.path(), options()).unwrap();
        assert_eq!(*log.recovery(), Recovery { cut_bytes: cut as u64, kept_as: None, ..log.recovery().clone() });
        assert_eq!(fs::metadata(&path).unwrap().len(), end);
    }
    for (n, place) in [end as usize + 40, end as usize + 2, end as usize + 9].into_iter().enumerate() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        // Nothing but the own check may prove a batch whose check is wrong.
        bytes[end as usize + 28] ^= 1;
        fs::write(&path, &bytes).unwrap();
        forget_what_was_synced(dir.path());
        let log = EmbeddedLog::open(dir.path(), options()).unwrap();
        let kept = log.recovery().kept_as.clone().unwrap();
        assert!(kept.to_str().unwrap().ends_with(&format!(".damaged-{n}")));
        assert!(fs::read(kept).unwrap() == bytes[end as usize..]);
    }
}

#[test]
fn acknowledged_events_that_are_gone_are_counted() {
    let Written { dir, ends, places, events } = written();
    let path = newest_segment(dir.path());
    let whole = fs::read(&path).unwrap();
    // At the end of a batch, where nothing looks torn.
    let kept = BATCHES as usize - 5;
    fs::write(&path, &whole[..places[kept - 1].1.end]).unwrap();
    let gone = events.len() as u64 - ends[kept].events();
    for attempt in 0..2 {
        let error = EmbeddedLog::open(dir.path(), options()).unwrap_err().to_string();
        assert!(error.contains(&format!("{gone} acknowledged events are missing")), "{error}");
        assert_eq!(examine(dir.path(), &mut |_| Ok(())).unwrap().missing(), gone);
        // Without the mark the index knows it.
        if attempt == 0 {
            fs::remove_file(dir.path().join("synced")).unwrap();
        }
    }
    // What was never synced may be gone after a power cut: the log opens, and says so until somebody has read it.
    let mark = format!("{:020} {:016x}", ends[kept].events(), ends[kept].check().unwrap_or_default());
    let check = xxhash_rust::xxh3::xxh3_64(mark.as_bytes());
    fs::write(dir.path().join("synced"), format!("{mark} {check:016x}\n")).unwrap();
    let log = EmbeddedLog::open(dir.path(), options()).unwrap();
    assert_eq!(log.recovery().lost_unsynced, gone);
    drop(log);
    let losses = examine(dir.path(), &mut |_| Ok(())).unwrap().losses;
    assert!(losses.len() == 1 && losses[0].starts_with(&format!("{gone} events")), "{losses:?}");
    repair(dir.path(), &meaning(), options()).unwrap();
    assert!(examine(dir.path(), &mut |_| Ok(())).unwrap().losses.is_empty());
}
