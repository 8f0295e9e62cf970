//! The feed as callers read it: the same keys over REST and on the command line.

use std::collections::BTreeMap;

use candidate_pipeline::StageTimings;
use foryou_types::ActionKind;
use home_mixer::candidate::{PostCandidate, ServedType};
use mixer_kit::Degraded;
use serde::{Deserialize, Serialize};
use server::{Explained, Folder, Scored, cut, ranked_by, schema};
use utoipa::ToSchema;

use crate::limits;

/// A served feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedAnswer {
    /// The viewer.
    pub viewer: String,
    /// The posts, best first.
    pub feed: Vec<FeedPost>,
    /// The model version that ranked; `null` for the popularity prior.
    pub model: Option<String>,
    /// `model`; `popularity_prior` where no model is promoted, the viewer has no history or the ranker failed; `none` where
    /// the prior failed too: then nothing was predicted, and `degraded` says why.
    #[schema(schema_with = schema::ranked_by)]
    pub ranked_by: String,
    /// The clock of the request.
    pub clock: ClockUsed,
    /// What did not work; empty when all is well.
    #[schema(schema_with = schema::degraded)]
    pub degraded: Vec<Degraded>,
    /// Why the feed is empty; `null` if it has posts.
    #[serde(default)]
    pub empty_because: Option<String>,
    /// Milliseconds per stage.
    #[schema(schema_with = schema::timings)]
    pub timings_ms: StageTimings,
    /// Candidates after each stage.
    pub candidates: Candidates,
    /// The request, for `GET /v1/requests/{id}`.
    pub request_id: String,
    /// Send it with the next request to get the next page; `null` after the last page.
    pub next_cursor: Option<String>,
    /// Every decision, if the request asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explained>,
}

/// The clock of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockUsed {
    /// `wall`, `log` (the newest imported event), or `request` (the caller gave it).
    pub kind: String,
    /// The moment of the request, in Unix milliseconds.
    pub now: i64,
    /// For an empty feed on a log's clock: the event that set the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
}

/// Candidates after each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidates {
    /// From the sources.
    pub sources: usize,
    /// After the filters: how many reached the ranker.
    pub filters: usize,
    /// Selected before post-selection.
    pub selector: usize,
    /// Survivors of post-selection.
    pub post_selection: usize,
    /// Posts in the answer.
    pub selected: usize,
}

/// One post of a feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedPost {
    /// Place, from 1.
    pub rank: usize,
    /// The post.
    pub post_id: String,
    /// Its author; `null` in sets without authors.
    pub author_id: Option<String>,
    /// The name of its author.
    pub author: Option<String>,
    /// Followers of its author; `null` where nothing is known of the author.
    #[serde(default)]
    pub author_followers_count: Option<i32>,
    /// Whether its author is verified; `null` where nothing is known of the author.
    #[serde(default)]
    pub author_verified: Option<bool>,
    /// The final score.
    pub score: f64,
    /// Σ w·p, before multipliers and offset.
    pub weighted_score: f64,
    /// Whether the viewer follows its author.
    pub in_network: bool,
    /// The source that gave it.
    pub source: String,
    /// Probability by action.
    pub probabilities: BTreeMap<String, f64>,
    /// Expected seconds of attention; `null` where the action set has no dwell time.
    pub dwell_time: Option<f64>,
    /// How often each action was taken on it, or on the post it reposts; `null` where that could not be found out.
    #[serde(default)]
    pub engagement_counts: Option<BTreeMap<String, u64>>,
    /// Its text, cut to 12 KiB; `null` in sets without text.
    pub text: Option<String>,
    /// When it was posted, Unix milliseconds.
    pub created_at: Option<i64>,
    /// The post it answers.
    pub in_reply_to: Option<String>,
    /// The post it reposts.
    pub repost_of: Option<String>,
    /// The post it quotes.
    pub quotes: Option<String>,
    /// Length of its video, in milliseconds.
    pub video_duration_ms: Option<i32>,
}

impl FeedAnswer {
    /// A ranked feed with ids as the folder prints them.
    pub(crate) fn new(folder: &Folder, scored: &Scored<PostCandidate>) -> Self {
        let result = &scored.result;
        Self {
            feed: result.items.iter().enumerate().map(|(i, post)| feed_post(folder, i + 1, post)).collect(),
            model: result.model.clone(),
            ranked_by: ranked_by(result).to_owned(),
            clock: ClockUsed {
                kind: folder.clock_kind(scored.said_now).to_owned(),
                now: result.now.0,
                made_by: scored.made_by.clone(),
            },
            degraded: result.degraded.clone(),
            empty_because: result.empty_because.clone(),
            timings_ms: result.timings_ms,
            candidates: Candidates {
                sources: result.sizes.sources,
                filters: result.sizes.filters,
                selector: result.sizes.selector,
                post_selection: result.sizes.post_selection,
                selected: result.sizes.selected,
            },
            request_id: result.request_id.clone(),
            explanation: scored.explained(folder),
            viewer: scored.viewer.clone(),
            next_cursor: scored.next_cursor.clone(),
        }
    }
}

fn feed_post(folder: &Folder, rank: usize, post: &PostCandidate) -> FeedPost {
    let ids = folder.ids();
    let heads = post.heads.as_deref().unwrap_or_default();
    let mut probabilities = BTreeMap::new();
    let mut dwell_time = None;
    for ((_, action), &head) in folder.profile.action_set.iter().zip(heads) {
        match action.kind {
            ActionKind::Discrete => {
                probabilities.insert(action.name.clone(), head);
            }
            ActionKind::Continuous => dwell_time = Some(head),
        }
    }
    FeedPost {
        rank,
        post_id: ids.print_post(post.tweet_id),
        author_id: ids.print_user(post.author_id),
        author: post.author_screen_name.as_deref().map(|name| cut(name, limits::ANSWER_NAME_BYTES)),
        author_followers_count: post.author_followers_count,
        author_verified: post.author_verified,
        score: post.score.unwrap_or_default(),
        weighted_score: post.weighted_score.unwrap_or_default(),
        in_network: post.in_network.unwrap_or_default(),
        source: post.served_type.map_or("unknown", ServedType::as_str).to_owned(),
        probabilities,
        dwell_time,
        engagement_counts: post.engagement_counts.as_deref().map(|counts| {
            let named = folder.profile.action_set.iter().zip(counts);
            named.map(|((_, action), &count)| (action.name.clone(), count)).collect()
        }),
        text: post.tweet_text.as_deref().map(|text| cut(text, limits::ANSWER_TEXT_BYTES)),
        created_at: post.created_at.map(|t| t.0),
        in_reply_to: post.in_reply_to_tweet_id.map(|id| ids.print_post(id)),
        repost_of: post.retweeted_tweet_id.map(|id| ids.print_post(id)),
        quotes: post.quoted_tweet_id.map(|id| ids.print_post(id)),
        video_duration_ms: post.video_duration_ms,
    }
}
