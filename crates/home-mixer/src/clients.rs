//! Who the pipeline asks: the traits of [`foryou_types::seams`], so that it never knows where its data lives.

use std::sync::Arc;

use foryou_io::MonotonicClock;
use foryou_types::seams::{
    Gizmoduck, InNetworkPosts, Ranking, Retrieval, ServedRecorder, SocialGraph, Strato, TweetEntities,
    VisibilityFiltering,
};
use foryou_types::{Clock, Rng};
use parking_lot::Mutex;

/// Everything a mixer asks.
#[derive(Clone)]
pub struct Clients {
    /// In-network posts.
    pub thunder: Arc<dyn InNetworkPosts>,
    /// Out-of-network posts for a viewer with history.
    pub retrieval: Arc<dyn Retrieval>,
    /// Posts for a viewer without history.
    pub popular: Arc<dyn Retrieval>,
    /// Probabilities of actions. Without a model: the same as `prior`.
    pub ranking: Arc<dyn Ranking>,
    /// What stands in for `ranking`: the popularity prior.
    pub prior: Arc<dyn Ranking>,
    /// The viewer's own data.
    pub strato: Arc<dyn Strato>,
    /// People.
    pub gizmoduck: Arc<dyn Gizmoduck>,
    /// Posts.
    pub tweet_entities: Arc<dyn TweetEntities>,
    /// What may be shown.
    pub visibility: Arc<dyn VisibilityFiltering>,
    /// The graph.
    pub social_graph: Arc<dyn SocialGraph>,
    /// Where served feeds are recorded.
    pub served_recorder: Arc<dyn ServedRecorder>,
    /// The clock by which remembered requests age; it always runs. (A feed's own moment is its query's.)
    pub clock: Arc<dyn Clock>,
    /// The clock of caches.
    pub cache_clock: Arc<dyn MonotonicClock>,
    /// Where the ids of requests without one come from.
    pub rng: Arc<Mutex<dyn Rng>>,
}
