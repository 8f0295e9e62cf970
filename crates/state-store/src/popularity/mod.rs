//! Popularity: fading counts per post and in total, and the posts ranked by the popularity prior.
//!
//! An engagement with a repost counts for the original. If the repost's creation comes later in the log, its counts move then
//! ([`Applier::adopt`](crate::apply::Applier)). One person's action counts once for an original, whether it is on the original, on
//! a repost of it or on several.

mod counts;
mod fading;
mod memory;
mod ranked;
mod score;

use std::sync::Arc;

use foryou_types::{EngagementCounts, PopularityPrior, PostId, TimeMs, UserId};
use parking_lot::Mutex;

use crate::bytes::Decoder;
use crate::error::StateError;
use crate::keys::Table;
use crate::store::StateStore;

use counts::PostCounts;
use memory::Version;
pub(crate) use memory::{Popularity, Recent};
pub use ranked::PopularPost;
use ranked::Ranked;
use score::{Scorer, Weight};

/// Cached answers that are expensive to compute.
#[derive(Default)]
pub(crate) struct Answers {
    /// See [`StateStore::with_answer_step_ms`].
    step_ms: i64,
    prior: Mutex<Option<(PriorKey, Arc<PopularityPrior>)>>,
    ranked: Mutex<Option<(RankedKey, Arc<Mutex<Ranked>>)>>,
}

impl Answers {
    pub(crate) fn with_step_ms(step_ms: i64) -> Self {
        Self { step_ms, ..Self::default() }
    }

    /// Drops them: the counts are read again, and their version starts again.
    pub(crate) fn clear(&self) {
        *self.prior.lock() = None;
        *self.ranked.lock() = None;
    }

    /// The moment that stands for `at`: the start of its step.
    fn step(&self, at: TimeMs) -> TimeMs {
        if self.step_ms > 1 { TimeMs(at.0.div_euclid(self.step_ms) * self.step_ms) } else { at }
    }

    fn prior_key(&self, now: TimeMs, version: Version) -> PriorKey {
        // The number of recent posts with actions matters too. Both numbers only grow, so their sum reveals either change.
        PriorKey { now: self.step(now), version: if self.step_ms > 1 { 0 } else { version.counts + version.posts } }
    }
}

/// What a prior depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PriorKey {
    now: TimeMs,
    /// The version of the counts; 0 if the answer does not depend on it.
    version: u64,
}

/// What a ranked list depends on: the prior, the oldest wanted post, and the set of posts.
type RankedKey = (PriorKey, TimeMs, u64);

impl StateStore {
    /// The global side of the popularity prior as of `now`.
    ///
    /// If impressions are not recorded, its `viewers` are the people whose last impression or last standing action is at most one
    /// half-life before `now`.
    pub fn popularity_prior(&self, now: TimeMs) -> Arc<PopularityPrior> {
        self.prior_of(&self.popularity.read(), now)
    }

    fn prior_of(&self, popularity: &Popularity, now: TimeMs) -> Arc<PopularityPrior> {
        let mut last = self.answers.prior.lock();
        let key = self.answers.prior_key(now, popularity.version);
        if let Some((known, prior)) = &*last
            && *known == key
        {
            return prior.clone();
        }
        let now = key.now;
        let settings = &self.settings;
        // Fewer impressions than actions: they are not recorded, whatever the profile says.
        let total = &popularity.total().counts(settings.half_life_ms, settings.dwell_head);
        let recorded = settings.has_impressions && total.impressions >= total.most_taken(&settings.discrete);
        let viewers = (!recorded).then(|| popularity.viewers_since(now - settings.half_life_ms) as f64);
        let prior = Arc::new(PopularityPrior::new(
            &settings.actions,
            total,
            if recorded { 0 } else { popularity.engaged_recent_posts() },
            viewers,
            now,
            settings.half_life,
        ));
        *last = Some((key, prior.clone()));
        prior
    }

    /// The fading counts of a post; `None` if nothing was ever counted for it.
    pub fn engagement(&self, post: PostId) -> Result<Option<EngagementCounts>, StateError> {
        let settings = &self.settings;
        let read = |counts: &PostCounts| counts.fading.counts(settings.half_life_ms, settings.dwell_head);
        self.with_counts(post, |counts| counts.map(read))
    }

    /// The popularity prior's heads for posts as of `now`, in the order of `posts`.
    pub fn popularity_heads(&self, posts: &[PostId], now: TimeMs) -> Result<Vec<Box<[f64]>>, StateError> {
        let prior = self.popularity_prior(now);
        let settings = &self.settings;
        let mut counts = EngagementCounts::default();
        let mut heads_of = |found: Option<&PostCounts>| {
            let Some(found) = found else { return prior.heads(None) };
            found.fading.counts_into(settings.half_life_ms, settings.dwell_head, &mut counts);
            prior.heads(Some(&counts))
        };
        let mut heads: Vec<Box<[f64]>> = vec![Box::default(); posts.len()];
        let mut old = Vec::new();
        {
            let popularity = self.popularity.read();
            for (i, &post) in posts.iter().enumerate() {
                match popularity.recent(post) {
                    Some(recent) => heads[i] = heads_of(recent.counts()),
                    None => old.push(i),
                }
            }
        }
        for i in old {
            heads[i] = self.with_counts(posts[i], &mut heads_of)?;
        }
        Ok(heads)
    }

    /// Per action of the set, the number of people whose action stands; for a continuous action, how often it was taken.
    pub fn raw_counts(&self, post: PostId) -> Result<Vec<u64>, StateError> {
        let mut raw = vec![0; self.settings.actions.len()];
        self.with_counts(post, |counts| {
            for (to, &from) in raw.iter_mut().zip(counts.map_or(&[][..], |counts| &counts.actions)) {
                *to = u64::from(from);
            }
        })?;
        Ok(raw)
    }

    fn with_counts<T>(&self, post: PostId, read: impl FnOnce(Option<&PostCounts>) -> T) -> Result<T, StateError> {
        {
            let popularity = self.popularity.read();
            if let Some(recent) = popularity.recent(post) {
                return Ok(read(recent.counts()));
            }
        }
        let Some(value) = self.storage.get(&counts::key(post))? else { return Ok(read(None)) };
        match counts::decode(Decoder(&value)) {
            Some(counts) => Ok(read(Some(&counts))),
            None => Err(self.storage.corrupt(Table::Counts, "counts cannot be read")),
        }
    }

    /// The posts created between `not_before` and `now`, by the score of the popularity prior, best first, at most `limit`. Equal scores
    /// are ordered newest first; posts of one moment come in an order that does not follow their ids. A post without counts has the
    /// score of an average post. Deleted posts, reposts (their engagements count for the original) and `exclude` are left out.
    pub fn most_popular(
        &self,
        now: TimeMs,
        not_before: TimeMs,
        limit: usize,
        exclude: &dyn Fn(PostId, UserId) -> bool,
    ) -> Result<Vec<PopularPost>, StateError> {
        let ranked = self.ranked(now, not_before)?;
        let mut ranked = ranked.lock();
        let mut found = Vec::new();
        for rank in 0.. {
            let Some(&post) = ranked.at(rank).filter(|_| found.len() < limit) else { break };
            // The list is shared by the whole step.
            if (not_before..=now).contains(&post.created_at) && !exclude(post.post_id, post.author_id) {
                found.push(post);
            }
        }
        Ok(found)
    }

    fn ranked(&self, now: TimeMs, not_before: TimeMs) -> Result<Arc<Mutex<Ranked>>, StateError> {
        let popularity = self.popularity.read();
        let prior_key = self.answers.prior_key(now, popularity.version);
        let (now, not_before) = (now.max(prior_key.now + (self.answers.step_ms - 1)), self.answers.step(not_before));
        let key = (prior_key, not_before, popularity.version.posts);
        if let Some((known, ranked)) = &*self.answers.ranked.lock()
            && *known == key
        {
            return Ok(ranked.clone());
        }
        let prior = self.prior_of(&popularity, prior_key.now);
        let scorer = Scorer::new(&prior, &self.settings);
        let wanted = not_before..=now;
        let mut posts: Vec<_> = popularity
            .recents()
            .filter(|(_, recent)| recent.source.is_none() && wanted.contains(&recent.created_at))
            .map(|(post_id, recent)| PopularPost {
                post_id,
                author_id: recent.author,
                created_at: recent.created_at,
                score: scorer.score(recent.weight),
            })
            .collect();
        // A question about the past (`--now`, a replay) may need posts that are no longer in memory.
        if not_before < popularity.floor() {
            let end = popularity.floor().min(now + 1);
            for (post_id, created_at, found) in memory::posts_by_time(&self.storage, not_before, end)? {
                if found.source.is_some() {
                    continue;
                }
                let weight = match self.storage.get(&counts::key(post_id))?.map(|v| counts::decode(Decoder(&v))) {
                    None => Weight::default(),
                    Some(Some(counts)) => Weight::of(&counts.fading, &self.settings),
                    Some(None) => return Err(self.storage.corrupt(Table::Counts, "counts cannot be read")),
                };
                let score = scorer.score(weight);
                posts.push(PopularPost { post_id, author_id: found.author, created_at, score });
            }
        }
        let ranked = Arc::new(Mutex::new(Ranked::new(posts)));
        *self.answers.ranked.lock() = Some((key, ranked.clone()));
        Ok(ranked)
    }
}
