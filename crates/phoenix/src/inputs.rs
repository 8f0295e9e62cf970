//! What goes into a model: a viewer's tokens and posts, before ids become table rows.

use foryou_types::{ActionMask, ActionSet, ActionToken, PostId, TimeMs, UserId};
use std::sync::Arc;

use crate::config::AGE_BUCKETS;
use crate::corpus::Corpus;

/// [`ActionSet::DWELL_CLIP_SECONDS`] as the models have it.
const DWELL_CLIP_SECONDS: f32 = ActionSet::DWELL_CLIP_SECONDS as f32;

/// Milliseconds of attention in seconds, at most [`ActionSet::DWELL_CLIP_SECONDS`].
pub fn dwell_seconds(ms: u32) -> f32 {
    (ms as f32 / 1_000.0).min(DWELL_CLIP_SECONDS)
}

/// The dwell block's input: `ln(1 + seconds)`, seconds clipped to 0 ..= [`ActionSet::DWELL_CLIP_SECONDS`] (NaN counts as 0).
#[expect(clippy::manual_clamp, reason = "`clamp` hands NaN on; `max` makes it 0")]
pub fn dwell_input(seconds: f32) -> f32 {
    seconds.max(0.0).min(DWELL_CLIP_SECONDS).ln_1p()
}

/// One token of a viewer's history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryItem {
    /// The post acted on.
    pub post: PostId,
    /// Its author, none where unknown.
    pub author: UserId,
    /// The discrete actions taken; empty for a mere look.
    pub actions: ActionMask,
    /// Number of the surface.
    pub surface: u8,
    /// Seconds of attention, at most [`ActionSet::DWELL_CLIP_SECONDS`].
    pub dwell_seconds: f32,
    /// Age of the post when it was acted on, see [`age_bucket`].
    pub age_bucket: u8,
    /// Hashes of the post's content words (see [`crate::content_words`]); empty where unknown.
    pub content: Arc<[u32]>,
    /// When it was acted on: the time of the last action of the token. The transformer does not see it.
    pub at: TimeMs,
}

/// One post to be scored, or to be put into the retrieval index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CandidateItem {
    /// The post (of a repost: the original).
    pub post: PostId,
    /// Its author, none where unknown.
    pub author: UserId,
    /// Number of the surface.
    pub surface: u8,
    /// Age of the post at the moment of the request, see [`age_bucket`].
    pub age_bucket: u8,
    /// Hashes of the post's content words; empty where unknown.
    pub content: Arc<[u32]>,
}

/// The row of the age table: 0 for an unknown age, then `1 + hours` up to 80 h; a post from the future is new.
pub fn age_bucket(created_at: Option<TimeMs>, now: TimeMs) -> u8 {
    const HOUR_MS: i64 = 3_600_000;
    let oldest = AGE_BUCKETS as i64 - 2;
    match created_at {
        None => 0,
        Some(created_at) => (1 + (now.since(created_at).max(0) / HOUR_MS).min(oldest)) as u8,
    }
}

/// A token as the models see it. Trainer and engine both make their inputs here.
pub fn history_item(token: &ActionToken, corpus: &Corpus) -> HistoryItem {
    let post = corpus.get(token.post_id);
    HistoryItem {
        post: token.post_id,
        author: if token.author_id.is_some() { token.author_id } else { post.as_ref().map_or(UserId(0), |p| p.author) },
        actions: token.actions,
        surface: token.surface as u8,
        dwell_seconds: dwell_seconds(token.dwell_ms),
        age_bucket: age_bucket(post.as_ref().and_then(|p| p.created_at), token.at),
        content: post.map(|p| p.content).unwrap_or_default(),
        at: token.at,
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::Surface;

    use super::*;
    use crate::corpus::PostInfo;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn ages_change_bucket_on_the_hour() {
        let now = TimeMs(1_000 * HOUR);
        let bucket = |age: i64| age_bucket(Some(now - age), now);
        assert_eq!(age_bucket(None, now), 0);
        assert_eq!([bucket(0), bucket(HOUR - 1), bucket(HOUR)], [1, 1, 2]);
        assert_eq!([bucket(80 * HOUR - 1), bucket(80 * HOUR), bucket(81 * HOUR)], [80, 81, 81]);
        assert_eq!(usize::from(bucket(900 * HOUR)), AGE_BUCKETS - 1);
        // Clocks differ: a post from the future is a new one.
        assert_eq!(bucket(-5 * HOUR), 1);
        assert_eq!(age_bucket(Some(TimeMs(i64::MIN)), TimeMs(i64::MAX)), 81);
        assert_eq!(age_bucket(Some(TimeMs(i64::MAX)), TimeMs(i64::MIN)), 1);
    }

    fn token() -> ActionToken {
        ActionToken {
            post_id: PostId(7),
            author_id: UserId::NONE,
            actions: ActionMask(0b101),
            dwell_ms: 1_500,
            surface: Surface::default(),
            at: TimeMs(10 * HOUR),
        }
    }

    #[test]
    fn a_token_is_completed_from_the_corpus() {
        let corpus = Corpus::new();
        let content: Arc<[u32]> = [3, 4].into();
        let info = PostInfo {
            author: UserId(2),
            created_at: Some(TimeMs(7 * HOUR)),
            content: content.clone(),
            ..PostInfo::default()
        };
        corpus.insert(PostId(7), info);
        let item = history_item(&token(), &corpus);
        let expected = HistoryItem {
            post: PostId(7),
            author: UserId(2),
            actions: ActionMask(0b101),
            surface: Surface::default() as u8,
            dwell_seconds: 1.5,
            age_bucket: 1 + 3,
            content,
            at: TimeMs(10 * HOUR),
        };
        assert_eq!(item, expected);
        // The log's own author counts before the corpus's.
        assert_eq!(history_item(&ActionToken { author_id: UserId(9), ..token() }, &corpus).author, UserId(9));
    }

    #[test]
    fn dwell_goes_in_as_a_clipped_logarithm() {
        assert!((dwell_input(1.0) - 2_f32.ln()).abs() < 1e-6);
        assert!((dwell_input(1e9) - 31_f32.ln()).abs() < 1e-6);
        assert_eq!([-3.0, 0.0, f32::NAN].map(dwell_input), [0.0; 3]);
    }

    #[test]
    fn an_unknown_post_has_only_what_the_token_says() {
        let item = history_item(&ActionToken { dwell_ms: u32::MAX, ..token() }, &Corpus::new());
        assert_eq!((item.author, item.age_bucket, item.content.len()), (UserId::NONE, 0, 0));
        assert_eq!(item.dwell_seconds, DWELL_CLIP_SECONDS);
    }
}
