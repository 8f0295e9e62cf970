//! `ARCHITECTURE.md` says what the code says: the failure table, the crates and their order, the walks of a request and of an event,
//! and where to start with what.

use std::collections::BTreeSet;
use std::fs;

use crate::seeds::{backticked, root, test_names};

/// Most rooms that a request or an event may walk through.
const MOST_ROOMS: usize = 8;

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

/// The crates in the order of their table.
fn crates(architecture: &str) -> Vec<String> {
    let rows = between(architecture, "## The crates", "## ");
    rows.filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_crate_stands_in_its_table() {
    let named: BTreeSet<_> = crates(&read("ARCHITECTURE.md")).into_iter().collect();
    let there: BTreeSet<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(named, there);
}

#[test]
fn crates_depend_only_on_those_above_them() {
    let order = crates(&read("ARCHITECTURE.md"));
    for (place, name) in order.iter().enumerate() {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        let dependencies =
            between(&manifest, "[dependencies]", "[").filter_map(|line| line.split(['.', ' ', '=']).next());
        for dependency in dependencies {
            let above = order.iter().position(|other| other == dependency);
            assert!(above.is_none_or(|above| above < place), "{name} depends on {dependency}, which stands below it");
        }
    }
}

/// The rows of the table between `<!-- NAME -->` and `<!-- end of NAME -->`, by cell.
fn table(text: &str, name: &str) -> Vec<Vec<String>> {
    let (_, rest) = text.split_once(&format!("<!-- {name} -->")).unwrap_or_else(|| panic!("no table {name}"));
    let (body, _) =
        rest.split_once(&format!("<!-- end of {name} -->")).unwrap_or_else(|| panic!("{name} does not end"));
    let rows = body.lines().filter(|line| line.starts_with("| ") || line.starts_with("|--"));
    let rows =
        rows.skip(2).map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect());
    rows.collect()
}

/// Whether a source file defines an item of this name: a type, trait, function, module, constant, static or macro.
fn defines(source: &str, item: &str) -> bool {
    let name = item.trim_end_matches("()").rsplit("::").next().unwrap_or(item);
    ["fn", "struct", "enum", "trait", "mod", "type", "const", "static", "macro_rules!"].iter().any(|kind| {
        source.match_indices(&format!("{kind} {name}")).any(|(at, found)| {
            source[at + found.len()..].chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '_')
        })
    })
}

/// What is wrong with a cell of pairs: a path, then the items that it defines.
fn wrong_places(cell: &str, wrong: &mut Vec<String>) -> usize {
    let mut source: Option<(String, String)> = None;
    let mut items = 0;
    for name in backticked(cell) {
        if name.contains('/') {
            let path = root().join(name);
            source = fs::read_to_string(&path).ok().map(|text| (name.to_owned(), text));
            if source.is_none() {
                wrong.push(format!("{name} is not a file"));
            }
        } else if let Some((path, text)) = &source {
            items += 1;
            if !defines(text, name) {
                wrong.push(format!("{path} does not define {name}"));
            }
        } else {
            wrong.push(format!("{name} stands before any file"));
        }
    }
    items
}

#[test]
fn the_walks_have_at_most_eight_rooms_and_each_is_there() {
    let text = read("ARCHITECTURE.md");
    let mut wrong = Vec::new();
    for name in ["walk of a request", "walk of an event"] {
        let rows = table(&text, name);
        assert!((3..=MOST_ROOMS).contains(&rows.len()), "{name}: {} rooms", rows.len());
        for (place, row) in rows.iter().enumerate() {
            assert_eq!(row.len(), 3, "{name}, {row:?}");
            assert_eq!(row[0], (place + 1).to_string(), "{name}");
            if wrong_places(&row[1], &mut wrong) == 0 {
                wrong.push(format!("{name}, room {}: no item is named", place + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn each_task_has_one_place_to_start_and_a_test_that_shows_it() {
    let text = read("ARCHITECTURE.md");
    let tests = test_names();
    let rows = table(&text, "tasks");
    assert!(rows.len() >= 10, "{} tasks", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        let files = backticked(&row[1]).iter().filter(|name| name.contains('/')).count();
        if files != 1 || wrong_places(&row[1], &mut wrong) != 1 {
            wrong.push(format!("{}: one file and one item are needed", row[0]));
        }
        for test in backticked(&row[3]) {
            if !tests.contains(test) {
                wrong.push(format!("{}: there is no test {test}", row[0]));
            }
        }
        if backticked(&row[3]).is_empty() {
            wrong.push(format!("{}: no test shows it", row[0]));
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md:\n{}", wrong.join("\n"));
}
