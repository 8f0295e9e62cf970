//! What the value of a setting may be. Nothing is written down twice: a setting is given values beyond any range, and what the
//! settings' own checks demand then is what it may be.

use anyhow::Context;
use foryou_settings::SettingsError;
use serde_json::{Value, json};

use super::{Config, defaults, rules};

/// What the value of a setting may be, in words.
pub fn values_of(key: &str) -> anyhow::Result<String> {
    let defaults = defaults()?.settings();
    let default = &defaults.get(key).with_context(|| format!("there is no setting {key:?}"))?.value;
    let (what, beyond) = match default {
        Value::Bool(_) => return Ok("`true` or `false`".to_owned()),
        Value::String(_) => ("text", vec![json!("?")]),
        number if number.is_f64() => ("number", vec![json!(f64::MAX), json!(f64::MIN)]),
        _ => ("whole number", vec![json!(i64::MAX), json!(u32::MAX), json!(u16::MAX), json!(0), json!(-1)]),
    };
    Ok(match beyond.iter().find_map(|value| demand(key, value)) {
        Some(choices) if choices.starts_with('`') => choices,
        Some(range) => format!("{what}, {range}"),
        None => what.to_owned(),
    })
}

/// What is demanded of a setting where a value does not satisfy it.
fn demand(key: &str, value: &Value) -> Option<String> {
    let layers = defaults().ok()?.value(key, key, value).ok()?;
    let demand = match layers.extract::<Config>() {
        Ok(config) => rules::check(&config).err().filter(|broken| broken.keys == [key])?.demand,
        Err(SettingsError::Value { problem, .. }) if problem.starts_with("must be ") => problem,
        Err(_) => return None,
    };
    let range = demand.split(", is ").next().unwrap_or_default();
    Some(range.trim_start_matches("must be ").trim_start_matches("must ").replace("not be ", "not "))
}
