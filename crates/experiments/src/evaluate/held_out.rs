//! The held-out part of a world as a model meets it: each slate with the history the viewer had at its moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use datasets::world::{Slate, WorldManifest, read_slates};
use event_log::{EventBody, EventSource, Position};
use foryou_types::{ActionSet, PostId, TimeMs};
use phoenix::Corpus;
use phoenix_engine::service::read_posts;
use phoenix_train::{DataOptions, EvalSlate, slates_after};
use rustc_hash::FxHashMap;

use super::world::World;
use crate::ExperimentError;
use crate::error::During;

/// An action that counts for popularity: something of positive weight was done with a post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Engagement {
    pub(crate) at: TimeMs,
    pub(crate) post: PostId,
}

/// A slate's truth, and what a model is given to rank it: the same posts in the same order.
pub(crate) struct Case {
    pub(crate) slate: Slate,
    /// By history length S, shortest first; never empty.
    inputs: Vec<(usize, EvalSlate)>,
}

impl Case {
    /// The inputs of a model with a history of length `s`.
    pub(crate) fn inputs(&self, s: usize) -> &EvalSlate {
        let found = self.inputs.iter().find(|(length, _)| *length == s);
        &found.unwrap_or(&self.inputs[0]).1
    }

    /// Per post, how often it had been shown before the cut.
    pub(crate) fn training_impressions(&self) -> &[u32] {
        &self.inputs[0].1.impressions_before
    }
}

/// The held-out data.
pub(crate) struct HeldOut {
    pub(crate) action_set: ActionSet,
    pub(crate) max_post_age_ms: i64,
    /// The slates in time order.
    pub(crate) cases: Vec<Case>,
    /// Positive actions of the whole log, in time order.
    pub(crate) engagements: Vec<Engagement>,
    /// Posts that are not reposts, by time: id and moment.
    pub(crate) originals: Vec<(PostId, TimeMs)>,
    pub(crate) corpus: Arc<Corpus>,
}

impl HeldOut {
    /// Reads a world's truth and its log, for models with histories of these lengths.
    pub(crate) fn read(
        world: &World<'_>,
        manifest: &WorldManifest,
        lengths: BTreeSet<usize>,
    ) -> Result<Self, ExperimentError> {
        let World { log, profile, watcher, .. } = world;
        let corpus = Arc::new(Corpus::new());
        read_posts(&**log, &corpus).during(|| "reading the posts".to_owned())?;
        let mut by_length = Vec::new();
        for history in lengths {
            let options = DataOptions { history, ..DataOptions::default() };
            let slates = slates_after(&**log, profile, &options, manifest.cut, &|read, total| {
                watcher.reached("reading", read, total);
            });
            watcher.finished();
            let slates: FxHashMap<String, EvalSlate> =
                slates?.into_iter().filter_map(|s| Some((s.request_id.clone()?, s))).collect();
            by_length.push((history, slates));
        }
        if by_length.is_empty() {
            return Err(ExperimentError::Unfit("no version to evaluate".to_owned()));
        }
        let mut cases = Vec::new();
        for slate in read_slates(world.truth)? {
            let mut inputs = Vec::with_capacity(by_length.len());
            for (history, slates) in &mut by_length {
                let unfit = |what: &str| {
                    ExperimentError::Unfit(format!("the log {what} the held-out slate {}", slate.request_id))
                };
                let found = slates.remove(&slate.request_id).ok_or_else(|| unfit("has no impression of"))?;
                if !found.candidates.iter().map(|c| c.post).eq(slate.posts.iter().map(|p| p.post_id)) {
                    return Err(unfit("shows other posts than"));
                }
                inputs.push((*history, found));
            }
            cases.push(Case { slate, inputs });
        }
        cases.sort_by_key(|case| case.slate.at);
        let mut originals = Vec::new();
        corpus.for_each(|post, info| {
            if let (Some(created_at), false) = (info.created_at, info.source.is_some()) {
                originals.push((post, created_at));
            }
        });
        originals.sort_by_key(|(post, created_at)| (*created_at, *post));
        Ok(Self {
            action_set: profile.action_set.clone(),
            max_post_age_ms: profile.limits.max_post_age_seconds.saturating_mul(1_000),
            cases,
            engagements: engagements(&**log, &profile.action_set)?,
            originals,
            corpus,
        })
    }
}

fn engagements(log: &dyn EventSource, set: &ActionSet) -> Result<Vec<Engagement>, ExperimentError> {
    let mut found = Vec::new();
    log.read_from(&Position::default(), &mut |records, _| {
        for record in records {
            if let EventBody::Action(action) = &record.event.body
                && !action.undo
                && set.get(action.action).is_some_and(|a| a.weight > 0.0 && set.dwell_time() != Some(action.action))
            {
                found.push(Engagement { at: record.event.at, post: action.post_id });
            }
        }
        true
    })
    .during(|| "reading the log".to_owned())?;
    found.sort_by_key(|engagement| engagement.at);
    Ok(found)
}
