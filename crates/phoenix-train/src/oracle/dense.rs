//! The dense tensors of a model as Burn tensors.

use burn_tensor::{Device, Gradients, Tensor};
use model_registry::NamedTensor;
use phoenix::{ModelConfig, ModelKind, dense_params};
use phoenix::{layer_param, prefix, tower_param};
use rustc_hash::FxHashMap;

use super::ops::{constant, gradient};
use crate::model::DenseError;

/// The dense tensors of a model, in the order of [`phoenix::dense_params`].
///
/// A norm's scale is kept as `[1, D]`, everything else as its matrix `[in, out]`.
#[derive(Clone, Debug)]
pub(crate) struct DenseParams {
    tensors: Vec<Tensor<2>>,
    places: Places,
    device: Device,
    track: bool,
}

/// Where each tensor is in the list, so that a forward pass looks up no names.
#[derive(Clone, Debug)]
struct Places {
    user: usize,
    history: usize,
    actions: usize,
    surface: usize,
    age: Option<usize>,
    dwell: Option<(usize, usize)>,
    layers: Vec<LayerPlaces>,
    output: Output<usize>,
}

#[derive(Clone, Debug)]
struct LayerPlaces {
    attention_norm: usize,
    query: usize,
    key: usize,
    value: usize,
    out: usize,
    attention_post_norm: usize,
    feed_norm: usize,
    up: usize,
    gate: usize,
    down: usize,
    feed_post_norm: usize,
}

/// What only one of the models has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Output<T> {
    /// Ranker.
    Ranker {
        /// `[candidate_width, D]`.
        candidate: T,
        /// Scale of the final norm, `[1, D]`.
        norm: T,
        /// `[D, A]`.
        heads: T,
    },
    /// Retrieval.
    Retrieval {
        /// `[tower_width, 2·D]`.
        tower_1: T,
        /// `[2·D, D]`.
        tower_2: T,
    },
}

/// The tensors of one layer, matrices `[in, out]`, scales `[1, D]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerParams<'a> {
    pub(super) attention_norm: &'a Tensor<2>,
    pub(super) query: &'a Tensor<2>,
    pub(super) key: &'a Tensor<2>,
    pub(super) value: &'a Tensor<2>,
    pub(super) out: &'a Tensor<2>,
    pub(super) attention_post_norm: &'a Tensor<2>,
    pub(super) feed_norm: &'a Tensor<2>,
    pub(super) up: &'a Tensor<2>,
    pub(super) gate: &'a Tensor<2>,
    pub(super) down: &'a Tensor<2>,
    pub(super) feed_post_norm: &'a Tensor<2>,
}

impl DenseParams {
    /// Tensors on `device` with these values, found by name in any order (others are ignored).
    ///
    /// With `track` they are leaves whose gradients [`DenseParams::gradients`] returns after a backward pass; `device` must then be
    /// an autodiff device.
    pub(crate) fn from_values(
        kind: ModelKind,
        config: &ModelConfig,
        values: &[NamedTensor],
        device: &Device,
        track: bool,
    ) -> Result<Self, DenseError> {
        let given: FxHashMap<&str, &NamedTensor> = values.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let specs = dense_params(kind, config);
        let mut tensors = Vec::with_capacity(specs.len());
        let mut by_name = FxHashMap::default();
        for (i, spec) in specs.into_iter().enumerate() {
            let value = *given.get(spec.name.as_str()).ok_or_else(|| DenseError::Missing(spec.name.clone()))?;
            let expected = spec.len();
            if value.data.len() != expected {
                return Err(DenseError::Size { name: spec.name, found: value.data.len(), expected });
            }
            let shape = match spec.shape[..] {
                [rows, columns] => [rows, columns],
                _ => [1, value.data.len()],
            };
            let tensor = constant(value.data.clone(), shape, device);
            tensors.push(if track { tensor.require_grad() } else { tensor });
            by_name.insert(spec.name, i);
        }
        let places = Places::find(kind, config, &by_name)?;
        Ok(Self { tensors, places, device: device.clone(), track })
    }

    /// The gradient of every tensor, row-major, in the order of [`phoenix::dense_params`]; zeros where the output did not depend
    /// on it.
    pub(crate) fn gradients(&self, gradients: &Gradients) -> Vec<Vec<f32>> {
        self.tensors.iter().map(|tensor| gradient(tensor, gradients)).collect()
    }

    /// Where the tensors are.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// A looked-up embedding array: a leaf of the graph when these parameters are.
    pub(super) fn leaf(&self, values: &[f32], shape: [usize; 2]) -> Tensor<2> {
        let tensor = constant(values.to_vec(), shape, &self.device);
        if self.track { tensor.require_grad() } else { tensor }
    }

    pub(super) fn user(&self) -> &Tensor<2> {
        &self.tensors[self.places.user]
    }

    pub(super) fn history(&self) -> &Tensor<2> {
        &self.tensors[self.places.history]
    }

    pub(super) fn actions(&self) -> &Tensor<2> {
        &self.tensors[self.places.actions]
    }

    pub(super) fn surface(&self) -> &Tensor<2> {
        &self.tensors[self.places.surface]
    }

    pub(super) fn age(&self) -> Option<&Tensor<2>> {
        self.places.age.map(|i| &self.tensors[i])
    }

    pub(super) fn dwell(&self) -> Option<(&Tensor<2>, &Tensor<2>)> {
        self.places.dwell.map(|(first, second)| (&self.tensors[first], &self.tensors[second]))
    }

    pub(super) fn layers(&self) -> impl ExactSizeIterator<Item = LayerParams<'_>> {
        self.places.layers.iter().map(|at| LayerParams {
            attention_norm: &self.tensors[at.attention_norm],
            query: &self.tensors[at.query],
            key: &self.tensors[at.key],
            value: &self.tensors[at.value],
            out: &self.tensors[at.out],
            attention_post_norm: &self.tensors[at.attention_post_norm],
            feed_norm: &self.tensors[at.feed_norm],
            up: &self.tensors[at.up],
            gate: &self.tensors[at.gate],
            down: &self.tensors[at.down],
            feed_post_norm: &self.tensors[at.feed_post_norm],
        })
    }

    pub(super) fn output(&self) -> Output<&Tensor<2>> {
        match self.places.output {
            Output::Ranker { candidate, norm, heads } => Output::Ranker {
                candidate: &self.tensors[candidate],
                norm: &self.tensors[norm],
                heads: &self.tensors[heads],
            },
            Output::Retrieval { tower_1, tower_2 } => {
                Output::Retrieval { tower_1: &self.tensors[tower_1], tower_2: &self.tensors[tower_2] }
            }
        }
    }
}

impl Places {
    fn find(kind: ModelKind, config: &ModelConfig, by_name: &FxHashMap<String, usize>) -> Result<Self, DenseError> {
        let at = |name: String| by_name.get(&name).copied().ok_or(DenseError::Missing(name));
        let own = |name: &str| at(format!("{}.{name}", prefix(kind)));
        let layers = (0..config.num_layers).map(|i| {
            let at = |rest: &str| at(layer_param(i, rest));
            Ok(LayerPlaces {
                attention_norm: at("rms_norm.scale")?,
                query: at("multi_head_attention.query.w")?,
                key: at("multi_head_attention.key.w")?,
                value: at("multi_head_attention.value.w")?,
                out: at("multi_head_attention.linear.w")?,
                attention_post_norm: at("rms_norm_1.scale")?,
                feed_norm: at("rms_norm_2.scale")?,
                up: at("linear_v.w")?,
                gate: at("linear.w")?,
                down: at("linear_1.w")?,
                feed_post_norm: at("rms_norm_3.scale")?,
            })
        });
        let layers = layers.collect::<Result<_, _>>()?;
        let output = match kind {
            ModelKind::Ranker => Output::Ranker {
                candidate: own("proj_mat_2")?,
                norm: own("rms_norm.scale")?,
                heads: own("unembeddings")?,
            },
            ModelKind::Retrieval => Output::Retrieval { tower_1: at(tower_param(1))?, tower_2: at(tower_param(2))? },
        };
        let dwell = if config.dwell { Some((own("dwell_projection_1")?, own("dwell_projection_2")?)) } else { None };
        Ok(Self {
            user: own("proj_mat_1")?,
            history: own("proj_mat_3")?,
            actions: own("action_projection")?,
            surface: own("product_surface_embedding_table")?,
            age: if config.post_age { Some(own("post_age_embedding_table")?) } else { None },
            dwell,
            layers,
            output,
        })
    }
}
