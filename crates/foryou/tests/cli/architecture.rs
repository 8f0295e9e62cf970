//! `ARCHITECTURE.md` says what the code says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines after the one that starts with `from`, up to the one that starts with `to`.
fn between<'a>(text: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().skip_while(move |line| !line.starts_with(from)).skip(1).take_while(move |line| !line.starts_with(to))
}

#[test]
fn the_failure_table_is_that_of_home_mixer() {
    let architecture = read("ARCHITECTURE.md");
    let source = read("crates/home-mixer/src/home_mixer.rs");
    let here: Vec<_> = between(&architecture, "<!-- failure table", "<!-- end of failure table")
        .filter(|line| line.starts_with('|'))
        .collect();
    let there: Vec<_> =
        source.lines().filter_map(|line| line.strip_prefix("//! ")).filter(|line| line.starts_with('|')).collect();
    assert!(here.len() > 2, "no table between the marks");
    assert_eq!(here, there);
}

#[test]
fn every_crate_stands_in_its_table() {
    let architecture = read("ARCHITECTURE.md");
    let named: BTreeSet<_> = between(&architecture, "## The crates", "## ")
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name.to_owned())
        .collect();
    let there: BTreeSet<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(named, there);
}
