//! The profile of a folder when it was last opened.
//!
//! Weights and limits may be edited, so a change is not an error. But a flipped bit looks like an edit. So the first command that opens
//! the folder afterwards reports the difference, once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use foryou_types::Profile;
use toml::{Table, Value};

use crate::whole_file::write_whole;

/// The note.
pub(crate) const FILE: &str = "profile.last";
/// Changes listed one by one.
const LISTED: usize = 5;

/// Reports what has changed since the last time, and records the profile as it is now.
pub(crate) fn say_changes(folder: &Path, profile: &Profile) {
    let (path, now) = (folder.join(FILE), profile.to_toml());
    let before = fs::read_to_string(&path).ok();
    if before.as_ref() == Some(&now) {
        return;
    }
    // A record that is missing or cannot be read is written again.
    if let Some(changes) = before.and_then(|before| changes(&before, &now)) {
        tracing::warn!("profile.toml was edited since this folder was last opened: {changes}");
    }
    if let Err(error) = write_whole(&path, &now) {
        tracing::warn!(%error, "the profile could not be recorded");
    }
}

/// The keys that differ, each with its old and new value.
fn changes(before: &str, now: &str) -> Option<String> {
    let flat = |text: &str| {
        let mut keys = BTreeMap::new();
        flatten("", &Value::Table(text.parse::<Table>().ok()?), &mut keys);
        Some(keys)
    };
    let (before, now) = (flat(before)?, flat(now)?);
    let shown = |value: Option<&String>| value.map_or_else(|| "absent".to_owned(), Clone::clone);
    let keys: BTreeSet<_> = before.keys().chain(now.keys()).filter(|key| before.get(*key) != now.get(*key)).collect();
    let mut changes: Vec<_> = keys
        .iter()
        .take(LISTED)
        .map(|key| format!("{key} was {} and is {}", shown(before.get(*key)), shown(now.get(*key))))
        .collect();
    if keys.len() > LISTED {
        changes.push(format!("and {} more", keys.len() - LISTED));
    }
    (!changes.is_empty()).then(|| changes.join("; "))
}

fn flatten(name: &str, value: &Value, keys: &mut BTreeMap<String, String>) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| flatten(&below(key), value, keys)),
        Value::Array(values) => values.iter().enumerate().for_each(|(i, v)| flatten(&below(&i.to_string()), v, keys)),
        value => drop(keys.insert(name.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_with_both_values() {
        let live = Profile::live();
        let mut edited = live.clone();
        edited.limits.max_post_age_seconds += 1;
        let age = live.limits.max_post_age_seconds;
        assert_eq!(
            changes(&live.to_toml(), &edited.to_toml()).unwrap(),
            format!("limits.max_post_age_seconds was {age} and is {}", age + 1)
        );
        assert_eq!(changes(&live.to_toml(), &live.to_toml()), None);
        assert_eq!(changes("not a profile", &live.to_toml()), None);
        let longer = changes("a = 1\nb = [1, 2]", "a = 2\nb = [1]").unwrap();
        assert_eq!(longer, "a was 1 and is 2; b.1 was 2 and is absent");
    }

    #[test]
    fn a_note_is_kept_and_a_damaged_one_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let live = Profile::live();
        say_changes(dir.path(), &live);
        let path = dir.path().join(FILE);
        assert_eq!(fs::read_to_string(&path).unwrap(), live.to_toml());
        fs::write(&path, [0xff, 0]).unwrap();
        say_changes(dir.path(), &live);
        assert_eq!(fs::read_to_string(&path).unwrap(), live.to_toml());
    }
}
