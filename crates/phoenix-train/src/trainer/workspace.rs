//! What a thread works in, kept from step to step.

use std::sync::{Mutex, PoisonError};

use phoenix::{ModelConfig, ModelKind};
use train_core::Workers;

use super::assemble::{Batch, Posts};
use super::model::{StepGradients, add_all};
use crate::model::{DenseError, LeafGradients, Network};
use crate::tables::TableGradients;

/// A network with the arrays around it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) network: Network,
    pub(crate) batch: Batch,
    pub(crate) leaves: LeafGradients,
    /// Of the ranker: logits and their derivatives, `[B, C, A]`.
    pub(crate) logits: Vec<f32>,
    pub(crate) slopes: Vec<f32>,
    /// Of retrieval: the posts looked up.
    pub(crate) posts: Posts,
    /// The gradients of a shard: of the dense tensors, and of the tables' rows.
    pub(crate) dense: Vec<Vec<f32>>,
    pub(crate) tables: TableGradients,
}

/// Half of a sum of gradients, for a thread.
enum Half<'a> {
    Dense(&'a mut [Vec<f32>]),
    Tables(&'a mut TableGradients),
}

/// Workspaces that no thread is using, and gradients that were applied.
#[derive(Debug, Default)]
pub(crate) struct Workspaces(Mutex<Spare>);

#[derive(Debug, Default)]
struct Spare {
    workspaces: Vec<Workspace>,
    gradients: Vec<(Vec<Vec<f32>>, TableGradients)>,
}

impl Workspaces {
    fn spare<R>(&self, f: impl FnOnce(&mut Spare) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lends a workspace for a model of these sizes.
    pub(crate) fn lend(&self, kind: ModelKind, config: &ModelConfig) -> Result<Workspace, DenseError> {
        let kept = self.spare(|Spare { workspaces, gradients }| {
            let at = workspaces.iter().position(|one| one.network.fits(kind, config))?;
            let mut workspace = workspaces.swap_remove(at);
            if workspace.dense.is_empty()
                && let Some(applied) = gradients.pop()
            {
                (workspace.dense, workspace.tables) = applied;
            }
            Some(workspace)
        });
        if let Some(workspace) = kept {
            return Ok(workspace);
        }
        Ok(Workspace {
            network: Network::new(kind, config)?,
            batch: Batch::default(),
            leaves: LeafGradients::default(),
            logits: Vec::new(),
            slopes: Vec::new(),
            posts: Posts::default(),
            dense: Vec::new(),
            tables: TableGradients::new(config.emb_size),
        })
    }

    /// Takes a workspace back.
    pub(crate) fn give_back(&self, workspace: Workspace) {
        self.spare(|spare| spare.workspaces.push(workspace));
    }

    /// Lends a workspace for one call.
    pub(crate) fn with<R>(
        &self,
        kind: ModelKind,
        config: &ModelConfig,
        f: impl FnOnce(&mut Workspace) -> Result<R, DenseError>,
    ) -> Result<R, DenseError> {
        let mut workspace = self.lend(kind, config)?;
        let result = f(&mut workspace);
        self.give_back(workspace);
        result
    }

    /// The sum of the gradients of some shards, in their order, in the first one's workspace; none of none.
    pub(crate) fn sum(&self, shards: Vec<Workspace>, workers: &Workers) -> Option<Workspace> {
        let mut shards = shards.into_iter();
        let mut first = shards.next()?;
        if shards.len() > 0 {
            let others = shards.as_slice();
            workers.map(vec![Half::Dense(&mut first.dense), Half::Tables(&mut first.tables)], |half| match half {
                Half::Dense(dense) => others.iter().for_each(|other| add_all(dense, &other.dense)),
                Half::Tables(tables) => others.iter().for_each(|other| tables.merge(&other.tables)),
            });
        }
        shards.for_each(|other| self.give_back(other));
        Some(first)
    }

    /// The gradients of a step, out of the workspace that holds their sum.
    pub(crate) fn gradients(
        &self,
        mut workspace: Workspace,
        loss: f64,
        examples: usize,
        threads: usize,
    ) -> StepGradients {
        let dense = std::mem::take(&mut workspace.dense);
        let tables = std::mem::replace(&mut workspace.tables, TableGradients::new(workspace.network.width()));
        self.give_back(workspace);
        StepGradients { loss, examples, threads, dense, tables }
    }

    /// Takes gradients back that were applied.
    pub(crate) fn recycle(&self, gradients: StepGradients) {
        self.spare(|spare| spare.gradients.push((gradients.dense, gradients.tables)));
    }
}
