//! Any combination of layers, and what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{DEFAULT, Layers, SettingsError};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    #[default]
    Up,
    Down,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    share: f64,
    way: Way,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Outer {
    size: u16,
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    seed: u64,
    single: f32,
    on: bool,
    name: String,
    limit: Option<u32>,
    outer: Outer,
}

fn layers() -> Layers {
    Layers::over(&All::default()).unwrap()
}

/// A value of a key, as text.
fn values(key: &'static str) -> BoxedStrategy<String> {
    match key {
        "seed" | "limit" => any::<u32>().prop_map(|n| n.to_string()).boxed(),
        "outer.size" => any::<u16>().prop_map(|n| n.to_string()).boxed(),
        "single" => (-1e30f32..1e30).prop_map(|x| format!("{x:?}")).boxed(),
        "outer.share" => (-1e300..1e300).prop_map(|x: f64| format!("{x:?}")).boxed(),
        "on" => any::<bool>().prop_map(|b| b.to_string()).boxed(),
        "outer.way" => prop_oneof![Just("up".to_owned()), Just("down".to_owned())].boxed(),
        _ => any::<String>().boxed(),
    }
}

const KEYS: [&str; 8] = ["seed", "single", "on", "name", "limit", "outer.size", "outer.share", "outer.way"];

fn assignments() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let one = prop::sample::select(KEYS.to_vec()).prop_flat_map(|key| (Just(key), values(key)));
    prop::collection::vec(one, 0..20)
}

/// A value in TOML's own notation.
fn in_toml(key: &str, text: &str) -> String {
    match key {
        "name" | "outer.way" => toml::Value::String(text.to_owned()).to_string(),
        _ => text.to_owned(),
    }
}

fn set(all: &mut All, key: &str, text: &str) {
    match key {
        "seed" => all.seed = text.parse().unwrap(),
        "single" => all.single = text.parse().unwrap(),
        "on" => all.on = text.parse().unwrap(),
        "name" => text.clone_into(&mut all.name),
        "limit" => all.limit = Some(text.parse().unwrap()),
        "outer.size" => all.outer.size = text.parse().unwrap(),
        "outer.share" => all.outer.inner.share = text.parse().unwrap(),
        _ => all.outer.inner.way = if text == "up" { Way::Up } else { Way::Down },
    }
}

proptest! {
    #[test]
    fn the_topmost_layer_that_has_a_key_gives_its_value(of_files in assignments(), of_flags in assignments()) {
        let (mut all, mut origins) = (All::default(), BTreeMap::new());
        let mut layers = layers();
        for (i, (key, text)) in of_files.iter().enumerate() {
            let file = format!("f{i}.toml");
            layers = layers.file(&file, &format!("# a comment\n\n{key} = {}\n", in_toml(key, text))).unwrap();
            set(&mut all, key, text);
            origins.insert(*key, format!("{file}:3"));
        }
        for (key, text) in &of_flags {
            layers = layers.text("--flag", key, text).unwrap();
            set(&mut all, key, text);
            origins.insert(*key, "--flag".to_owned());
        }
        prop_assert_eq!(layers.extract::<All>().unwrap(), all);
        for key in KEYS {
            let expected = origins.get(key).map_or(DEFAULT, String::as_str);
            let origin = layers.setting(key).origin;
            prop_assert_eq!(origin.as_str(), expected);
        }
    }

    #[test]
    fn settings_survive_a_file_of_their_own(given in assignments()) {
        let mut all = All::default();
        for (key, text) in &given {
            set(&mut all, key, text);
        }
        let text = toml::to_string(&all).unwrap();
        prop_assert_eq!(layers().file("c.toml", &text).unwrap().extract::<All>().unwrap(), all);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_with_a_known_one(key in "[a-z_]{1,9}(\\.[a-z_]{1,9}){0,2}") {
        prop_assume!(!KEYS.contains(&key.as_str()) && key != "outer");
        for refused in [
            layers().text("--set", &key, "1"),
            layers().assignment("--set", &format!("{key}=1")),
            layers().file("c.toml", &format!("{key} = 1")).map_err(|error| match error {
                // A part of something that is a value is not a section.
                SettingsError::Unknown { origin, key, nearest } => {
                    assert_eq!(origin, "c.toml:1");
                    SettingsError::Unknown { origin: "--set".to_owned(), key, nearest }
                }
                other => other,
            }),
        ] {
            let Err(SettingsError::Unknown { origin, key: named, nearest }) = refused else {
                panic!("{key} was taken");
            };
            prop_assert_eq!((origin.as_str(), &named), ("--set", &key));
            prop_assert!(KEYS.contains(&nearest.as_str()), "{nearest}");
        }
    }

    #[test]
    fn no_text_makes_reading_fail_without_a_name(text in any::<String>()) {
        for key in KEYS {
            if let Err(error) = layers().text("--set", key, &text).and_then(|layers| layers.extract::<All>()) {
                prop_assert!(error.to_string().starts_with(&format!("--set: {key}: ")), "{error}");
            }
        }
        // Whatever a file holds, it is read or refused.
        if let Err(error) = layers().file("c.toml", &text) {
            prop_assert!(error.to_string().starts_with("c.toml:"), "{error}");
        }
    }
}

#[test]
fn a_value_that_does_not_fit_is_named_with_its_place() {
    let file = |text: &str| layers().file("c.toml", text).and_then(|l| l.extract::<All>()).unwrap_err().to_string();
    assert_eq!(file("\nseed = \"x\""), "c.toml:2: seed: expected a whole number, found \"x\"");
    assert_eq!(file("seed = 1.5"), "c.toml:1: seed: expected a whole number, found 1.5");
    assert_eq!(file("on = 1"), "c.toml:1: on: expected true or false, found 1");
    assert_eq!(file("name = [1]"), "c.toml:1: name: expected text, found a list");
    assert_eq!(file("[seed]\nx = 1"), "c.toml:2: there is no setting \"seed.x\"; the nearest is \"seed\"");
    assert_eq!(file("outer = 1"), "c.toml:1: outer: is a section, not a value");
    // Out of the range of its type, and inside of a flattened section, which serde does not name.
    assert_eq!(
        file("[outer]\nshare = 1\nsize = 70000"),
        "c.toml:3: outer.size: expected u16, found signed int `70000`"
    );
    assert!(file("[outer]\nway = \"left\"").starts_with("c.toml:2: outer.way: must be `up` or `down`"));
    let flag =
        |text: &str| layers().assignment("--set", text).and_then(|l| l.extract::<All>()).unwrap_err().to_string();
    assert_eq!(flag("seed"), "--set seed: expected KEY=VALUE");
    assert_eq!(flag("seed=many"), "--set: seed: expected a whole number, found \"many\"");
    assert!(flag("seed=none").starts_with("--set: seed: "));
}

#[test]
fn variables_are_keys_with_underscores() {
    let layers = layers();
    assert_eq!(layers.key_of("APP_", "APP_OUTER_SIZE").unwrap(), "outer.size");
    assert_eq!(layers.key_of("APP_", "APP_seed").unwrap(), "seed");
    let error = layers.key_of("APP_", "APP_OUTER_SISE").unwrap_err().to_string();
    assert_eq!(error, "APP_OUTER_SISE: there is no such setting; the nearest is APP_OUTER_SIZE");
}

#[test]
fn a_whole_number_is_a_number_and_none_empties() {
    let all = |text: &str| layers().assignment("--set", text).and_then(|l| l.extract::<All>()).unwrap();
    assert_eq!(all("single=2").single, 2.0);
    assert_eq!(all("limit= 7 ").limit, Some(7));
    assert!(all("on=1").on);
    assert_eq!(all("name= a=b ").name, " a=b ");
    let full = Layers::over(&All { limit: Some(3), ..All::default() }).unwrap();
    assert_eq!(full.text("--set", "limit", "none").unwrap().extract::<All>().unwrap().limit, None);
}
