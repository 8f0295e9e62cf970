//! What every key of a recipe is, for the reference of the recipes: meanings from the doc comments of the types, defaults from
//! [`Recipe::of`], and ranges from what [`Recipe::check`] says to values beyond them. Nothing is written down twice.

use std::collections::BTreeMap;

use phoenix::ModelKind;
use serde::Serialize;
use serde_json::{Map, Value, json};

use foryou_settings::SettingsError;

use super::{Recipe, RecipeError};

/// A section of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecipeSection {
    /// Its name; empty for the keys outside of sections.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Its keys.
    pub keys: Vec<RecipeKey>,
}

/// A key of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecipeKey {
    /// Its name, with its section: `dense.learning_rate`.
    pub name: String,
    /// What it means.
    pub about: String,
    /// What its value may be.
    pub values: String,
    /// Its default.
    pub default: String,
}

impl Recipe {
    /// Every key with its value, as a setting (`--set KEY=VALUE`) takes them.
    pub fn listed(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        if let Ok(Value::Object(whole)) = serde_json::to_value(self) {
            for (name, value) in &whole {
                match value {
                    Value::Object(section) => {
                        values.extend(section.iter().map(|(key, value)| (format!("{name}.{key}"), shown(value))));
                    }
                    Value::Null => {} // The section of the other model.
                    value => drop(values.insert(name.clone(), shown(value))),
                }
            }
        }
        values
    }

    /// The sections and keys of a model's recipe, by name.
    pub fn reference(kind: ModelKind) -> Vec<RecipeSection> {
        let schema = schemars::schema_for!(Self).to_value();
        let defaults = serde_json::to_value(Self::of(kind)).unwrap_or_default();
        let mut sections = vec![RecipeSection { name: String::new(), about: String::new(), keys: Vec::new() }];
        for (name, property) in properties(&schema) {
            let default = &defaults[name.as_str()];
            let target = resolved(&schema, property);
            if target.get("properties").is_none() {
                sections[0].keys.push(key(kind, name, property, target, default));
            } else if default.is_object() {
                let keys = properties(target).map(|(inner, property)| {
                    key(
                        kind,
                        &format!("{name}.{inner}"),
                        property,
                        resolved(&schema, property),
                        &default[inner.as_str()],
                    )
                });
                sections.push(RecipeSection { name: name.clone(), about: about(property), keys: keys.collect() });
            }
        }
        sections
    }
}

/// The properties of a schema, by name: whether a map keeps another order is up to the features of serde_json.
fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties: BTreeMap<_, _> = schema["properties"].as_object().map(Map::iter).into_iter().flatten().collect();
    properties.into_iter()
}

/// The definition that a property refers to, itself where it does not.
fn resolved<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    let alternatives = property["anyOf"].as_array().into_iter().flatten();
    let reference = alternatives.chain([property]).find_map(|value| value["$ref"].as_str());
    reference.and_then(|place| schema.pointer(place.trim_start_matches('#'))).unwrap_or(property)
}

/// A doc comment as text: one line, without the brackets of rustdoc's links.
fn about(described: &Value) -> String {
    let text = described["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("[`", "`").replace("`]", "`")
}

fn key(kind: ModelKind, name: &str, property: &Value, target: &Value, default: &Value) -> RecipeKey {
    let mut values = values(kind, name, target);
    let optional = property["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"));
    if optional {
        values.push_str(", or `none`");
    }
    RecipeKey { name: name.to_owned(), about: about(property), values, default: shown(default) }
}

/// What the value of a key may be.
fn values(kind: ModelKind, name: &str, target: &Value) -> String {
    if let Some(choices) = target["oneOf"].as_array() {
        let allowed = choices.iter().filter(|choice| refusal(kind, name, &choice["const"]).is_none());
        let described = allowed.map(|choice| {
            let about = about(choice);
            format!("`{}` ({})", choice["const"].as_str().unwrap_or_default(), about.trim_end_matches('.'))
        });
        return described.collect::<Vec<_>>().join(", ");
    }
    let is = |wanted: &str| match &target["type"] {
        Value::Array(types) => types.iter().any(|one| one == wanted),
        one => one == wanted,
    };
    if is("boolean") {
        return "`true` or `false`".to_owned();
    }
    let (what, beyond) = if is("integer") {
        ("whole number", [json!(u64::MAX), json!(u32::MAX), json!(0), json!(3)])
    } else {
        ("number", [json!(1e300), json!(-1e300), json!(0), json!(1)])
    };
    let demand = beyond.iter().find_map(|value| refusal(kind, name, value));
    demand.map_or_else(|| what.to_owned(), |demand| format!("{what}, {demand}"))
}

/// What is demanded of a key's value where this one does not satisfy it: `between 1 and 16`.
fn refusal(kind: ModelKind, name: &str, value: &Value) -> Option<String> {
    match Recipe::of(kind).with(|layers| layers.value(name, name, value)) {
        Err(RecipeError::Setting(SettingsError::Value { key, problem, .. }))
            if key == name && !problem.starts_with("expected ") =>
        {
            let demand = problem.split(", is ").next().unwrap_or_default();
            Some(demand.trim_start_matches("must be ").to_owned())
        }
        _ => None,
    }
}

/// A default as a recipe has it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // Kept as f32: its own shortest form, not that of the f64 that it became.
            Some(x) if number.is_f64() && f64::from(x as f32) == x => (x as f32).to_string(),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(kind: ModelKind) -> Vec<RecipeKey> {
        Recipe::reference(kind).into_iter().flat_map(|section| section.keys).collect()
    }

    #[test]
    fn every_key_is_described_with_its_default() {
        for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
            let described: Vec<_> = keys(kind).into_iter().map(|key| (key.name, key.default)).collect();
            assert_eq!(described.into_iter().collect::<BTreeMap<_, _>>(), Recipe::of(kind).listed());
            for key in keys(kind) {
                assert!(!key.about.is_empty() && !key.values.is_empty(), "{key:?}");
                let mut recipe = Recipe::of(kind);
                recipe = recipe.with(|layers| layers.text("--set", &key.name, &key.default)).unwrap();
                assert_eq!(recipe, Recipe::of(kind), "{key:?}");
            }
        }
    }

    #[test]
    fn values_are_those_that_the_check_takes() {
        let keys = keys(ModelKind::Ranker);
        let values = |name: &str| keys.iter().find(|key| key.name == name).unwrap().values.as_str();
        assert_eq!(values("epochs"), "whole number, between 1 and 1000000");
        assert_eq!(values("tables.text_rows"), "whole number, between 2 and 268,435,456, or `none`");
        assert_eq!(values("data.validation_share"), "number, between 0 and 0.9");
        assert_eq!(values("model.key_size"), "whole number, between 1 and 1024");
        assert!(
            values("model.history_attention").starts_with("`causal` (")
                && !values("model.history_attention").contains("bidi")
        );
        assert!(values("schedule.decay").ends_with("`constant` (Not at all)"));
    }
}
