//! Events from a table: which column is which key of the event (`foryou import events FILE --map MAP.toml`).

use std::collections::{BTreeMap, BTreeSet};

use event_log::{COMMON_KEYS, EVENT_TYPES, EventDecoder, Form, check_time, read_time};
use foryou_types::TimeMs;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{fields::shown, rows::Row, time_unit::TimeUnit};

/// A file that says how the rows of a table become events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TableMap {
    /// Keys of the event, each with its column. Without any, a column of a key's name is that key.
    columns: BTreeMap<String, String>,
    /// Keys that are the same for every row.
    constants: BTreeMap<String, String>,
    /// Per key, what the table says and what the event says instead.
    values: BTreeMap<String, BTreeMap<String, String>>,
}

impl TableMap {
    /// Reads and checks a map.
    pub(super) fn from_toml(text: &str) -> Result<Self, String> {
        let map: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let keys = map.columns.keys().chain(map.constants.keys()).chain(map.values.keys());
        match keys.into_iter().find(|key| form_of(key).is_none()) {
            Some(key) => Err(format!(
                "{key:?} is not a key of an event that a table can give; `foryou reference events` lists the keys"
            )),
            None => Ok(map),
        }
    }

    /// Whether a first line with these columns is that of a table of events, sound or not: one of several columns has the name
    /// of a key, but for upper case.
    pub(super) fn is_of_events(names: &[String]) -> bool {
        names.len() > 1 && names.iter().any(|name| form_of(&name.to_lowercase()).is_some())
    }

    /// What keeps a table with these columns from being one of events without a map.
    pub(super) fn problem_without_map(names: &[String]) -> Option<String> {
        let wrong = names.iter().find(|name| form_of(name).is_none())?;
        let lower = wrong.to_lowercase();
        if form_of(&lower).is_some() {
            return Some(format!("the first line names column {wrong:?}, which must be written {lower:?}"));
        }
        let keys = EVENT_TYPES.iter().flat_map(|event| event.keys).chain(COMMON_KEYS).map(|key| key.name);
        let keys: BTreeSet<&str> = keys.chain(["type"]).filter(|name| form_of(name).is_some()).collect();
        let keys = keys.into_iter().collect::<Vec<_>>().join(", ");
        Some(format!(
            "the first line names column {}, which is not a key of an event that a table can give ({keys}): rename or remove \
             the column, or say with --map which columns are read",
            shown(wrong)
        ))
    }

    /// The map of a table with these columns.
    pub(super) fn of(&self, names: &[String]) -> Result<Columns, String> {
        let place_of = |column: &String| names.iter().position(|name| name == column);
        let mut places = Vec::new();
        if self.columns.is_empty() {
            let known =
                names.iter().enumerate().filter_map(|(place, name)| Some((name.clone(), form_of(name)?, place)));
            places.extend(known);
        }
        for (key, column) in &self.columns {
            let place = place_of(column).ok_or_else(|| {
                format!(
                    "the table has no column {column:?}, which the map names for {key}; its columns are {}",
                    names.join(", ")
                )
            })?;
            places.push((key.clone(), form_of(key).unwrap_or(Form::Text(usize::MAX)), place));
        }
        let time = places.iter().find(|(key, ..)| key == "at").map(|(_, _, place)| *place);
        let given = |key: &str| places.iter().any(|(other, ..)| other == key) || self.constants.contains_key(key);
        if let Some(missing) = ["type", "at"].into_iter().find(|key| !given(key)) {
            return Err(format!("{missing} is missing: every event needs it, as a column or a constant"));
        }
        let constants = self
            .constants
            .iter()
            .map(|(key, value)| (key.clone(), form_of(key).unwrap_or(Form::Text(usize::MAX)), value.clone()));
        Ok(Columns { places, constants: constants.collect(), values: self.values.clone(), time })
    }
}

/// Where the keys of the events stand in a table.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    places: Vec<(String, Form, usize)>,
    constants: Vec<(String, Form, String)>,
    values: BTreeMap<String, BTreeMap<String, String>>,
    /// Where `at` stands.
    time: Option<usize>,
}

impl Columns {
    /// The time of a row, as it stands there.
    pub(super) fn time<'a>(&self, row: &Row<'a>) -> Option<&'a str> {
        row.cells().ok()?.nth(self.time?)
    }

    /// The time of a row's event, where it has a sound one.
    pub(super) fn at(&self, row: &Row<'_>, unit: TimeUnit) -> Option<TimeMs> {
        let constant = || self.constants.iter().find(|(key, ..)| key == "at").map(|(_, _, text)| text.as_str());
        let cell = self.time(row).filter(|cell| !cell.is_empty()).or_else(constant)?;
        let said = self.values.get("at").and_then(|values| values.get(cell)).map_or(cell, String::as_str);
        time(&value("at", Form::Time, said, unit).ok()?)
    }

    /// The event of a row.
    pub(super) fn event(
        &self,
        row: &Row<'_>,
        unit: TimeUnit,
        decoder: &mut EventDecoder<'_>,
    ) -> Result<event_log::Event, String> {
        let cells: Vec<&str> = row.cells()?.collect();
        let mut event = Map::new();
        for (key, form, text) in &self.constants {
            event.insert(key.clone(), value(key, *form, text, unit)?);
        }
        for (key, form, place) in &self.places {
            let cell = cells.get(*place).copied().unwrap_or_default();
            let said = self.values.get(key).and_then(|values| values.get(cell)).map_or(cell, String::as_str);
            if !said.is_empty() {
                event.insert(key.clone(), value(key, *form, said, unit)?);
            }
        }
        decoder.decode_value(Value::Object(event)).map_err(|error| error.to_string())
    }
}

/// The time that the value of `at` means, where it is sound.
pub(super) fn time(at: &Value) -> Option<TimeMs> {
    match at {
        Value::String(text) => read_time(text).ok(),
        other => check_time(TimeMs(other.as_i64()?)).ok(),
    }
}

/// The form of a key that a cell can give. A cell holds no objects, so `media` and `posts` cannot come from tables.
fn form_of(name: &str) -> Option<Form> {
    if name == "type" {
        return Some(Form::Name(usize::MAX));
    }
    let mut keys = EVENT_TYPES.iter().flat_map(|event| event.keys).chain(COMMON_KEYS);
    keys.find(|key| key.name == name).map(|key| key.form).filter(|form| !matches!(form, Form::Objects(..)))
}

/// The value of a key that a cell gives.
fn value(key: &str, form: Form, text: &str, unit: TimeUnit) -> Result<Value, String> {
    let wrong = |what: &str| format!("{key}: {} is not {what}", shown(text));
    let number = |text: &str| text.trim().parse::<u64>().map(Value::from).map_err(|_| wrong("a whole number"));
    let parts = || text.split([' ', ',', ';', '|']).filter(|part| !part.is_empty());
    if text.trim_start().starts_with('[') && matches!(form, Form::Posts(_) | Form::Numbers(_)) {
        return serde_json::from_str::<Vec<Value>>(text).map(Value::Array).map_err(|_| wrong("a list in JSON"));
    }
    Ok(match form {
        Form::Count | Form::SmallCount | Form::Version => number(text)?,
        Form::Flag => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Value::from(true),
            "false" | "0" | "no" => Value::from(false),
            _ => return Err(wrong("true or false")),
        },
        Form::Time if text.trim().parse::<f64>().is_ok() => Value::from(unit.parse(key, text)?.0),
        Form::Time => Value::from(text.trim()),
        Form::Posts(_) => parts().map(Value::from).collect(),
        Form::Numbers(_) => Value::Array(parts().map(number).collect::<Result<_, _>>()?),
        // Texts, names and ids; a form that a cell cannot give is refused by the decoder.
        _ => Value::from(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_checked_against_keys_and_columns() {
        let error = |text: &str| TableMap::from_toml(text).unwrap_err();
        assert!(error("[columns]\nmedia = \"m\"").contains("\"media\" is not a key"), "objects do not fit into a cell");
        assert!(error("[columns]\nuserid = \"u\"").contains("\"userid\" is not a key of an event"));
        assert!(error("[column]\nuser_id = \"u\"").contains("column"));
        let map =
            TableMap::from_toml("[columns]\nat = \"t\"\nuser_id = \"u\"\n[constants]\ntype = \"follow\"").unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(map.of(&names(&["t", "u"])).is_ok());
        assert_eq!(
            map.of(&names(&["t", "x"])).unwrap_err(),
            "the table has no column \"u\", which the map names for user_id; its columns are t, x"
        );
        assert!(TableMap::default().of(&names(&["type", "user_id"])).unwrap_err().starts_with("at is missing"));
    }

    #[test]
    fn a_table_of_events_names_the_column_that_is_not_a_key() {
        let names = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let problem = |line: &str| TableMap::problem_without_map(&names(line));
        assert_eq!(problem("type,at,user_id"), None);
        assert_eq!(problem("Type,at").unwrap(), "the first line names column \"Type\", which must be written \"type\"");
        let unknown = problem("type,at,foo").unwrap();
        assert!(unknown.starts_with("the first line names column \"foo\", which is not a key"), "{unknown}");
        assert!(unknown.contains("post_ids, ") && unknown.contains("type") && unknown.contains("--map"), "{unknown}");
        assert!(problem("type,at,media").unwrap().contains("\"media\""), "a cell holds no objects");
        assert!(TableMap::is_of_events(&names("TYPE,when")) && !TableMap::is_of_events(&names("uid,item")));
        assert!(!TableMap::is_of_events(&names("type")));
    }

    #[test]
    fn cells_are_what_their_key_wants() {
        let of = |key: &str, text: &str| value(key, form_of(key).unwrap(), text, TimeUnit::Seconds);
        assert_eq!(of("user_id", "007"), Ok("007".into()));
        assert_eq!(of("undo", "TRUE"), Ok(true.into()));
        assert_eq!(of("undo", "no"), Ok(false.into()));
        assert_eq!(of("undo", "perhaps").unwrap_err(), "undo: \"perhaps\" is not true or false");
        assert_eq!(of("followers", " 12"), Ok(12.into()));
        assert_eq!(of("at", "1500000000.5"), Ok(1_500_000_000_500_i64.into()));
        assert_eq!(of("at", "2026-01-01T00:00:00Z"), Ok("2026-01-01T00:00:00Z".into()));
        assert_eq!(of("post_ids", "a|b c"), Ok(serde_json::json!(["a", "b", "c"])));
        assert_eq!(of("topics", "1;2"), Ok(serde_json::json!([1, 2])));
        assert_eq!(of("topics", " [1, 2]"), Ok(serde_json::json!([1, 2])));
        assert_eq!(of("post_ids", "[\"1\",\"b c\"]"), Ok(serde_json::json!(["1", "b c"])));
        assert_eq!(of("post_ids", "[1,").unwrap_err(), "post_ids: \"[1,\" is not a list in JSON");
        assert!(of("followers", "many").unwrap_err().starts_with("followers: \"many\" is not a whole number"));
    }
}
