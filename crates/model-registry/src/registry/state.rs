//! `registry.json`.

use std::collections::BTreeMap;
use std::io;

use foryou_types::TimeMs;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::gate::Gate;
use crate::kind::Kind;

const FORMAT: u32 = 1;

/// The whole file. Every key but those named here is a kind of model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    format: u32,
    #[serde(flatten)]
    kinds: BTreeMap<Kind, OfKind>,
    /// How often the file was written; 0 in a file of an earlier version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) changes: u64,
    /// XXH3-64 of the rest, in hexadecimal; absent in a file of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<String>,
}

/// What it says about one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OfKind {
    /// Promotions, newest last. The last that was not rolled back is the champion.
    pub(super) history: Vec<Promotion>,
    /// A version that serves a share of the users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) challenger: Option<Challenger>,
    /// When versions were registered.
    pub(super) created: BTreeMap<String, TimeMs>,
    /// The checksums of their manifests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) manifests: BTreeMap<String, String>,
    /// How versions were judged.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) gates: BTreeMap<String, Gate>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promotion {
    pub(super) name: String,
    pub(super) at: TimeMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rolled_back: Option<TimeMs>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Challenger {
    pub(super) name: String,
    pub(super) share: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Default for State {
    fn default() -> Self {
        Self { format: FORMAT, kinds: BTreeMap::new(), changes: 0, check: None }
    }
}

impl State {
    /// What the file says about a kind.
    pub(super) fn of(&self, kind: &Kind) -> &OfKind {
        self.kinds.get(kind).unwrap_or(&NOTHING)
    }

    pub(super) fn of_mut(&mut self, kind: &Kind) -> &mut OfKind {
        self.kinds.entry(kind.clone()).or_default()
    }

    /// The kinds that the file knows.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.keys()
    }

    /// Reads the file, or says what is wrong with it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let state: Self = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        if state.format != FORMAT {
            return Err(format!("format: is version {}; version {FORMAT} is read here", state.format));
        }
        if state.check.as_ref().is_some_and(|check| state.checksum().as_ref() != Ok(check)) {
            return Err("was changed or damaged since it was written".to_owned());
        }
        for (kind, of_kind) in &state.kinds {
            let names =
                of_kind.history.iter().map(|p| &p.name).chain(of_kind.created.keys()).chain(of_kind.gates.keys());
            for name in names.chain(of_kind.challenger.as_ref().map(|c| &c.name)) {
                if parse_name(name).is_none_or(|(named, _)| named != *kind) {
                    return Err(format!("{kind}: {name:?} is not the name of a version"));
                }
            }
            if of_kind.challenger.as_ref().is_some_and(|c| !(c.share > 0.0 && c.share <= 1.0)) {
                return Err(format!("{kind}.challenger.share: must be above 0 and at most 1"));
            }
        }
        Ok(state)
    }

    fn checksum(&self) -> Result<String, String> {
        let content = serde_json::to_vec(&Self { check: None, ..self.clone() }).map_err(|e| e.to_string())?;
        Ok(format!("{:016x}", xxh3_64(&content)))
    }

    /// The text of the file after change number `changes`.
    pub(super) fn written(&self, changes: u64) -> io::Result<Vec<u8>> {
        let mut checked = Self { changes, ..self.clone() };
        checked.check = Some(checked.checksum().map_err(io::Error::other)?);
        Ok(serde_json::to_vec_pretty(&checked)?)
    }
}

/// A kind that the file does not know.
static NOTHING: OfKind = OfKind {
    history: Vec::new(),
    challenger: None,
    created: BTreeMap::new(),
    manifests: BTreeMap::new(),
    gates: BTreeMap::new(),
};

impl OfKind {
    /// Lets a version serve everybody, and ends a split between two.
    pub(super) fn promote(&mut self, name: &str, now: TimeMs) {
        self.challenger = None;
        // One whose registration was interrupted, or that an older copy of the registry does not know, is known from now on.
        self.created.entry(name.to_owned()).or_insert(now);
        if self.champion() != Some(name) {
            self.history.push(Promotion { name: name.to_owned(), at: now, rolled_back: None });
        }
    }

    pub(super) fn champion(&self) -> Option<&str> {
        self.standing().next().map(|i| self.history[i].name.as_str())
    }

    /// Places in the history of the promotion that stands and of the one before it.
    pub(super) fn last_two(&self) -> Option<(usize, usize)> {
        let mut standing = self.standing();
        Some((standing.next()?, standing.next()?))
    }

    /// Places of the promotions not rolled back, newest first.
    fn standing(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.history.len()).rev().filter(|&i| self.history[i].rolled_back.is_none())
    }
}

/// `ranker-0001`.
pub(super) fn version_name(kind: &Kind, number: u32) -> String {
    format!("{kind}-{number:04}")
}

/// The kind and number of a version's name, written exactly as [`version_name`] writes it.
pub(super) fn parse_name(name: &str) -> Option<(Kind, u32)> {
    let (kind, number) = name.split_once('-')?;
    Some((Kind::new(kind).ok()?, parse_number(number)?))
}

/// The number of a folder's name: four digits or more, no more zeros in front than needed.
pub(super) fn parse_number(text: &str) -> Option<u32> {
    let number = text.parse().ok()?;
    (number > 0 && format!("{number:04}") == text).then_some(number)
}
