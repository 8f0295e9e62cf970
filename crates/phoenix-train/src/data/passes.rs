//! Slates become passes.
//!
//! A pass collects a viewer's consecutive slates for as long as the history so far is a prefix of the next slate's. So a moved
//! window, a thinned run of looks, a token that was extended or a post that was deleted start a new pass, and by
//! construction a candidate sees what serving would show.

use foryou_types::{PostId, TimeMs, UserId};
use phoenix::{Candidate, CandidateItem, HistoryItem, Pass};
use rustc_hash::FxHashMap;

use super::labels::Outcome;
use super::replay::Slate;

/// A candidate whose outcome is not known yet.
struct Draft {
    item: CandidateItem,
    weight: f32,
    label: u32,
    sampled: bool,
    slate: u32,
    cutoff: u16,
}

/// A pass whose outcomes are not known yet.
pub(crate) struct DraftPass {
    user: UserId,
    history: Vec<HistoryItem>,
    drafts: Vec<Draft>,
    at: TimeMs,
}

/// Puts slates into passes.
pub(crate) struct PassBuilder {
    most: usize,
    /// The pass in the making of each viewer, by place.
    open: Vec<Option<DraftPass>>,
    done: Vec<DraftPass>,
    /// When each slate was shown, by number.
    slate_times: Vec<TimeMs>,
}

impl PassBuilder {
    /// Passes of at most `most` candidates.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, open: Vec::new(), done: Vec::new(), slate_times: Vec::new() }
    }

    /// Takes in the next slate.
    pub(crate) fn add(&mut self, slate: Slate) {
        let number = self.slate_times.len() as u32;
        self.slate_times.push(slate.at);
        let viewer = slate.viewer as usize;
        if self.open.len() <= viewer {
            self.open.resize_with(viewer + 1, || None);
        }
        let cutoff = slate.history.len() as u16;
        let mut drafts = slate.shown.into_iter().map(|shown| Draft {
            item: shown.item,
            weight: shown.weight,
            label: shown.label,
            sampled: shown.sampled,
            slate: number,
            cutoff,
        });
        let mut pass = match self.open[viewer].take() {
            Some(pass)
                if pass.at <= slate.at
                    && pass.drafts.len() + drafts.len() <= self.most
                    && slate.history.starts_with(&pass.history) =>
            {
                DraftPass { history: slate.history, at: slate.at, ..pass }
            }
            other => {
                self.done.extend(other);
                DraftPass { user: slate.user, history: slate.history, drafts: Vec::new(), at: slate.at }
            }
        };
        pass.drafts.extend(drafts.by_ref().take(self.most - pass.drafts.len()));
        while drafts.len() > 0 {
            let next = DraftPass {
                user: pass.user,
                history: pass.history.clone(),
                drafts: drafts.by_ref().take(self.most).collect(),
                at: pass.at,
            };
            self.done.push(std::mem::replace(&mut pass, next));
        }
        self.open[viewer] = Some(pass);
    }

    /// The passes.
    pub(crate) fn finish(mut self) -> Drafts {
        self.done.extend(self.open.into_iter().flatten());
        // In the order of their first slates, whatever closed them.
        self.done.sort_by_key(|pass| pass.drafts.first().map(|draft| draft.slate));
        Drafts { passes: self.done, slate_times: self.slate_times }
    }
}

/// All passes, without outcomes.
pub(crate) struct Drafts {
    passes: Vec<DraftPass>,
    slate_times: Vec<TimeMs>,
}

/// Passes with outcomes.
pub(crate) struct Split {
    /// To learn from.
    pub(crate) train: Vec<Pass>,
    /// Held back.
    pub(crate) validation: Vec<Pass>,
    /// How often each post was shown in the part to learn from.
    pub(crate) shown: FxHashMap<PostId, u32>,
}

impl Drafts {
    /// The moment from which slates are held back, such that they are about the last `share` of them: slates of one moment stay
    /// together. `None` where that would hold back none or all.
    pub(crate) fn validation_from(&self, share: f64) -> Option<TimeMs> {
        let mut times = self.slate_times.clone();
        times.sort_unstable();
        let held = (times.len() as f64 * share) as usize;
        let from = *times.get(times.len() - held)?;
        (times.first() < Some(&from)).then_some(from)
    }

    /// The passes, cut where the held-back slates begin: those keep the whole history, the others what they may see.
    pub(crate) fn split(self, outcomes: &[Outcome], validation_from: Option<TimeMs>) -> Split {
        let mut split = Split { train: Vec::new(), validation: Vec::new(), shown: FxHashMap::default() };
        let held_back = |slate: u32| {
            validation_from.is_some_and(|from| self.slate_times.get(slate as usize).is_some_and(|at| *at >= from))
        };
        for mut pass in self.passes {
            // Slates of a pass are in order of time, and so are their cut-offs.
            let cut = pass.drafts.partition_point(|draft| !held_back(draft.slate));
            let held = pass.drafts.split_off(cut);
            if let Some(last) = pass.drafts.last() {
                let at = self.slate_times.get(last.slate as usize).copied().unwrap_or(pass.at);
                for draft in pass.drafts.iter().filter(|draft| !draft.sampled) {
                    *split.shown.entry(draft.item.post).or_default() += 1;
                }
                let history = pass.history[..usize::from(last.cutoff)].into();
                let candidates = finish(pass.drafts, outcomes);
                split.train.push(Pass { user: pass.user, history, candidates, at });
            }
            if !held.is_empty() {
                let (user, at) = (pass.user, pass.at);
                let candidates = finish(held, outcomes);
                split.validation.push(Pass { user, history: pass.history.into(), candidates, at });
            }
        }
        for pass in split.train.iter_mut().chain(&mut split.validation) {
            for candidate in &mut pass.candidates {
                candidate.training_impressions = split.shown.get(&candidate.item.post).copied().unwrap_or_default();
            }
        }
        split
    }
}

fn finish(drafts: Vec<Draft>, outcomes: &[Outcome]) -> Vec<Candidate> {
    let finish = |draft: Draft| {
        let outcome = outcomes.get(draft.label as usize).copied().unwrap_or_default();
        Candidate {
            item: draft.item,
            cutoff: draft.cutoff,
            labels: outcome.actions,
            dwell_seconds: outcome.dwell_seconds(),
            weight: draft.weight,
            slate: draft.slate,
            training_impressions: 0,
        }
    };
    drafts.into_iter().map(finish).collect()
}
