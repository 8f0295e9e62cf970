//! How a model is trained: every setting, with defaults for each model, from TOML and `key=value` overrides.

mod assign;
mod check;
mod defaults;
mod error;
mod reference;
mod sized;
#[cfg(test)]
mod tests;

use phoenix::ModelConfig;
use phoenix::TableInit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use train_core::optim::AdamWRule;
use train_core::{ScheduleRecipe, StoppingRecipe};

pub use error::RecipeError;
pub use reference::{RecipeKey, RecipeSection};
pub use sized::DataSize;

use crate::data::DataOptions;
use crate::tables::Adagrad;

/// Every setting of a training. The seed and the threads are the caller's ([`train_core::RunOptions`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Passes over the training data.
    pub epochs: u32,
    /// Most tokens (user, history, candidates, padding) of a step.
    pub tokens_per_step: usize,
    /// Probability that a post's rows are replaced by zero, at each of its occurrences: so that author, text and age must suffice.
    pub post_dropout: f64,
    /// Sizes and switches of the model. `num_actions` is that of the data.
    pub model: ModelConfig,
    /// The embedding tables.
    pub tables: TableRecipe,
    /// Where the dense tensors start.
    pub start: StartRecipe,
    /// AdamW on the dense tensors.
    pub dense: DenseRecipe,
    /// The learning rates over the steps.
    pub schedule: ScheduleRecipe,
    /// Evaluations, and when to end.
    pub stopping: StoppingRecipe,
    /// How the log becomes training data.
    pub data: DataRecipe,
    /// The ranker's heads; only in its recipe.
    pub heads: Option<HeadRecipe>,
    /// Retrieval's negatives; only in its recipe.
    pub sampling: Option<SamplingRecipe>,
}

/// The embedding tables and row-wise Adagrad on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableRecipe {
    /// Step size.
    pub learning_rate: f64,
    /// Factor on the step size of user rows.
    pub user_factor: f64,
    /// Factor on the step size of word rows.
    pub text_factor: f64,
    /// Added to the root of the accumulator.
    pub eps: f64,
    /// Share of a row that fades at each touch, times the step size.
    pub decay: f64,
    /// Whether the step sizes follow the schedule.
    pub scheduled: bool,
    /// Standard deviation of new user rows.
    pub user_std: f32,
    /// Standard deviation of new post rows.
    pub post_std: f32,
    /// Standard deviation of new author rows.
    pub author_std: f32,
    /// Standard deviation of new word rows.
    pub text_std: f32,
    /// Rows of the user table; none for twice the ids, rounded up to a power of two.
    pub user_rows: Option<u32>,
    /// Rows of the post table.
    pub post_rows: Option<u32>,
    /// Rows of the author table.
    pub author_rows: Option<u32>,
    /// Rows of the word table.
    pub text_rows: Option<u32>,
}

/// Where the dense tensors start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRecipe {
    /// Scale of the norms after each sub-layer.
    pub post_norm: f32,
    /// Standard deviation of the action vectors.
    pub action_std: f32,
    /// Standard deviation of the surface and age vectors.
    pub feature_std: f32,
    /// Leading axes of authors × words with which the text table begins; 0 for a random start.
    pub text_axes: usize,
    /// Root mean square of a post's text vector at the start, where it begins with axes.
    pub text_scale: f32,
    /// Queries and keys that compare begin at this multiple of the identity.
    pub sharpness: f32,
    /// Whether the ranker's attention begins by comparing authors and texts.
    pub similarity: bool,
    /// Whether the ranker's heads begin at the base rates.
    pub base_rates: bool,
}

/// AdamW.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenseRecipe {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean gradient.
    pub beta1: f64,
    /// Decay of the mean squared gradient.
    pub beta2: f64,
    /// Added to the root of the mean squared gradient.
    pub eps: f64,
    /// Decoupled decay, of matrices only.
    pub weight_decay: f64,
    /// Most norm of all gradients together; 0 for no limit.
    pub clip_norm: f64,
}

/// How the log becomes training data; see [`DataOptions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// Share of the slates, the last ones, held back for validation.
    pub validation_share: f64,
    /// Most candidates of a pass.
    pub max_candidates: usize,
    /// Negatives sampled for each positive where no impressions are recorded.
    pub negatives: usize,
    /// Posts a person is taken to have been shown in vain for each one acted on, where no impressions are recorded.
    pub assumed_impressions: f64,
}

/// How much each head counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HeadWeights {
    /// All the same.
    #[default]
    Uniform,
    /// By what a mistake costs: the action's weight times the standard deviation of its label, `0.2 + x / mean(x)`.
    Value,
    /// By rarity: one over the root of the base rate, mean 1.
    Rarity,
}

/// The ranker's heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadRecipe {
    /// Weights of the discrete heads.
    pub weights: HeadWeights,
    /// Weight of a continuous head (Tweedie deviance, in seconds).
    pub continuous: f64,
}

/// Retrieval's negatives and temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplingRecipe {
    /// Posts drawn uniformly per step, shared by all users.
    pub uniform: usize,
    /// Most positives of a pass per step; more are drawn from.
    pub positives_per_pass: usize,
    /// Whether scores are corrected for how often a post is drawn (Yi et al. 2019).
    pub frequency_correction: bool,
    /// Whether a user's own rejections are negatives.
    pub hard_negatives: bool,
    /// Temperature at the start.
    pub temperature: f64,
    /// Whether the temperature is learned.
    pub learn_temperature: bool,
}

impl Recipe {
    /// How the data is read for this recipe; beginning and end of the training part are the caller's to set.
    pub fn data_options(&self) -> DataOptions {
        DataOptions {
            history: self.model.history_seq_len,
            validation_share: self.data.validation_share,
            max_candidates: self.data.max_candidates,
            negatives: self.data.negatives,
            assumed_impressions: self.data.assumed_impressions,
            ..DataOptions::default()
        }
    }

    /// The starts of the tables.
    pub const fn table_init(&self) -> TableInit {
        let tables = &self.tables;
        TableInit { user: tables.user_std, post: tables.post_std, author: tables.author_std, text: tables.text_std }
    }

    /// The rule of a step of the dense tensors, `factor` being the schedule's.
    pub(crate) fn dense_rule(&self, factor: f32) -> AdamWRule {
        let dense = &self.dense;
        AdamWRule {
            learning_rate: dense.learning_rate as f32 * factor,
            beta1: dense.beta1 as f32,
            beta2: dense.beta2 as f32,
            eps: dense.eps as f32,
            weight_decay: dense.weight_decay as f32,
        }
    }

    /// The rules of a step of the tables: user, post, author, text.
    pub(crate) fn table_rules(&self, factor: f32) -> [Adagrad; 4] {
        let tables = &self.tables;
        let learning_rate = tables.learning_rate as f32 * if tables.scheduled { factor } else { 1.0 };
        let rule = Adagrad { learning_rate, eps: tables.eps as f32, decay: tables.decay as f32 };
        let text = Adagrad { learning_rate: learning_rate * tables.text_factor as f32, ..rule };
        let user = Adagrad { learning_rate: learning_rate * tables.user_factor as f32, ..rule };
        [user, rule, rule, text]
    }
}
