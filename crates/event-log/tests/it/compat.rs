//! Files written by earlier versions stay readable, and today's encoding does not change by accident.
//!
//! `UPDATE_FIXTURES=1 cargo test -p event-log compat` writes fixtures that are missing; one that is there is never rewritten: a
//! change of the encoding needs a new schema version, whose fixtures stand in a folder of their own.

use std::fs;
use std::path::PathBuf;

use event_log::*;
use proptest::prelude::*;

use crate::samples::{all, copy_folder, events, every_kind, scratch};
use crate::strategies::any_event;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

fn update() -> bool {
    std::env::var_os("UPDATE_FIXTURES").is_some()
}

#[test]
fn every_kind_of_event_is_read_and_written_as_in_version_1() {
    assert_eq!(codec::VERSION, 1, "a new version needs fixtures of its own; keep these as they are");
    for (name, event) in every_kind() {
        let path = fixtures().join(format!("{name}.bin"));
        let bytes = codec::to_bytes(event.clone());
        if update() && !path.exists() {
            fs::write(&path, &bytes).unwrap();
        }
        let fixture = fs::read(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(codec::from_bytes(event.at, event.origin, &fixture).unwrap(), event, "{name}");
        assert_eq!(bytes, fixture, "{name}: the encoding of version 1 has changed");
    }
}

#[test]
fn the_log_of_format_1_opens() {
    let path = fixtures().join("log");
    let options = LogOptions { segment_bytes: 500, partitions: 2, ..LogOptions::default() };
    if update() && !path.exists() {
        let log = EmbeddedLog::open(&path, options).unwrap();
        for chunk in every_kind().chunks(3) {
            log.append(chunk.iter().map(|(_, event)| event.clone()).collect()).unwrap();
        }
        drop(log);
        fs::remove_dir_all(path.join("index")).unwrap();
        fs::remove_file(path.join("lock")).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    copy_folder(&path, dir.path());
    let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!(log.recovery().cut_bytes, 0);
    assert_eq!(log.partitions(Topic::Posts), 2);
    let wanted: Vec<_> = every_kind().into_iter().map(|(_, event)| event).collect();
    assert_eq!(events(&log), wanted);
    let written = log.head().position;

    // What is written today is what was written then, to the byte.
    let today = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(today.path(), options).unwrap();
    for chunk in wanted.chunks(3) {
        log.append(chunk.to_vec()).unwrap();
    }
    assert_eq!(log.head().position, written);
    let places: Vec<_> = all(&log).iter().map(|r| (r.topic, r.partition, r.offset)).collect();
    assert_eq!(places.len(), wanted.len());
    for entry in fs::read_dir(path.join("segments")).unwrap() {
        let name = entry.unwrap().file_name();
        let (then, now) = (path.join("segments").join(&name), today.path().join("segments").join(&name));
        assert_eq!(fs::read(then).unwrap(), fs::read(now).unwrap(), "{}", name.display());
    }
}

#[test]
fn what_is_no_stored_event_is_refused() {
    let (at, origin) = (foryou_types::TimeMs(0), Origin::Live);
    assert_eq!(codec::from_bytes(at, origin, &[2, 0]), Err(codec::CodecError::UnknownVersion(2)));
    assert!(codec::from_bytes(at, origin, &[]).is_err());
    assert!(codec::from_bytes(at, origin, &[1]).is_err(), "no body");
    assert!(codec::from_bytes(at, origin, &[1, 0xff]).is_err());
}

proptest! {
    #[test]
    fn any_event_survives_the_codec(event in any_event()) {
        let bytes = codec::to_bytes(event.clone());
        prop_assert_eq!(codec::from_bytes(event.at, event.origin, &bytes).unwrap(), event);
    }

    #[test]
    fn any_bytes_are_an_event_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = codec::from_bytes(foryou_types::TimeMs(0), Origin::Live, &bytes);
    }

}

proptest! {
    // Each case opens three logs on disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_batches_survive_the_log(batches in proptest::collection::vec(proptest::collection::vec(any_event(), 0..12), 1..6)) {
        let dir = scratch();
        let options = LogOptions { segment_bytes: 700, fsync: FsyncPolicy::Never, ..LogOptions::default() };
        let memory = MemoryLog::new(4);
        let log = EmbeddedLog::open(dir.path(), options).unwrap();
        for batch in batches {
            match (memory.append(batch.clone()), log.append(batch)) {
                (Ok(a), Ok(b)) => {
                    prop_assert_eq!((a.accepted, a.duplicates), (b.accepted, b.duplicates));
                    prop_assert_eq!(a.position.next_seq, b.position.next_seq);
                }
                (Err(a), Err(b)) => prop_assert_eq!(a.to_string(), b.to_string()),
                (a, b) => prop_assert!(false, "{a:?} but {b:?}"),
            }
        }
        prop_assert_eq!(all(&memory), all(&log));
        prop_assert_eq!(memory.head().imported, log.head().imported);
        drop(log);
        prop_assert_eq!(all(&memory), all(&EmbeddedLog::open(dir.path(), options).unwrap()));
    }
}
