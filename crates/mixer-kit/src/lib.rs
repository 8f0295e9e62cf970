//! What feeds of anything share: parts of a pipeline over [`Ranked`] candidates and a [`FeedQuery`], whatever they are of.
//!
//! A feed of posts, products or films implements the two traits and puts its pipeline together from its own sources and filters
//! and from these:
//!
//! | stage | component | does |
//! |---|---|---|
//! | filter | [`SeenFilter`], [`ServedFilter`] | removes what the viewer knows, by lists, by the server's record, by [`ImpressionBloomFilterEntry`]s |
//! | scorer | [`PhoenixScorer`] | asks a model what the viewer would do, the popularity prior where it cannot answer |
//! | scorer | [`WeightedScorer`] | makes one number of that |
//! | scorer | [`GroupDiversityScorer`] | lets no author, category or the like fill a feed |
//! | scorer | [`OffsetScorer`] | brings positive and negative scores onto one scale |
//! | selector | [`TopKSelector`] | takes the best, ties by time |
//!
//! [`RequestNotes`] are what components say about a request, [`FeedResult`] is its answer with every decision, [`RequestLog`] remembers
//! answers, [`RecordsInFlight`] lets a viewer's next request wait for the record of the one before.
//!
//! Invariants: nothing here reads a clock or a random source, nothing knows what an item is, and an item's and a group's id are
//! opaque ([`PostId`](foryou_types::PostId), [`UserId`](foryou_types::UserId)).

mod answer;
mod bloom;
mod clients;
mod group_diversity_scorer;
mod notes;
mod offset_scorer;
mod phoenix_scorer;
mod ranked;
mod records_in_flight;
mod request_log;
mod seen_filter;
mod served_filter;
mod ties;
mod top_k_selector;
mod weighted_scorer;

pub use answer::{Explanation, FeedError, FeedOptions, FeedResult, MAX_RESULT_SIZE};
pub use bloom::{BloomError, ImpressionBloomFilterEntry};
pub use clients::{failed, one_each};
pub use group_diversity_scorer::GroupDiversityScorer;
pub use notes::{Degraded, Outcome, RankedBy, RequestNotes};
pub use offset_scorer::{OffsetScorer, ScoreOffset};
pub use phoenix_scorer::PhoenixScorer;
pub use ranked::{FeedQuery, Known, Predicted, Prediction, Ranked, ScoredBy, multiplied};
pub use records_in_flight::{RecordInFlight, RecordsInFlight};
pub use request_log::{Logged, RequestLog};
pub use seen_filter::SeenFilter;
pub use served_filter::ServedFilter;
pub use top_k_selector::TopKSelector;
pub use weighted_scorer::{NOTHING_KNOWN, WeightedScorer};
