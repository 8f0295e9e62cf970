//! The name of a kind of model.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a model is for, e.g. [`Self::RANKER`]: the name of its folder among the versions, and of the part of the registry that
/// says which version serves. 1 to 32 lower-case letters, digits and underscores, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(Cow<'static, str>);

/// A text that does not name a kind of model.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} does not name a kind of model: it must be 1 to 32 lower-case letters, digits and underscores, a letter first, and not \
     `runs`, `format`, `changes` or `check`"
)]
pub struct KindError(String);

/// The longest name.
const MOST: usize = 32;
/// The folder of the trainings next to those of the versions, and the registry's own keys next to those of the kinds.
const TAKEN: [&str; 4] = ["runs", "format", "changes", "check"];

const fn is_valid(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > MOST || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut i = 0;
    while i < bytes.len() {
        if !(bytes[i].is_ascii_lowercase() || bytes[i].is_ascii_digit() || bytes[i] == b'_') {
            return false;
        }
        i += 1;
    }
    let mut i = 0;
    while i < TAKEN.len() {
        if is_same(bytes, TAKEN[i].as_bytes()) {
            return false;
        }
        i += 1;
    }
    true
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

impl Kind {
    /// The versions that rank: they say how likely each action is on a feed's candidates.
    pub const RANKER: Self = Self::constant("ranker");
    /// The versions that retrieve: they find a feed's candidates among all posts.
    pub const RETRIEVAL: Self = Self::constant("retrieval");

    /// The kind of that name.
    pub fn new(name: &str) -> Result<Self, KindError> {
        if is_valid(name) { Ok(Self(name.to_owned().into())) } else { Err(KindError(name.to_owned())) }
    }

    /// The kind of that name, for a constant: a wrong name does not compile.
    ///
    /// ```
    /// # use model_registry::Kind;
    /// const READER: Kind = Kind::constant("reader");
    /// assert_eq!(READER, Kind::new("reader").unwrap());
    /// ```
    ///
    /// ```compile_fail
    /// # use model_registry::Kind;
    /// const READER: Kind = Kind::constant("the reader");
    /// ```
    pub const fn constant(name: &'static str) -> Self {
        assert!(is_valid(name), "not the name of a kind of model");
        Self(Cow::Borrowed(name))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Kind {
    type Error = KindError;

    fn try_from(name: String) -> Result<Self, KindError> {
        Self::new(&name)
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_folder_and_a_key() {
        for name in ["ranker", "retrieval", "ss4rec", "a", "neural_cf2"] {
            assert_eq!(Kind::new(name).unwrap().name(), name);
            assert_eq!(serde_json::from_str::<Kind>(&format!("{name:?}")).unwrap(), Kind::new(name).unwrap());
        }
        let long = "a".repeat(33);
        for name in ["", "Ranker", "4rec", "_x", "a-b", "a/b", "..", "ä", "a b", "runs", "format", "check", &long] {
            let error = Kind::new(name).unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
            assert!(serde_json::from_str::<Kind>(&format!("{name:?}")).is_err());
        }
    }
}
