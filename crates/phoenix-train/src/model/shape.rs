//! Sizes of a model's rows, and where its dense tensors are.

use kernels::{HeadShape, padded};
use model_registry::NamedTensor;
use phoenix::{
    AGE_BUCKETS, DWELL_HIDDEN, HistoryAttention, ModelConfig, ModelKind, dense_params, layer_param, prefix, tower_param,
};
use thiserror::Error;

/// Values that are not the dense tensors of the model.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DenseError {
    /// A tensor that is missing.
    #[error("tensor {0} is missing")]
    Missing(String),
    /// A tensor of another size.
    #[error("tensor {name} has {found} values, the model needs {expected}")]
    Size {
        /// The tensor.
        name: String,
        /// Values it has.
        found: usize,
        /// Values it should have.
        expected: usize,
    },
}

/// A small table whose rows, times a block of a projection, are added to tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct TablePart {
    /// The table among the dense tensors.
    pub(super) table: usize,
    pub(super) rows: usize,
    /// First row of its block of the projection.
    pub(super) block: usize,
    /// Its first row among all folded ones.
    pub(super) at: usize,
}

/// The dwell block: `[1, 64]` and `[64, D]`, and the first row of its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct DwellPart {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) block: usize,
}

/// How tokens of one kind are made: a product of looked-up rows, and rows of folded tables.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    /// The projection among the dense tensors.
    pub(super) matrix: usize,
    /// Columns of an input row: `[post and author rows | text? | dwell's hidden layer?]`.
    pub(super) input: usize,
    /// First row of the projection's text block.
    pub(super) text: Option<usize>,
    pub(super) actions: Option<TablePart>,
    pub(super) surface: TablePart,
    pub(super) age: Option<TablePart>,
    pub(super) dwell: Option<DwellPart>,
}

impl Projection {
    pub(super) fn tables(&self) -> impl Iterator<Item = TablePart> {
        self.actions.into_iter().chain([self.surface]).chain(self.age)
    }

    /// Rows of all its tables.
    pub(super) fn table_rows(&self) -> usize {
        self.tables().map(|part| part.rows).sum()
    }
}

/// One layer's tensors.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerPlaces {
    pub(super) attention_norm: usize,
    pub(super) query: usize,
    pub(super) key: usize,
    pub(super) value: usize,
    pub(super) out: usize,
    pub(super) attention_post_norm: usize,
    pub(super) feed_norm: usize,
    pub(super) up: usize,
    pub(super) gate: usize,
    pub(super) down: usize,
    pub(super) feed_post_norm: usize,
}

/// What only one of the models has.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// The candidates' projection, the final norm's scale, the heads `[D, A]`.
    Ranker { candidate: Projection, norm: usize, heads: usize },
    /// The candidate tower, `[tower_width, 2·D]` and `[2·D, D]`.
    Retrieval { tower_1: usize, tower_2: usize },
}

/// Sizes and places of a model.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) config: ModelConfig,
    pub(super) names: Vec<(String, usize)>,
    /// D, and D padded.
    pub(super) d: usize,
    pub(super) stride: usize,
    pub(super) heads: HeadShape,
    /// Columns of `[queries | keys | values]`, and padded.
    pub(super) qkv: usize,
    pub(super) qkv_stride: usize,
    /// Columns of the attention's output, and padded.
    pub(super) mixed: usize,
    pub(super) mixed_stride: usize,
    pub(super) ffn: usize,
    /// Columns of the feed-forward block's hidden layer, padded.
    pub(super) half: usize,
    /// Columns of post and author rows.
    pub(super) ids: usize,
    /// Columns of a user's rows.
    pub(super) user_width: usize,
    pub(super) causal: bool,
    pub(super) user: usize,
    pub(super) history: Projection,
    pub(super) layers: Vec<LayerPlaces>,
    pub(super) output: Output,
}

impl Shape {
    pub(super) fn new(kind: ModelKind, config: &ModelConfig) -> Result<Self, DenseError> {
        let names: Vec<(String, usize)> =
            dense_params(kind, config).into_iter().map(|spec| (spec.name.clone(), spec.len())).collect();
        let at = |name: String| {
            names.iter().position(|(other, _)| *other == name).ok_or_else(|| DenseError::Missing(name.clone()))
        };
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
        let d = config.emb_size;
        let ids = (config.num_item_hashes + config.num_author_hashes) * d;
        let (surface, surfaces) = (own("product_surface_embedding_table")?, config.product_surface_vocab_size);
        let age = if config.post_age { Some(own("post_age_embedding_table")?) } else { None };
        let projection = |matrix: usize, actions: Option<usize>, dwell: Option<(usize, usize)>| {
            let (mut block, mut at) = (ids, 0);
            let mut table = |table: usize, rows: usize, block: &mut usize| {
                let part = TablePart { table, rows, block: *block, at };
                (*block, at) = (*block + d, at + rows);
                part
            };
            let actions = actions.map(|actions| table(actions, config.num_actions, &mut block));
            let surface = table(surface, surfaces, &mut block);
            let text = config.text.then_some(block);
            block += if config.text { d } else { 0 };
            let age = age.map(|age| table(age, AGE_BUCKETS, &mut block));
            let dwell = dwell.map(|(first, second)| DwellPart { first, second, block });
            let input = ids + if config.text { d } else { 0 } + if dwell.is_some() { DWELL_HIDDEN } else { 0 };
            Projection { matrix, input, text, actions, surface, age, dwell }
        };
        let dwell = if config.dwell { Some((own("dwell_projection_1")?, own("dwell_projection_2")?)) } else { None };
        let output = match kind {
            ModelKind::Ranker => Output::Ranker {
                candidate: projection(own("proj_mat_2")?, None, None),
                norm: own("rms_norm.scale")?,
                heads: own("unembeddings")?,
            },
            ModelKind::Retrieval => Output::Retrieval { tower_1: at(tower_param(1))?, tower_2: at(tower_param(2))? },
        };
        let history = projection(own("proj_mat_3")?, Some(own("action_projection")?), dwell);
        let (heads, groups, key) = (config.num_q_heads, config.num_kv_heads, config.key_size);
        let user = own("proj_mat_1")?;
        Ok(Self {
            d,
            stride: padded(d),
            heads: HeadShape { heads, groups, key, cap: config.attn_logit_cap },
            qkv: (heads + 2 * groups) * key,
            qkv_stride: padded((heads + 2 * groups) * key),
            mixed: heads * key,
            mixed_stride: padded(heads * key),
            ffn: config.ffn_size(),
            half: padded(config.ffn_size()),
            ids,
            user_width: config.user_width(),
            causal: config.history_attention == HistoryAttention::Causal,
            user,
            history,
            layers,
            output,
            names,
            config: config.clone(),
        })
    }

    /// The factor on queries: that of attention logits, divided by the cap where there is one.
    pub(super) fn query_factor(&self) -> f32 {
        self.config.attention_multiplier() / self.config.attn_logit_cap.unwrap_or(1.0)
    }

    /// Where each dense tensor is in `values`; checks that all are there, of the right length.
    pub(super) fn find<'a>(&self, values: &'a [NamedTensor], out: &mut Vec<usize>) -> Result<(), DenseError> {
        out.clear();
        for (i, (name, len)) in self.names.iter().enumerate() {
            let named = |tensor: &&'a NamedTensor| tensor.name == *name;
            let place = match values.get(i).filter(named) {
                Some(_) => i,
                None => values
                    .iter()
                    .position(|tensor| tensor.name == *name)
                    .ok_or_else(|| DenseError::Missing(name.clone()))?,
            };
            let found = values[place].data.len();
            if found != *len {
                return Err(DenseError::Size { name: name.clone(), found, expected: *len });
            }
            out.push(place);
        }
        Ok(())
    }
}
