//! What happens when the disk of the state fails, and to a state of an earlier version.

use std::sync::Arc;

use event_log::{EdgeEvent, EdgeKind, Event, EventBody, EventSink, EventSource, MemoryLog, Origin, PostEvent};
use foryou_types::{ManualClock, PostId, Profile, TimeMs, UserId};
use tempfile::TempDir;

use crate::ingest::Ingestor;
use crate::keys::{Key, Table};
use crate::store::{StateStore, position_key};
use crate::tx::{Tx, WriterCache};
use crate::{StateError, StoredPost};

struct Folder {
    dir: TempDir,
    log: Arc<MemoryLog>,
    profile: Profile,
    state: Arc<StateStore>,
}

fn folder() -> Folder {
    let (dir, log, profile) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::default()), Profile::live());
    let state = Arc::new(StateStore::open(dir.path(), log.clone(), &profile).unwrap());
    Folder { dir, log, profile, state }
}

impl Folder {
    fn ingestor(&self) -> Ingestor {
        let clock = Arc::new(ManualClock::new(TimeMs(1_000_000)));
        Ingestor::new(self.log.clone(), self.state.clone(), Arc::new(self.profile.clone()), clock)
    }

    /// Lets the write of the next batch fail, after everything else of it was done.
    fn break_next_write(&self) {
        self.state.storage.fail_next_write();
    }

    fn rebuilt_hash(&self) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        StateStore::open(dir.path(), self.log.clone(), &self.profile).unwrap().dump_hash().unwrap()
    }

    fn found(&self, id: u64) -> Option<Arc<StoredPost>> {
        self.state.post(PostId(id)).unwrap()
    }
}

fn post(id: u64) -> Event {
    let post = PostEvent { post_id: PostId(id), author_id: UserId(9), ..PostEvent::default() };
    Event { at: TimeMs(1_000), id: None, origin: Origin::Import, body: EventBody::Post(Box::new(post)) }
}

fn follow(user: u64) -> Event {
    let edge = EdgeEvent { user_id: UserId(user), target_id: UserId(9), kind: EdgeKind::Follow, added: true };
    Event { at: TimeMs(1_000), id: None, origin: Origin::Import, body: EventBody::Edge(edge) }
}

#[test]
fn a_state_from_before_positions_were_vectors_is_read_on_and_not_rebuilt() {
    let Folder { dir, log, profile, state } = folder();
    log.append(vec![post(1), follow(5)]).unwrap();
    let covered = state.catch_up().unwrap();
    // As it was stored then: the number of events, and the check of the batch that ends there.
    let store = |check: u64| {
        let state = StateStore::open(dir.path(), log.clone(), &profile).unwrap();
        let mut cache = WriterCache::new();
        let mut tx = Tx::new(&state.storage, &mut cache);
        tx.put(position_key(), |out| {
            out.number(covered.events()).number(check);
        });
        // The log does not have this, so it is gone if the state is computed again.
        tx.put(Key::of(Table::Labels).number(77), |out| {
            out.flag(true);
        });
        tx.commit().unwrap();
    };
    let reopened = || {
        let state = StateStore::open(dir.path(), log.clone(), &profile).unwrap();
        let is_kept = state.storage.get(&Key::of(Table::Labels).number(77)).unwrap().is_some();
        (is_kept, state.position())
    };
    drop(state);
    let check = covered.check().unwrap();
    store(check);
    log.append(vec![post(2)]).unwrap();
    assert_eq!(reopened(), (true, log.head().position));
    assert_eq!(reopened(), (true, log.head().position), "as it is stored now");
    store(check ^ 1);
    assert_eq!(reopened(), (false, log.head().position), "that of another log is computed again");
}

#[test]
fn after_a_failed_write_the_state_goes_on_from_what_is_on_the_disk() {
    let folder = folder();
    folder.log.append(vec![post(1), follow(5)]).unwrap();
    folder.state.catch_up().unwrap();
    folder.log.append(vec![post(2), follow(6)]).unwrap();
    folder.break_next_write();
    folder.state.catch_up().unwrap_err();
    assert_eq!(folder.state.position().events(), 2);
    assert!(folder.found(1).is_some() && folder.found(2).is_none(), "all of a batch or nothing");

    assert_eq!(folder.state.catch_up().unwrap(), folder.log.head().position);
    assert!(folder.found(2).is_some());
    let recent = folder.state.popularity.read().sizes().0;
    assert_eq!(recent, 2, "what is in memory was read anew, and nothing is in it twice");
    assert_eq!(folder.state.dump_hash().unwrap(), folder.rebuilt_hash());
}

#[test]
fn files_are_closed_only_where_the_folder_can_be_written_to() {
    let folder = folder();
    folder.log.append(vec![post(1)]).unwrap();
    folder.state.catch_up().unwrap();
    folder.log.append(vec![post(2)]).unwrap();
    folder.break_next_write();
    folder.state.catch_up().unwrap_err();

    // A folder in the place of the file that is written to see whether there is space.
    let in_the_way = folder.dir.path().join("space.tmp");
    std::fs::create_dir(&in_the_way).unwrap();
    let error = folder.state.catch_up().unwrap_err();
    assert!(matches!(error, StateError::Io { .. }), "{error}");
    assert!(folder.found(1).is_some(), "what is there can be read");
    std::fs::remove_dir(&in_the_way).unwrap();
    folder.state.catch_up().unwrap();
    assert!(folder.found(2).is_some());
}

#[test]
fn a_read_that_holds_the_old_files_is_waited_for() {
    let folder = folder();
    folder.log.append(vec![post(1), follow(5)]).unwrap();
    folder.break_next_write();
    folder.state.catch_up().unwrap_err();
    let (begun, ended) = (Arc::clone(&folder.state), std::time::Duration::from_millis(200));
    let (holds, held) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let _view = begun.storage.snapshot().unwrap();
        holds.send(()).unwrap();
        std::thread::sleep(ended);
    });
    held.recv().unwrap();
    folder.state.catch_up().unwrap();
    reader.join().unwrap();
    assert!(folder.found(1).is_some());
}

#[test]
fn a_batch_that_is_in_the_log_is_answered_as_accepted_and_the_next_one_waits_for_the_disk() {
    let folder = folder();
    let ingestor = folder.ingestor();
    assert!(!ingestor.failing());
    folder.break_next_write();
    let outcome = ingestor.submit(vec![post(1), follow(5)]).unwrap();
    assert_eq!((outcome.accepted, outcome.position.events()), (2, 2), "it is in the log, so that is what is said");
    assert!(ingestor.failing());

    let in_the_way = folder.dir.path().join("space.tmp");
    std::fs::create_dir(&in_the_way).unwrap();
    ingestor.submit(vec![post(2)]).unwrap_err();
    assert_eq!(folder.log.head().position.events(), 2, "a batch that was refused is not in the log");
    ingestor.recover().unwrap_err();
    assert!(ingestor.failing());

    std::fs::remove_dir(&in_the_way).unwrap();
    ingestor.recover().unwrap();
    assert!(!ingestor.failing());
    assert!(folder.found(1).is_some());
    assert_eq!(ingestor.submit(vec![post(1), post(2)]).unwrap().accepted, 1);
    assert_eq!(folder.state.dump_hash().unwrap(), folder.rebuilt_hash());
}
