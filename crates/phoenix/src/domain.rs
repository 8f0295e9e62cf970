//! Domains: what the heads of a model predict, as data.

use foryou_types::{ActionDef, ActionKind, ActionSet};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A named action set. A shop and a film service have their own; the engine knows only places and weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// The actions and their weights; the order is that of every score vector.
    pub action_set: ActionSet,
}

/// A domain file that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DomainError {
    /// No TOML, an unknown or missing key, a value of another type.
    #[error("{0}")]
    Toml(String),
    /// A value that makes no domain.
    #[error("{key}: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

/// A domain as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    version: u32,
    actions: Vec<ActionDef>,
}

impl Domain {
    /// The For You feed: 18 discrete heads and dwell time.
    pub fn for_you() -> Self {
        Self { name: "for_you".to_owned(), action_set: ActionSet::for_you() }
    }

    /// The For You feed and four more actions at the end: a video opened, a link opened, a post passed over, a bookmark.
    pub fn extended() -> Self {
        let mut action_set = ActionSet::for_you();
        action_set.version = 2;
        let more = [("video_open", 0.05), ("open_link", 0.2), ("not_dwelled", -0.02), ("bookmark", 0.0)];
        action_set.actions.extend(more.map(|(name, weight)| ActionDef {
            name: name.to_owned(),
            weight,
            kind: ActionKind::Discrete,
        }));
        Self { name: "extended".to_owned(), action_set }
    }

    /// The built-in domain of that name.
    pub fn built_in(name: &str) -> Option<Self> {
        [Self::for_you(), Self::extended()].into_iter().find(|domain| domain.name == name)
    }

    /// Reads a domain file: `name`, `version`, and `[[actions]]` with `name`, `weight` and, for seconds, `kind = "continuous"`.
    pub fn from_toml(text: &str) -> Result<Self, DomainError> {
        let file: File = toml::from_str(text).map_err(|e| DomainError::Toml(e.to_string()))?;
        let value = |key: &str, problem: &str| DomainError::Value { key: key.to_owned(), problem: problem.to_owned() };
        if file.name.is_empty() {
            return Err(value("name", "must not be empty"));
        }
        let action_set = ActionSet { version: file.version, actions: file.actions };
        if let Some(problem) = action_set.problem() {
            let (key, problem) = problem.split_once(": ").unwrap_or(("actions", &problem));
            return Err(value(key, problem));
        }
        Ok(Self { name: file.name, action_set })
    }

    /// The domain file.
    pub fn to_toml(&self) -> Result<String, DomainError> {
        let file = File {
            name: self.name.clone(),
            version: self.action_set.version,
            actions: self.action_set.actions.clone(),
        };
        toml::to_string_pretty(&file).map_err(|e| DomainError::Toml(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extended_domain_only_adds_at_the_end() {
        let (plain, extended) = (Domain::for_you().action_set, Domain::extended().action_set);
        assert_eq!(extended.actions[..19], plain.actions[..]);
        let more: Vec<_> = extended.actions[19..].iter().map(|a| (a.name.as_str(), a.weight)).collect();
        assert_eq!(more, [("video_open", 0.05), ("open_link", 0.2), ("not_dwelled", -0.02), ("bookmark", 0.0)]);
        assert!(extended.version > plain.version);
        assert_eq!(extended.problem(), None);
    }

    #[test]
    fn a_domain_survives_its_file() {
        for domain in [Domain::for_you(), Domain::extended()] {
            assert_eq!(Domain::from_toml(&domain.to_toml().unwrap()).unwrap(), domain);
            assert_eq!(Domain::built_in(&domain.name), Some(domain));
        }
        assert_eq!(Domain::built_in("shop"), None);
    }

    #[test]
    fn a_domain_of_ones_own_is_a_few_lines() {
        let shop = "name = 'shop'\nversion = 3\n[[actions]]\nname = 'buy'\nweight = 10\n\
                    [[actions]]\nname = 'look'\nweight = 0.01\nkind = 'continuous'\n";
        let shop = Domain::from_toml(shop).unwrap();
        assert_eq!((shop.name.as_str(), shop.action_set.version, shop.action_set.len()), ("shop", 3, 2));
        assert_eq!(shop.action_set.dwell_time(), Some(1));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let action = "[[actions]]\nname = 'a'\nweight = 1\n";
        for (text, key) in [
            (format!("version = 1\n{action}"), "name"),
            (format!("name = ''\nversion = 1\n{action}"), "name"),
            (format!("name = 'x'\nversion = 'one'\n{action}"), "version"),
            (format!("name = 'x'\nversion = 1\ncolour = 2\n{action}"), "colour"),
            ("name = 'x'\nversion = 1\nactions = []".to_owned(), "actions"),
            (format!("name = 'x'\nversion = 1\n{action}{action}"), "actions[1]"),
            (format!("name = 'x'\nversion = 1\n{action}[[actions]]\nname = 'b'\nweight = nan\n"), "actions[1]"),
            (format!("name = 'x'\nversion = 1\n{action}kind = 'odd'\n"), "kind"),
            ("name = [".to_owned(), "name"),
        ] {
            let error = Domain::from_toml(&text).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
