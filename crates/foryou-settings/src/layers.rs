//! The layers.

use std::collections::BTreeMap;

use figment::error::Kind;
use figment::providers::Serialized;
use figment::value::{Dict, Empty, Map, Num, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SettingsError;
use crate::file::entries;
use crate::nearest::nearest;

/// The origin of a setting that nothing overrides.
pub const DEFAULT: &str = "default";

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The value.
    pub value: serde_json::Value,
    /// `default`, `FILE:LINE`, or the name of a variable or flag.
    pub origin: String,
}

/// Settings in layers; later ones win.
#[derive(Clone, Debug)]
pub struct Layers {
    figment: Figment,
    defaults: Figment,
    /// Every key, with its default.
    known: BTreeMap<String, Value>,
}

/// One value as a layer: its metadata is its origin.
struct One<'a> {
    key: &'a str,
    value: Value,
    origin: &'a str,
}

impl Provider for One<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_owned())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let nested = figment::util::nest(self.key, self.value.clone());
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

impl Layers {
    /// The lowest layer: every setting with its default. A default of `null` is a setting that may be left empty.
    pub fn over(defaults: &impl Serialize) -> Result<Self, SettingsError> {
        let whole = |error: figment::Error| SettingsError::Whole(error.to_string());
        let value = Value::serialize(defaults).map_err(whole)?;
        let mut known = BTreeMap::new();
        leaves("", &value, &mut |key, value| {
            known.insert(key, value.clone());
        });
        let figment = Figment::from(Serialized::defaults(value));
        Ok(Self { defaults: figment.clone(), figment, known })
    }

    /// The values of a TOML file. `name` is how errors call it.
    pub fn file(self, name: &str, text: &str) -> Result<Self, SettingsError> {
        entries(name, text)?
            .into_iter()
            .try_fold(self, |layers, entry| layers.value(&entry.origin, &entry.key, entry.value))
    }

    /// A setting as `KEY=VALUE`.
    pub fn assignment(self, origin: &str, text: &str) -> Result<Self, SettingsError> {
        match text.split_once('=') {
            Some((key, value)) => self.text(origin, key.trim(), value),
            None => Err(SettingsError::NoValue { origin: origin.to_owned(), text: text.to_owned() }),
        }
    }

    /// A setting's value as text. The default says what it is: a number, `true` or `false`, or text, which is taken as it is. `none`
    /// empties a setting that may be empty.
    pub fn text(self, origin: &str, key: &str, text: &str) -> Result<Self, SettingsError> {
        let word = text.trim();
        let value = match self.default(origin, key)? {
            Value::Num(..) | Value::Empty(..) if word == "none" => Value::from(Empty::None),
            Value::Num(..) | Value::Empty(..) => number(word).unwrap_or_else(|| Value::from(word)),
            Value::Bool(..) if word == "1" => Value::from(true),
            Value::Bool(..) if word == "0" => Value::from(false),
            Value::Bool(..) => word.parse().map_or_else(|_| Value::from(word), |truth: bool| Value::from(truth)),
            _ => Value::from(text),
        };
        self.put(origin, key, value)
    }

    /// A setting's value.
    pub fn value(self, origin: &str, key: &str, value: impl Serialize) -> Result<Self, SettingsError> {
        let value = Value::serialize(value).map_err(|error| SettingsError::Value {
            origin: origin.to_owned(),
            key: key.to_owned(),
            problem: error.to_string(),
        })?;
        self.put(origin, key, value)
    }

    fn put(mut self, origin: &str, key: &str, value: Value) -> Result<Self, SettingsError> {
        let default = self.default(origin, key)?;
        let fits = match (default, &value) {
            (Value::Num(_, default), Value::Num(_, given)) => is_whole(given) || !is_whole(default),
            (Value::Num(..), Value::Empty(..)) | (Value::Empty(..), _) => true,
            (default, given) => std::mem::discriminant(default) == std::mem::discriminant(given),
        };
        if !fits {
            let problem = format!("expected {}, found {}", kind(default), shown(&value));
            return Err(SettingsError::Value { origin: origin.to_owned(), key: key.to_owned(), problem });
        }
        self.figment = self.figment.merge(One { key, value, origin });
        Ok(self)
    }

    /// The default of a key, if it is the key of a value.
    fn default(&self, origin: &str, key: &str) -> Result<&Value, SettingsError> {
        self.known.get(key).ok_or_else(|| {
            let (origin, key) = (origin.to_owned(), key.to_owned());
            let inside = format!("{key}.");
            if self.keys().any(|known| known.starts_with(&inside)) {
                return SettingsError::Section { origin, key };
            }
            let nearest = nearest(&key, self.keys()).to_owned();
            SettingsError::Unknown { origin, key, nearest }
        })
    }

    /// The key that a variable sets, with `prefix` before the key's name: `FORYOU_SERVER_LISTEN` sets `server.listen`.
    pub fn key_of(&self, prefix: &str, variable: &str) -> Result<&str, SettingsError> {
        let name_of = |key: &str| format!("{prefix}{}", key.replace('.', "_").to_uppercase());
        self.keys().find(|key| name_of(key).eq_ignore_ascii_case(variable)).ok_or_else(|| {
            let known: Vec<_> = self.keys().map(name_of).collect();
            let nearest = nearest(variable, known.iter().map(String::as_str)).to_owned();
            SettingsError::NoVariable { variable: variable.to_owned(), nearest }
        })
    }

    /// The keys of all settings.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// Every setting with its value and origin.
    pub fn settings(&self) -> BTreeMap<String, Setting> {
        self.keys().map(|key| (key.to_owned(), self.setting(key))).collect()
    }

    /// A setting's value and origin; of an unknown key, `null`.
    pub fn setting(&self, key: &str) -> Setting {
        let value = self.figment.find_value(key).ok();
        let origin = self.figment.find_metadata(key).filter(|_| self.is_set(key));
        Setting {
            value: value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default(),
            origin: origin.map_or(DEFAULT, |metadata| &metadata.name).to_owned(),
        }
    }

    /// Whether a layer above the defaults has the key.
    fn is_set(&self, key: &str) -> bool {
        let tag = |figment: &Figment| figment.find_value(key).ok().map(|value| value.tag());
        tag(&self.figment) != tag(&self.defaults)
    }

    /// The settings as their type.
    pub fn extract<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        self.figment.extract().map_err(|error| {
            // An error inside of a flattened section does not say where it is. The setting at fault fails alone.
            let alone = self.keys().filter(|key| self.is_set(key)).find_map(|key| {
                let Setting { origin, .. } = self.setting(key);
                let value = self.figment.find_value(key).ok()?;
                let error = self.defaults.clone().merge(One { key, value, origin: &origin }).extract::<T>().err()?;
                Some(SettingsError::Value { origin, key: key.to_owned(), problem: problem(&error.kind) })
            });
            alone.unwrap_or_else(|| SettingsError::Whole(error.to_string()))
        })
    }
}

/// Calls `each` with every value that is not a section.
fn leaves(section: &str, value: &Value, each: &mut impl FnMut(String, &Value)) {
    for (name, value) in value.as_dict().into_iter().flatten() {
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match value {
            Value::Dict(..) => leaves(&key, value, each),
            value => each(key, value),
        }
    }
}

/// A number as TOML writes it.
fn number(word: &str) -> Option<Value> {
    let parsed = format!("v = {word}").parse::<toml::Table>().ok()?;
    match parsed.get("v")? {
        toml::Value::Integer(n) => Some(Value::from(*n)),
        toml::Value::Float(x) => Some(Value::from(*x)),
        // More than TOML's integers hold.
        _ => None,
    }
}

/// What is wrong with a value, in words.
fn problem(kind: &Kind) -> String {
    match kind {
        Kind::UnknownVariant(_, [others @ .., last]) if !others.is_empty() => {
            let others: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
            format!("must be {} or `{last}`", others.join(", "))
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("expected {expected}, found {found}")
        }
        kind => kind.to_string(),
    }
}

fn is_whole(number: &Num) -> bool {
    !matches!(number, Num::F32(_) | Num::F64(_))
}

/// What a default says about a value.
fn kind(default: &Value) -> &'static str {
    match default {
        Value::Num(_, number) if is_whole(number) => "a whole number",
        Value::Num(..) => "a number",
        Value::Bool(..) => "true or false",
        Value::Array(..) => "a list",
        _ => "text",
    }
}

/// A value that does not fit.
fn shown(value: &Value) -> String {
    match value {
        Value::Dict(..) => "a section".to_owned(),
        Value::Array(..) => "a list".to_owned(),
        Value::String(_, text) => format!("{text:?}"),
        value => serde_json::to_string(value).unwrap_or_default(),
    }
}
