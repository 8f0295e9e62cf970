//! A TOML file as single values, each with its line.

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::SettingsError;

/// A value of a file.
pub(crate) struct Entry {
    /// Its key, with its sections.
    pub(crate) key: String,
    /// `FILE:LINE`.
    pub(crate) origin: String,
    pub(crate) value: Value,
}

/// The values of a TOML file in the order of its keys. `name` is how errors call the file.
pub(crate) fn entries(name: &str, text: &str) -> Result<Vec<Entry>, SettingsError> {
    let syntax = |error: &toml::de::Error| SettingsError::Syntax {
        origin: place(name, text, error.span().map_or(0, |span| span.start)),
        problem: error.message().to_owned(),
    };
    let table: Table = text.parse().map_err(|error| syntax(&error))?;
    let places = DeTable::parse(text).map_err(|error| syntax(&error))?;
    let mut all = Vec::new();
    walk("", &table, places.get_ref(), &mut |key, value, at| {
        all.push(Entry { key, origin: place(name, text, at), value: value.clone() });
    });
    Ok(all)
}

fn walk(section: &str, table: &Table, places: &DeTable<'_>, each: &mut impl FnMut(String, &Value, usize)) {
    for (name, value) in table {
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        let place = places.iter().find(|(place, _)| place.get_ref().as_ref() == name);
        match (value, place.map(|(_, value)| value.get_ref())) {
            (Value::Table(inner), Some(DeValue::Table(places))) => walk(&key, inner, places, each),
            _ => each(key, value, place.map_or(0, |(place, _)| Spanned::span(place).start)),
        }
    }
}

fn place(name: &str, text: &str, at: usize) -> String {
    let before = text.as_bytes().iter().take(at);
    format!("{name}:{}", 1 + before.filter(|byte| **byte == b'\n').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_line() {
        let text = "seed = 2\n\n[server]\nlisten = \"a\" # here\n[thunder]\nstore.max_results = 7\nservice = { request_burst = 3 }\n";
        let found = entries("c.toml", text).unwrap();
        let places: Vec<_> = found.iter().map(|entry| (entry.key.as_str(), entry.origin.as_str())).collect();
        assert_eq!(
            places,
            [
                ("seed", "c.toml:1"),
                ("server.listen", "c.toml:4"),
                ("thunder.service.request_burst", "c.toml:7"),
                ("thunder.store.max_results", "c.toml:6"),
            ]
        );
        let error = entries("c.toml", "a = 1\nb = \n").err().unwrap().to_string();
        assert!(error.starts_with("c.toml:2: "), "{error}");
    }
}
