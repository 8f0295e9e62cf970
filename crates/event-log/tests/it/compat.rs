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

/// A log of every kind of event in several segments.
fn write_log(path: &std::path::Path) -> Position {
    let options = LogOptions { segment_bytes: 500, partitions: 2, ..LogOptions::default() };
    let log = EmbeddedLog::open(path, options).unwrap();
    for chunk in every_kind().chunks(3) {
        log.append(chunk.iter().map(|(_, event)| event.clone()).collect()).unwrap();
    }
    log.head().position
}

#[test]
fn the_log_of_format_1_opens_and_becomes_one_of_format_2() {
    let dir = tempfile::tempdir().unwrap();
    copy_folder(&fixtures().join("log"), dir.path());
    let wanted: Vec<_> = every_kind().into_iter().map(|(_, event)| event).collect();
    assert_eq!(events(&ReadOnlyLog::open(dir.path()).unwrap()), wanted);
    let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!(log.recovery().cut_bytes, 0);
    assert_eq!(log.partitions(Topic::Posts), 2);
    assert_eq!(events(&log), wanted);
    log.append(vec![wanted[0].clone()]).unwrap();
    drop(log);
    assert!(fs::read_to_string(dir.path().join("log.toml")).unwrap().contains("format = 2"));
    let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!(all(&log).len() as u64, log.head().position.events());
}

#[test]
fn what_is_written_today_is_what_format_2_was() {
    let path = fixtures().join("log-2");
    if update() && !path.exists() {
        write_log(&path);
        fs::remove_dir_all(path.join("index")).unwrap();
        fs::remove_file(path.join("lock")).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    copy_folder(&path, dir.path());
    let log = EmbeddedLog::open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!(log.recovery().cut_bytes, 0);
    let wanted: Vec<_> = every_kind().into_iter().map(|(_, event)| event).collect();
    assert_eq!(events(&log), wanted);

    let today = tempfile::tempdir().unwrap();
    assert_eq!(write_log(today.path()), log.head().position);
    for name in ["log.toml", "synced"] {
        assert_eq!(fs::read(path.join(name)).unwrap(), fs::read(today.path().join(name)).unwrap(), "{name}");
    }
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
                    prop_assert_eq!(a.position.events(), b.position.events());
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
