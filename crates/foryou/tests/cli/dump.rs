//! `foryou dump` and `foryou restore`: a folder as lines of text, and back.

use std::fs;
use std::path::Path;

use foryou_types::{Rng, SplitMix64};

use crate::common::{events_file, json, same_part, say};

#[test]
fn a_folder_comes_back_from_its_dump_and_a_damaged_one_as_far_as_it_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("events.jsonl");
    events_file(&rows, 4_000);
    let all = fs::read_to_string(&rows).unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (data, dump, restored) = (path("data"), path("dump.jsonl"), path("restored"));
    // In two parts, so that the log has more than one batch.
    fs::write(&rows, all.split_inclusive('\n').take(2_000).collect::<String>()).unwrap();
    json(&["import", "events", rows.to_str().unwrap(), "--data", &data]);
    fs::write(&rows, all).unwrap();
    json(&["import", "events", rows.to_str().unwrap(), "--data", &data]);
    let report = json(&["dump", &dump, "--data", &data]);
    assert_eq!(report["missing"], 0, "{report}");
    json(&["restore", &dump, "--data", &restored]);
    let doctor = |data: &str| {
        let report = json(&["doctor", "--data", data]);
        (report["state"].clone(), report["log"].clone())
    };
    assert_eq!(doctor(&restored), doctor(&data));
    let look = |data: &str| same_part(json(&["feed", "--data", data, "--user", "1007"]));
    assert_eq!(look(&restored), look(&data));
    // The marks came along: nothing is imported twice.
    let again = json(&["import", "events", rows.to_str().unwrap(), "--data", &restored]);
    assert!(again["imported"].as_object().unwrap().values().all(|n| n == 0), "{again}");

    let segment = fs::read_dir(Path::new(&data).join("log/segments")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (code, told) = say(&["dump", &path("damaged.jsonl"), "--data", &data]);
    assert!(code == 1 && told.contains("damaged at byte") && told.contains("are missing"), "{told}");
    let (code, told) = say(&["feed", "--data", &data, "--user", "1007"]);
    assert!(code == 1 && told.contains("--repair"), "{told}");
    json(&["restore", &path("damaged.jsonl"), "--data", &path("saved")]);
    assert!(!look(&path("saved"))["feed"].as_array().unwrap().is_empty());
}

#[test]
fn a_dump_that_was_cut_or_changed_is_refused_by_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("events.jsonl");
    events_file(&rows, 400);
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (dump, restored) = (path("dump.jsonl"), path("restored"));
    json(&["import", "events", rows.to_str().unwrap(), "--data", &path("data")]);
    json(&["dump", &dump, "--data", &path("data")]);
    let whole = fs::read(&dump).unwrap();
    let line_of = |at: usize| whole[..at].split(|byte| *byte == b'\n').count();
    let refused = |bytes: &[u8], how: &str, wanted: &[String]| {
        fs::write(&dump, bytes).unwrap();
        let (code, told) = say(&["restore", &dump, "--data", &restored]);
        assert!(code == 1 && wanted.iter().any(|line| told.contains(line)), "{how}, not {wanted:?}: {told}");
        assert!(!Path::new(&restored).join("log").exists(), "{how}: nothing is restored");
    };
    for seed in 0..40 {
        let mut rng = SplitMix64::new(seed);
        let at = rng.below(whole.len() - 1);
        let line = line_of(at);
        let named = format!("line {line}");
        match seed % 4 {
            0 => refused(
                &whole[..at],
                &format!("cut at {at}"),
                &[named, format!("after line {}", line - 1), "is empty".to_owned()],
            ),
            1 => {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << rng.below(8);
                // A line's end that is none joins it with the next.
                refused(&bytes, &format!("a bit of byte {at}"), &[named]);
            }
            2 => {
                let end = at + whole[at..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
                let begin = whole[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                refused(&[&whole[..begin], &whole[end..]].concat(), &format!("without line {line}"), &[named]);
            }
            _ => {
                let mut bytes = whole.clone();
                let end = bytes.len().min(at + 512);
                bytes[at..end].fill(0);
                refused(&bytes, &format!("zeros from {at} on"), &[named]);
            }
        }
    }
    // Whoever edits a line leaves the check out.
    let text = String::from_utf8(whole).unwrap();
    let first = text.lines().next().unwrap();
    let head = &first[first.find("\"line\":").unwrap() + 7..first.len() - 1];
    fs::write(&dump, text.replacen(first, &head.replacen("weight\":0.5", "weight\":0.75", 1), 1)).unwrap();
    json(&["restore", &dump, "--data", &restored]);
}
