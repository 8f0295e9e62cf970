//! Posts, people and actions become rows of the residual stream.

use std::sync::Arc;

use foryou_types::{ActionMask, PostId, UserId};
use phoenix::dwell_input;
use phoenix::{CandidateItem, CheckpointConfig, HistoryItem, TableSpec, Tables};

use crate::error::{EngineError, finite};
use kernels::{Kernels, Packed, Rows, RowsMut};

/// What a token has besides its hashed rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) actions: ActionMask,
    pub(crate) surface: usize,
    pub(crate) age_bucket: usize,
    pub(crate) dwell_seconds: f32,
}

impl From<&HistoryItem> for Extras {
    fn from(item: &HistoryItem) -> Self {
        Self {
            actions: item.actions,
            surface: item.surface as usize,
            age_bucket: item.age_bucket as usize,
            dwell_seconds: item.dwell_seconds,
        }
    }
}

impl From<&CandidateItem> for Extras {
    fn from(item: &CandidateItem) -> Self {
        Self { surface: item.surface as usize, age_bucket: item.age_bucket as usize, ..Self::default() }
    }
}

/// The dwell block, `silu(dwell_input(seconds) · first) · second` with the second matrix already multiplied by the projection.
#[derive(Clone, Debug)]
pub(crate) struct Dwell {
    /// `[64]`.
    pub(crate) first: Vec<f32>,
    /// `[64, stride]`.
    pub(crate) second: Vec<f32>,
}

/// The projection of history or candidate tokens: hashed rows go through a matrix, everything else is a sum of table rows that were
/// multiplied by their part of the projection when the model was loaded.
#[derive(Clone, Debug)]
pub(crate) struct TokenInput {
    /// `[(Hi + Ha)·D | text? D, D]`.
    pub(crate) hashed: Packed,
    /// Stride of all rows.
    pub(crate) stride: usize,
    /// `[A, stride]`; empty for candidates.
    pub(crate) actions: Vec<f32>,
    /// `[surfaces, stride]`.
    pub(crate) surfaces: Vec<f32>,
    /// `[82, stride]`; empty without post age.
    pub(crate) ages: Vec<f32>,
    pub(crate) dwell: Option<Dwell>,
}

/// A row of a padded table; empty, like a zero vector, for a number beyond it.
fn row(table: &[f32], stride: usize, number: usize) -> &[f32] {
    table.get(number * stride..(number + 1) * stride).unwrap_or_default()
}

fn add(x: &mut [f32], row: &[f32], factor: f32) {
    x.iter_mut().zip(row).for_each(|(x, r)| *x += factor * r);
}

impl TokenInput {
    /// Tokens from their hashed rows, which `fill` writes to `input`, telling what else they have; into `x [rows, stride]`.
    pub(crate) fn embed(
        &self,
        kernels: Kernels,
        rows: usize,
        input: RowsMut<'_>,
        x: &mut [f32],
        mut fill: impl FnMut(usize, &mut [f32]) -> Extras,
        extras: &mut [Extras],
    ) {
        let RowsMut { data: input, stride: width } = input;
        for ((r, extras), input) in extras.iter_mut().enumerate().zip(input.chunks_exact_mut(width)) {
            *extras = fill(r, input);
        }
        let input = Rows { data: input, stride: width };
        kernels.run(self.hashed.product(rows, input, RowsMut { data: x, stride: self.stride }));
        for (x, extras) in x.chunks_exact_mut(self.stride).zip(extras.iter()) {
            self.add_extras(x, extras);
        }
    }

    fn add_extras(&self, x: &mut [f32], extras: &Extras) {
        add(x, row(&self.surfaces, self.stride, extras.surface), 1.0);
        add(x, row(&self.ages, self.stride, extras.age_bucket), 1.0);
        // Signed multi-hot; no action at all is the zero vector.
        let actions = self.actions.chunks_exact(self.stride).enumerate().take(64);
        if actions.clone().any(|(a, _)| extras.actions.has(a as u8)) {
            for (a, row) in actions {
                add(x, row, if extras.actions.has(a as u8) { 1.0 } else { -1.0 });
            }
        }
        if let Some(dwell) = &self.dwell {
            let seconds = dwell_input(extras.dwell_seconds);
            for (first, second) in dwell.first.iter().zip(dwell.second.chunks_exact(self.stride)) {
                let z = seconds * first;
                add(x, second, z / (1.0 + (-z).exp()));
            }
        }
    }
}

/// The embedding tables with their hash functions.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    tables: Tables,
    config: Arc<CheckpointConfig>,
}

impl Lookup {
    /// Checks that the tables are those of the configuration.
    pub(crate) fn new(tables: Tables, config: Arc<CheckpointConfig>) -> Result<Self, EngineError> {
        let (model, hashes) = (&config.model, &config.hashes);
        let mut specs = vec![
            ("user", &tables.user, &hashes.user, model.num_user_hashes),
            ("post", &tables.post, &hashes.post, model.num_item_hashes),
            ("author", &tables.author, &hashes.author, model.num_author_hashes),
        ];
        if model.text {
            specs.push(("text", &tables.text, &hashes.text, 1));
        }
        for (name, values, spec, functions) in specs {
            let bad = |problem: String| EngineError::Tensor { tensor: format!("{name} table"), problem };
            if spec.rows < 2 {
                return Err(bad(format!("has {} rows, at least 2 are needed", spec.rows)));
            }
            if spec.functions.len() != functions {
                return Err(bad(format!("has {} hash functions, {functions} are needed", spec.functions.len())));
            }
            if values.len() != spec.rows as usize * model.emb_size {
                return Err(bad(format!("has {} values, [{}, {}] is needed", values.len(), spec.rows, model.emb_size)));
            }
            finite(&format!("{name} table"), values)?;
        }
        Ok(Self { tables, config })
    }

    /// A user's rows, `[Hu·D]`.
    pub(crate) fn user(&self, user: UserId, out: &mut [f32]) {
        self.rows(&self.tables.user, &self.config.hashes.user, user.0, out);
    }

    /// The rows of a post, `[post Hi·D | author Ha·D | text? D]`.
    pub(crate) fn post(&self, post: PostId, author: UserId, content: &[u32], out: &mut [f32]) {
        let model = &self.config.model;
        let (posts, rest) = out.split_at_mut(model.num_item_hashes * model.emb_size);
        let (authors, text) = rest.split_at_mut(model.num_author_hashes * model.emb_size);
        self.rows(&self.tables.post, &self.config.hashes.post, post.0, posts);
        self.rows(&self.tables.author, &self.config.hashes.author, author.0, authors);
        if model.text {
            self.text(content, text);
        }
    }

    fn rows(&self, table: &[f32], spec: &TableSpec, id: u64, out: &mut [f32]) {
        let d = self.config.model.emb_size;
        for (row, out) in spec.rows_of(id).zip(out.chunks_exact_mut(d)) {
            out.copy_from_slice(&table[row as usize * d..][..d]);
        }
    }

    /// The mean of the content words' rows.
    fn text(&self, content: &[u32], out: &mut [f32]) {
        let spec = &self.config.hashes.text;
        let d = out.len();
        out.fill(0.0);
        if let (Some(function), false) = (spec.functions.first(), content.is_empty()) {
            for &word in content {
                let row = function.row(u64::from(word), spec.rows) as usize;
                add(out, &self.tables.text[row * d..][..d], 1.0);
            }
            let share = 1.0 / content.len() as f32;
            for x in out {
                *x *= share;
            }
        }
    }
}
