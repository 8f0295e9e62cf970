//! `config.json`: what a model is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use foryou_types::{ActionSet, TimeMs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::place::current;
use super::{CONFIG, CheckpointError};
use crate::kind::Kind;

/// The version of the format that is written.
const FORMAT: u64 = 2;
/// The version before: only the Phoenix models existed, and what they are stood beside what any model has.
const BEFORE_FAMILIES: u64 = 1;

/// What a model is: what any model has, and in [`Self::payload`] what only its family understands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The family, which knows the payload and the tensors.
    pub family: String,
    /// What the model is for.
    pub kind: Kind,
    /// What its heads predict.
    pub action_set: ActionSet,
    /// Everything random in it came from here.
    pub seed: u64,
    /// It learned from events before this moment.
    #[serde(default)]
    pub trained_until: Option<TimeMs>,
    /// What the trainer measured, by name, e.g. `validation/ndcg@10`. Values that are not finite are not saved.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// The names of the tensor files, without their ending.
    pub files: Vec<String>,
    /// Sizes, switches and all else that the family needs to know.
    pub payload: Value,
}

/// A manifest of version 1.
#[derive(Deserialize)]
struct BeforeFamilies {
    kind: Kind,
    action_set: ActionSet,
    seed: u64,
    #[serde(default)]
    trained_until: Option<TimeMs>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
    /// `model` and `hashes`.
    #[serde(flatten)]
    payload: Map<String, Value>,
}

impl From<BeforeFamilies> for Manifest {
    fn from(old: BeforeFamilies) -> Self {
        let BeforeFamilies { kind, action_set, seed, trained_until, metrics, payload } = old;
        let files = ["dense", "tables"].map(str::to_owned).into();
        let (family, payload) = ("phoenix".to_owned(), Value::Object(payload));
        Self { family, kind, action_set, seed, trained_until, metrics, files, payload }
    }
}

impl Manifest {
    /// Reads the manifest of a checkpoint, of this version of the format or an earlier one.
    pub fn read(folder: &Path) -> Result<Self, CheckpointError> {
        let path = current(folder).join(CONFIG);
        let text = fs::read(&path).map_err(|source| CheckpointError::Io { path: path.clone(), source })?;
        Self::parse(&text).map_err(|problem| CheckpointError::format(&path, problem))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let parsed = |e: serde_json::Error| e.to_string();
        // The version first: another version may have other fields.
        let mut any: Value = serde_json::from_slice(text).map_err(parsed)?;
        let version = any.as_object_mut().and_then(|fields| fields.remove("format"));
        let manifest: Self = match version.as_ref().and_then(Value::as_u64) {
            Some(FORMAT) => serde_json::from_value(any).map_err(parsed)?,
            Some(BEFORE_FAMILIES) => serde_json::from_value::<BeforeFamilies>(any).map_err(parsed)?.into(),
            Some(version) => {
                return Err(format!(
                    "format: is version {version}; versions {BEFORE_FAMILIES} and {FORMAT} are read here"
                ));
            }
            None => return Err("format: is missing, so this is not the config.json of a checkpoint".to_owned()),
        };
        manifest.problem().map_or(Ok(manifest), Err)
    }

    /// The text of the file.
    pub(super) fn text(&self) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Versioned<'a> {
            format: u64,
            #[serde(flatten)]
            manifest: &'a Manifest,
        }
        let mut manifest = self.clone();
        // JSON has no NaN: written as null it could not be read back.
        manifest.metrics.retain(|_, value| value.is_finite());
        serde_json::to_vec_pretty(&Versioned { format: FORMAT, manifest: &manifest })
    }

    /// The first thing wrong with what any model has, by its key.
    pub(super) fn problem(&self) -> Option<String> {
        if let Some(problem) = self.action_set.problem() {
            return Some(format!("action_set.{problem}"));
        }
        // A name is a file of the folder, and not one of those that every checkpoint has.
        let allowed = |name: &String| {
            let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            !name.is_empty() && plain && name != "optimizer"
        };
        let bad = self.files.iter().position(|name| !allowed(name))?;
        Some(format!("files[{bad}]: {:?} is not a name of lower-case letters, digits and underscores", self.files[bad]))
    }
}
