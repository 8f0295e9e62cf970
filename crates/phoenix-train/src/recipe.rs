//! How a model is trained: every setting, with defaults for each model, from TOML and `key=value` overrides.

use phoenix::checkpoint::TableInit;
use phoenix::{HistoryAttention, ModelConfig, ModelKind, Positions};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::data::DataOptions;
use crate::optim::{AdamWRule, Decay};
use crate::tables::Adagrad;

/// Every setting of a training. The seed and the threads are the caller's ([`crate::trainer::RunOptions`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// The learning rates over the steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRecipe {
    /// Share of the steps on the way up.
    pub warm_up: f64,
    /// The way down.
    pub decay: Decay,
}

/// Evaluations, and when to end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoppingRecipe {
    /// Steps between evaluations; none for one after each epoch.
    pub evaluate_every: Option<u64>,
    /// Evaluations without a new best after which the run ends; 0 for never.
    pub patience: u32,
    /// Seconds after which the run ends; none for no limit.
    pub max_seconds: Option<f64>,
    /// Steps in a row that may be skipped because their loss was not finite.
    pub max_skipped_steps: u32,
    /// Steps between lines of the metrics file.
    pub log_every: u64,
}

/// How the log becomes training data; see [`DataOptions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// Share of the slates, the last ones, held back for validation.
    pub validation_share: f64,
    /// Most candidates of a pass.
    pub max_candidates: usize,
    /// Negatives sampled beside each positive where no impressions are recorded.
    pub negatives: usize,
    /// Posts a person is taken to have been shown in vain for each one acted on, where no impressions are recorded.
    pub assumed_impressions: f64,
}

/// How much each head counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadRecipe {
    /// Weights of the discrete heads.
    pub weights: HeadWeights,
    /// Weight of a continuous head (Tweedie deviance, in seconds).
    pub continuous: f64,
}

/// Retrieval's negatives and temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// A recipe that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecipeError {
    /// Not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// No such key.
    #[error("{key}: unknown key; known here: {known}")]
    Unknown {
        /// The key, with its sections.
        key: String,
        /// The keys of that section.
        known: String,
    },
    /// A value of another type, or out of its range.
    #[error("{key}: {problem}")]
    Value {
        /// The key, with its sections.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl Recipe {
    /// The default of a model.
    pub fn of(kind: ModelKind) -> Self {
        match kind {
            ModelKind::Ranker => Self::ranker(),
            ModelKind::Retrieval => Self::retrieval(),
        }
    }

    /// The default of a model for the demo: minutes become seconds.
    pub fn small(kind: ModelKind) -> Self {
        match kind {
            ModelKind::Ranker => Self::small_ranker(),
            ModelKind::Retrieval => Self::small_retrieval(),
        }
    }

    /// The ranker.
    pub fn ranker() -> Self {
        Self { heads: Some(HeadRecipe { weights: HeadWeights::Uniform, continuous: 0.1 }), ..Self::base(Self::model()) }
    }

    /// Retrieval.
    pub fn retrieval() -> Self {
        Self {
            tokens_per_step: 8_192,
            sampling: Some(SamplingRecipe {
                uniform: 1_024,
                positives_per_pass: 16,
                frequency_correction: true,
                hard_negatives: true,
                temperature: 0.1,
                learn_temperature: true,
            }),
            ..Self::base(Self::model())
        }
    }

    /// The ranker for the demo.
    pub fn small_ranker() -> Self {
        let mut recipe = Self::ranker();
        recipe.shrink();
        recipe
    }

    /// Retrieval for the demo.
    pub fn small_retrieval() -> Self {
        let mut recipe = Self::retrieval();
        recipe.shrink();
        recipe
    }

    fn shrink(&mut self) {
        self.epochs = 4;
        self.tokens_per_step = 2_048;
        // A small corpus tells fewer topics apart, and further axes are noise.
        self.start.text_axes = 24;
    }

    /// D 64, 2 layers: what a machine of two cores trains in minutes.
    ///
    /// The rotary base is far above 10,000: what attention has to find first is the same author and the same topic anywhere in the
    /// history, and at 10,000 half of a head's pairs turn away from each other within a hundred tokens.
    fn model() -> ModelConfig {
        ModelConfig { emb_size: 64, key_size: 16, num_layers: 2, rope_base: 1e8, ..ModelConfig::default() }
    }

    fn base(model: ModelConfig) -> Self {
        let data = DataOptions::default();
        Self {
            epochs: 3,
            tokens_per_step: 4_096,
            post_dropout: 0.15,
            model,
            tables: TableRecipe {
                learning_rate: 0.05,
                user_factor: 1.0,
                text_factor: 1.0,
                eps: 1e-8,
                decay: 0.0,
                scheduled: true,
                user_std: 0.0,
                post_std: 0.0,
                author_std: 1.0,
                text_std: 1.0,
                user_rows: None,
                post_rows: None,
                author_rows: None,
                text_rows: None,
            },
            start: StartRecipe {
                post_norm: 0.3,
                action_std: 0.3,
                feature_std: 0.3,
                text_axes: 48,
                text_scale: 2.0,
                sharpness: 1.0,
                similarity: true,
                base_rates: true,
            },
            dense: DenseRecipe {
                learning_rate: 3e-3,
                beta1: 0.9,
                beta2: 0.99,
                eps: 1e-8,
                weight_decay: 0.01,
                clip_norm: 1.0,
            },
            schedule: ScheduleRecipe { warm_up: 0.05, decay: Decay::Cosine },
            stopping: StoppingRecipe {
                evaluate_every: None,
                patience: 2,
                max_seconds: None,
                max_skipped_steps: 10,
                log_every: 10,
            },
            data: DataRecipe {
                // The newest hours say most about the posts of the next ones.
                validation_share: 0.02,
                max_candidates: data.max_candidates,
                negatives: data.negatives,
                assumed_impressions: data.assumed_impressions,
            },
            heads: None,
            sampling: None,
        }
    }

    /// A model's default with the values of a TOML file over it.
    pub fn from_toml(kind: ModelKind, text: &str) -> Result<Self, RecipeError> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| RecipeError::Syntax(e.to_string()))?;
        let mut recipe = Self::of(kind);
        recipe.overlay("", table)?;
        Ok(recipe)
    }

    fn overlay(&mut self, prefix: &str, table: toml::Table) -> Result<(), RecipeError> {
        for (key, value) in table {
            let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(table) => self.overlay(&key, table)?,
                value => {
                    let wrong = |e: serde_json::Error| RecipeError::Value { key: key.clone(), problem: e.to_string() };
                    self.assign(&key, serde_json::to_value(value).map_err(wrong)?)?;
                }
            }
        }
        Ok(())
    }

    /// Sets one value by its dotted key, e.g. `dense.learning_rate` to `0.001`; `none` empties an optional one.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), RecipeError> {
        let text = value.trim();
        // TOML's own notation (numbers, true, quoted text); anything else is taken as plain text.
        let parsed = format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v"));
        let value = parsed.and_then(|v| serde_json::to_value(v).ok()).unwrap_or_else(|| Value::String(text.to_owned()));
        self.assign(key, value)
    }

    fn assign(&mut self, key: &str, value: Value) -> Result<(), RecipeError> {
        let wrong = |problem: String| RecipeError::Value { key: key.to_owned(), problem };
        let mut whole = serde_json::to_value(&*self).map_err(|e| wrong(e.to_string()))?;
        let mut place = &mut whole;
        for part in key.split('.') {
            let known = match &*place {
                Value::Object(section) => section.keys().cloned().collect::<Vec<_>>().join(", "),
                _ => String::new(),
            };
            let unknown = || RecipeError::Unknown {
                key: key.to_owned(),
                known: if known.is_empty() { "nothing".to_owned() } else { known.clone() },
            };
            place = place.as_object_mut().and_then(|section| section.get_mut(part)).ok_or_else(unknown)?;
        }
        if place.is_object() {
            return Err(wrong("is a section, not a value".to_owned()));
        }
        let none = value.as_str() == Some("none") && (place.is_null() || place.is_number());
        *place = if none { Value::Null } else { value };
        *self = serde_json::from_value(whole).map_err(|e| wrong(e.to_string()))?;
        Ok(())
    }

    /// The first value out of its range, by its key.
    pub fn check(&self) -> Result<(), RecipeError> {
        let wrong = |key: &str, problem: String| Err(RecipeError::Value { key: key.to_owned(), problem });
        if let Err(e) = self.model.check() {
            return wrong(&format!("model.{}", e.key), e.problem);
        }
        if self.model.history_attention != HistoryAttention::Causal {
            let why = "must be causal: a pass trains candidates that see different parts of its history";
            return wrong("model.history_attention", why.to_owned());
        }
        if self.model.positions != Positions::Shared {
            return wrong(
                "model.positions",
                "must be shared: a candidate stands after the tokens it may see".to_owned(),
            );
        }
        if self.heads.is_some() == self.sampling.is_some() {
            return wrong("heads", "a recipe has either heads (ranker) or sampling (retrieval)".to_owned());
        }
        let (tables, dense, stopping, data) = (&self.tables, &self.dense, &self.stopping, &self.data);
        let rows = [
            ("tables.user_rows", tables.user_rows),
            ("tables.post_rows", tables.post_rows),
            ("tables.author_rows", tables.author_rows),
            ("tables.text_rows", tables.text_rows),
        ];
        for (key, rows) in rows {
            if rows.is_some_and(|rows| !(2..=1 << 28).contains(&rows)) {
                return wrong(key, "must be between 2 and 268,435,456".to_owned());
            }
        }
        let sampling = self.sampling.as_ref();
        let ranges: [(&str, f64, f64, f64); 31] = [
            ("epochs", f64::from(self.epochs), 1.0, 1e6),
            ("tokens_per_step", self.tokens_per_step as f64, 16.0, 1e8),
            ("post_dropout", self.post_dropout, 0.0, 0.99),
            ("tables.learning_rate", tables.learning_rate, 0.0, 100.0),
            ("start.post_norm", f64::from(self.start.post_norm), 0.0, 10.0),
            ("start.text_scale", f64::from(self.start.text_scale), 0.0, 100.0),
            ("start.sharpness", f64::from(self.start.sharpness), 0.0, 100.0),
            ("start.text_axes", self.start.text_axes as f64, 0.0, 8192.0),
            ("start.action_std", f64::from(self.start.action_std), 0.0, 10.0),
            ("start.feature_std", f64::from(self.start.feature_std), 0.0, 10.0),
            ("tables.text_factor", tables.text_factor, 0.0, 1e3),
            ("tables.user_factor", tables.user_factor, 0.0, 1e3),
            ("tables.eps", tables.eps, 1e-12, 1.0),
            ("tables.decay", tables.decay, 0.0, 1.0),
            ("tables.user_std", f64::from(tables.user_std), 0.0, 10.0),
            ("tables.post_std", f64::from(tables.post_std), 0.0, 10.0),
            ("tables.author_std", f64::from(tables.author_std), 0.0, 10.0),
            ("tables.text_std", f64::from(tables.text_std), 0.0, 10.0),
            ("dense.learning_rate", dense.learning_rate, 0.0, 10.0),
            ("dense.beta1", dense.beta1, 0.0, 0.9999),
            ("dense.beta2", dense.beta2, 0.0, 0.999_999),
            ("dense.eps", dense.eps, 1e-12, 1.0),
            ("dense.weight_decay", dense.weight_decay, 0.0, 100.0),
            ("dense.clip_norm", dense.clip_norm, 0.0, 1e9),
            ("schedule.warm_up", self.schedule.warm_up, 0.0, 1.0),
            ("stopping.evaluate_every", stopping.evaluate_every.unwrap_or(1) as f64, 1.0, 1e12),
            ("stopping.max_seconds", stopping.max_seconds.unwrap_or(1.0), 0.0, 1e9),
            ("stopping.log_every", stopping.log_every as f64, 1.0, 1e12),
            ("heads.continuous", self.heads.as_ref().map_or(0.0, |h| h.continuous), 0.0, 1e3),
            ("sampling.temperature", sampling.map_or(0.1, |s| s.temperature), 0.01, 1.0),
            ("sampling.positives_per_pass", sampling.map_or(1.0, |s| s.positives_per_pass as f64), 1.0, 1e6),
        ];
        for (key, value, least, most) in ranges {
            if !(value.is_finite() && (least..=most).contains(&value)) {
                return wrong(key, format!("must be between {least} and {most}, is {value}"));
            }
        }
        if sampling.is_some_and(|s| s.uniform > 1 << 20) {
            return wrong("sampling.uniform", "must be at most 1,048,576".to_owned());
        }
        let options = DataOptions {
            history: self.model.history_seq_len,
            validation_share: data.validation_share,
            max_candidates: data.max_candidates,
            negatives: data.negatives,
            assumed_impressions: data.assumed_impressions,
            ..DataOptions::default()
        };
        options.check().or_else(|e| wrong("data", e.to_string()))
    }

    /// How the data is read for this recipe; the end of the training part is the caller's to set.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_toml() {
        for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
            for recipe in [Recipe::of(kind), Recipe::small(kind)] {
                recipe.check().unwrap();
            }
            let text = toml::to_string(&Recipe::of(kind)).unwrap();
            assert_eq!(Recipe::from_toml(kind, &text).unwrap(), Recipe::of(kind));
        }
    }

    #[test]
    fn values_are_set_by_dotted_keys() {
        let mut recipe = Recipe::ranker();
        recipe.set("dense.learning_rate", "0.5").unwrap();
        recipe.set("epochs", " 7 ").unwrap();
        recipe.set("heads.weights", "value").unwrap();
        recipe.set("model.attn_logit_cap", "none").unwrap();
        recipe.set("model.text", "false").unwrap();
        recipe.set("stopping.evaluate_every", "25").unwrap();
        assert_eq!((recipe.dense.learning_rate, recipe.epochs), (0.5, 7));
        assert_eq!(recipe.heads.as_ref().unwrap().weights, HeadWeights::Value);
        assert_eq!((recipe.model.attn_logit_cap, recipe.model.text), (None, false));
        assert_eq!(recipe.stopping.evaluate_every, Some(25));
        recipe.set("epochs", "8").unwrap();
        assert_eq!(recipe.model.attn_logit_cap, None, "another value does not bring it back");
        recipe.set("model.attn_logit_cap", "12.5").unwrap();
        assert_eq!(recipe.model.attn_logit_cap, Some(12.5));
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        let error = |key: &str, value: &str| Recipe::ranker().set(key, value).unwrap_err().to_string();
        assert!(error("dense.rate", "1").starts_with("dense.rate: unknown key; known here: "));
        assert!(error("dense.rate", "1").contains("learning_rate"));
        assert!(error("sampling.uniform", "1").contains("unknown"), "retrieval's section is not the ranker's");
        assert!(error("dense", "1").contains("section"));
        assert!(error("epochs", "many").starts_with("epochs: invalid type"));
        assert!(error("epochs", "-1").starts_with("epochs: invalid value"));
        let toml = |text: &str| Recipe::from_toml(ModelKind::Ranker, text).unwrap_err().to_string();
        assert!(toml("[dense]\nlearing_rate = 1").starts_with("dense.learing_rate: unknown"));
        assert!(toml("[modle]\nx = 1").starts_with("modle.x: unknown"));
        assert!(toml("epochs = ").contains("TOML"));
    }

    #[test]
    fn check_names_the_key() {
        let checked = |key: &str, value: &str| {
            let mut recipe = Recipe::ranker();
            recipe.set(key, value).unwrap();
            recipe.check().unwrap_err().to_string()
        };
        assert!(checked("epochs", "0").starts_with("epochs: must be"));
        assert!(checked("model.num_q_heads", "3").starts_with("model.num_q_heads"));
        assert!(checked("model.history_attention", "bidirectional").starts_with("model.history_attention"));
        assert!(checked("post_dropout", "1.5").starts_with("post_dropout"));
        assert!(checked("tables.text_rows", "1").starts_with("tables.text_rows"));
        assert!(checked("data.validation_share", "2.0").starts_with("data: validation_share"));
    }
}
