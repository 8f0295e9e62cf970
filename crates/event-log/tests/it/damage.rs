//! What a power cut does: a newest segment that is cut or overwritten anywhere opens to a prefix of whole batches.

use std::fs;

use event_log::*;
use foryou_types::{Names, Namespace, Rng, SplitMix64};

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

#[test]
fn a_damaged_newest_segment_opens_to_a_prefix_of_whole_batches() {
    let original = scratch();
    let log = EmbeddedLog::open(original.path(), options()).unwrap();
    let mut ends = vec![Position::default()];
    ends.extend((0..BATCHES).map(|n| log.append(batch(n)).unwrap().position));
    let written = events(&log);
    drop(log);
    let base: usize = newest_segment(original.path()).file_stem().unwrap().to_str().unwrap().parse().unwrap();
    assert!(base > 0 && base < written.len() * 9 / 10, "the newest segment holds several batches");

    let mut kept_whole = 0;
    for seed in 0..220 {
        let mut rng = SplitMix64::new(seed);
        let dir = scratch();
        // With the index, which is ahead of what is left of the log, or (the faster copy) without one.
        if seed % 4 == 0 {
            copy_folder(&original.path().join("index"), &dir.path().join("index"));
        }
        copy_folder(&original.path().join("segments"), &dir.path().join("segments"));
        fs::copy(original.path().join("log.toml"), dir.path().join("log.toml")).unwrap();
        let how = format!("seed {seed}: {}", damage(&newest_segment(dir.path()), &mut rng));

        let log = EmbeddedLog::open(dir.path(), options()).unwrap_or_else(|e| panic!("{how}: {e}"));
        let head = log.head().position;
        let batches = ends.iter().position(|end| *end == head).unwrap_or_else(|| panic!("{how}: no whole batch"));
        let held = head.next_seq as usize;
        assert!(held >= base, "{how}: a complete segment was touched");
        assert!(events(&log) == written[..held], "{how}");
        kept_whole += usize::from(batches == ends.len() - 1);
        if batches < ends.len() - 1 {
            assert!(log.recovery().cut_bytes > 0 || how.contains("cut at"), "{how}");
        }
        for end in &ends {
            assert_eq!(log.holds(*end).unwrap(), end.next_seq <= head.next_seq, "{how}");
        }

        // The index says what the prefix says.
        let batches = batches as u64;
        for n in 0..BATCHES {
            let known = n < batches;
            assert_eq!(log.id_of(Namespace::Posts, &format!("post {n}")), known.then_some(1 + n), "{how}");
            assert_eq!(log.name_of(Namespace::Posts, 1 + n), known.then(|| format!("post {n}")), "{how}");
        }
        assert_eq!(log.import_progress("kind", "role").unwrap().len() as u64, batches * 3, "{how}");

        // Sending everything again brings back what was lost and nothing twice.
        for n in 0..BATCHES {
            let sent = batch(n).len();
            let accepted = log.append(batch(n)).unwrap().accepted;
            // Progress has no id: an importer reads how far it is before it sends.
            assert_eq!(accepted, if n < batches { 1 } else { sent }, "{how}: batch {n}");
        }
        let after = all(&log);
        drop(log);
        let log = EmbeddedLog::open(dir.path(), options()).unwrap();
        assert_eq!(log.recovery().cut_bytes, 0, "{how}: what follows the damage is whole");
        assert!(all(&log) == after, "{how}");
    }
    assert!(kept_whole < 220 / 2, "most of the damage must hit something");
}

#[test]
fn a_huge_length_does_not_allocate() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), options()).unwrap();
    for n in 0..3 {
        log.append(batch(n)).unwrap();
    }
    drop(log);
    let path = newest_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEADER + 12..HEADER + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let log = EmbeddedLog::open(dir.path(), options()).unwrap();
    assert_eq!(log.head(), LogHead::default());
    let kept = log.recovery().kept_as.clone().expect("two whole batches follow: that is no unfinished write");
    assert!(fs::read(kept).unwrap() == bytes[HEADER..]);
}

#[test]
fn an_unfinished_batch_is_cut_without_fuss_and_damage_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), options()).unwrap();
    log.append(batch(0)).unwrap();
    let end = fs::metadata(newest_segment(dir.path())).unwrap().len();
    log.append(batch(1)).unwrap();
    drop(log);
    let path = newest_segment(dir.path());
    let whole = fs::read(&path).unwrap();
    for cut in [1, 8, 11, 12, 31, 32, 33, whole.len() - end as usize - 1] {
        fs::write(&path, &whole[..end as usize + cut]).unwrap();
        let log = EmbeddedLog::open(dir.path(), options()).unwrap();
        assert_eq!(*log.recovery(), Recovery { cut_bytes: cut as u64, kept_as: None, ..log.recovery().clone() });
        assert_eq!(fs::metadata(&path).unwrap().len(), end);
    }
    for (n, place) in [end as usize + 40, end as usize + 2, end as usize + 9].into_iter().enumerate() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let log = EmbeddedLog::open(dir.path(), options()).unwrap();
        let kept = log.recovery().kept_as.clone().unwrap();
        assert!(kept.to_str().unwrap().ends_with(&format!(".damaged-{n}")));
        assert!(fs::read(kept).unwrap() == bytes[end as usize..]);
    }
}
