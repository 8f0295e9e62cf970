//! Stages 3 and 7: what the sources do not say about their posts.

mod acted_on_hydrator;
mod core_data_candidate_hydrator;
mod engagement_counts_hydrator;
mod gizmoduck_hydrator;
mod in_network_candidate_hydrator;
mod language_hydrator;
mod mutual_follow_hydrator;
mod quote_hydrator;
mod subscription_hydrator;
mod twin_visibility_hydrator;
mod vf_candidate_hydrator;
mod video_duration_candidate_hydrator;

pub use acted_on_hydrator::ActedOnHydrator;
pub use core_data_candidate_hydrator::CoreDataCandidateHydrator;
pub use engagement_counts_hydrator::EngagementCountsHydrator;
pub use gizmoduck_hydrator::GizmoduckCandidateHydrator;
pub use in_network_candidate_hydrator::InNetworkCandidateHydrator;
pub use language_hydrator::LanguageCandidateHydrator;
pub use mutual_follow_hydrator::MutualFollowHydrator;
pub use quote_hydrator::QuoteCandidateHydrator;
pub use subscription_hydrator::SubscriptionHydrator;
pub use twin_visibility_hydrator::TwinVisibilityHydrator;
pub(crate) use twin_visibility_hydrator::twins;
pub use vf_candidate_hydrator::VFCandidateHydrator;
pub use video_duration_candidate_hydrator::VideoDurationCandidateHydrator;

use std::hash::Hash;

use candidate_pipeline::StageError;
use rustc_hash::FxHashMap;

/// One result per candidate, all of them well.
fn all_well<T>(fields: impl Iterator<Item = T>) -> Vec<Result<T, StageError>> {
    fields.map(Ok).collect()
}

/// The distinct keys in the order of their first appearance, with each one's place.
///
/// Candidates share authors and quoted posts; a service is asked about each once.
fn distinct<K: Copy + Eq + Hash>(keys: impl Iterator<Item = K>) -> (Vec<K>, FxHashMap<K, usize>) {
    let mut list = Vec::new();
    let mut places = FxHashMap::default();
    for key in keys {
        places.entry(key).or_insert_with(|| {
            list.push(key);
            list.len() - 1
        });
    }
    (list, places)
}
