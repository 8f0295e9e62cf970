//! The settings, from the embedded file that documents them and the rules that check them.

use super::page::{Page, Section, code};
use crate::config::{DEFAULT, values_of};

const ABOUT: &str = "Every setting of the service and its commands. This page is printed by `foryou reference settings`. \
`foryou config` prints the effective settings and where each came from.

A setting comes from the first of these that has it: a flag, a variable (`server.listen` is `FORYOU_SERVER_LISTEN`), the TOML file \
that `--config` names, the default. An unknown key or a value out of its range is refused by its name. What belongs to the data \
(actions, weights, limits of the filters) is in the folder's `profile.toml`; see [events.md](events.md).";

/// The page.
pub(super) fn page() -> anyhow::Result<Page> {
    let columns = vec!["key", "default", "value", "meaning"];
    let section = |title: &str| Section { title: title.to_owned(), columns: columns.clone(), ..Section::default() };
    let mut sections = vec![section("General")];
    let (mut table, mut comment) = (String::new(), Vec::new());
    for line in DEFAULT.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut table);
            sections.push(section(&code(&table)));
        } else if let Some((name, default)) = line.split_once(" = ") {
            let key = if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") };
            let row = vec![code(&key), code(default), values_of(&key)?, comment.join(" ")];
            sections.last_mut().into_iter().for_each(|section| section.rows.push(row.clone()));
        }
        if !line.starts_with('#') {
            comment.clear();
        }
    }
    Ok(Page { title: "Settings", about: ABOUT.to_owned(), sections })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::defaults;

    #[test]
    fn every_setting_has_a_meaning_and_a_range() {
        let page = page().unwrap();
        let rows: Vec<_> = page.sections.iter().flat_map(|section| &section.rows).collect();
        let listed: BTreeSet<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
        assert_eq!(listed, defaults().unwrap().keys().map(str::to_owned).collect());
        for row in &rows {
            assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}: each setting needs a comment of its own");
        }
        let value = |key: &str| rows.iter().find(|row| row[0] == code(key)).map(|row| row[2].as_str()).unwrap();
        assert_eq!(value("log.partitions"), "whole number, between 1 and 1024");
        assert_eq!(value("log.fsync"), "`always`, `every` or `never`");
        assert_eq!(value("thunder.ingest.consumer_threads"), "whole number, at least 1");
        assert_eq!(value("thunder.store.clock_skew_seconds"), "whole number, not negative");
        assert_eq!(value("mixer.author_diversity_floor"), "number, between 0 and 1");
        assert_eq!(value("server.max_body_bytes"), "whole number, between 1024 and 16777216");
        assert_eq!(value("server.insecure"), "`true` or `false`");
        assert_eq!(value("phoenix.ranking_address"), "text, empty or an address like http://127.0.0.1:8081");
    }
}
