//! What the value of a setting may be. Nothing is written down twice: a setting is given values beyond any range, and what the
//! settings' own checks demand then is what it may be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, DEFAULT, flatten, put, rules};

/// The keys of all settings.
pub fn default_keys() -> anyhow::Result<BTreeSet<String>> {
    Ok(defaults(&default()?).into_keys().collect())
}

/// What the value of a setting may be, in words.
pub fn values_of(key: &str) -> anyhow::Result<String> {
    let table = default()?;
    let defaults = defaults(&table);
    let default = defaults.get(key).with_context(|| format!("there is no setting {key:?}"))?;
    let (what, beyond) = match default {
        Value::Integer(_) => {
            let beyond = [i64::MAX, u32::MAX.into(), u16::MAX.into(), 0, -1];
            ("whole number", beyond.map(Value::Integer).to_vec())
        }
        Value::Float(_) => ("number", vec![Value::Float(f64::MAX), Value::Float(f64::MIN)]),
        Value::Boolean(_) => return Ok("`true` or `false`".to_owned()),
        _ => ("text", vec![Value::String("?".to_owned())]),
    };
    let demand = beyond.iter().find_map(|value| demand(&table, key, value));
    Ok(match demand {
        Some(Demand::Choices(choices)) => choices,
        Some(Demand::Range(range)) => format!("{what}, {range}"),
        None => what.to_owned(),
    })
}

fn default() -> anyhow::Result<Table> {
    DEFAULT.parse().context("the embedded default settings")
}

fn defaults(table: &Table) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    flatten("", table, &mut |key, value| {
        all.insert(key, value.clone());
    });
    all
}

/// What is demanded of a setting.
enum Demand {
    /// One of these.
    Choices(String),
    /// A value in a range.
    Range(String),
}

/// What is demanded of a setting where a value does not satisfy it.
fn demand(default: &Table, key: &str, value: &Value) -> Option<Demand> {
    let mut table = default.clone();
    put(&mut table, key, value.clone());
    match Config::deserialize(table) {
        Ok(config) => {
            let broken = rules::check(&config).err().filter(|broken| broken.keys == [key])?;
            let range = broken.demand.split(", is ").next().unwrap_or_default();
            Some(Demand::Range(
                range.trim_start_matches("must be ").trim_start_matches("must ").replace("not be ", "not "),
            ))
        }
        Err(error) => {
            // serde's words where a text is not one of an enumeration's names; they end with these names.
            let (_, names) = error.message().strip_prefix("unknown variant")?.split_once("expected ")?;
            let names = names.trim().trim_start_matches("one of ");
            Some(Demand::Choices(match names.rsplit_once(", ") {
                Some((first, last)) => format!("{first} or {last}"),
                None => names.to_owned(),
            }))
        }
    }
}
