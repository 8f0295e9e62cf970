//! `docs/seeds.md`: every path it names exists, and every test it names is a test.
//!
//! With `TEST_NAMES` (a file of test names, one a line, as `cargo test -- --list` prints them) the names are looked up
//! there; without, in the sources.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn test_names() -> HashSet<String> {
    if let Some(list) = std::env::var_os("TEST_NAMES") {
        let text = fs::read_to_string(list).unwrap();
        return text.lines().map(|line| line.rsplit("::").next().unwrap().to_owned()).collect();
    }
    let mut names = HashSet::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                collect(&fs::read_to_string(path).unwrap(), &mut names);
            }
        }
    }
    names
}

fn collect(source: &str, names: &mut HashSet<String>) {
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
            names.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            marked = false;
        }
    }
}

#[test]
fn seeds_table_names_what_exists() {
    let text = fs::read_to_string(root().join("docs/seeds.md")).unwrap();
    let tests = test_names();
    let (mut rows, mut planned, mut wrong) = (0, 0, Vec::new());
    for (number, line) in text.lines().enumerate().filter(|(_, l)| l.starts_with("| ") && !l.starts_with("| named")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, _, place, test] = cells[..] else {
            wrong.push(format!("line {}: four cells are needed", number + 1));
            continue;
        };
        rows += 1;
        if place.starts_with("planned") {
            planned += 1;
            continue;
        }
        if backticked(place).is_empty() {
            wrong.push(format!("line {}: no place is named", number + 1));
        }
        for path in backticked(place) {
            if !root().join(path).exists() {
                wrong.push(format!("line {}: there is no {path}", number + 1));
            }
        }
        for name in backticked(test) {
            if !tests.contains(name) {
                wrong.push(format!("line {}: there is no test {name}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/seeds.md:\n{}", wrong.join("\n"));
    assert!(rows >= 80 && planned < rows, "{rows} rows, {planned} of them planned");
}

pub(crate) fn backticked(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}
