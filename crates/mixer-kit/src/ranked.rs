//! What the components must know of a query and of a candidate.

use std::sync::Arc;

use foryou_types::{ActionDef, PostId, Profile, Surface, TimeMs, UserActionSequence, UserId};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::bloom::ImpressionBloomFilterEntry;
use crate::notes::RequestNotes;

/// A request for a feed.
pub trait FeedQuery: Send + Sync {
    /// Whose feed.
    fn viewer(&self) -> UserId;
    /// The request's id; unique.
    fn request_id(&self) -> &str;
    /// The moment of the request.
    fn now(&self) -> TimeMs;
    /// How many items the caller wants.
    fn limit(&self) -> usize;
    /// Where the feed is shown.
    fn surface(&self) -> Surface;
    /// The profile of the data: its actions and their weights.
    fn profile(&self) -> &Profile;
    /// What the viewer did, as the state keeps it; `None`: not fetched.
    fn actions(&self) -> Option<&Arc<UserActionSequence>>;
    /// What the viewer knows already.
    fn known(&self) -> Known<'_>;
    /// Where components say what fits neither query nor candidate.
    fn notes(&self) -> &RequestNotes;
    /// An item's id as the data set writes it.
    fn print_item(&self, id: PostId) -> String;

    /// Whether the viewer is known to have done anything.
    fn has_actions(&self) -> bool {
        self.actions().is_some_and(|actions| !actions.is_empty())
    }
}

/// What a viewer has seen and was served, by the request and by the server's own record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Seen, as the request says.
    pub said_seen: &'a [PostId],
    /// Served, as the request says.
    pub said_served: &'a [PostId],
    /// Seen, as the request says; several filters are a union.
    pub blooms: &'a [ImpressionBloomFilterEntry],
    /// Seen, by the server's record.
    pub seen: Option<&'a FxHashSet<PostId>>,
    /// Served a moment ago, by the server's record.
    pub served: Option<&'a FxHashSet<PostId>>,
}

/// A candidate that can be ranked.
///
/// A repost stands for another item, its *original*: what it is worth, and whose it is, are the original's. An item that stands for
/// itself is its own original.
pub trait Ranked: Send + Sync {
    /// The item.
    fn item_id(&self) -> PostId;
    /// When it was made, where that is known; the newest of equals comes first.
    fn created_at(&self) -> Option<TimeMs>;
    /// The item whose appeal decides.
    fn original_id(&self) -> PostId {
        self.item_id()
    }
    /// When the original was made, where that is known.
    fn original_created_at(&self) -> Option<TimeMs> {
        self.created_at()
    }
    /// Whose the original is: its author, its category. None where it belongs to nobody.
    fn group_id(&self) -> UserId;
    /// The items by which a viewer may know this one: itself first.
    fn known_ids(&self) -> impl Iterator<Item = PostId> {
        std::iter::once(self.item_id())
    }
    /// One of [`Self::known_ids`] that the viewer acted on, where acting counts as seeing.
    fn acted_on(&self) -> Option<PostId> {
        None
    }

    /// What the viewer would do with it, `[A]`: probabilities, and seconds for continuous actions. Empty until it is predicted.
    fn heads(&self) -> &[f64];
    /// Whether a head is not a finite number: the item gets no score and goes to the end.
    fn is_unscorable(&self) -> bool;
    /// What predicted them; `None` where nothing did.
    fn scored_by(&self) -> Option<ScoredBy> {
        None
    }
    /// Which prediction its heads are from, for an explanation; `None` where that is not kept.
    fn predicted(&self) -> Option<Predicted> {
        None
    }
    /// Takes a prediction.
    fn set_prediction(&mut self, prediction: Prediction);
    /// What an action is worth on this item: the action's weight, unless the item has a reason to say otherwise.
    fn weight(&self, action: &ActionDef) -> f64 {
        action.weight
    }
    /// Takes Σ w·p, before anything else is done to it.
    fn set_weighted_score(&mut self, score: Option<f64>);
    /// What the feed is sorted by; `None` without a score.
    fn score(&self) -> Option<f64>;
    /// Takes a score.
    fn set_score(&mut self, score: Option<f64>);
}

/// What predicted the heads of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredBy {
    /// The model.
    Model,
    /// The popularity prior.
    PopularityPrior,
}

impl ScoredBy {
    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::PopularityPrior => "popularity_prior",
        }
    }
}

/// What is predicted for one candidate.
#[derive(Clone, Debug, Default)]
pub struct Prediction {
    /// The heads; `None` where nothing was predicted, or not all of it is a number.
    pub heads: Option<Box<[f64]>>,
    /// What predicted them.
    pub by: Option<ScoredBy>,
    /// Whether a head is NaN or infinite.
    pub unscorable: bool,
    /// Number of the prediction: the request id's hash.
    pub request: u64,
    /// When it was made, Unix milliseconds.
    pub at_ms: u64,
}

/// Which prediction the heads of an item are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// Its number: the request id's hash.
    pub request: u64,
    /// When it was made, Unix milliseconds.
    pub at_ms: u64,
}

/// A score after a multiplier. A negative score stays: a factor below 1 would raise it.
pub fn multiplied(score: f64, multiplier: f64) -> f64 {
    if score < 0.0 { score } else { score * multiplier }
}
