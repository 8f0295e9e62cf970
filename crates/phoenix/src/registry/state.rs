//! `registry.json`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use foryou_types::TimeMs;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::gate::Gate;
use crate::config::ModelKind;

const FORMAT: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    format: u32,
    #[serde(default)]
    ranker: OfKind,
    #[serde(default)]
    retrieval: OfKind,
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
        Self { format: FORMAT, ranker: OfKind::default(), retrieval: OfKind::default(), changes: 0, check: None }
    }
}

impl State {
    pub(super) const fn of(&self, kind: ModelKind) -> &OfKind {
        match kind {
            ModelKind::Ranker => &self.ranker,
            ModelKind::Retrieval => &self.retrieval,
        }
    }

    pub(super) const fn of_mut(&mut self, kind: ModelKind) -> &mut OfKind {
        match kind {
            ModelKind::Ranker => &mut self.ranker,
            ModelKind::Retrieval => &mut self.retrieval,
        }
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
        for kind in super::KINDS {
            let of_kind = state.of(kind);
            let names =
                of_kind.history.iter().map(|p| &p.name).chain(of_kind.created.keys()).chain(of_kind.gates.keys());
            for name in names.chain(of_kind.challenger.as_ref().map(|c| &c.name)) {
                if parse_name(name).is_none_or(|(named, _)| named != kind) {
                    return Err(format!("{}: {name:?} is not the name of a version", kind.name()));
                }
            }
            if of_kind.challenger.as_ref().is_some_and(|c| !(c.share > 0.0 && c.share <= 1.0)) {
                return Err(format!("{}.challenger.share: must be above 0 and at most 1", kind.name()));
            }
        }
        Ok(state)
    }

    fn checksum(&self) -> Result<String, String> {
        let content = serde_json::to_vec(&Self { check: None, ..self.clone() }).map_err(|e| e.to_string())?;
        Ok(format!("{:016x}", xxh3_64(&content)))
    }

    /// Replaces the file as a whole, as change number `changes`. Only under the lock: the name of the part is always the same.
    pub(super) fn write(&self, path: &Path, changes: u64) -> io::Result<()> {
        let part = path.with_extension("part");
        let mut checked = Self { changes, ..self.clone() };
        checked.check = Some(checked.checksum().map_err(io::Error::other)?);
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec_pretty(&checked)?)?;
        file.sync_all()?;
        fs::rename(&part, path)
    }
}

impl OfKind {
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
pub(super) fn version_name(kind: ModelKind, number: u32) -> String {
    format!("{}-{number:04}", kind.name())
}

/// The kind and number of a version's name, written exactly as [`version_name`] writes it.
pub(super) fn parse_name(name: &str) -> Option<(ModelKind, u32)> {
    let (kind, number) = name.split_once('-')?;
    let kind = super::KINDS.into_iter().find(|k| k.name() == kind)?;
    Some((kind, parse_number(number)?))
}

/// The number of a folder's name: four digits or more, no more zeros in front than needed.
pub(super) fn parse_number(text: &str) -> Option<u32> {
    let number = text.parse().ok()?;
    (number > 0 && format!("{number:04}") == text).then_some(number)
}
