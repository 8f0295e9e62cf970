//! Where the dense tensors start, beyond [`phoenix::dense_params`]: what a small model on little data would spend its first epochs on.

use foryou_types::{ActionKind, ActionSet, Rng};
use model_registry::NamedTensor;
use phoenix::{ModelConfig, ModelKind};
use phoenix::{layer_param, prefix};
use train_core::{TrainError, stream};

use super::assemble::{Batch, Passes};
use super::model::Model;
use crate::data::TrainingData;
use crate::model::Network;
use crate::recipe::StartRecipe;

/// Noise on the attention that compares authors and texts, as a share of a matrix's usual start.
const ATTENTION_NOISE: f32 = 0.1;
/// Tokens of the passes from which the mean final state is taken.
const STATE_TOKENS: usize = 8_192;

/// Scales of the norms after each sub-layer and of the small tables.
pub(crate) fn scales(model: &mut Model, start: &StartRecipe) {
    let own = prefix(model.config.kind);
    let d = model.config.model.emb_size as f32;
    for tensor in &mut model.dense {
        let after = tensor.name.ends_with("rms_norm_1.scale") || tensor.name.ends_with("rms_norm_3.scale");
        if after {
            tensor.data.fill(start.post_norm);
        } else if tensor.name == format!("{own}.action_projection") {
            // They start at 1/√D.
            tensor.data.iter_mut().for_each(|x| *x *= start.action_std * d.sqrt());
        } else if tensor.name.ends_with("_table") {
            tensor.data.iter_mut().for_each(|x| *x *= start.feature_std * d.sqrt());
        }
    }
}

/// Lets attention begin by comparing the candidate's author and text with those of the history.
///
/// The blocks of post, author and text are the same in the history's and the candidate's projection; the author's goes to the first
/// quarter of a token, the text's to the second, and all others to the rest. Queries and keys of the first key/value group begin as
/// the identity times `sharpness` on the author's quarter, those of the second on the text's.
pub(crate) fn similarity(model: &mut Model, sharpness: f32) {
    let config = model.config.model.clone();
    let seed = model.config.seed;
    let (d, quarter) = (config.emb_size, config.emb_size / 4);
    let own = prefix(ModelKind::Ranker);
    let names = [format!("{own}.proj_mat_3"), format!("{own}.proj_mat_2")];
    for (name, blocks) in names.iter().zip([history_blocks(&config), candidate_blocks(&config)]) {
        let Some(tensor) = find(&mut model.dense, name) else { continue };
        for (block, rows) in blocks.iter().zip(tensor.data.chunks_exact_mut(d * d)) {
            let (from, to) = match block {
                Block::Post(_) => (0, d),
                Block::Author(_) => (0, quarter),
                Block::Text => (quarter, 2 * quarter),
                Block::Feature(_) => (2 * quarter, d),
            };
            // The same stream for the same block, so that history and candidate agree.
            let mut rng = stream(seed, "similarity start", block.number(), 0);
            let std = 1.0 / (d as f32 * block.fan()).sqrt();
            for row in rows.chunks_exact_mut(d) {
                row.fill(0.0);
                row[from..to].iter_mut().for_each(|x| *x = std * rng.normal() as f32);
            }
        }
    }
    let (heads, groups, k) = (config.num_q_heads, config.num_kv_heads, config.key_size);
    for layer in 0..config.num_layers {
        for (rest, columns, per_group) in [("query", heads, heads / groups), ("key", groups, 1)] {
            let Some(tensor) = find(&mut model.dense, &layer_param(layer, &format!("multi_head_attention.{rest}.w")))
            else {
                continue;
            };
            for (i, row) in tensor.data.chunks_exact_mut(columns * k).enumerate() {
                for (head, values) in row.chunks_exact_mut(k).enumerate() {
                    let group = head / per_group;
                    if group > 1 {
                        continue;
                    }
                    for x in values.iter_mut() {
                        *x *= ATTENTION_NOISE;
                    }
                    if let Some(place) = i.checked_sub(group * quarter).filter(|&place| place < quarter.min(k)) {
                        values[place] += sharpness;
                    }
                }
            }
        }
    }
}

/// A block of a projection, D rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Post(usize),
    Author(usize),
    Text,
    Feature(usize),
}

impl Block {
    fn number(self) -> u64 {
        match self {
            Self::Post(i) => i as u64,
            Self::Author(i) => 100 + i as u64,
            Self::Text => 200,
            Self::Feature(i) => 300 + i as u64,
        }
    }

    /// How many blocks like it are summed.
    const fn fan(self) -> f32 {
        match self {
            Self::Text => 1.0,
            Self::Post(_) | Self::Author(_) | Self::Feature(_) => 2.0,
        }
    }
}

fn ids(config: &ModelConfig) -> Vec<Block> {
    let posts = (0..config.num_item_hashes).map(Block::Post);
    posts.chain((0..config.num_author_hashes).map(Block::Author)).collect()
}

/// `[post | author | action | surface | text? | age? | dwell?]`.
fn history_blocks(config: &ModelConfig) -> Vec<Block> {
    let mut blocks = ids(config);
    blocks.extend([Block::Feature(0), Block::Feature(1)]);
    blocks.extend(config.text.then_some(Block::Text));
    blocks.extend(config.post_age.then_some(Block::Feature(2)));
    blocks.extend(config.dwell.then_some(Block::Feature(3)));
    blocks
}

/// `[post | author | surface | text? | age?]`.
fn candidate_blocks(config: &ModelConfig) -> Vec<Block> {
    let mut blocks = ids(config);
    blocks.push(Block::Feature(1));
    blocks.extend(config.text.then_some(Block::Text));
    blocks.extend(config.post_age.then_some(Block::Feature(2)));
    blocks
}

/// Lets every head begin at its base rate (`[A]`; for a continuous head the mean), though heads have no bias: candidates get a common
/// vector through the surface table, and along the mean final state `h` that follows from it the heads become
/// `h · logit(rate) / |h|²`.
pub(crate) fn base_rates(
    model: &mut Model,
    data: &TrainingData,
    action_set: &ActionSet,
    rates: &[f64],
) -> Result<(), TrainError> {
    let (d, a) = (model.config.model.emb_size, action_set.len());
    let own = prefix(ModelKind::Ranker);
    let mut rng = stream(model.config.seed, "common vector", 0, 0);
    let common: Vec<f32> = (0..d).map(|_| rng.normal() as f32).collect();
    if let Some(surface) = find(&mut model.dense, &format!("{own}.product_surface_embedding_table")) {
        for row in surface.data.chunks_exact_mut(d) {
            row.iter_mut().zip(&common).for_each(|(x, common)| *x += common);
        }
    }
    let state = mean_state(model, data)?;
    let squared: f32 = state.iter().map(|x| x * x).sum();
    let Some(heads) = find(&mut model.dense, &format!("{own}.unembeddings")).filter(|_| squared > 0.0) else {
        return Ok(());
    };
    for (row, h) in heads.data.chunks_exact_mut(a).zip(&state) {
        for ((x, action), rate) in row.iter_mut().zip(&action_set.actions).zip(rates) {
            let logit = match action.kind {
                ActionKind::Discrete => {
                    let rate = rate.clamp(1e-4, 0.9);
                    (rate / (1.0 - rate)).ln()
                }
                ActionKind::Continuous => rate.clamp(1e-2, ActionSet::DWELL_CLIP_SECONDS).ln(),
            };
            // A head whose labels are broken starts as it is; the step that meets them says so.
            if logit.is_finite() {
                *x += h * logit as f32 / squared;
            }
        }
    }
    Ok(())
}

/// The mean final state of the first candidates, `[D]`: the logits of the same model with the identity as its heads.
fn mean_state(model: &mut Model, data: &TrainingData) -> Result<Vec<f32>, TrainError> {
    let d = model.config.model.emb_size;
    let own = prefix(ModelKind::Ranker);
    // In place: the tables may be large.
    let (config, dense) = (model.config.clone(), model.dense.clone());
    let a = d.max(config.model.num_actions);
    model.config.model.num_actions = a;
    if let Some(actions) = find(&mut model.dense, &format!("{own}.action_projection")) {
        actions.data.resize(a * d, 0.0);
        actions.shape = vec![a, d];
    }
    if let Some(heads) = find(&mut model.dense, &format!("{own}.unembeddings")) {
        heads.data = vec![0.0; d * a];
        (0..d).for_each(|i| heads.data[i * a + i] = 1.0);
        heads.shape = vec![d, a];
    }
    let states = first_states(model, data);
    (model.config, model.dense) = (config, dense);
    let states = states?;
    let count = (states.len() / a).max(1) as f64;
    let mean = |i: usize| states.iter().skip(i).step_by(a).map(|&x| f64::from(x)).sum::<f64>() / count;
    Ok((0..d).map(|i| mean(i) as f32).collect())
}

/// The logits of the first candidates, `[N, A]`.
fn first_states(model: &Model, data: &TrainingData) -> Result<Vec<f32>, TrainError> {
    let sizes = &model.config.model;
    let mut network = Network::new(ModelKind::Ranker, sizes)?;
    network.load(&model.dense)?;
    let (mut batch, mut states, mut logits, mut tokens) = (Batch::default(), Vec::new(), Vec::new(), 0);
    for (number, pass) in (0..).zip(&data.train).filter(|(_, pass)| !pass.candidates.is_empty()) {
        tokens += pass.tokens();
        if tokens > STATE_TOKENS && !states.is_empty() {
            break;
        }
        batch.take(model, Passes { all: &data.train, numbers: &[number] }, None, true);
        network.logits(&model.dense, &batch.history, &batch.candidates, &mut logits);
        states.extend_from_slice(&logits);
    }
    Ok(states)
}

fn find<'a>(dense: &'a mut [NamedTensor], name: &str) -> Option<&'a mut NamedTensor> {
    dense.iter_mut().find(|tensor| tensor.name == name)
}
