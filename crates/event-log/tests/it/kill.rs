//! A process that is killed in the middle of a batch loses nothing it acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use event_log::*;
use foryou_types::{Dictionary, Namespace, Rng, SplitMix64};

use crate::samples::{action, events, name, progress, with_id};

const FOLDER: &str = "EVENT_LOG_TEST_FOLDER";

fn batch(n: u64) -> Vec<Event> {
    let mut rng = SplitMix64::new(n);
    let mut events = vec![name(Namespace::Users, n + 1, &format!("user {n}")), progress(n, vec![n as u32])];
    // Some batches are larger than a pipe or a page, so that a kill can land inside the write.
    let size = if n.is_multiple_of(7) { 20_000 } else { 200 };
    events.extend((0..size).map(|i| {
        let event = action(rng.next_u64(), i, n as i64);
        if i % 10 == 0 { with_id(format!("{n}/{i}"), event) } else { event }
    }));
    events
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: 1 << 20, ..LogOptions::default() }
}

/// The process that is killed: appends batches from where the log stands and says each acknowledged end. Does nothing when run
/// as a test.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let log = EmbeddedLog::open(folder.as_ref(), options()).unwrap();
    let from = log.import_progress("kind", "role").unwrap().len() as u64;
    for n in from.. {
        let position = log.append(batch(n)).unwrap().position;
        writeln!(std::io::stdout(), "\nacknowledged {n} {}", position.events()).unwrap();
    }
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = SplitMix64::new(20);
    let mut batches_before = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (send, acknowledged) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(rest) = line.strip_prefix("acknowledged ") {
                    let mut numbers = rest.split(' ').map(|n| n.parse::<u64>().unwrap());
                    let _ = send.send((numbers.next().unwrap(), numbers.next().unwrap()));
                }
            }
        });
        let first = acknowledged.recv_timeout(Duration::from_mins(1)).unwrap();
        std::thread::sleep(Duration::from_micros(rng.below(60_000) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        let (last, next_seq) = acknowledged.try_iter().last().unwrap_or(first);

        let log = EmbeddedLog::open(dir.path(), options()).unwrap();
        let rows = log.import_progress("kind", "role").unwrap();
        assert!(rows.len() as u64 > last, "round {round}: batch {last} was acknowledged, {} are there", rows.len());
        assert!(log.head().position.events() >= next_seq);
        let wanted: Vec<_> = (0..rows.len() as u64).flat_map(batch).collect();
        assert_eq!(events(&log), wanted, "round {round}");
        for n in 0..rows.len() as u64 + 2 {
            let known = n < rows.len() as u64;
            assert_eq!(log.id_of(Namespace::Users, &format!("user {n}")), known.then_some(n + 1));
        }
        assert!(rows.len() > batches_before);
        batches_before = rows.len();
    }
}
