//! Values from TOML and by dotted keys.

use phoenix::ModelKind;
use serde_json::Value;

use super::{Recipe, RecipeError};

impl Recipe {
    /// A model's default with the values of a TOML file over it.
    pub fn from_toml(kind: ModelKind, text: &str) -> Result<Self, RecipeError> {
        Self::of(kind).with_toml(text)
    }

    /// This recipe with the values of a TOML file over it.
    pub fn with_toml(mut self, text: &str) -> Result<Self, RecipeError> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| RecipeError::Syntax(e.to_string()))?;
        self.overlay("", table)?;
        Ok(self)
    }

    fn overlay(&mut self, prefix: &str, table: toml::Table) -> Result<(), RecipeError> {
        for (key, value) in table {
            let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(table) => self.overlay(&key, table)?,
                value => {
                    let wrong = |e: serde_json::Error| RecipeError::Value { key: key.clone(), problem: e.to_string() };
                    self.assign(&key, serde_json::to_value(value).map_err(wrong)?)?;
                }
            }
        }
        Ok(())
    }

    /// Sets one value by its dotted key, e.g. `dense.learning_rate` to `0.001`; `none` empties an optional one.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), RecipeError> {
        let text = value.trim();
        // TOML's own notation (numbers, true, quoted text); anything else is taken as plain text.
        let parsed = format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v"));
        let value = parsed.and_then(|v| serde_json::to_value(v).ok()).unwrap_or_else(|| Value::String(text.to_owned()));
        self.assign(key, value)
    }

    pub(super) fn assign(&mut self, key: &str, value: Value) -> Result<(), RecipeError> {
        let wrong = |problem: String| RecipeError::Value { key: key.to_owned(), problem };
        let mut whole = serde_json::to_value(&*self).map_err(|e| wrong(e.to_string()))?;
        let mut place = &mut whole;
        for part in key.split('.') {
            let known = match &*place {
                Value::Object(section) => section.keys().cloned().collect::<Vec<_>>().join(", "),
                _ => String::new(),
            };
            let unknown = || RecipeError::Unknown {
                key: key.to_owned(),
                known: if known.is_empty() { "nothing".to_owned() } else { known.clone() },
            };
            place = place.as_object_mut().and_then(|section| section.get_mut(part)).ok_or_else(unknown)?;
        }
        if place.is_object() {
            return Err(wrong("is a section, not a value".to_owned()));
        }
        let none = value.as_str() == Some("none") && (place.is_null() || place.is_number());
        *place = if none { Value::Null } else { value };
        *self = serde_json::from_value(whole).map_err(|e| wrong(e.to_string()))?;
        Ok(())
    }
}
