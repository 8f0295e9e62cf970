//! A full disk: a clear error, nothing half-applied, and the import goes on once there is space.

use std::process::Command;

use crate::common::{events_file, fails, json, same_part};

/// A small file system in memory, gone with the test.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .status();
        if mounted.is_ok_and(|s| s.success()) {
            return Some(Self(dir));
        }
        println!("SKIPPED: a tmpfs cannot be mounted here (needs root)");
        None
    }

    fn grow(&self, size: &str) {
        let status =
            Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0.path()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}

#[test]
fn an_import_that_fills_the_disk_says_so_and_goes_on_later() {
    let Some(small) = Tmpfs::new("6m") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.jsonl");
    events_file(&file, 120_000);
    let file = file.to_str().unwrap();
    let data = small.0.path().join("data");
    let data = data.to_str().unwrap();

    let error = fails(1, &["import", "events", file, "--data", data]);
    assert!(error.contains("No space left") || error.contains("os error 28"), "{error}");
    assert!(error.contains(data), "the error names the file: {error}");

    small.grow("512m");
    json(&["import", "events", file, "--data", data]);
    let whole = dir.path().join("whole");
    let whole = whole.to_str().unwrap();
    json(&["import", "events", file, "--data", whole]);
    for key in ["state", "log"] {
        assert_eq!(json(&["doctor", "--data", data])[key], json(&["doctor", "--data", whole])[key]);
    }
    let feed = |data| same_part(json(&["feed", "--data", data, "--user", "1007"]));
    assert_eq!(feed(data), feed(whole));
}
