//! Passes as arrays: what the model reads, and which table rows it came from.

use foryou_types::{PostId, Rng, UserId};
use phoenix::{CheckpointConfig, Pass};
use train_core::stream;

use super::model::Model;
use crate::model::{CandidateArrays, HistoryArrays, LeafGradients};
use crate::tables::{EmbeddingTables, TableGradients, TokenRows};

/// Where post dropout takes its randomness; none for an evaluation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    pub(crate) probability: f64,
    pub(crate) seed: u64,
    pub(crate) step: u64,
}

impl Dropout {
    /// Whether each next post of a pass is hidden. It depends on the pass, not on the shard it is in.
    pub(super) fn of_pass(dropout: Option<Self>, pass: u32) -> impl FnMut() -> bool {
        let mut rng = dropout.map(|d| (d.probability, stream(d.seed, "post dropout", d.step, u64::from(pass))));
        move || rng.as_mut().is_some_and(|(probability, rng)| rng.chance(*probability))
    }
}

/// The rows behind the arrays of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchRows {
    users: Vec<u32>,
    history: TokenRows,
    candidates: TokenRows,
}

/// The arrays of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) history: HistoryArrays,
    /// Empty for retrieval, which looks candidates up apart.
    pub(crate) candidates: CandidateArrays,
    pub(crate) rows: BatchRows,
}

/// Some passes among others, by their numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passes<'a> {
    pub(crate) all: &'a [Pass],
    pub(crate) numbers: &'a [u32],
}

impl<'a> Passes<'a> {
    /// The passes, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Pass> + Clone {
        self.numbers.iter().map(move |&number| &self.all[number as usize])
    }
}

/// Makes a list one of so many values, in the room that it has.
fn fill<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}

impl Batch {
    /// Takes up some passes, right-padded; `with_candidates` for the ranker.
    pub(crate) fn take(&mut self, model: &Model, passes: Passes<'_>, dropout: Option<Dropout>, with_candidates: bool) {
        let Self { history, candidates, rows } = self;
        let (config, tables) = (&model.config, &model.tables);
        let (hashes, sizes) = (&config.hashes, &config.model);
        let b = passes.numbers.len();
        let s = passes.iter().map(|pass| pass.history.len()).max().unwrap_or(0);
        let c = if with_candidates { passes.iter().map(|pass| pass.candidates.len()).max().unwrap_or(0) } else { 0 };
        let a = sizes.num_actions;
        rows.users.clear();
        rows.history.clear();
        rows.candidates.clear();
        (history.b, history.s, candidates.b, candidates.c) = (b, s, b, c);
        history.user_valid.clear();
        fill(&mut history.actions, b * s * a, 0.0);
        fill(&mut history.surface, b * s, 0);
        fill(&mut history.age, b * s, 0);
        fill(&mut history.dwell, b * s, 0.0);
        fill(&mut history.valid, b * s, false);
        fill(&mut candidates.surface, b * c, 0);
        fill(&mut candidates.age, b * c, 0);
        fill(&mut candidates.cutoff, b * c, 0);
        fill(&mut candidates.valid, b * c, false);
        for (i, (pass, &number)) in passes.iter().zip(passes.numbers).enumerate() {
            let mut hidden = Dropout::of_pass(dropout, number);
            rows.users.extend(hashes.user.rows_of(pass.user.0));
            history.user_valid.push(pass.user.is_some());
            for (j, item) in pass.history.iter().enumerate() {
                let at = i * s + j;
                rows.history.push(hashes, sizes.text, item.post, hidden(), item.author, &item.content);
                for action in item.actions.iter().filter(|&action| usize::from(action) < a) {
                    history.actions[at * a + usize::from(action)] = 1.0;
                }
                history.surface[at] = item.surface;
                history.age[at] = item.age_bucket;
                history.dwell[at] = item.dwell_seconds;
                history.valid[at] = item.post.is_some();
            }
            rows.history.pad_to(hashes, (i + 1) * s);
            if c == 0 {
                continue;
            }
            for (j, candidate) in pass.candidates.iter().enumerate() {
                let (at, item) = (i * c + j, &candidate.item);
                rows.candidates.push(hashes, sizes.text, item.post, hidden(), item.author, &item.content);
                candidates.surface[at] = item.surface;
                candidates.age[at] = item.age_bucket;
                candidates.cutoff[at] = candidate.cutoff;
                candidates.valid[at] = true;
            }
            rows.candidates.pad_to(hashes, (i + 1) * c);
        }
        tables.gather_users(&rows.users, &mut history.user);
        for (rows, ids, text) in [
            (&rows.history, &mut history.ids, &mut history.text),
            (&rows.candidates, &mut candidates.ids, &mut candidates.text),
        ] {
            let mut words = text.take().unwrap_or_default();
            tables.gather(hashes, rows, ids, &mut words);
            *text = sizes.text.then_some(words);
        }
    }

    /// Adds the gradients of the looked-up rows to those of their tables.
    pub(crate) fn scatter(&self, model: &Model, leaves: &LeafGradients, into: &mut TableGradients) {
        let (tables, hashes) = (&model.tables, &model.config.hashes);
        tables.scatter_users(&self.rows.users, &leaves.user, into);
        tables.scatter(hashes, &self.rows.history, &leaves.history_ids, &leaves.history_text, into);
        tables.scatter(hashes, &self.rows.candidates, &leaves.candidate_ids, &leaves.candidate_text, into);
    }

    /// The arrays that hold numbers, by name.
    pub(crate) fn inputs(&self) -> Vec<(&'static str, &[f32])> {
        let (h, c) = (&self.history, &self.candidates);
        let text = |text: &'_ Option<Vec<f32>>| text.as_ref().map_or(0, Vec::len) > 0;
        let mut all: Vec<(&'static str, &[f32])> = vec![
            ("history.dwell_seconds", &h.dwell),
            ("user rows", &h.user),
            ("history post and author rows", &h.ids),
            ("candidate post and author rows", &c.ids),
        ];
        for (name, values) in [("history word rows", &h.text), ("candidate word rows", &c.text)] {
            if text(values) {
                all.extend(values.as_ref().map(|values| (name, &values[..])));
            }
        }
        all
    }
}

/// Posts to be looked up for the candidate tower.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posts {
    /// `[N, (Hi + Ha) · D]`.
    pub(crate) ids: Vec<f32>,
    /// `[N, D]`, none for a model without text.
    pub(crate) text: Option<Vec<f32>>,
    rows: TokenRows,
}

/// A post for the candidate tower.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TowerPost<'a> {
    pub(crate) post: PostId,
    pub(crate) hidden: bool,
    pub(crate) author: UserId,
    pub(crate) content: &'a [u32],
}

impl Posts {
    /// Takes up some posts.
    pub(crate) fn take<'a>(
        &mut self,
        config: &CheckpointConfig,
        tables: &EmbeddingTables,
        posts: impl Iterator<Item = TowerPost<'a>>,
    ) {
        self.rows.clear();
        posts.for_each(|p| self.rows.push(&config.hashes, config.model.text, p.post, p.hidden, p.author, p.content));
        let mut text = self.text.take().unwrap_or_default();
        tables.gather(&config.hashes, &self.rows, &mut self.ids, &mut text);
        self.text = config.model.text.then_some(text);
    }

    /// Adds the gradients of the looked-up rows to those of their tables.
    pub(crate) fn scatter(&self, model: &Model, leaves: &LeafGradients, into: &mut TableGradients) {
        let (ids, text) = (&leaves.candidate_ids, &leaves.candidate_text);
        model.tables.scatter(&model.config.hashes, &self.rows, ids, text, into);
    }
}
