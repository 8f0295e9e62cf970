//! Opening folders: again, twice, of something else, without an index, with old segments damaged.

use std::fs;

use event_log::*;
use foryou_types::{Dictionary, Namespace, TimeMs};

use crate::samples::{action, all, events, imported, name, newest_segment, progress, with_id};

fn small() -> LogOptions {
    LogOptions { segment_bytes: 2_000, ..LogOptions::default() }
}

/// A log of several segments with something of everything in the index.
fn filled(dir: &std::path::Path) -> Vec<Event> {
    let log = EmbeddedLog::open(dir, small()).unwrap();
    for batch in 0..40u64 {
        let mut batch_events = vec![
            name(Namespace::Users, 1_000 + batch, &format!("user {batch}")),
            progress(batch * 10, vec![batch as u32; 10]),
        ];
        batch_events.extend((0..10).map(|i| {
            let event = action(batch, i, (batch * 100 + i) as i64);
            if i % 2 == 0 { with_id(format!("{batch}/{i}"), event) } else { imported(event) }
        }));
        log.append(batch_events).unwrap();
    }
    events(&log)
}

#[test]
fn a_reopened_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let written = filled(dir.path());
    let log = EmbeddedLog::open(dir.path(), LogOptions { partitions: 9, ..small() }).unwrap();
    assert_eq!(*log.recovery(), Recovery::default());
    assert_eq!(log.partitions(Topic::Posts), 4, "an existing folder keeps its partitions");
    assert_eq!(events(&log), written);
    assert_eq!(log.head().imported.newest(), Some(TimeMs(3_909)));
    assert_eq!(log.id_of(Namespace::Users, "user 39"), Some(1_039));
    assert_eq!(log.import_progress("kind", "role").unwrap().len(), 400);
    let again = log.append(vec![with_id("0/0", action(1, 1, 1)), with_id("new", action(1, 1, 1))]).unwrap();
    assert_eq!(again.duplicates, [0]);
    assert_eq!(all(&log).len(), written.len() + 1);
    assert!(fs::read_dir(dir.path().join("segments")).unwrap().count() > 3, "several segments");
    let partition = partition_of(5, 4);
    assert_eq!(log.offset_for_time(Topic::Actions, partition, TimeMs(i64::MIN)).unwrap(), 0);
}

#[test]
fn the_index_can_be_deleted_at_any_time() {
    let dir = tempfile::tempdir().unwrap();
    let written = filled(dir.path());
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    assert!(log.recovery().index_rebuilt.is_some());
    assert_eq!(events(&log), written);
    for batch in 0..40 {
        assert_eq!(log.name_of(Namespace::Users, 1_000 + batch), Some(format!("user {batch}")));
    }
    assert_eq!(log.import_progress("kind", "role").unwrap().len(), 400);
    assert_eq!(log.append(vec![with_id("39/8", action(1, 1, 1))]).unwrap().accepted, 0);
}

#[test]
fn a_broken_index_is_built_anew() {
    for seed in 0..6u64 {
        let dir = tempfile::tempdir().unwrap();
        let written = filled(dir.path());
        // Overwrites every file of the index from some place on.
        let mut folders = vec![dir.path().join("index")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let mut bytes = fs::read(&path).unwrap();
                let from = bytes.len().min(4_096) * seed as usize / 8;
                let to = bytes.len().min(from + 4_096);
                bytes[from..to].fill(0xa5 ^ seed as u8);
                fs::write(&path, bytes).unwrap();
            }
        }
        let log = EmbeddedLog::open(dir.path(), small()).unwrap();
        assert_eq!(events(&log), written);
        assert_eq!(log.id_of(Namespace::Users, "user 0"), Some(1_000), "seed {seed}");
        assert_eq!(log.import_progress("kind", "role").unwrap().len(), 400);
        assert_eq!(log.append(vec![with_id("0/0", action(1, 1, 1))]).unwrap().accepted, 0);
    }
}

#[test]
fn an_index_behind_the_log_catches_up_and_one_of_another_log_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(EmbeddedLog::open(dir.path(), small()).unwrap());
    let early = tempfile::tempdir().unwrap();
    crate::samples::copy_folder(&dir.path().join("index"), early.path());
    let written = filled(dir.path());

    let index = dir.path().join("index");
    fs::remove_dir_all(&index).unwrap();
    crate::samples::copy_folder(early.path(), &index);
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    assert_eq!(log.recovery().index_rebuilt, None, "behind is no reason to begin anew");
    assert_eq!(log.id_of(Namespace::Users, "user 39"), Some(1_039));
    assert_eq!(log.append(vec![with_id("39/8", action(1, 1, 1))]).unwrap().accepted, 0);
    drop(log);

    let other = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(other.path(), small()).unwrap();
    for batch in 0..40 {
        log.append((0..12).map(|i| with_id(format!("other {batch} {i}"), action(i, batch, 1))).collect()).unwrap();
    }
    drop(log);
    fs::remove_dir_all(&index).unwrap();
    crate::samples::copy_folder(&other.path().join("index"), &index);
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    assert!(log.recovery().index_rebuilt.as_deref().unwrap().contains("not those of the log"));
    assert_eq!(events(&log), written);
    assert_eq!(log.append(vec![with_id("other 0 0", action(1, 1, 1))]).unwrap().accepted, 1);
}

#[test]
fn one_process_has_the_log_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    let error = EmbeddedLog::open(dir.path(), small()).unwrap_err();
    let ours = Some(std::process::id());
    assert!(matches!(&error, LogError::InUse { holder, .. } if holder.pid == ours), "{error}");
    drop(log);
    EmbeddedLog::open(dir.path(), small()).unwrap();
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "important").unwrap();
    let error = EmbeddedLog::open(dir.path(), small()).unwrap_err().to_string();
    assert!(error.contains("thesis.txt") && error.contains("not an event log"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    let file = dir.path().join("thesis.txt");
    assert!(EmbeddedLog::open(&file, small()).is_err());
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    for (text, complaint) in [
        ("format = 3\npartitions = 4\n", "format 3"),
        ("format = 2\npartitions = 4\n", "checksum"),
        ("format = 1\npartitions = 0\n", "partitions = 0"),
        ("format = ", "log.toml"),
        ("", "missing field"),
    ] {
        fs::write(dir.path().join("log.toml"), text).unwrap();
        let error = EmbeddedLog::open(dir.path(), small()).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
    let error = EmbeddedLog::open(&dir.path().join("new"), LogOptions { partitions: 0, ..small() }).unwrap_err();
    assert!(error.to_string().contains("partitions"), "{error}");
}

#[test]
fn what_an_interrupted_first_open_left_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("segments")).unwrap();
    fs::write(dir.path().join("lock"), "").unwrap();
    fs::write(dir.path().join("log.toml.tmp"), "form").unwrap();
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    log.append(vec![action(1, 1, 1)]).unwrap();
}

#[test]
fn a_crash_while_a_segment_begins_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let written = filled(dir.path());
    let segments = dir.path().join("segments");
    let next = format!("{:020}", written.len());
    // Before the rename: the file is there under its other name, with or without a header.
    fs::write(segments.join(format!("{next}.log.tmp")), b"foryou").unwrap();
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    assert_eq!(events(&log), written);
    assert_eq!(log.recovery().cut_bytes, 0);
    drop(log);
    assert!(!segments.join(format!("{next}.log.tmp")).exists());

    // After it, with a disk that lost what the file held.
    fs::write(segments.join(format!("{next}.log")), b"").unwrap();
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    assert_eq!(events(&log), written);
    log.append(vec![action(1, 1, 1)]).unwrap();
    drop(log);
    assert_eq!(all(&EmbeddedLog::open(dir.path(), small()).unwrap()).len(), written.len() + 1);
}

#[test]
fn damage_in_an_old_segment_is_an_error_that_says_where() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let mut paths: Vec<_> = fs::read_dir(dir.path().join("segments")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let second = &paths[1];
    let whole = fs::read(second).unwrap();
    let read =
        |log: Result<EmbeddedLog, LogError>| log.and_then(|log| log.read_from(&Position::default(), &mut |_, _| true));
    let damage = |error: LogError| match error {
        LogError::Damaged(damage) => {
            assert_eq!(damage.path, *second);
            *damage
        }
        error => panic!("{error}"),
    };
    let first_of_third = paths[2].file_stem().unwrap().to_str().unwrap().parse().unwrap();

    let mut bytes = whole.clone();
    let place = bytes.len() - 5;
    bytes[place] ^= 1;
    fs::write(second, &bytes).unwrap();
    let found = damage(read(EmbeddedLog::open(dir.path(), small())).unwrap_err());
    assert!(found.problem.contains("checksum") && found.next_seq == Some(first_of_third), "{found}");
    assert_eq!(found.events(), Some(12), "the one batch");

    fs::write(second, &whole[..whole.len() - 1]).unwrap();
    let found = damage(EmbeddedLog::open(dir.path(), small()).unwrap_err());
    assert_eq!((found.offset, found.events()), (whole.len() as u64 - 1, Some(12)), "{found}");

    let mut bytes = whole.clone();
    bytes[20] ^= 1;
    fs::write(second, &bytes).unwrap();
    let found = damage(EmbeddedLog::open(dir.path(), small()).unwrap_err());
    assert!(found.problem.contains("header") && found.events() == Some(0), "{found}");

    // A file that belongs elsewhere.
    fs::write(second, &whole).unwrap();
    fs::remove_file(&paths[0]).unwrap();
    let error = EmbeddedLog::open(dir.path(), small()).unwrap_err().to_string();
    assert!(error.contains("the segment is missing") && error.contains("(0 to"), "{error}");
}

#[test]
fn an_event_of_an_unknown_schema_version_is_named() {
    // There is no such writer yet: the version byte of the one record is changed and the checksum made right again.
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    log.append(vec![action(0, 0, 0)]).unwrap();
    drop(log);
    let path = newest_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let frame = 264;
    assert_eq!(&bytes[frame + 8..frame + 11], b"fyB");
    let version = frame + 32 + 4;
    assert_eq!(bytes[version], 1);
    bytes[version] = 77;
    let check = xxhash_rust::xxh3::xxh3_64_with_seed(&bytes[frame + 8..], 0);
    bytes[frame..frame + 8].copy_from_slice(&check.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    // It knows the batch by its checksum.
    assert!(EmbeddedLog::open(dir.path(), small()).unwrap_err().to_string().contains("other events"));
    fs::remove_file(dir.path().join("synced")).unwrap();

    let log = EmbeddedLog::open(dir.path(), small()).unwrap();
    let error = log.read_from(&Position::default(), &mut |_, _| true).unwrap_err().to_string();
    assert!(error.contains("event 0") && error.contains("version 77"), "{error}");
    // Readers that do not need the event are not disturbed by it.
    let partition = partition_of(0, 4);
    log.append(vec![action(0, 5, 0)]).unwrap();
    let mut read = 0;
    log.read_partition(Topic::Actions, partition, 1, &mut |_| {
        read += 1;
        true
    })
    .unwrap();
    assert_eq!(read, 1);
}
