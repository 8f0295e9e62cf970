//! Damage to any file of a folder: healed, or named. Nothing is silent.
//!
//! `TEST_MUTATIONS` makes it the real size; without it it is a quick form.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use foryou_types::{Rng, SplitMix64};

use crate::common::{Service, run, same_part, say};

const KINDS: [&str; 6] = ["cut", "flipped", "zeroed", "emptied", "deleted", "older"];
/// What a training leaves for people to look at: no command reads it.
const REPORTS: [&str; 2] = ["metrics.jsonl", "curves.svg"];

/// Copies a folder; holes stay holes, of which the engine's journals are full.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
            continue;
        }
        let (mut source, mut target) = (File::open(entry.path()).unwrap(), File::create(target).unwrap());
        let empty = vec![0; 1 << 20];
        let mut chunk = empty.clone();
        loop {
            let n = source.read(&mut chunk).unwrap();
            if n == 0 {
                break;
            }
            if chunk[..n] == empty[..n] {
                target.seek(SeekFrom::Current(n as i64)).unwrap();
            } else {
                target.write_all(&chunk[..n]).unwrap();
            }
        }
        let end = target.stream_position().unwrap();
        target.set_len(end).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Changes a file; `false`: that is no change (it is empty, or its older copy is the same).
fn mutate(path: &Path, older: &Path, kind: &str, rng: &mut SplitMix64) -> bool {
    let before = fs::read(path).unwrap();
    // Not in the empty end of a journal, where nothing would be found.
    let used = before.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let at = if used == 0 { 0 } else { rng.below(used) };
    let mut bytes = before.clone();
    match kind {
        "cut" => bytes.truncate(at),
        "flipped" if used > 0 => bytes[at] ^= 1 << rng.below(8),
        "zeroed" => {
            let end = used.min(at + 512);
            bytes[at..end].fill(0);
        }
        "emptied" => bytes.clear(),
        "older" => match fs::read(older) {
            Ok(older) => bytes = older,
            Err(_) => return false,
        },
        "deleted" => {
            fs::remove_file(path).unwrap();
            return true;
        }
        _ => {}
    }
    fs::write(path, &bytes).unwrap();
    bytes != before
}

/// A person's feed, and whether anything was reported with it; or why there is no feed.
fn feed(data: &str, config: &str) -> Result<(serde_json::Value, bool), String> {
    let output = run(&["feed", "--data", data, "--config", config, "--user", "7", "--json"]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("{out}{err}"));
    }
    let feed: serde_json::Value = serde_json::from_str(&out).unwrap();
    let degraded = feed["degraded"].as_array().is_some_and(|parts| !parts.is_empty());
    Ok((same_part(feed), degraded || !err.is_empty()))
}

/// A world with trained models that was served, got events and was trained on again; and its copy from before that.
fn grown(dir: &Path, config: &str) -> (PathBuf, PathBuf) {
    let (whole, older) = (dir.join("whole"), dir.join("older"));
    let data = whole.to_str().unwrap();
    let world = dir.join("world");
    let run = |args: &[&str]| {
        let (code, told) = say(&[args, &["--data", data, "--config", config]].concat());
        assert_eq!(code, 0, "{args:?}: {told}");
    };
    run(&["world", "--users", "50", "--out", world.to_str().unwrap()]);
    run(&["import", "world", world.to_str().unwrap()]);
    for kind in ["ranker", "retrieval"] {
        run(&["train", kind, "--no-promote"]);
        run(&["models", "promote", "--force", &format!("{kind}-0001")]);
    }
    copy(&whole, &older);
    let mut service = Service::start(&whole);
    for n in 0..400 {
        let (user, post) = ((1 + n % 50).to_string(), (1 + n % 90).to_string());
        let kind = ["favorite", "click", "reply"][n % 3];
        service.post(
            "/v1/events",
            &serde_json::json!({"events": [{"type": "action", "user_id": user, "post_id": post, "action": kind}]})
                .to_string(),
        );
    }
    service.feed("7", "");
    assert!(service.terminated_within(std::time::Duration::from_secs(10)));
    run(&["train", "ranker", "--no-promote"]);
    run(&["models", "promote", "--force", "ranker-0002"]);
    (whole, older)
}

/// The kind of a file: its name without what counts up.
fn class(name: &Path) -> String {
    if name.ends_with("lock") {
        return "locks".to_owned();
    }
    let parts = name.iter().map(|part| part.to_string_lossy());
    parts.filter(|part| !part.starts_with(|c: char| c.is_ascii_digit())).take(2).collect::<Vec<_>>().join("/")
}

#[test]
fn no_mutation_of_any_file_is_silent() {
    let rounds: u64 = std::env::var("TEST_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(18);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    fs::write(&config, "[log]\nsegment_bytes = 65536\n[server]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    let config = config.to_str().unwrap();
    let (whole, older) = grown(dir.path(), config);
    let (expected, said) = feed(whole.to_str().unwrap(), config).unwrap();
    assert!(!said);
    let (code, text) = say(&["doctor", "--data", whole.to_str().unwrap(), "--config", config]);
    assert_eq!(code, 0, "{text}");

    let mut outcomes: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    let mut silent = Vec::new();
    for seed in 0..rounds {
        let mut rng = SplitMix64::new(seed);
        let place = dir.path().join(format!("round-{seed}"));
        copy(&whole, &place);
        let all = files(&place);
        let kind = KINDS[(seed % KINDS.len() as u64) as usize];
        // Each kind of file as often, however many there are of it.
        let name = |path: &PathBuf| path.strip_prefix(&place).unwrap().to_owned();
        let classes: BTreeSet<_> = all.iter().map(|path| class(&name(path))).collect();
        let classes: Vec<_> = classes.into_iter().collect();
        let path = loop {
            let class_of = &classes[rng.below(classes.len())];
            let of_it: Vec<_> = all.iter().filter(|path| class(&name(path)) == *class_of).collect();
            let path = of_it[rng.below(of_it.len())];
            if mutate(path, &older.join(name(path)), kind, &mut rng) {
                break path;
            }
        };
        let name = name(path);
        let how = format!("seed {seed}: {kind} {}", name.display());
        let mutated = fs::read(path).ok();
        let is_report = REPORTS.iter().any(|report| name.ends_with(report));

        let data = place.to_str().unwrap();
        // As somebody who does not ask the doctor first: another feed says why, or is none.
        let asked = dir.path().join("asked");
        copy(&place, &asked);
        let first = feed(asked.to_str().unwrap(), config);
        fs::remove_dir_all(&asked).unwrap();
        if first.as_ref().is_ok_and(|(feed, said)| !said && *feed != expected) {
            silent.push(format!("{how}: another feed, and nothing was said"));
        }
        let (code, told) = say(&["doctor", "--data", data, "--config", config]);
        let named = code != 0 || told.contains("WARN");
        let after = feed(data, config);
        // Derived files are rebuilt; a change of any other file must be reported.
        let derived =
            ["log/index", "state", "lock", "cursor.key", "log/lock", "log/synced", "log/log.toml", "log/segments"];
        let rebuilt = derived.iter().any(|derived| name.starts_with(derived)) || name.ends_with("lock");
        let kept = fs::read(path).ok() == mutated;
        if !named && !is_report && (!after.as_ref().is_ok_and(|(feed, _)| *feed == expected) || kept && !rebuilt) {
            silent.push(format!("{how}: the doctor says nothing\n{told}\n{:?}", after.err()));
        }
        let outcome = outcomes.entry(class(&name)).or_default();
        outcome[usize::from(named)] += 1;
        let mut story = if named { "named" } else { "healed" };
        if code != 0
            && ["log/segments", "log/index", "state", "log/synced", "log/log.toml"]
                .iter()
                .any(|part| name.starts_with(part))
        {
            let (_, report) = say(&["doctor", "--repair", "--data", data, "--config", config]);
            assert!(report.contains("events are in the log"), "{how}\n{report}");
            let (code, text) = say(&["doctor", "--data", data, "--config", config]);
            assert_eq!(code, 0, "{how}: not whole after the repair\n{report}\n{text}");
            feed(data, config).unwrap_or_else(|e| panic!("{how}: no feed after the repair: {e}"));
            story = "named, and repaired";
        }
        let said = told.lines().find(|line| line.starts_with("FAIL") || line.contains("WARN")).unwrap_or_default();
        println!("{how}: {story} {said}");
        fs::remove_dir_all(&place).unwrap();
    }
    for (class, [healed, named]) in &outcomes {
        println!("{class:40} healed {healed:3}, named {named:3}");
    }
    let (healed, named) = outcomes.values().fold((0, 0), |sum, of| (sum.0 + of[0], sum.1 + of[1]));
    println!("{healed} healed, {named} named of {rounds}");
    assert!(silent.is_empty(), "{} silent:\n{}", silent.len(), silent.join("\n"));
}
