//! Slates for judging a model: shown after the last moment that it learnt from.

use event_log::EventSource;
use foryou_types::{ActionMask, Profile, Surface, TimeMs, UserId};
use phoenix::{CandidateItem, HistoryItem};

use super::replay::{Replay, Slate};
use super::{DataError, DataOptions};

/// A slate with what serving would have known, and its outcome. Lists are in the order of `candidates`, `[C]`.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalSlate {
    /// The request that served it.
    pub request_id: Option<String>,
    /// The viewer.
    pub user: UserId,
    /// When it was shown.
    pub at: TimeMs,
    /// Where.
    pub surface: Surface,
    /// The viewer's window at that moment, oldest first.
    pub history: Vec<HistoryItem>,
    /// What was shown, top first. Where no impressions are recorded: the post acted on, then sampled ones.
    pub candidates: Vec<CandidateItem>,
    /// The discrete actions taken.
    pub labels: Vec<ActionMask>,
    /// Seconds of attention, clipped at 30.
    pub dwell_seconds: Vec<f32>,
    /// How often each post was shown (to anyone) before the held-out part.
    pub impressions_before: Vec<u32>,
}

/// The slates shown at or after `from`, in the order of the log. Histories see every event before their slate, held-out ones
/// too, as in serving. The log is read to its end, whatever [`DataOptions::until`] and [`DataOptions::since`] say. Finding no slates is not an error.
pub fn slates_after(
    log: &dyn EventSource,
    profile: &Profile,
    options: &DataOptions,
    from: TimeMs,
    progress: &dyn Fn(u64, u64),
) -> Result<Vec<EvalSlate>, DataError> {
    options.check()?;
    let mut slates: Vec<Slate> = Vec::new();
    let mut replay = Replay::new(profile, options, from);
    replay.run(log, None, None, progress, &mut |slate| slates.push(slate))?;
    let (outcomes, before) = (replay.outcomes(), replay.shown_before);
    let judge = |slate: Slate| {
        let outcome = |label: u32| outcomes.get(label as usize).copied().unwrap_or_default();
        EvalSlate {
            request_id: slate.request_id,
            user: slate.user,
            at: slate.at,
            surface: slate.surface,
            history: slate.history,
            labels: slate.shown.iter().map(|shown| outcome(shown.label).actions).collect(),
            dwell_seconds: slate.shown.iter().map(|shown| outcome(shown.label).dwell_seconds()).collect(),
            impressions_before: (slate.shown.iter())
                .map(|shown| before.get(&shown.item.post).copied().unwrap_or_default())
                .collect(),
            candidates: slate.shown.into_iter().map(|shown| shown.item).collect(),
        }
    };
    Ok(slates.into_iter().map(judge).collect())
}
