//! The default of each model, and the smaller ones for the demo.

use phoenix::{ModelConfig, ModelKind};
use train_core::optim::Decay;
use train_core::{ScheduleRecipe, StoppingRecipe};

use super::{DataRecipe, DenseRecipe, HeadRecipe, HeadWeights, Recipe, SamplingRecipe, StartRecipe, TableRecipe};
use crate::data::DataOptions;

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
}
