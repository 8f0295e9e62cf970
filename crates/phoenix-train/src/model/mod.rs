//! Both Phoenix models over `kernels`: forward passes that keep what the backward pass needs, and the backward pass by hand.
//!
//! A [`Network`] holds what one thread needs for one model: the packed dense tensors, a tile's (ranker) or a batch's (retrieval)
//! intermediate values, and the gradients. All its buffers are sized by the first steps and used again. Batches are row-major arrays
//! ([`HistoryArrays`], [`CandidateArrays`]) whose embeddings were looked up before; the gradients of those come back as
//! [`LeafGradients`], so the tables stay outside.
//!
//! The arithmetic is the isolated form of the transformer: the context `[user | history]` attends to itself, and each candidate to the
//! context tokens it may see and to itself.

mod arrays;
mod check;
mod embed;
mod gradients;
mod layers;
mod ranker;
mod retrieval;
mod shape;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tile;
mod weights;

use kernels::{Kernels, Rope};
use model_registry::NamedTensor;
use phoenix::{ModelConfig, ModelKind, Positions};

pub(crate) use arrays::{CandidateArrays, HistoryArrays, LeafGradients};
pub use check::{CheckError, check};
pub(crate) use retrieval::Moment;
pub use shape::DenseError;

use gradients::Gradients;
use layers::{Layers, Work};
use shape::Shape;
use tile::Tile;
use weights::{Values, Weights};

/// Positions beyond the history that sequential candidates usually take.
const SEQUENTIAL_CANDIDATES: usize = 1_024;

/// A model on one thread.
#[derive(Debug)]
pub(crate) struct Network {
    kind: ModelKind,
    shape: Shape,
    kernels: Kernels,
    rope: Rope,
    weights: Weights,
    gradients: Gradients,
    work: Work,
    /// The ranker has one at a time, retrieval all of its batch.
    tiles: Vec<Tile>,
    tower: retrieval::Tower,
    means: retrieval::Means,
}

impl Network {
    /// A network for a model of this kind, without values yet.
    pub(crate) fn new(kind: ModelKind, config: &ModelConfig) -> Result<Self, DenseError> {
        Self::on(Kernels::native(), kind, config)
    }

    fn on(kernels: Kernels, kind: ModelKind, config: &ModelConfig) -> Result<Self, DenseError> {
        let shape = Shape::new(kind, config)?;
        let beyond = if config.positions == Positions::Shared { 2 } else { SEQUENTIAL_CANDIDATES };
        Ok(Self {
            rope: Rope::new(config.key_size, config.rope_base, config.longest_history() + beyond),
            weights: Weights::new(&shape),
            gradients: Gradients::new(&shape),
            work: Work::default(),
            tiles: Vec::new(),
            tower: retrieval::Tower::default(),
            means: retrieval::Means::default(),
            kernels,
            kind,
            shape,
        })
    }

    /// Whether it is for a model of this kind and these sizes.
    pub(crate) fn fits(&self, kind: ModelKind, config: &ModelConfig) -> bool {
        self.kind == kind && self.shape.config == *config
    }

    /// Width D of tokens and table rows.
    pub(crate) const fn width(&self) -> usize {
        self.shape.d
    }

    /// Takes over the dense tensors, found by name in any order (others are ignored), and sets all gradients to zero.
    pub(crate) fn load(&mut self, dense: &[NamedTensor]) -> Result<(), DenseError> {
        self.gradients.clear();
        self.weights.load(&self.shape, dense, self.kernels)
    }

    /// The gradients of the dense tensors since [`Self::load`] of the same values, in the order of [`phoenix::dense_params`].
    pub(crate) fn gradients(&mut self, dense: &[NamedTensor], out: &mut Vec<Vec<f32>>) {
        self.gradients.finish(&self.shape, (dense, self.weights.places()), self.kernels, out);
    }

    /// The first tiles, and everything else that a pass needs.
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            layers: Layers { shape: &self.shape, kernels: self.kernels, rope: &self.rope },
            weights: &self.weights,
            gradients: &mut self.gradients,
            work: &mut self.work,
            tiles: &mut self.tiles,
        }
    }
}

/// A network's parts, borrowed one by one.
struct Parts<'a> {
    layers: Layers<'a>,
    weights: &'a Weights,
    gradients: &'a mut Gradients,
    work: &'a mut Work,
    tiles: &'a mut Vec<Tile>,
}

/// Makes `values` a list of so many zeros, in the room that it has.
fn zeros(values: &mut Vec<f32>, len: usize) {
    values.clear();
    values.resize(len, 0.0);
}
