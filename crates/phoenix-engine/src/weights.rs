//! A model's dense tensors, packed for the kernels.

use model_registry::NamedTensor;
use phoenix::{AGE_BUCKETS, DWELL_HIDDEN};
use phoenix::{ModelConfig, ModelKind, Positions};
use phoenix::{layer_param, prefix, tower_param};
use rustc_hash::FxHashMap;

use crate::error::{EngineError, finite};
use crate::matrix::{Arithmetic, Matrix};
use crate::tokens::{Dwell, TokenInput};
use kernels::{Kernels, Packed, Rope, padded};

/// Widths and strides of a model's rows.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// D.
    pub(crate) width: usize,
    /// D, padded.
    pub(crate) stride: usize,
    /// Query heads H.
    pub(crate) heads: usize,
    /// Key and value heads G.
    pub(crate) groups: usize,
    /// Width K of a head.
    pub(crate) key: usize,
    /// Stride of rows `[queries H·K | keys G·K | values G·K]`.
    pub(crate) qkv: usize,
    /// Stride of rows of attention output. Heads narrower than a panel are written in ascending order, each overwriting the padding of
    /// the one before; the last one's padding needs room.
    pub(crate) attended: usize,
    /// Columns of the gate (and of the value), padded.
    pub(crate) half: usize,
    /// A.
    pub(crate) actions: usize,
}

impl Sizes {
    fn of(config: &ModelConfig) -> Self {
        let (heads, groups, key) = (config.num_q_heads, config.num_kv_heads, config.key_size);
        Self {
            width: config.emb_size,
            stride: padded(config.emb_size),
            heads,
            groups,
            key,
            qkv: padded((heads + 2 * groups) * key),
            attended: padded((heads - 1) * key + padded(key)),
            half: padded(config.ffn_size()),
            actions: config.num_actions,
        }
    }
}

/// One decoder layer.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// `[D, (H + 2G)·K]`, the norm's gain and the attention factor folded in.
    pub(crate) qkv: Matrix,
    /// `[H·K, D]`.
    pub(crate) out: Matrix,
    /// Gain of the norm after attention.
    pub(crate) after_attention: Vec<f32>,
    /// `[D, gate | value]`, each padded, the norm's gain folded in.
    pub(crate) gate_and_value: Matrix,
    /// `[F, D]`.
    pub(crate) down: Matrix,
    /// Gain of the norm after the feed-forward block.
    pub(crate) after_ffn: Vec<f32>,
}

/// A model without its tables.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) config: ModelConfig,
    pub(crate) sizes: Sizes,
    pub(crate) kernels: Kernels,
    pub(crate) rope: Rope,
    /// `[Hu·D, D]`.
    pub(crate) user: Packed,
    pub(crate) history: TokenInput,
    pub(crate) layers: Vec<Layer>,
}

/// The ranker's dense tensors.
#[derive(Clone, Debug)]
pub(crate) struct RankerWeights {
    pub(crate) trunk: Weights,
    pub(crate) candidate: TokenInput,
    /// `[D, A]`, the final norm's gain folded in.
    pub(crate) unembed: Packed,
}

/// The retrieval model's dense tensors: the trunk is its user tower.
#[derive(Clone, Debug)]
pub(crate) struct RetrievalWeights {
    pub(crate) trunk: Weights,
    /// The candidate tower, `[tower width, 2D]` and `[2D, D]`.
    pub(crate) tower: [Packed; 2],
}

/// The tensors by name.
struct Tensors<'a>(FxHashMap<&'a str, &'a NamedTensor>);

impl<'a> Tensors<'a> {
    /// The tensors of a model whose configuration is one.
    fn new(config: &ModelConfig, dense: &'a [NamedTensor]) -> Result<Self, EngineError> {
        config.check()?;
        Ok(Self(dense.iter().map(|t| (t.name.as_str(), t)).collect()))
    }

    /// A tensor's values, if it has that shape and all of them are finite.
    fn get(&self, name: &str, shape: &[usize]) -> Result<&'a [f32], EngineError> {
        let bad = |problem: String| EngineError::Tensor { tensor: name.to_owned(), problem };
        let tensor = self.0.get(name).ok_or_else(|| bad("is missing".to_owned()))?;
        if tensor.shape != shape || tensor.data.len() != shape.iter().product::<usize>() {
            return Err(bad(format!(
                "has shape {:?} and {} values, {shape:?} is needed",
                tensor.shape,
                tensor.data.len()
            )));
        }
        finite(name, &tensor.data)?;
        Ok(&tensor.data)
    }
}

impl RankerWeights {
    /// Packs a ranker.
    pub(crate) fn new(
        config: &ModelConfig,
        dense: &[NamedTensor],
        arithmetic: Arithmetic,
    ) -> Result<Self, EngineError> {
        let (kind, tensors) = (ModelKind::Ranker, Tensors::new(config, dense)?);
        let (d, actions) = (config.emb_size, config.num_actions);
        let gain = tensors.get(&format!("{}.rms_norm.scale", prefix(kind)), &[d])?;
        let unembed = tensors.get(&format!("{}.unembeddings", prefix(kind)), &[d, actions])?;
        Ok(Self {
            trunk: Weights::new(kind, config, &tensors, arithmetic)?,
            candidate: candidate_input(&tensors, kind, config)?,
            unembed: Packed::new(d, actions, |k, c| gain[k] * unembed[k * actions + c]),
        })
    }
}

impl RetrievalWeights {
    /// Packs a retrieval model.
    pub(crate) fn new(
        config: &ModelConfig,
        dense: &[NamedTensor],
        arithmetic: Arithmetic,
    ) -> Result<Self, EngineError> {
        let tensors = Tensors::new(config, dense)?;
        let (d, width) = (config.emb_size, config.tower_width());
        let first = tensors.get(&tower_param(1), &[width, 2 * d])?;
        let second = tensors.get(&tower_param(2), &[2 * d, d])?;
        Ok(Self {
            trunk: Weights::new(ModelKind::Retrieval, config, &tensors, arithmetic)?,
            tower: [
                Packed::new(width, 2 * d, |k, c| first[k * 2 * d + c]),
                Packed::new(2 * d, d, |k, c| second[k * d + c]),
            ],
        })
    }
}

impl Weights {
    /// Packs what both models have.
    fn new(
        kind: ModelKind,
        config: &ModelConfig,
        tensors: &Tensors<'_>,
        arithmetic: Arithmetic,
    ) -> Result<Self, EngineError> {
        let (sizes, d) = (Sizes::of(config), config.emb_size);
        let user = tensors.get(&format!("{}.proj_mat_1", prefix(kind)), &[config.user_width(), d])?;
        // Sequential candidates stand beyond the history; those beyond the table are computed as they come.
        let positions = config.longest_history() + if config.positions == Positions::Shared { 2 } else { 1_024 };
        Ok(Self {
            rope: Rope::new(config.key_size, config.rope_base, positions),
            user: Packed::new(config.user_width(), d, |k, c| user[k * d + c]),
            history: history_input(tensors, kind, config)?,
            layers: (0..config.num_layers)
                .map(|l| layer(tensors, config, &sizes, arithmetic, l))
                .collect::<Result<_, _>>()?,
            config: config.clone(),
            sizes,
            kernels: arithmetic.kernels,
        })
    }

    /// Columns of the widest input row: `[post | author | text]` or the user's.
    pub(crate) fn input_width(&self) -> usize {
        self.config.user_width().max(self.config.tower_width())
    }
}

fn layer(
    tensors: &Tensors<'_>,
    config: &ModelConfig,
    sizes: &Sizes,
    arithmetic: Arithmetic,
    l: usize,
) -> Result<Layer, EngineError> {
    let (d, ffn) = (sizes.width, config.ffn_size());
    let (queries, keys) = (sizes.heads * sizes.key, sizes.groups * sizes.key);
    let get = |name: &str, shape: &[usize]| tensors.get(&layer_param(l, name), shape);
    let [before_attention, after_attention, before_ffn, after_ffn] =
        ["rms_norm.scale", "rms_norm_1.scale", "rms_norm_2.scale", "rms_norm_3.scale"].map(|name| get(name, &[d]));
    let (before_attention, before_ffn) = (before_attention?, before_ffn?);
    let q = get("multi_head_attention.query.w", &[d, queries])?;
    let k = get("multi_head_attention.key.w", &[d, keys])?;
    let v = get("multi_head_attention.value.w", &[d, keys])?;
    let out = get("multi_head_attention.linear.w", &[queries, d])?;
    let (value, gate) = (get("linear_v.w", &[d, ffn])?, get("linear.w", &[d, ffn])?);
    let down = get("linear_1.w", &[ffn, d])?;
    let factor = config.attention_multiplier();
    let padded_gain = |gain: &[f32]| {
        let mut gain = gain.to_vec();
        gain.resize(sizes.stride, 0.0);
        gain
    };
    Ok(Layer {
        qkv: Matrix::new(arithmetic, d, queries + 2 * keys, |row, c| {
            before_attention[row]
                * if c < queries {
                    q[row * queries + c] * factor
                } else if c < queries + keys {
                    k[row * keys + c - queries]
                } else {
                    v[row * keys + c - queries - keys]
                }
        }),
        out: Matrix::new(arithmetic, queries, d, |row, c| out[row * d + c]),
        after_attention: padded_gain(after_attention?),
        gate_and_value: Matrix::new(arithmetic, d, 2 * sizes.half, |row, c| {
            let (matrix, c) = if c < sizes.half { (gate, c) } else { (value, c - sizes.half) };
            if c < ffn { before_ffn[row] * matrix[row * ffn + c] } else { 0.0 }
        }),
        down: Matrix::new(arithmetic, ffn, d, |row, c| down[row * d + c]),
        after_ffn: padded_gain(after_ffn?),
    })
}

/// `table · projection[first .. first + D]`, rows padded: what each row of a small table adds to a token. Summed in f64, rounded once.
fn fold(table: &[f32], projection: &[f32], first: usize, d: usize) -> Vec<f32> {
    let stride = padded(d);
    let mut out = vec![0.0; table.len() / d * stride];
    let mut sums = vec![0.0f64; d];
    for (row, out) in table.chunks_exact(d).zip(out.chunks_exact_mut(stride)) {
        sums.fill(0.0);
        for (k, &x) in row.iter().enumerate() {
            let weights = &projection[(first + k) * d..][..d];
            sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum += f64::from(x) * f64::from(w));
        }
        out.iter_mut().zip(&sums).for_each(|(out, &sum)| *out = sum as f32);
    }
    out
}

/// The rows of a projection that take hashed rows: the first `(Hi + Ha)·D`, and the text block's.
fn hashed_rows(config: &ModelConfig, projection: &[f32], text_block: usize) -> Packed {
    let d = config.emb_size;
    let ids = (config.num_item_hashes + config.num_author_hashes) * d;
    Packed::new(config.tower_width(), d, |k, c| {
        let row = if k < ids { k } else { k - ids + text_block };
        projection[row * d + c]
    })
}

/// History tokens: `[post | author | action | surface | text? | age? | dwell?]`.
fn history_input(tensors: &Tensors<'_>, kind: ModelKind, config: &ModelConfig) -> Result<TokenInput, EngineError> {
    let d = config.emb_size;
    let own = |name: &str| format!("{}.{name}", prefix(kind));
    let projection = tensors.get(&own("proj_mat_3"), &[config.history_width(), d])?;
    let actions = tensors.get(&own("action_projection"), &[config.num_actions, d])?;
    let action = (config.num_item_hashes + config.num_author_hashes) * d;
    let text = action + 2 * d;
    let age = text + config.text as usize * d;
    let dwell = if config.dwell {
        let first = tensors.get(&own("dwell_projection_1"), &[1, DWELL_HIDDEN])?;
        let second = tensors.get(&own("dwell_projection_2"), &[DWELL_HIDDEN, d])?;
        let block = age + config.post_age as usize * d;
        Some(Dwell { first: first.to_vec(), second: fold(second, projection, block, d) })
    } else {
        None
    };
    Ok(TokenInput {
        hashed: hashed_rows(config, projection, text),
        stride: padded(d),
        actions: fold(actions, projection, action, d),
        surfaces: surfaces(tensors, kind, config, projection, action + d)?,
        ages: ages(tensors, kind, config, projection, age)?,
        dwell,
    })
}

/// Candidate tokens: `[post | author | surface | text? | age?]`.
fn candidate_input(tensors: &Tensors<'_>, kind: ModelKind, config: &ModelConfig) -> Result<TokenInput, EngineError> {
    let d = config.emb_size;
    let projection = tensors.get(&format!("{}.proj_mat_2", prefix(kind)), &[config.candidate_width(), d])?;
    let surface = (config.num_item_hashes + config.num_author_hashes) * d;
    let text = surface + d;
    let age = text + config.text as usize * d;
    Ok(TokenInput {
        hashed: hashed_rows(config, projection, text),
        stride: padded(d),
        actions: Vec::new(),
        surfaces: surfaces(tensors, kind, config, projection, surface)?,
        ages: ages(tensors, kind, config, projection, age)?,
        dwell: None,
    })
}

fn surfaces(
    tensors: &Tensors<'_>,
    kind: ModelKind,
    config: &ModelConfig,
    projection: &[f32],
    block: usize,
) -> Result<Vec<f32>, EngineError> {
    let d = config.emb_size;
    let name = format!("{}.product_surface_embedding_table", prefix(kind));
    Ok(fold(tensors.get(&name, &[config.product_surface_vocab_size, d])?, projection, block, d))
}

fn ages(
    tensors: &Tensors<'_>,
    kind: ModelKind,
    config: &ModelConfig,
    projection: &[f32],
    block: usize,
) -> Result<Vec<f32>, EngineError> {
    if !config.post_age {
        return Ok(Vec::new());
    }
    let d = config.emb_size;
    let name = format!("{}.post_age_embedding_table", prefix(kind));
    Ok(fold(tensors.get(&name, &[AGE_BUCKETS, d])?, projection, block, d))
}
