//! The keys of an object, taken one by one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::error::DecodeError;

/// The keys and values of a JSON object, in the order they were written.
#[derive(Debug, Default)]
pub(super) struct Fields {
    entries: Vec<(String, Value)>,
    /// The path of the object, for messages: empty at the top, else `media[0].`.
    path: String,
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, DecodeError> {
        serde_json::from_str(text).map_err(|e| DecodeError::Syntax(e.to_string()))
    }

    pub(super) fn of(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Object(map) => Ok(Self { entries: map.into_iter().collect(), path: String::new() }),
            other => Err(DecodeError::Syntax(format!("found {}", describe(&other)))),
        }
    }

    /// A nested object.
    pub(super) fn nested(value: Value, place: &str) -> Result<Self, DecodeError> {
        match value {
            Value::Object(map) => Ok(Self { entries: map.into_iter().collect(), path: format!("{place}.") }),
            other => Err(DecodeError::key(place, format!("{} is not an object", describe(&other)))),
        }
    }

    /// Adds a key.
    pub(super) fn put(&mut self, key: &str, value: Value) {
        self.entries.push((key.to_owned(), value));
    }

    /// The keys that were not taken yet, with their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The full name of a key.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}{}", self.path, shorten(key))
    }

    pub(super) fn error(&self, key: &str, problem: impl Into<String>) -> DecodeError {
        DecodeError::key(self.name(key), problem)
    }

    /// Takes a key; `None` if it is absent or null.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let place = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.swap_remove(place).1).filter(|value| !value.is_null())
    }

    /// Takes a key that must be there.
    pub(super) fn require(&mut self, key: &str) -> Result<Value, DecodeError> {
        self.take(key).ok_or_else(|| self.error(key, "is missing"))
    }

    /// Takes a text.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, DecodeError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.error(key, format!("{} is not a text", describe(&other)))),
        }
    }

    /// Takes a text that must be there and not be empty.
    pub(super) fn required_text(&mut self, key: &str) -> Result<String, DecodeError> {
        let text = self.text(key)?.ok_or_else(|| self.error(key, "is missing"))?;
        if text.trim().is_empty() { Err(self.error(key, "is empty")) } else { Ok(text) }
    }

    /// Takes a boolean.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, DecodeError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.error(key, format!("{} is neither true nor false", describe(&other)))),
        }
    }

    /// Takes a count.
    pub(super) fn count(&mut self, key: &str) -> Result<Option<u64>, DecodeError> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) => Ok(Some(count)),
                None => Err(self.error(key, format!("{} is not a whole number from 0", describe(&value)))),
            },
        }
    }

    /// Takes a count below 2^32.
    pub(super) fn small_count(&mut self, key: &str) -> Result<Option<u32>, DecodeError> {
        let count = self.count(key)?;
        count
            .map(|n| u32::try_from(n).map_err(|_| self.error(key, format!("{n} is more than {}", u32::MAX))))
            .transpose()
    }

    /// Takes an array.
    pub(super) fn array(&mut self, key: &str) -> Result<Option<Vec<Value>>, DecodeError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(other) => Err(self.error(key, format!("{} is not an array", describe(&other)))),
        }
    }

    /// Takes one of several names.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, DecodeError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let found = value.as_str().and_then(|name| choices.iter().find(|(n, _)| *n == name));
        if let Some((_, choice)) = found {
            return Ok(Some(*choice));
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        Err(self.error(key, format!("{} is not one of {}", describe(&value), names.join(", "))))
    }
}

/// A value for a message, cut short.
pub(super) fn describe(value: &Value) -> String {
    shorten(&value.to_string()).into_owned()
}

/// A sender's text for a message, cut short.
fn shorten(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut entries: Vec<(String, Value)> = Vec::with_capacity(8);
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    // We must not guess which of two values was meant.
                    if entries.iter().any(|(name, _)| *name == key) {
                        return Err(serde::de::Error::custom(format_args!("the key {:?} occurs twice", shorten(&key))));
                    }
                    entries.push((key, value));
                }
                Ok(Fields { entries, path: String::new() })
            }
        }
        deserializer.deserialize_map(Object)
    }
}
