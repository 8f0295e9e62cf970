//! The candidate of a For You request (the documents' `PostCandidate`).

use std::sync::Arc;

use foryou_types::seams::{CoreData, FilteredReason};
use foryou_types::{ActionSet, PostId, TimeMs, UserId};
use mixer_kit::{Ranked, ScoredBy};
use serde::{Deserialize, Serialize};

/// The source that gave a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServedType {
    /// Thunder: a followed account's recent post.
    Thunder,
    /// Phoenix retrieval.
    PhoenixRetrieval,
    /// What is popular now.
    Popular,
}

impl ServedType {
    /// The name in answers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Thunder => "thunder",
            Self::PhoenixRetrieval => "phoenix_retrieval",
            Self::Popular => "popular",
        }
    }
}

/// A post on its way through the pipeline. Comments name the component that fills a field.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PostCandidate {
    /// The post (the source).
    pub tweet_id: PostId,
    /// Its author (the source, else `CoreDataCandidateHydrator`); none in sets without authors.
    pub author_id: UserId,
    /// Its text (`CoreDataCandidateHydrator`); `None` until hydrated.
    pub tweet_text: Option<Arc<str>>,
    /// When it was posted (the source or `CoreDataCandidateHydrator`).
    pub created_at: Option<TimeMs>,
    /// Whether core data was found (`CoreDataCandidateHydrator`).
    pub core_data: bool,
    /// The core data itself, from which later hydrators fill their fields (`CoreDataCandidateHydrator`).
    pub core: Option<Arc<CoreData>>,
    /// The post it answers (Thunder or `CoreDataCandidateHydrator`).
    pub in_reply_to_tweet_id: Option<PostId>,
    /// The post it reposts (Thunder or `CoreDataCandidateHydrator`): the original, however many reposts are between.
    pub retweeted_tweet_id: Option<PostId>,
    /// The author of the post it reposts.
    pub retweeted_user_id: Option<UserId>,
    /// The post it quotes (`CoreDataCandidateHydrator`).
    pub quoted_tweet_id: Option<PostId>,
    /// The author of the post it quotes.
    pub quoted_user_id: Option<UserId>,
    /// Text of the quoted post (`QuoteCandidateHydrator`).
    pub quoted_text: Option<Arc<str>>,
    /// Whether the quoted post was deleted (`QuoteCandidateHydrator`).
    pub quoted_deleted: bool,
    /// Text of the post it answers; of a repost, the one the original answers (`QuoteCandidateHydrator`).
    pub answered_text: Option<Arc<str>>,
    /// Whether the quoted and the answered post were looked up (`QuoteCandidateHydrator`).
    pub related_checked: bool,
    /// The posts above it in its thread, nearest first; of a repost, those above the original (`CoreDataCandidateHydrator`).
    pub ancestors: Vec<PostId>,
    /// The first post of its thread, of a repost that of the original (`CoreDataCandidateHydrator`).
    pub conversation_id: Option<PostId>,
    /// Topics (`CoreDataCandidateHydrator`).
    pub topics: Vec<u32>,
    /// Language (`LanguageCandidateHydrator`).
    pub language: Option<Arc<str>>,
    /// Heads over the profile's action set, `[A]` (`PhoenixScorer`); `None` until scored.
    pub heads: Option<Box<[f64]>>,
    /// What predicted the heads (`PhoenixScorer`); `None` where nothing did.
    pub scored_by: Option<ScoredBy>,
    /// Whether a head is not a finite number (`PhoenixScorer`): the post gets no score and goes to the end.
    pub unscorable: bool,
    /// Σ w·p, raw (`WeightedScorer`).
    pub weighted_score: Option<f64>,
    /// The score the feed is sorted by (`WeightedScorer`, then each scorer after it).
    pub score: Option<f64>,
    /// The source that gave it (the source).
    pub served_type: Option<ServedType>,
    /// Whether the viewer follows its author (`InNetworkCandidateHydrator`).
    pub in_network: Option<bool>,
    /// Number of the prediction (`PhoenixScorer`): the request id's hash.
    pub prediction_request_id: Option<u64>,
    /// When it was scored (`PhoenixScorer`).
    pub last_scored_at_ms: Option<u64>,
    /// Length of its video (`VideoDurationCandidateHydrator`).
    pub video_duration_ms: Option<i32>,
    /// Followers of its author (`GizmoduckCandidateHydrator`).
    pub author_followers_count: Option<i32>,
    /// Name of its author (`GizmoduckCandidateHydrator`).
    pub author_screen_name: Option<Arc<str>>,
    /// Whether its author is verified (`GizmoduckCandidateHydrator`).
    pub author_verified: Option<bool>,
    /// Name of the author of the post it reposts (`GizmoduckCandidateHydrator`).
    pub retweeted_screen_name: Option<Arc<str>>,
    /// The first of the post, the post it reposts and the post it answers that the viewer acted on (`ActedOnHydrator`).
    pub acted_on: Option<PostId>,
    /// Why it must not be shown (`VFCandidateHydrator`; for twins before it `TwinVisibilityHydrator`).
    pub visibility_reason: Option<FilteredReason>,
    /// Whether the visibility verdict is known (as `visibility_reason`).
    pub visibility_checked: bool,
    /// Only this author's subscribers may see it (`SubscriptionHydrator`).
    pub subscription_author_id: Option<UserId>,
    /// Whether the subscription state is known (`SubscriptionHydrator`).
    pub subscription_checked: bool,
    /// Actions ever taken on it, by the action set (`EngagementCountsHydrator`).
    pub engagement_counts: Option<Arc<[u64]>>,
    /// Whether the viewer and its author follow each other (`MutualFollowHydrator`).
    pub mutual_follow: Option<bool>,
}

impl PostCandidate {
    /// The post that it answers; of a repost, the one that the original answers.
    pub fn answered_id(&self) -> Option<PostId> {
        self.in_reply_to_tweet_id.or_else(|| self.ancestors.first().copied())
    }

    /// The first post of its thread, as far as it is known: itself, or of a repost the original, where that begins one.
    pub fn conversation(&self) -> PostId {
        let above = || self.ancestors.last().copied().or(self.in_reply_to_tweet_id);
        self.conversation_id.or_else(above).unwrap_or_else(|| self.original_id())
    }

    /// Whether it is neither reply nor repost.
    pub fn is_original(&self) -> bool {
        self.in_reply_to_tweet_id.is_none() && self.retweeted_tweet_id.is_none()
    }

    /// The heads as the For You domain's named view.
    pub fn phoenix_scores(&self, set: &ActionSet) -> PhoenixScores {
        PhoenixScores::from_heads(self.heads.as_deref().unwrap_or_default(), set)
    }
}

macro_rules! phoenix_scores {
    ($($(#[$doc:meta])* $field:ident = $head:literal),* $(,)?) => {
        /// The documents' `PhoenixScores`: the For You domain's named view of a score vector. A head that the action set does
        /// not have is `None`.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct PhoenixScores {
            $($(#[$doc])* pub $field: Option<f64>,)*
        }

        impl PhoenixScores {
            /// Every field with the head it shows.
            pub const FIELDS: &'static [(&'static str, &'static str)] = &[$((stringify!($field), $head)),*];

            /// The view of a score vector over an action set.
            pub fn from_heads(heads: &[f64], set: &ActionSet) -> Self {
                let head = |name: &str| set.index_of(name).and_then(|i| heads.get(i as usize)).copied();
                Self { $($field: head($head)),* }
            }
        }
    };
}

phoenix_scores! {
    /// Like.
    favorite_score = "favorite",
    /// Reply.
    reply_score = "reply",
    /// Repost.
    retweet_score = "repost",
    /// Quote.
    quote_score = "quote",
    /// Click into the post.
    click_score = "click",
    /// Click on the author's profile.
    profile_click_score = "profile_click",
    /// Video quality view.
    vqv_score = "vqv",
    /// Photo expand.
    photo_expand_score = "photo_expand",
    /// Share.
    share_score = "share",
    /// Share by direct message.
    share_via_dm_score = "share_via_dm",
    /// Share by copied link.
    share_via_copy_link_score = "share_via_copy_link",
    /// Dwell (stayed a while).
    dwell_score = "dwell",
    /// Click on the quoted post.
    quoted_click_score = "quoted_click",
    /// Follow the author.
    follow_author_score = "follow_author",
    /// Not interested.
    not_interested_score = "not_interested",
    /// Block the author.
    block_author_score = "block_author",
    /// Mute the author.
    mute_author_score = "mute_author",
    /// Report.
    report_score = "report",
    /// Expected seconds of attention.
    dwell_time = "dwell_time",
}
