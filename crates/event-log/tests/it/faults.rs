//! Disks that fill up or fail: the batch is taken back, the error says where, and the log continues.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use event_log::*;
use foryou_types::{Dictionary, Namespace};

use crate::samples::{action, all, events, name, with_id};

/// A disk with a number of bytes left that can also refuse to sync, to cut, or to make files.
#[derive(Clone)]
struct Faulty(Arc<State>);

struct State {
    left: AtomicI64,
    no_sync: AtomicBool,
    no_truncate: AtomicBool,
    no_create: AtomicBool,
}

struct FaultyFile {
    file: Arc<dyn SegmentFile>,
    state: Arc<State>,
}

impl Faulty {
    fn new() -> Self {
        Self(Arc::new(State {
            left: AtomicI64::new(i64::MAX),
            no_sync: AtomicBool::new(false),
            no_truncate: AtomicBool::new(false),
            no_create: AtomicBool::new(false),
        }))
    }

    fn wrap(&self, file: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        Arc::new(FaultyFile { file, state: Arc::clone(&self.0) })
    }
}

impl Storage for Faulty {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        if self.0.no_create.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Disk.create(path).map(|file| self.wrap(file))
    }
    fn open(&self, path: &Path, len: u64) -> io::Result<Arc<dyn SegmentFile>> {
        Disk.open(path, len).map(|file| self.wrap(file))
    }
}

impl SegmentFile for FaultyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let left = self.state.left.load(Ordering::SeqCst);
        if (bytes.len() as i64) > left {
            // As a real disk: what fits is written.
            self.file.append(&bytes[..left as usize])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.state.left.fetch_sub(bytes.len() as i64, Ordering::SeqCst);
        self.file.append(bytes)
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        if self.state.no_truncate.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Other.into());
        }
        self.file.truncate(len)
    }
    fn sync(&self) -> io::Result<()> {
        if self.state.no_sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.file.sync()
    }
}

fn batch(n: u64) -> Vec<Event> {
    vec![
        name(Namespace::Users, n + 1, &format!("user {n}")),
        with_id(format!("a{n}"), action(n, 1, 1)),
        action(n, 2, 2),
    ]
}

fn options(fsync: FsyncPolicy) -> LogOptions {
    LogOptions { fsync, segment_bytes: 1_500, ..LogOptions::default() }
}

#[test]
fn a_full_disk_takes_nothing_of_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let log = EmbeddedLog::open_on(dir.path(), options(FsyncPolicy::Never), Arc::new(disk.clone())).unwrap();
    log.append(batch(0)).unwrap();
    let before = events(&log);
    for left in [0, 1, 20, 40, 100] {
        disk.0.left.store(left, Ordering::SeqCst);
        let error = log.append(batch(1)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, AppendError::Log(LogError::Io { .. })), "{text}");
        assert!(text.contains("00000000000000000000.log") && text.contains("writing"), "{text}");
        assert_eq!(events(&log), before);
        assert_eq!(log.head().position.events(), 3);
        assert_eq!(log.id_of(Namespace::Users, "user 1"), None);
    }
    // Space again: the very same batch is taken, as new.
    disk.0.left.store(i64::MAX, Ordering::SeqCst);
    assert_eq!(log.append(batch(1)).unwrap().accepted, 3);
    let written = events(&log);
    drop(log);
    let log = EmbeddedLog::open(dir.path(), options(FsyncPolicy::Never)).unwrap();
    assert_eq!(*log.recovery(), Recovery::default());
    assert_eq!(events(&log), written);
}

#[test]
fn a_batch_that_cannot_be_taken_back_yet_blocks_the_next_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let log = EmbeddedLog::open_on(dir.path(), options(FsyncPolicy::Never), Arc::new(disk.clone())).unwrap();
    log.append(batch(0)).unwrap();
    disk.0.left.store(50, Ordering::SeqCst);
    disk.0.no_truncate.store(true, Ordering::SeqCst);
    assert!(log.append(batch(1)).is_err());
    disk.0.left.store(i64::MAX, Ordering::SeqCst);
    assert!(log.append(batch(1)).unwrap_err().to_string().contains("cutting"));
    assert_eq!(all(&log).len(), 3, "readers do not see the rest of it");
    disk.0.no_truncate.store(false, Ordering::SeqCst);
    assert_eq!(log.append(batch(1)).unwrap().accepted, 3);
    drop(log);
    assert_eq!(all(&EmbeddedLog::open(dir.path(), options(FsyncPolicy::Never)).unwrap()).len(), 6);
}

#[test]
fn under_always_a_batch_that_was_not_synced_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let log = EmbeddedLog::open_on(dir.path(), options(FsyncPolicy::Always), Arc::new(disk.clone())).unwrap();
    log.append(batch(0)).unwrap();
    disk.0.no_sync.store(true, Ordering::SeqCst);
    let error = log.append(batch(1)).unwrap_err().to_string();
    assert!(error.contains("syncing") && error.contains("the disk is gone"), "{error}");
    assert_eq!(all(&log).len(), 3);
    disk.0.no_sync.store(false, Ordering::SeqCst);
    assert_eq!(log.append(batch(1)).unwrap().accepted, 3);
    drop(log);
    assert_eq!(all(&EmbeddedLog::open(dir.path(), options(FsyncPolicy::Always)).unwrap()).len(), 6);
}

#[test]
fn after_a_failed_sync_the_segment_is_written_anew_before_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let log = EmbeddedLog::open_on(dir.path(), options(FsyncPolicy::EveryMs(1)), Arc::new(disk.clone())).unwrap();
    disk.0.no_sync.store(true, Ordering::SeqCst);
    log.append(batch(0)).unwrap();
    let mut refused = None;
    let mut accepted = 0;
    for n in 1..2_000 {
        std::thread::sleep(std::time::Duration::from_millis(1));
        match log.append(vec![action(n, 1, 1)]) {
            Ok(_) => accepted += 1,
            Err(error) => {
                refused = Some(error.to_string());
                break;
            }
        }
    }
    let refused = refused.unwrap();
    assert!(refused.contains("an earlier sync failed") && refused.contains("the disk is gone"), "{refused}");
    assert!(log.sync().is_err());
    let before = events(&log);
    assert_eq!(before.len(), 3 + accepted, "a batch that was refused is not there");

    // The disk is back: the next batch is taken, and everything before it is on the disk by then.
    disk.0.no_sync.store(false, Ordering::SeqCst);
    assert_eq!(log.append(batch(1)).unwrap().accepted, 3);
    log.sync().unwrap();
    assert_eq!(events(&log).len(), before.len() + 3);
    let written = events(&log);
    drop(log);
    let log = EmbeddedLog::open(dir.path(), options(FsyncPolicy::EveryMs(1))).unwrap();
    assert_eq!(*log.recovery(), Recovery::default());
    assert_eq!(events(&log), written);
}

#[test]
fn a_log_is_failing_from_a_write_that_failed_until_it_can_write_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let log = EmbeddedLog::open_on(dir.path(), options(FsyncPolicy::Never), Arc::new(disk.clone())).unwrap();
    let taken = vec![with_id("a".to_owned(), action(1, 1, 1))];
    log.append(taken.clone()).unwrap();
    assert!(!log.failing());
    disk.0.left.store(20, Ordering::SeqCst);
    log.append(batch(1)).unwrap_err();
    assert!(log.failing());
    assert_eq!(log.append(taken).unwrap().accepted, 0);
    assert!(log.failing(), "a batch that is known already says nothing about the disk");
    let error = log.recover().unwrap_err().to_string();
    assert!(error.contains(dir.path().to_str().unwrap()), "{error}");
    assert!(log.failing());

    disk.0.left.store(i64::MAX, Ordering::SeqCst);
    log.recover().unwrap();
    assert!(!log.failing());
    assert!(!dir.path().join("space.tmp").exists());
    // Without anybody looking: a batch that is taken says it, too.
    disk.0.left.store(20, Ordering::SeqCst);
    log.append(batch(1)).unwrap_err();
    disk.0.left.store(i64::MAX, Ordering::SeqCst);
    log.append(batch(1)).unwrap();
    assert!(!log.failing());
}

#[test]
fn a_sync_that_failed_in_the_background_is_failing_until_it_is_healed() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let log = EmbeddedLog::open_on(dir.path(), options(FsyncPolicy::EveryMs(1)), Arc::new(disk.clone())).unwrap();
    disk.0.no_sync.store(true, Ordering::SeqCst);
    log.append(batch(0)).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !log.failing() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(log.failing());
    log.recover().unwrap_err();
    disk.0.no_sync.store(false, Ordering::SeqCst);
    log.recover().unwrap();
    assert!(!log.failing());
}

#[test]
fn a_segment_that_cannot_be_begun_leaves_the_old_one_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let log = EmbeddedLog::open_on(dir.path(), options(FsyncPolicy::Never), Arc::new(disk.clone())).unwrap();
    let mut n = 0;
    while std::fs::read_dir(dir.path().join("segments")).unwrap().count() < 2 {
        log.append(batch(n)).unwrap();
        n += 1;
    }
    disk.0.no_create.store(true, Ordering::SeqCst);
    let mut failed = 0;
    for n in n..n + 60 {
        match log.append(batch(n)) {
            Ok(_) => assert_eq!(failed, 0, "the segment stays full"),
            Err(error) => {
                assert!(error.to_string().contains("beginning"), "{error}");
                failed += 1;
            }
        }
    }
    assert!(failed > 0);
    disk.0.no_create.store(false, Ordering::SeqCst);
    // A disk that fills up while the header of the next segment is written.
    disk.0.left.store(30, Ordering::SeqCst);
    assert!(log.append(batch(n + 100)).is_err());
    disk.0.left.store(i64::MAX, Ordering::SeqCst);
    log.append(batch(n + 100)).unwrap();
    let written = events(&log);
    drop(log);
    assert_eq!(events(&EmbeddedLog::open(dir.path(), options(FsyncPolicy::Never)).unwrap()), written);
}
