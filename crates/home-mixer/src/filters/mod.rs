//! Stages 4 and 8: which posts the viewer must not meet, one filter per file.
//!
//! Before scoring, in order: [`DropDuplicatesFilter`], [`CoreDataHydrationFilter`], [`AgeFilter`], [`SelfTweetFilter`],
//! [`OutOfNetworkRetweetReplyFilter`], [`IneligibleSubscriptionFilter`], [`previously_seen_posts_filter`],
//! [`previously_served_posts_filter`], [`MutedKeywordFilter`], [`AuthorSocialgraphFilter`], [`VideoFilter`], [`TopicFilter`],
//! [`TwinVisibilityFilter`], [`RetweetDeduplicationFilter`]. After selection: [`VFFilter`], [`DedupConversationFilter`].
//!
//! A filter that judges a candidate alone (who reposted it, its own text, label or age) stands before the one that chooses among
//! a post and its reposts: a repost that is hidden must not take the original with it.
//!
//! [`IneligibleSubscriptionFilter`], [`MutedKeywordFilter`], [`AuthorSocialgraphFilter`] and, for out-of-network posts,
//! [`VFFilter`] fail closed: a viewer must not meet someone they blocked because a service was down. User features that could
//! not be fetched are a failure of the first three. All others fail open.

use candidate_pipeline::StageError;

use crate::query::{ScoredPostsQuery, UserFeatures};

mod age_filter;
mod author_socialgraph_filter;
mod core_data_hydration_filter;
mod dedup_conversation_filter;
mod drop_duplicates_filter;
mod ineligible_subscription_filter;
mod keyword_matcher;
mod muted_keyword_filter;
mod out_of_network_retweet_reply_filter;
mod previously_seen_posts_filter;
mod previously_served_posts_filter;
mod retweet_deduplication_filter;
mod self_tweet_filter;
#[cfg(test)]
pub(crate) mod testing;
mod topic_filter;
mod twin_visibility_filter;
mod vf_filter;
mod video_filter;
mod word_scan;

pub use age_filter::AgeFilter;
pub use author_socialgraph_filter::AuthorSocialgraphFilter;
pub use core_data_hydration_filter::CoreDataHydrationFilter;
pub use dedup_conversation_filter::DedupConversationFilter;
pub use drop_duplicates_filter::DropDuplicatesFilter;
pub use ineligible_subscription_filter::IneligibleSubscriptionFilter;
pub use muted_keyword_filter::MutedKeywordFilter;
pub use out_of_network_retweet_reply_filter::OutOfNetworkRetweetReplyFilter;
pub use previously_seen_posts_filter::previously_seen_posts_filter;
pub use previously_served_posts_filter::{previously_served_posts_filter, served_counts};
pub use retweet_deduplication_filter::RetweetDeduplicationFilter;
pub use self_tweet_filter::SelfTweetFilter;
pub use topic_filter::TopicFilter;
pub use twin_visibility_filter::TwinVisibilityFilter;
pub use vf_filter::VFFilter;
pub use video_filter::VideoFilter;

/// The viewer's features, or the failure of a filter that cannot do without them.
fn user_features(query: &ScoredPostsQuery) -> Result<&UserFeatures, StageError> {
    query.user_features.as_deref().ok_or_else(|| StageError::failed("the viewer's features were not fetched"))
}
