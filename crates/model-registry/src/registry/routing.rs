//! The version that serves a person.

use std::path::PathBuf;

use foryou_types::UserId;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::kind::Kind;

/// A version and where its checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its name, e.g. `ranker-0001`.
    pub name: String,
    /// Its checkpoint folder, which never changes.
    pub folder: PathBuf,
}

/// The versions of a kind that serve.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    /// Which model.
    pub kind: Kind,
    /// The promoted version.
    pub champion: Option<Version>,
    /// A second version, and the share of users it serves, in `(0, 1]`.
    pub challenger: Option<(Version, f64)>,
}

impl Routing {
    /// The version that serves a user: always the same as long as the routing stays.
    pub fn route(&self, user: UserId) -> Option<&Version> {
        match &self.challenger {
            Some((version, share)) if place(&self.kind, user) < *share => Some(version),
            _ => self.champion.as_ref(),
        }
    }
}

/// Where a user stands in `[0, 1)`. Kinds are split apart from each other: who gets the new ranker says nothing about retrieval.
pub(super) fn place(kind: &Kind, user: UserId) -> f64 {
    let hash = xxh3_64_with_seed(&user.0.to_le_bytes(), xxh3_64(kind.name().as_bytes()));
    (hash >> 11) as f64 / (1u64 << 53) as f64
}
