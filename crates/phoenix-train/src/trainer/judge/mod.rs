//! Whether a trained model may serve: judged on the held-out part, against chance, popularity and the version that it would replace.
//!
//! A version passes where all of this holds:
//! * it learned from at least [`LEAST_POSITIVES`] posts acted on, among them [`LEAST_POSTS`] different ones;
//! * at least [`LEAST_HELD_OUT`] posts acted on (for a ranker, and as many others) were held out;
//! * ranker: its AUC for posts acted on is above .5 by more than its standard error, above .5 within viewers, and so is the mean of
//!   its heads; retrieval: its recall is above that of chance by more than its standard error;
//! * it is better than popularity, counted over the training part, on the same held-out part;
//! * it is not worse than the version that serves by more than its standard error, where the two can be compared.

mod area;
mod ranker;
mod retrieval;

use std::collections::BTreeMap;

use foryou_types::{ActionSet, TimeMs};
use model_registry::{Gate, action_difference};
use phoenix::{Checkpoint, ModelKind};
use train_core::{TrainError, Workers};

use super::model::Model;
use super::ranker::RankerLoss;
use super::recall::RecallCheck;
use super::{checked, wrong_model};
use crate::data::TrainingData;
use crate::recipe::Recipe;

/// Fewest posts acted on that a model learned from: with fewer, what it says of a viewer is what it says of everybody.
const LEAST_POSITIVES: u64 = 50;
/// Fewest different posts among them.
const LEAST_POSTS: usize = 10;
/// Fewest held-out posts of each kind: with 20 an AUC of .6 is within two standard errors of chance.
const LEAST_HELD_OUT: u64 = 20;
/// Fewest viewers with posts of both kinds for a measure within viewers.
const LEAST_VIEWERS: usize = 5;

/// The version that serves, which a new one is compared with.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Its name.
    pub name: String,
    /// Its model.
    pub checkpoint: Checkpoint,
    /// Its judgement's [`Gate::held_out_from`]: from there on it learned nothing.
    pub held_out_from: Option<TimeMs>,
}

/// What was measured and what speaks against a model.
#[derive(Clone, Debug, Default)]
struct Verdict {
    reasons: Vec<String>,
    notes: Vec<String>,
    measured: BTreeMap<String, f64>,
}

impl Verdict {
    fn measure(&mut self, name: &str, value: f64) {
        self.measured.insert(name.to_owned(), value);
    }

    fn against(&mut self, reason: String) {
        self.reasons.push(reason);
    }
}

/// Judges a model that was trained on `data` by `recipe`. `best` are the trainer's measures of it, by name.
pub fn judge(
    data: &TrainingData,
    recipe: &Recipe,
    action_set: &ActionSet,
    checkpoint: Checkpoint,
    best: &BTreeMap<String, f64>,
    previous: Option<Previous>,
    threads: usize,
) -> Result<Gate, TrainError> {
    let recipe = checked(data, recipe, action_set)?;
    let workers = Workers::new(threads)?;
    let kind = checkpoint.config.kind;
    let (previous, note) = comparable(previous, &checkpoint, data);
    let previous = previous.map(|previous| (previous.name, Model::new(previous.checkpoint, Vec::new())));
    let previous = previous.as_ref().map(|(name, model)| (name.as_str(), model));
    let model = Model::new(checkpoint, Vec::new());
    let mut verdict = if data.validation_from.is_none() {
        let mut verdict = Verdict::default();
        verdict.against(
            "nothing was held out to judge it by (data.validation_share is 0, or there are too few slates)".to_owned(),
        );
        verdict
    } else {
        match kind {
            ModelKind::Ranker => {
                let heads = recipe.heads.as_ref().ok_or_else(|| wrong_model("heads", "the ranker"))?;
                let objective = RankerLoss::new(data, action_set, &recipe, heads);
                let mut verdict = ranker::judge(data, action_set, &objective, &model, previous, &workers)?;
                ranker::against_heads(&mut verdict, best);
                verdict
            }
            ModelKind::Retrieval => {
                let check = RecallCheck::new(data, action_set, recipe.tokens_per_step);
                retrieval::judge(&check, &model, previous, &workers)?
            }
        }
    };
    let (positives, posts) =
        (data.post_frequency.values().map(|n| u64::from(*n)).sum::<u64>(), data.post_frequency.len());
    verdict.measure("training_positives", positives as f64);
    verdict.measure("training_posts", posts as f64);
    if positives < LEAST_POSITIVES || posts < LEAST_POSTS {
        verdict.against(format!(
            "it learned from too little: {positives} posts acted on, {posts} different ones; at least {LEAST_POSITIVES} and {LEAST_POSTS} are needed"
        ));
    }
    verdict.notes.extend(note);
    let gate = Gate::new(verdict.reasons, verdict.notes, verdict.measured);
    Ok(Gate { held_out_from: data.validation_from, ..gate })
}

/// The version that serves if it can be compared on this data, or why it cannot.
fn comparable(
    previous: Option<Previous>,
    checkpoint: &Checkpoint,
    data: &TrainingData,
) -> (Option<Previous>, Option<String>) {
    let Some(previous) = previous else { return (None, None) };
    let (old, new) = (&previous.checkpoint.config, &checkpoint.config);
    let learned_until = previous.held_out_from.or(old.trained_until);
    let why = if action_difference(&new.action_set, &old.action_set).is_some() {
        "it predicts other actions"
    } else if old.model.history_seq_len != new.model.history_seq_len {
        "its history has another length"
    } else if learned_until.is_none_or(|until| data.validation_from.is_none_or(|from| until > from)) {
        "it learned from a part of what is held out now"
    } else {
        return (Some(previous), None);
    };
    let note = format!("not compared with {}, which serves: {why}", previous.name);
    (None, Some(note))
}
