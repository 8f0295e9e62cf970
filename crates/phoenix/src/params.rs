//! Every dense tensor of a model: name, shape and how it starts.
//!
//! The names are those of the reference files (`../golden` vectors), without the leading `ranker.params.` or `retrieval.params.`. A
//! matrix is `[in, out]`, applied as `x · W`.

use crate::config::{AGE_BUCKETS, DWELL_HIDDEN, ModelConfig, ModelKind};

/// How a tensor starts before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal with this standard deviation.
    Normal(f32),
    /// All the same value.
    Constant(f32),
}

/// One dense tensor of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// Its name in checkpoints and reference files.
    pub name: String,
    /// Its shape, row-major.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
}

impl ParamSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The model's own prefix: `phoenix_model` or `phoenix_retrieval_model`.
pub const fn prefix(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Ranker => "phoenix_model",
        ModelKind::Retrieval => "phoenix_retrieval_model",
    }
}

/// The name of a layer's tensor, e.g. `transformer.decoder_layer_0.rms_norm.scale` for `("rms_norm.scale")`.
pub fn layer_param(layer: usize, rest: &str) -> String {
    format!("transformer.decoder_layer_{layer}.{rest}")
}

/// The name of a tensor of the candidate tower (1 or 2).
pub fn tower_param(projection: usize) -> String {
    format!(
        "{}.~build_candidate_representation.candidate_tower.candidate_tower_projection_{projection}",
        prefix(ModelKind::Retrieval)
    )
}

/// Every dense tensor of a model in a fixed order: input projections and small tables, layers, output.
///
/// Matrices start normal with standard deviation 1/√in, norms at 1, the surface, action and age tables like rows of a
/// hash table (`1/√D`). The sandwich norms after each sub-layer start at `1/√(2·layers)`, so that a deep stack starts near the
/// identity.
pub fn dense_params(kind: ModelKind, config: &ModelConfig) -> Vec<ParamSpec> {
    let d = config.emb_size;
    let mut all = Vec::new();
    let own = |name: &str| format!("{}.{name}", prefix(kind));
    let matrix = |name: String, rows: usize, columns: usize| ParamSpec {
        name,
        shape: vec![rows, columns],
        init: Init::Normal(1.0 / (rows as f32).sqrt()),
    };
    let table = |name: String, rows: usize| ParamSpec {
        name,
        shape: vec![rows, d],
        init: Init::Normal(1.0 / (d as f32).sqrt()),
    };
    let norm = |name: String, start: f32| ParamSpec { name, shape: vec![d], init: Init::Constant(start) };

    all.push(matrix(own("proj_mat_1"), config.user_width(), d));
    all.push(matrix(own("proj_mat_3"), config.history_width(), d));
    if kind == ModelKind::Ranker {
        all.push(matrix(own("proj_mat_2"), config.candidate_width(), d));
    }
    all.push(table(own("action_projection"), config.num_actions));
    all.push(table(own("product_surface_embedding_table"), config.product_surface_vocab_size));
    if config.post_age {
        all.push(table(own("post_age_embedding_table"), AGE_BUCKETS));
    }
    if config.dwell {
        all.push(matrix(own("dwell_projection_1"), 1, DWELL_HIDDEN));
        all.push(matrix(own("dwell_projection_2"), DWELL_HIDDEN, d));
    }
    let (queries, keys) = (config.num_q_heads * config.key_size, config.num_kv_heads * config.key_size);
    let ffn = config.ffn_size();
    let after = 1.0 / (2.0 * config.num_layers as f32).sqrt();
    for i in 0..config.num_layers {
        all.push(norm(layer_param(i, "rms_norm.scale"), 1.0));
        all.push(matrix(layer_param(i, "multi_head_attention.query.w"), d, queries));
        all.push(matrix(layer_param(i, "multi_head_attention.key.w"), d, keys));
        all.push(matrix(layer_param(i, "multi_head_attention.value.w"), d, keys));
        all.push(matrix(layer_param(i, "multi_head_attention.linear.w"), queries, d));
        all.push(norm(layer_param(i, "rms_norm_1.scale"), after));
        all.push(norm(layer_param(i, "rms_norm_2.scale"), 1.0));
        all.push(matrix(layer_param(i, "linear_v.w"), d, ffn));
        all.push(matrix(layer_param(i, "linear.w"), d, ffn));
        all.push(matrix(layer_param(i, "linear_1.w"), ffn, d));
        all.push(norm(layer_param(i, "rms_norm_3.scale"), after));
    }
    match kind {
        ModelKind::Ranker => {
            all.push(norm(own("rms_norm.scale"), 1.0));
            all.push(matrix(own("unembeddings"), d, config.num_actions));
        }
        ModelKind::Retrieval => {
            all.push(matrix(tower_param(1), config.tower_width(), 2 * d));
            all.push(matrix(tower_param(2), 2 * d, d));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::golden::{Golden, reference_files};

    #[test]
    fn the_tensors_are_those_of_the_reference_files() {
        for path in reference_files() {
            let golden = Golden::load(&path).unwrap();
            for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
                let prefix = format!("{}.params.", kind.name());
                let theirs: BTreeMap<String, Vec<usize>> = golden
                    .tensors
                    .iter()
                    .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_owned(), tensor.shape.clone())))
                    .collect();
                if theirs.is_empty() {
                    continue;
                }
                let ours: BTreeMap<String, Vec<usize>> =
                    dense_params(kind, &golden.config).into_iter().map(|spec| (spec.name, spec.shape)).collect();
                assert_eq!(ours, theirs, "{}", path.display());
            }
        }
    }

    #[test]
    fn the_blocks_of_our_own_add_their_tensors_and_widths() {
        let full = ModelConfig::default();
        let bare = ModelConfig { text: false, post_age: false, dwell: false, ..full.clone() };
        let find = |config: &ModelConfig, name: &str| {
            dense_params(ModelKind::Ranker, config).into_iter().find(|p| p.name == name)
        };
        for (name, shape) in [
            ("phoenix_model.post_age_embedding_table", [82, 128]),
            ("phoenix_model.dwell_projection_1", [1, 64]),
            ("phoenix_model.dwell_projection_2", [64, 128]),
        ] {
            assert_eq!(find(&full, name).unwrap().shape, shape);
            assert_eq!(find(&bare, name), None);
        }
        assert_eq!(find(&full, "phoenix_model.proj_mat_3").unwrap().shape, [9 * 128, 128]);
        assert_eq!(find(&bare, "phoenix_model.proj_mat_3").unwrap().shape, [6 * 128, 128]);
        assert_eq!(find(&full, "phoenix_model.proj_mat_2").unwrap().shape, [7 * 128, 128]);
    }

    #[test]
    fn names_are_unique_and_starts_are_finite() {
        for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
            let specs = dense_params(kind, &ModelConfig::default());
            assert_eq!(specs.iter().map(|p| &p.name).collect::<BTreeSet<_>>().len(), specs.len());
            for spec in specs {
                assert!(!spec.is_empty(), "{}", spec.name);
                match spec.init {
                    Init::Normal(std) => assert!(std > 0.0 && std <= 1.0, "{}", spec.name),
                    Init::Constant(value) => assert!(value > 0.0 && value <= 1.0, "{}", spec.name),
                }
            }
        }
    }
}
