//! Embedding tables, and the gradients of the rows that a step touched.
//!
//! A table has up to a million rows and a step touches some thousands of them, so a gradient of a table's shape would cost more than
//! the model. Instead [`TokenRows`] names the rows of a batch, [`EmbeddingTables::gather`] copies them into the model's input arrays,
//! and after the backward pass [`EmbeddingTables::scatter`] adds the gradients of those arrays up by row in a `SparseGradient`,
//! which `AdagradTable::apply` turns into updates of just these rows.
//!
//! Invariants: row 0 is padding, zero and never written; sums run in the order of the batch, so a step is reproducible bit by bit.

mod adagrad;
mod embedding;
mod rows;
mod sparse;

pub(crate) use adagrad::Adagrad;
pub(crate) use embedding::{EmbeddingTables, TableGradients};
pub(crate) use rows::TokenRows;
