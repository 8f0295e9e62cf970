//! The numbers of the pipeline, with the values the specification gives them.

use serde::{Deserialize, Serialize};

/// Posts in an answer.
pub const RESULT_SIZE: usize = 35;
/// K: posts selected before the post-selection stage.
pub const SELECTION_SIZE: usize = 50;
/// Posts from Thunder at most.
pub const THUNDER_MAX_RESULTS: usize = 1_200;
/// Posts from Phoenix retrieval at most.
pub const PHOENIX_MAX_RESULTS: usize = 1_000;
/// Posts from the popular source at most.
pub const POPULAR_MAX_RESULTS: usize = 1_000;
/// VQV's weight counts only for videos longer than this, in milliseconds.
pub const MIN_VIDEO_DURATION_MS: i32 = 10_000;

/// What a service may set about the pipeline; what belongs to the data stands in the profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixerParams {
    /// Posts in an answer when the caller does not say.
    pub result_size: usize,
    /// K.
    pub selection_size: usize,
    /// Posts from Thunder at most.
    pub thunder_max_results: usize,
    /// Posts from Phoenix retrieval at most.
    pub phoenix_max_results: usize,
    /// Posts from the popular source at most.
    pub popular_max_results: usize,
    /// Time of a whole request, in milliseconds.
    pub request_budget_ms: u64,
    /// Decay of the author diversity multiplier.
    pub author_diversity_decay: f64,
    /// Floor of the author diversity multiplier.
    pub author_diversity_floor: f64,
    /// The January order: the offset is applied by the weighted scorer, before the multipliers.
    pub january_order: bool,
    /// The January place: a post and its reposts become one before the filters that judge who reposted, which may then remove it.
    pub january_retweet_dedup: bool,
    /// The January rule: previously served posts are filtered on bottom requests only.
    pub january_previously_served: bool,
    /// Out-of-network factor also for in-network replies and reposts.
    pub oon_factor_on_replies_and_reposts: bool,
    /// Remove out-of-network replies and reposts.
    pub filter_oon_replies_and_reposts: bool,
    /// Visibility that could not be checked removes out-of-network posts.
    pub visibility_fail_closed: bool,
}

impl Default for MixerParams {
    fn default() -> Self {
        Self {
            result_size: RESULT_SIZE,
            selection_size: SELECTION_SIZE,
            thunder_max_results: THUNDER_MAX_RESULTS,
            phoenix_max_results: PHOENIX_MAX_RESULTS,
            popular_max_results: POPULAR_MAX_RESULTS,
            request_budget_ms: 1_000,
            author_diversity_decay: 0.5,
            author_diversity_floor: 0.25,
            january_order: false,
            january_retweet_dedup: false,
            january_previously_served: false,
            oon_factor_on_replies_and_reposts: true,
            filter_oon_replies_and_reposts: false,
            visibility_fail_closed: true,
        }
    }
}
