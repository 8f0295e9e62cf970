//! Training data from the event log.
//!
//! [`TrainingData::load`] reads the log once and returns passes ([`phoenix::Pass`]) for both models; [`slates_after`] returns the slates of a
//! held-out part. What a model learns from is what serving would have shown it:
//!
//! * Actions stand by the state store's rule ([`foryou_types::Standing`]) and are counted in tokens by its rule
//!   ([`foryou_types::ActionToken::is_joined_by`]), windowed by its window
//!   ([`foryou_types::UserActionSequence::windowed`]) and made inputs by the engine's function ([`phoenix::history_item`]).
//! * A slate sees what stands after the events before it in the log, as far as its time is strictly before the slate's moment.
//! * An action that stands at the end is the label of the latest impression of its post at or before it. Reposts count as the
//!   original.
//!
//! # Sets without impressions
//!
//! If the profile does not have [`foryou_types::Has::Impressions`], every new token is a positive at the time of its first action; its
//! labels are all actions that the token comes to hold. [`DataOptions::negatives`] posts are drawn with it, uniformly among those that
//! existed, were young enough and had no action of the person. The negatives of a positive together have the weight
//! [`DataOptions::assumed_impressions`].
//!
//! # A part of a log
//!
//! With [`DataOptions::since`] only slates from that moment on are learnt from, to continue a model that has learnt the rest. Their
//! histories are the same as without it.
//!
//! Memory: the passes; some 100 bytes for an action that stands, and 24 to 40 bytes for an impression learnt from. Of what stands
//! before [`DataOptions::since`] only what people did and posts are kept.

mod engagement;
mod error;
mod held_out;
mod history;
mod labels;
mod negatives;
mod observer;
mod options;
mod passes;
mod posts;
mod replay;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use event_log::{EventSource, Position};
use foryou_types::{ActionKind, Has, PostId, Profile, TimeMs};
use phoenix::IdCounts;
use phoenix::{Corpus, Pass};
use rustc_hash::FxHashMap;

pub(crate) use engagement::is_hard_negative;
pub use engagement::{is_positive, positive_actions};
pub use error::{DataError, Empty};
pub use held_out::{EvalSlate, slates_after};
pub use observer::Observer;
pub use options::DataOptions;

use passes::PassBuilder;
use replay::Replay;

/// What a log teaches.
#[derive(Clone, Debug)]
pub struct TrainingData {
    /// The posts as they are at the end: deleted ones are gone.
    pub corpus: Arc<Corpus>,
    /// The passes to learn from, in order of their first slates.
    pub train: Vec<Pass>,
    /// The passes of the last slates in time, held back. Their histories see everything before them.
    pub validation: Vec<Pass>,
    /// The moment from which slates are held back; `None`: none are.
    pub validation_from: Option<TimeMs>,
    /// How many different ids were met, before [`DataOptions::since`] too.
    pub ids: IdCounts,
    /// Per action, `[A]`: candidates of `train` that have it; for a continuous one, that were looked at.
    pub positives_per_head: Vec<u64>,
    /// Posts shown in `train` (where no impressions are recorded: acted on), counted as often as shown.
    pub impressions: u64,
    /// Per post, how often it was shown in `train`.
    pub training_impressions: FxHashMap<PostId, u32>,
    /// Per post, of how many candidates of `train` it is a positive (see [`is_positive`]): the frequencies of the logQ correction.
    pub post_frequency: FxHashMap<PostId, u32>,
    /// The posts at the end that are not reposts, with their creation, in order of time: what uniform negatives are drawn from and
    /// what retrieval is judged on.
    pub alive_posts: Vec<(PostId, TimeMs)>,
    /// Viewers, before [`DataOptions::since`] too.
    pub users: u64,
    /// Posts ever created.
    pub posts: u64,
    /// Slates of `train` and `validation`.
    pub slates: u64,
    /// All events learnt from are before this moment.
    pub trained_until: TimeMs,
    /// How far the log was read.
    pub log_position: Position,
}

impl TrainingData {
    /// Reads a log into training data. `progress` is told events read and events in all.
    pub fn load(
        log: &dyn EventSource,
        profile: &Profile,
        options: &DataOptions,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Self, DataError> {
        options.check()?;
        let mut builder = PassBuilder::new(options.max_candidates);
        let mut replay = Replay::new(profile, options, options.since.unwrap_or(TimeMs(i64::MIN)));
        replay.run(log, options.until, options.events, progress, &mut |slate| builder.add(slate))?;
        let counts = replay.counts;
        let empty = |why| Err(DataError::Empty(why));
        let Some(newest) = replay.newest else {
            return match options.until {
                Some(until) if counts.events > 0 => empty(Empty::AfterUntil { events: counts.events, until }),
                _ => empty(Empty::Log),
            };
        };
        if replay.posts.created() == 0 {
            return empty(Empty::Posts { events: counts.read });
        }
        if profile.has(Has::Impressions) && counts.impressions == 0 {
            return empty(Empty::Impressions { events: counts.read });
        }
        if counts.actions == 0 {
            return empty(Empty::Actions { events: counts.read });
        }
        if let Some(since) = options.since.filter(|_| counts.slates == 0) {
            return empty(Empty::Since { events: counts.read, since });
        }

        let drafts = builder.finish();
        let validation_from = drafts.validation_from(options.validation_share);
        let (ids, posts, log_position) = (replay.ids(), replay.posts.created(), replay.position.clone());
        let outcomes = replay.outcomes();
        let split = drafts.split(&outcomes, validation_from);
        let impressions = split.shown.values().map(|n| u64::from(*n)).sum();
        if outcomes.iter().all(|outcome| outcome.is_nothing()) {
            return empty(match options.since {
                Some(since) => Empty::LabelsSince { impressions, since },
                None => Empty::Labels { impressions },
            });
        }

        let set = &profile.action_set;
        let mut positives_per_head = vec![0; set.len()];
        let mut post_frequency = FxHashMap::default();
        for candidate in split.train.iter().flat_map(|pass| &pass.candidates) {
            for (index, action) in set.iter() {
                let has = match action.kind {
                    ActionKind::Discrete => candidate.labels.has(index),
                    ActionKind::Continuous => candidate.dwell_seconds > 0.0,
                };
                positives_per_head[usize::from(index)] += u64::from(has);
            }
            if is_positive(candidate, set) {
                *post_frequency.entry(candidate.item.post).or_default() += 1;
            }
        }
        let (corpus, alive_posts) = replay.posts.finish();
        Ok(Self {
            corpus: Arc::new(corpus),
            train: split.train,
            validation: split.validation,
            validation_from,
            users: ids.users as u64,
            ids,
            positives_per_head,
            impressions,
            training_impressions: split.shown,
            post_frequency,
            alive_posts,
            posts,
            slates: counts.slates,
            trained_until: options.until.unwrap_or(newest + 1),
            log_position,
        })
    }

    /// Posts to learn from, shown or sampled, counted as often as they are.
    pub fn candidates(&self) -> u64 {
        count(&self.train)
    }

    /// The originals created before what is held back for validation, in order of time.
    pub fn training_posts(&self) -> &[(PostId, TimeMs)] {
        let n = self.validation_from.map_or(self.alive_posts.len(), |from| {
            self.alive_posts.partition_point(|(_, created_at)| *created_at < from)
        });
        &self.alive_posts[..n]
    }

    /// Posts held back for validation, counted in the same way.
    pub fn validation_candidates(&self) -> u64 {
        count(&self.validation)
    }
}

fn count(passes: &[Pass]) -> u64 {
    passes.iter().map(|pass| pass.candidates.len() as u64).sum()
}
