//! The looked-up embeddings of a batch as leaves of the autodiff graph.

use burn_tensor::{Gradients, Tensor};

use super::ops::gradient;
use crate::model::LeafGradients;

/// The looked-up embeddings a forward pass read, each `[rows, columns]` in the order of the array it came from.
///
/// They track gradients when the [`super::DenseParams`] of the pass do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaves {
    /// `[B, Hu·D]`.
    pub user: Option<Tensor<2>>,
    /// `[B·S, (Hi+Ha)·D]`; none without history.
    pub history_ids: Option<Tensor<2>>,
    /// `[B·S, D]`; none without history or text.
    pub history_text: Option<Tensor<2>>,
    /// `[B·C, (Hi+Ha)·D]`.
    pub candidate_ids: Option<Tensor<2>>,
    /// `[B·C, D]`; none without text.
    pub candidate_text: Option<Tensor<2>>,
}

impl Leaves {
    /// Their gradients; zeros where the output did not depend on a leaf.
    pub(crate) fn gradients(&self, gradients: &Gradients) -> LeafGradients {
        let of = |leaf: &Option<Tensor<2>>| leaf.as_ref().map(|leaf| gradient(leaf, gradients)).unwrap_or_default();
        LeafGradients {
            user: of(&self.user),
            history_ids: of(&self.history_ids),
            history_text: of(&self.history_text),
            candidate_ids: of(&self.candidate_ids),
            candidate_text: of(&self.candidate_text),
        }
    }
}
