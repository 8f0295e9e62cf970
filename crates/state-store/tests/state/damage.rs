//! Damaged files: the state is computed again, or says what is wrong and is computed again at the next start. Never a panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use event_log::{EventBody, EventLog, EventSink, MemoryLog, PostEvent};
use foryou_types::{PostId, Profile, Rng, SplitMix64, TimeMs, UserId};
use state_store::StateStore;

use crate::support::{act, event, post};

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// Enough incompressible text that the engine wrote tables, not only a journal.
fn big_log() -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::default());
    let mut rng = SplitMix64::new(3);
    for batch in 0..10u64 {
        let posts = (0..300).map(|n| {
            let text = (0..6_400).map(|_| char::from(b' ' + rng.below(90) as u8)).collect();
            let id = 1 + batch * 300 + n;
            let post =
                PostEvent { post_id: PostId(id), author_id: UserId(9), text: Some(text), ..PostEvent::default() };
            event(id as i64, EventBody::Post(Box::new(post)))
        });
        let posts: Vec<_> = posts.chain((0..100).map(|n| act(n, 1 + n as u64 % 9, 1 + n as u64, 0))).collect();
        log.append(posts).unwrap();
    }
    log
}

fn touch_everything(state: &StateStore) -> Result<(), state_store::StateError> {
    state.dump_hash()?;
    for id in (1..3_000).step_by(97) {
        state.post(PostId(id))?;
        state.engagement(PostId(id))?;
    }
    state.action_sequence(UserId(1))?;
    state.most_popular(TimeMs(9_000), TimeMs(0), 10, &|_, _| false)?;
    Ok(())
}

#[test]
fn any_damage_ends_in_the_undamaged_state() {
    let (log, profile) = (big_log(), Profile::live());
    let original = tempfile::tempdir().unwrap();
    let state = StateStore::open(original.path(), log.clone(), &profile).unwrap();
    let want = state.dump_hash().unwrap();
    drop(state);
    let tables =
        files(original.path()).iter().filter(|file| file.components().any(|c| c.as_os_str() == "tables")).count();
    assert!(tables > 0, "the test needs tables: {:?}", files(original.path()));

    let mut rng = SplitMix64::new(11);
    for trial in 0..18 {
        let damaged = tempfile::tempdir().unwrap();
        copy(original.path(), damaged.path());
        let files = files(damaged.path());
        let file = &files[rng.below(files.len())];
        let mut bytes = fs::read(file).unwrap();
        match trial % 3 {
            0 => bytes.truncate(rng.below(bytes.len().max(1))),
            1 => {
                let (start, len) = (rng.below(bytes.len().max(1)), 1 + rng.below(64));
                bytes.iter_mut().skip(start).take(len).for_each(|byte| *byte = rng.next_u64() as u8);
            }
            _ => bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8),
        }
        fs::write(file, bytes).unwrap();
        let what = format!("trial {trial}: {}", file.strip_prefix(damaged.path()).unwrap().display());

        let open = || StateStore::open(damaged.path(), log.clone(), &profile);
        let state = open().unwrap_or_else(|error| panic!("{what}: {error}"));
        if let Err(error) = touch_everything(&state) {
            println!("{what}: {error}");
            drop(state);
            let state = open().unwrap_or_else(|error| panic!("{what}, again: {error}"));
            assert_eq!(state.dump_hash().unwrap(), want, "{what}, again");
        } else {
            assert_eq!(state.dump_hash().unwrap(), want, "{what}");
        }
    }
}

#[test]
fn a_missing_file_or_a_foreign_one_is_survived() {
    let log = Arc::new(MemoryLog::default());
    log.append(vec![post(1, 1, 9)]).unwrap();
    let profile = Profile::live();
    let dir = tempfile::tempdir().unwrap();
    drop(StateStore::open(dir.path(), log.clone(), &profile).unwrap());
    let all: Vec<_> =
        files(dir.path()).into_iter().map(|file| file.strip_prefix(dir.path()).unwrap().to_owned()).collect();
    for file in all {
        // The engine names its files anew at every rebuild.
        if fs::remove_file(dir.path().join(&file)).is_ok() {
            let state = StateStore::open(dir.path(), log.clone(), &profile).unwrap();
            assert!(state.post(PostId(1)).unwrap().is_some(), "{}", file.display());
        }
    }
    for foreign in ["fjall/keyspaces/notes", "fjall/x.jnl", "fjall/7.jnl"] {
        fs::create_dir_all(dir.path().join(foreign)).unwrap();
        let state = StateStore::open(dir.path(), log.clone(), &profile).unwrap();
        assert!(state.post(PostId(1)).unwrap().is_some(), "{foreign}");
    }
    fs::write(dir.path().join("mine.txt"), "not the state's").unwrap();
    drop(StateStore::rebuild(dir.path(), log, &profile).unwrap());
    assert!(dir.path().join("mine.txt").exists());
}

#[test]
fn a_state_without_its_journals_is_computed_again() {
    let log: Arc<dyn EventLog> = big_log();
    let (dir, profile) = (tempfile::tempdir().unwrap(), Profile::live());
    let whole = StateStore::open(dir.path(), log.clone(), &profile).unwrap().dump_hash().unwrap();
    let all = files(dir.path());
    let has = |ending: &str| all.iter().any(|path| path.to_string_lossy().contains(ending));
    assert!(has("keyspaces/1/tables/"), "there are tables, whose values are older than what will be written: {all:?}");
    for path in all.iter().filter(|path| path.extension().is_some_and(|ext| ext == "jnl")) {
        fs::remove_file(path).unwrap();
    }
    // In the first session, too: it used to see a part of its own tables.
    assert_eq!(StateStore::open(dir.path(), log, &profile).unwrap().dump_hash().unwrap(), whole);
}
