//! The data folder itself: its profile, its name.

use std::fs;
use std::path::Path;

use crate::common::{events_file, json, say};

#[test]
fn an_edited_profile_is_refused_by_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("events.jsonl");
    events_file(&rows, 500);
    let data = dir.path().join("data");
    let (text, data) = (rows.to_str().unwrap(), data.to_str().unwrap());
    json(&["import", "events", text, "--data", data]);
    let profile = Path::new(data).join("profile.toml");
    let whole = fs::read_to_string(&profile).unwrap();
    let swapped =
        whole.replace("\"favorite\"", "\"x\"").replace("\"report\"", "\"favorite\"").replace("\"x\"", "\"report\"");
    assert_ne!(swapped, whole);
    fs::write(&profile, swapped).unwrap();
    for args in [
        &["feed", "--data", data, "--user", "1007"][..],
        &["doctor", "--data", data],
        &["import", "events", text, "--data", data],
    ] {
        let (code, told) = say(args);
        assert!(code != 0 && told.contains("action 0 was \"favorite\" and is now \"report\""), "{args:?}: {told}");
    }
    fs::write(&profile, whole.replace("weight = 0.5", "weight = 0.75")).unwrap();
    json(&["feed", "--data", data, "--user", "1007"]);
}

#[cfg(unix)]
#[test]
fn a_data_folder_may_have_any_name() {
    use std::os::unix::ffi::OsStrExt;

    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("events.jsonl");
    events_file(&rows, 300);
    let data = dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let status =
        crate::common::foryou().args(["import", "events"]).arg(&rows).arg("--data").arg(&data).output().unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    assert!(data.join("profile.toml").is_file());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no other folder was made");
}
