//! What was found when a version was judged before it may serve.

use std::collections::BTreeMap;

use foryou_types::TimeMs;
use serde::{Deserialize, Serialize};

/// The judgement on a trained version: whether it may serve, why not, and what was measured. Kept in the registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Whether it may be promoted.
    pub passed: bool,
    /// Why it must not serve, a sentence each; empty where it passed.
    pub reasons: Vec<String>,
    /// What could not be compared, and why; says nothing against the version.
    pub notes: Vec<String>,
    /// What was measured on the held-out part, by name. Rounded to six places; values that are not finite are
    /// left out.
    pub measured: BTreeMap<String, f64>,
    /// The first moment of the held-out part; `None` where nothing was held out. A later version is compared with this one only on
    /// a part that begins no earlier.
    pub held_out_from: Option<TimeMs>,
}

impl Gate {
    /// A judgement: passed if there is no reason against it.
    pub fn new(reasons: Vec<String>, notes: Vec<String>, measured: BTreeMap<String, f64>) -> Self {
        let mut measured = measured;
        // JSON has no NaN: written as null it could not be read back. Six places are read back as they were written, which the
        // checksum of the registry needs.
        measured.retain(|_, value| value.is_finite());
        for value in measured.values_mut() {
            *value = (*value * 1e6).round() / 1e6;
        }
        Self { passed: reasons.is_empty(), reasons, notes, measured, held_out_from: None }
    }
}
