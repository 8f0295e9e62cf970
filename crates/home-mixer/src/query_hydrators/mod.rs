//! Stage 1: what the request does not say about its viewer.

mod impression_history_query_hydrator;
mod user_action_seq_query_hydrator;
mod user_features_query_hydrator;

pub use impression_history_query_hydrator::ImpressionHistoryQueryHydrator;
pub use user_action_seq_query_hydrator::UserActionSeqQueryHydrator;
pub use user_features_query_hydrator::UserFeaturesQueryHydrator;
