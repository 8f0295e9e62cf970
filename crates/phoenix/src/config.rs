//! Sizes and switches of a model.

use foryou_types::ConfigError;
use model_registry::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Number of rows of the post-age table: unknown, then hours 0 ..= 80.
pub const AGE_BUCKETS: usize = 82;
/// Width of the hidden layer of the dwell input (1 → 64 → D).
pub const DWELL_HIDDEN: usize = 64;

/// Which of the two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Probabilities of every action on given candidates.
    Ranker,
    /// Unit vectors of users and posts.
    Retrieval,
}

impl ModelKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ranker, Self::Retrieval];

    /// The model that a kind of versions is of; `None` for a kind of another family.
    pub fn of(kind: &Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|model| Kind::from(*model) == *kind)
    }

    /// The model of that [`Self::name`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.name() == name)
    }

    /// What it does, in one line.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Ranker => "Predicts the probability of every action on given posts",
            Self::Retrieval => "Finds posts, by unit vectors of people and posts",
        }
    }

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ranker => "ranker",
            Self::Retrieval => "retrieval",
        }
    }
}

impl From<ModelKind> for Kind {
    fn from(model: ModelKind) -> Self {
        match model {
            ModelKind::Ranker => Self::RANKER,
            ModelKind::Retrieval => Self::RETRIEVAL,
        }
    }
}

/// What a history token attends to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HistoryAttention {
    /// The user, earlier tokens and itself, so that a context can be cached and extended.
    #[default]
    Causal,
    /// The whole history.
    Bidirectional,
}

/// Where tokens stand for the rotary embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Positions {
    /// User 0, history 1..=n from the oldest kept, every candidate at (events it may see) + 1.
    #[default]
    Shared,
    /// The place in `[user | history S | candidates C]`, padding included: what the January 2026 reference does.
    Sequential,
}

/// A model's sizes and switches. The field names are those of the reference files' `config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Width D of tokens and of every table row.
    pub emb_size: usize,
    /// Transformer layers.
    pub num_layers: usize,
    /// Query heads H.
    pub num_q_heads: usize,
    /// Key and value heads G; H is a multiple of it.
    pub num_kv_heads: usize,
    /// Width K of a head; even.
    pub key_size: usize,
    /// Width w of the feed-forward block: its hidden size is `w·D·2/3`, rounded up to a multiple of 8.
    pub widening_factor: f64,
    /// Factor on attention logits; `none` for 1/√K.
    pub attn_output_multiplier: Option<f32>,
    /// Attention logits are capped to `cap · tanh(x / cap)`; `none` for no cap.
    pub attn_logit_cap: Option<f32>,
    /// History length S: the window holds up to S + S/4 tokens.
    pub history_seq_len: usize,
    /// Number of actions A: heads, and columns of the action multi-hot. A training takes that of the data.
    pub num_actions: usize,
    /// Rows of the surface table.
    pub product_surface_vocab_size: usize,
    /// Hash functions Hu of user ids.
    pub num_user_hashes: usize,
    /// Hash functions Hi of post ids.
    pub num_item_hashes: usize,
    /// Hash functions Ha of author ids.
    pub num_author_hashes: usize,
    /// What a history token attends to.
    pub history_attention: HistoryAttention,
    /// Which positions the rotary embedding gives to tokens.
    pub positions: Positions,
    /// Base of the rotary embedding.
    pub rope_base: f64,
    /// Added to the mean square in RMSNorm.
    pub rms_eps: f32,
    /// The text block: the mean of a post's content-word rows, in history, candidate and candidate tower.
    pub text: bool,
    /// The post-age block, in history and candidate.
    pub post_age: bool,
    /// The dwell-seconds block, in history: `silu(ln(1 + seconds) · W₁) · W₂` (1 → 64 → D, no biases), seconds clipped to 0 ..= 30.
    pub dwell: bool,
}

impl Default for ModelConfig {
    /// The small model: D 128, 4 layers, 4 query and 2 key/value heads, S 128, the For You actions, all blocks on.
    fn default() -> Self {
        Self {
            emb_size: 128,
            num_layers: 4,
            num_q_heads: 4,
            num_kv_heads: 2,
            key_size: 32,
            widening_factor: 4.0,
            attn_output_multiplier: None,
            attn_logit_cap: Some(30.0),
            history_seq_len: 128,
            num_actions: 19,
            product_surface_vocab_size: 16,
            num_user_hashes: 2,
            num_item_hashes: 2,
            num_author_hashes: 2,
            history_attention: HistoryAttention::Causal,
            positions: Positions::Shared,
            rope_base: 10_000.0,
            rms_eps: 1e-5,
            text: true,
            post_age: true,
            dwell: true,
        }
    }
}

impl ModelConfig {
    /// Hidden size of the feed-forward block: `int(w·D)·2 / 3` in integer division, rounded up to a multiple of 8 (Grok-1).
    pub fn ffn_size(&self) -> usize {
        ((self.widening_factor * self.emb_size as f64) as usize * 2 / 3).next_multiple_of(8)
    }

    /// Factor on attention logits.
    pub fn attention_multiplier(&self) -> f32 {
        self.attn_output_multiplier.unwrap_or_else(|| 1.0 / (self.key_size as f32).sqrt())
    }

    /// Most history tokens of a window: S + S/4 (at least S + 1).
    pub const fn longest_history(&self) -> usize {
        let quarter = self.history_seq_len / 4;
        self.history_seq_len + if quarter > 0 { quarter } else { 1 }
    }

    /// Columns of the user block, `Hu·D`.
    pub const fn user_width(&self) -> usize {
        self.num_user_hashes * self.emb_size
    }

    /// Columns of the history block `[post Hi·D | author Ha·D | action D | surface D | text D? | age D? | dwell D?]`.
    pub const fn history_width(&self) -> usize {
        let optional = self.text as usize + self.post_age as usize + self.dwell as usize;
        (self.num_item_hashes + self.num_author_hashes + 2 + optional) * self.emb_size
    }

    /// Columns of the candidate block `[post Hi·D | author Ha·D | surface D | text D? | age D?]`.
    pub const fn candidate_width(&self) -> usize {
        let optional = self.text as usize + self.post_age as usize;
        (self.num_item_hashes + self.num_author_hashes + 1 + optional) * self.emb_size
    }

    /// Columns of the candidate tower's input `[post Hi·D | author Ha·D | text D?]`.
    pub const fn tower_width(&self) -> usize {
        (self.num_item_hashes + self.num_author_hashes + self.text as usize) * self.emb_size
    }

    /// The first value out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sizes: [(&'static str, usize, usize); 10] = [
            ("emb_size", self.emb_size, 8_192),
            ("num_layers", self.num_layers, 256),
            ("num_q_heads", self.num_q_heads, 256),
            ("num_kv_heads", self.num_kv_heads, 256),
            ("key_size", self.key_size, 1_024),
            ("history_seq_len", self.history_seq_len, 800),
            ("num_actions", self.num_actions, 64),
            ("product_surface_vocab_size", self.product_surface_vocab_size, 256),
            ("num_user_hashes", self.num_user_hashes, 16),
            ("num_item_hashes", self.num_item_hashes, 16),
        ];
        let bad = |key, problem: String| Err(ConfigError { key, problem });
        for (key, value, most) in sizes {
            if !(1..=most).contains(&value) {
                return bad(key, format!("must be between 1 and {most}, is {value}"));
            }
        }
        if self.num_author_hashes > 16 {
            return bad("num_author_hashes", "must be at most 16".to_owned());
        }
        if !self.num_q_heads.is_multiple_of(self.num_kv_heads) {
            return bad("num_q_heads", format!("must be a multiple of num_kv_heads ({})", self.num_kv_heads));
        }
        if !self.key_size.is_multiple_of(2) {
            return bad("key_size", "must be even (the rotary embedding pairs halves)".to_owned());
        }
        if !(self.widening_factor.is_finite() && (0.1..=64.0).contains(&self.widening_factor)) {
            return bad("widening_factor", "must be between 0.1 and 64".to_owned());
        }
        if !self.attention_multiplier().is_finite() {
            return bad("attn_output_multiplier", "must be finite".to_owned());
        }
        if self.attn_logit_cap.is_some_and(|cap| !(cap.is_finite() && cap > 0.0)) {
            return bad("attn_logit_cap", "must be positive".to_owned());
        }
        if !(self.rope_base.is_finite() && self.rope_base > 1.0) {
            return bad("rope_base", "must be above 1".to_owned());
        }
        if !(self.rms_eps.is_finite() && self.rms_eps > 0.0) {
            return bad("rms_eps", "must be positive".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foryou_types::{UserActionSequence, window_start};

    #[test]
    fn hidden_sizes_are_those_of_grok() {
        for (emb_size, widening_factor, size) in [(128, 2.0, 176), (64, 4.0, 176), (128, 4.0, 344), (48, 1.5, 48)] {
            assert_eq!(ModelConfig { emb_size, widening_factor, ..ModelConfig::default() }.ffn_size(), size);
        }
    }

    #[test]
    fn block_widths_count_their_parts() {
        let full = ModelConfig { num_author_hashes: 1, num_item_hashes: 3, ..ModelConfig::default() };
        // Post, author, action, surface, text, age, dwell; without action and dwell; post, author, text.
        assert_eq!(full.history_width(), (3 + 1 + 1 + 1 + 1 + 1 + 1) * 128);
        assert_eq!(full.candidate_width(), (3 + 1 + 1 + 1 + 1) * 128);
        assert_eq!(full.tower_width(), (3 + 1 + 1) * 128);
        assert_eq!(full.user_width(), 2 * 128);
        let bare = ModelConfig { text: false, post_age: false, dwell: false, ..ModelConfig::default() };
        assert_eq!((bare.history_width(), bare.candidate_width(), bare.tower_width()), (768, 640, 512));
    }

    #[test]
    fn logits_are_scaled_by_the_key_size_unless_told() {
        assert_eq!(ModelConfig { key_size: 64, ..ModelConfig::default() }.attention_multiplier(), 0.125);
        let told = ModelConfig { attn_output_multiplier: Some(0.5), ..ModelConfig::default() };
        assert_eq!(told.attention_multiplier(), 0.5);
    }

    #[test]
    fn the_longest_history_is_that_of_the_window() {
        for s in 1..=40_usize {
            let config = ModelConfig { history_seq_len: s, ..ModelConfig::default() };
            let longest = (0..1_000).map(|n| n - window_start(n, s as u64)).max().unwrap();
            assert_eq!(config.longest_history() as u64, longest, "S = {s}");
        }
        // The state keeps the window of every model there can be: none is shown less than it was trained on.
        let most = ModelConfig { history_seq_len: 800, ..ModelConfig::default() };
        assert!(most.check().is_ok() && most.longest_history() <= UserActionSequence::KEPT);
        assert!(ModelConfig { history_seq_len: 801, ..most }.check().is_err());
    }

    #[test]
    fn a_bad_value_is_named() {
        type Spoil = fn(&mut ModelConfig);
        let good = ModelConfig::default();
        assert_eq!(good.check(), Ok(()));
        let bad: [(&str, Spoil); 18] = [
            ("emb_size", |c| c.emb_size = 0),
            ("emb_size", |c| c.emb_size = 1 << 40),
            ("num_layers", |c| c.num_layers = 0),
            ("num_q_heads", |c| c.num_q_heads = 3),
            ("num_kv_heads", |c| c.num_kv_heads = 0),
            ("key_size", |c| c.key_size = 31),
            ("history_seq_len", |c| c.history_seq_len = 801),
            ("num_actions", |c| c.num_actions = 65),
            ("product_surface_vocab_size", |c| c.product_surface_vocab_size = 0),
            ("num_user_hashes", |c| c.num_user_hashes = 0),
            ("num_item_hashes", |c| c.num_item_hashes = 17),
            ("num_author_hashes", |c| c.num_author_hashes = 17),
            ("widening_factor", |c| c.widening_factor = f64::NAN),
            ("attn_output_multiplier", |c| c.attn_output_multiplier = Some(f32::INFINITY)),
            ("attn_logit_cap", |c| c.attn_logit_cap = Some(0.0)),
            ("attn_logit_cap", |c| c.attn_logit_cap = Some(f32::NAN)),
            ("rope_base", |c| c.rope_base = 1.0),
            ("rms_eps", |c| c.rms_eps = -1.0),
        ];
        for (key, spoil) in bad {
            let mut config = good.clone();
            spoil(&mut config);
            assert_eq!(config.check().unwrap_err().key, key);
        }
    }

    #[test]
    fn a_configuration_survives_its_file_and_refuses_unknown_keys() {
        let config = ModelConfig { attn_output_multiplier: Some(0.1), attn_logit_cap: None, ..ModelConfig::default() };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ModelConfig>(&json).unwrap(), config);
        assert_eq!(serde_json::from_str::<ModelConfig>("{}").unwrap(), ModelConfig::default());
        let error = serde_json::from_str::<ModelConfig>(r#"{"layers": 3}"#).unwrap_err();
        assert!(error.to_string().contains("layers"), "{error}");
    }
}
