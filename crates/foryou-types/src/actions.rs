//! The set of actions a data set predicts, with their weights: data, not code.

use serde::{Deserialize, Serialize};

/// Place of an action in its profile's set. Stored events carry this number.
pub type ActionIndex = u8;

/// A set of actions as bits, bit `i` for index `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionMask(pub u64);

impl ActionMask {
    /// The set of one action.
    pub const fn of(index: ActionIndex) -> Self {
        Self(1 << index)
    }
    /// Whether the action is in the set.
    pub const fn has(self, index: ActionIndex) -> bool {
        self.0 >> index & 1 == 1
    }
    /// Adds an action.
    pub const fn insert(&mut self, index: ActionIndex) {
        self.0 |= 1 << index;
    }
    /// Takes an action out.
    pub const fn remove(&mut self, index: ActionIndex) {
        self.0 &= !(1 << index);
    }
    /// Whether no action is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The indices in the set, ascending.
    pub fn iter(self) -> impl Iterator<Item = ActionIndex> {
        (0..64).filter(move |&i| self.has(i))
    }
}

/// What a head predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Happens or not: the head is a probability.
    #[default]
    Discrete,
    /// Seconds (dwell): the head is an expected value, clipped at [`ActionSet::DWELL_CLIP_SECONDS`].
    Continuous,
}

/// One action of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionDef {
    /// The name in JSON, TOML and protobuf.
    pub name: String,
    /// Its weight in the weighted score: per probability for a discrete head, per second for a continuous one.
    pub weight: f64,
    /// Discrete or continuous.
    #[serde(default)]
    pub kind: ActionKind,
}

/// The versioned list of actions of a data set; the order is the order of every score vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSet {
    /// Raised when actions are added. Actions are only ever added at the end.
    pub version: u32,
    /// The actions, at most 64.
    pub actions: Vec<ActionDef>,
}

impl ActionSet {
    /// Dwell beyond this many seconds counts as this many.
    pub const DWELL_CLIP_SECONDS: f64 = 30.0;

    /// The 18 discrete heads and dwell time of the For You feed, with the published production weights of mid-August 2026.
    pub fn for_you() -> Self {
        const DISCRETE: [(&str, f64); 18] = [
            ("favorite", 0.5),
            ("reply", 5.0),
            ("repost", 1.0),
            ("photo_expand", 0.05),
            ("click", 0.4),
            ("profile_click", 0.0),
            ("vqv", 0.05),
            ("share", 2.0),
            ("share_via_dm", 5.0),
            ("share_via_copy_link", 20.0),
            ("dwell", 0.0),
            ("quote", 5.0),
            ("quoted_click", 0.05),
            ("follow_author", 4.0),
            ("not_interested", -43.2),
            ("block_author", -31.2),
            ("mute_author", -58.8),
            ("report", -234.0),
        ];
        let mut actions: Vec<_> = DISCRETE
            .iter()
            .map(|&(name, weight)| ActionDef { name: name.to_owned(), weight, kind: ActionKind::Discrete })
            .collect();
        actions.push(ActionDef { name: "dwell_time".to_owned(), weight: 0.004, kind: ActionKind::Continuous });
        Self { version: 1, actions }
    }

    /// A set of discrete actions.
    pub fn discrete(version: u32, actions: &[(&str, f64)]) -> Self {
        let actions = actions
            .iter()
            .map(|&(name, weight)| ActionDef { name: name.to_owned(), weight, kind: ActionKind::Discrete })
            .collect();
        Self { version, actions }
    }

    /// Number of actions, the length of a score vector.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether the set has no action (an invalid set).
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The place of an action.
    pub fn index_of(&self, name: &str) -> Option<ActionIndex> {
        self.actions.iter().position(|a| a.name == name).map(|i| i as ActionIndex)
    }

    /// The action at a place.
    pub fn get(&self, index: ActionIndex) -> Option<&ActionDef> {
        self.actions.get(index as usize)
    }

    /// The name at a place, `?` for one the set does not have.
    pub fn name(&self, index: ActionIndex) -> &str {
        self.get(index).map_or("?", |a| a.name.as_str())
    }

    /// The actions with their places.
    pub fn iter(&self) -> impl Iterator<Item = (ActionIndex, &ActionDef)> {
        self.actions.iter().enumerate().map(|(i, a)| (i as ActionIndex, a))
    }

    /// The place of the continuous dwell head, if the set has one.
    pub fn dwell_time(&self) -> Option<ActionIndex> {
        self.iter().find(|(_, a)| a.kind == ActionKind::Continuous).map(|(i, _)| i)
    }

    /// What the heads of a post (`[A]`, probabilities and seconds) are worth: `Σ weight · head`, seconds clipped at
    /// [`Self::DWELL_CLIP_SECONDS`]. A missing head counts 0. (A feed's own rules for videos and replies come on top, see the
    /// weighted scorer.)
    pub fn value(&self, heads: &[f64]) -> f64 {
        self.value_by(heads, |action| action.weight)
    }

    /// As [`Self::value`], with other weights.
    pub fn value_by(&self, heads: &[f64], weight: impl Fn(&ActionDef) -> f64) -> f64 {
        let term = |(action, head): (&ActionDef, &f64)| match action.kind {
            ActionKind::Discrete => weight(action) * head,
            ActionKind::Continuous => weight(action) * head.clamp(0.0, Self::DWELL_CLIP_SECONDS),
        };
        self.actions.iter().zip(heads).map(term).sum()
    }

    /// The first thing wrong with the set, if any: empty, too long, a name twice, a weight that is not finite.
    pub fn problem(&self) -> Option<String> {
        if self.actions.is_empty() || self.actions.len() > 64 {
            return Some(format!("actions: a set has 1 to 64 actions, this one {}", self.actions.len()));
        }
        for (i, action) in self.iter() {
            if action.name.is_empty() || !action.weight.is_finite() {
                return Some(format!("actions[{i}]: a name and a finite weight are needed"));
            }
            if self.index_of(&action.name) != Some(i) {
                return Some(format!("actions[{i}]: the name {:?} occurs twice", action.name));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_for_you_set_is_the_published_table() {
        let set = ActionSet::for_you();
        assert_eq!(set.len(), 19);
        assert_eq!(set.problem(), None);
        assert_eq!(set.dwell_time(), Some(18));
        let negative: f64 = set.actions.iter().map(|a| a.weight).filter(|w| *w < 0.0).sum();
        assert!((negative + 367.2).abs() < 1e-9);
    }

    #[test]
    fn a_bad_set_is_named() {
        assert!(ActionSet::discrete(1, &[]).problem().unwrap().contains("1 to 64"));
        assert!(ActionSet::discrete(1, &[("a", 1.0), ("a", 2.0)]).problem().unwrap().contains("twice"));
        assert!(ActionSet::discrete(1, &[("a", f64::NAN)]).problem().unwrap().contains("finite"));
    }

    #[test]
    fn masks_hold_what_was_put_in() {
        let mut mask = ActionMask::of(3);
        mask.insert(17);
        assert_eq!(mask.iter().collect::<Vec<_>>(), [3, 17]);
        mask.remove(3);
        assert!(!mask.has(3) && mask.has(17));
    }
}
