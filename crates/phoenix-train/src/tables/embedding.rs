//! The four tables of a model: rows of a batch out, gradients of a batch in.

use kernels::{Kernels, MeanOfRows};
use phoenix::{HashTables, Tables};

use super::adagrad::{Adagrad, AdagradTable};
use super::rows::TokenRows;
use super::sparse::SparseGradient;

/// The tables of a model under training.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EmbeddingTables {
    /// User ids.
    pub user: AdagradTable,
    /// Post ids.
    pub post: AdagradTable,
    /// Author ids.
    pub author: AdagradTable,
    /// Content words; without rows where the model has no text.
    pub text: AdagradTable,
}

/// The gradients of one batch, table by table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableGradients {
    /// User rows.
    pub user: SparseGradient,
    /// Post rows.
    pub post: SparseGradient,
    /// Author rows.
    pub author: SparseGradient,
    /// Word rows.
    pub text: SparseGradient,
}

impl TableGradients {
    /// No rows, of width `dim`.
    pub(crate) fn new(dim: usize) -> Self {
        let none = || SparseGradient::new(dim);
        Self { user: none(), post: none(), author: none(), text: none() }
    }

    /// Forgets all rows, and keeps the room for them.
    pub(crate) fn clear(&mut self) {
        for table in [&mut self.user, &mut self.post, &mut self.author, &mut self.text] {
            table.clear();
        }
    }

    /// Adds the gradients of another part of the batch.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.user.merge(&other.user);
        self.post.merge(&other.post);
        self.author.merge(&other.author);
        self.text.merge(&other.text);
    }

    /// The gradients with the names of their tables.
    pub(crate) fn named(&self) -> [(&'static str, &SparseGradient); 4] {
        [("user", &self.user), ("post", &self.post), ("author", &self.author), ("text", &self.text)]
    }
}

impl EmbeddingTables {
    /// The tables of a model, `dim` wide.
    pub(crate) fn new(dim: usize, tables: Tables) -> Self {
        let table = |values| AdagradTable::new(dim, values);
        Self {
            user: table(tables.user),
            post: table(tables.post),
            author: table(tables.author),
            text: table(tables.text),
        }
    }

    /// A copy of the rows, for a checkpoint.
    pub(crate) fn snapshot(&self) -> Tables {
        Tables {
            user: self.user.values().to_vec(),
            post: self.post.values().to_vec(),
            author: self.author.values().to_vec(),
            text: self.text.values().to_vec(),
        }
    }

    /// The tables with their names.
    pub(crate) fn named(&self) -> [(&'static str, &AdagradTable); 4] {
        [("user", &self.user), ("post", &self.post), ("author", &self.author), ("text", &self.text)]
    }

    /// As [`Self::named`], to be changed.
    pub(crate) fn named_mut(&mut self) -> [(&'static str, &mut AdagradTable); 4] {
        [("user", &mut self.user), ("post", &mut self.post), ("author", &mut self.author), ("text", &mut self.text)]
    }

    /// Rows of users, `[B, Hu · D]`, by the rows of [`phoenix::TableSpec::rows_of`].
    pub(crate) fn gather_users(&self, rows: &[u32], out: &mut Vec<f32>) {
        out.clear();
        for &row in rows {
            out.extend_from_slice(self.user.row(row));
        }
    }

    /// Adds the gradient `[B, Hu · D]` of [`Self::gather_users`].
    pub(crate) fn scatter_users(&self, rows: &[u32], gradient: &[f32], into: &mut TableGradients) {
        for (&row, g) in rows.iter().zip(gradient.chunks_exact(self.user.dim())) {
            into.user.add(row, g, 1.0);
        }
    }

    /// Rows of tokens: ids `[T, (Hi + Ha) · D]` and the means of their words' rows `[T, D]` (zero for a token without words; empty for
    /// a model without text).
    pub(crate) fn gather(&self, hashes: &HashTables, rows: &TokenRows, ids: &mut Vec<f32>, text: &mut Vec<f32>) {
        let (dim, posts) = (self.post.dim(), hashes.post.functions.len());
        let width = posts + hashes.author.functions.len();
        ids.clear();
        text.clear();
        for token in rows.ids.chunks_exact(width) {
            let (post, author) = token.split_at(posts);
            for &row in post {
                ids.extend_from_slice(self.post.row(row));
            }
            for &row in author {
                ids.extend_from_slice(self.author.row(row));
            }
        }
        let values = self.text.values();
        if values.is_empty() {
            return;
        }
        let kernels = Kernels::native();
        text.resize(rows.len() * dim, 0.0);
        for (words, out) in rows.words().zip(text.chunks_exact_mut(dim)) {
            kernels.run(MeanOfRows { values, rows: words, out });
        }
    }

    /// Adds the gradients of the arrays that [`Self::gather`] made; `text` may be empty.
    pub(crate) fn scatter(
        &self,
        hashes: &HashTables,
        rows: &TokenRows,
        ids: &[f32],
        text: &[f32],
        into: &mut TableGradients,
    ) {
        let (dim, posts) = (self.post.dim(), hashes.post.functions.len());
        let width = posts + hashes.author.functions.len();
        for (token, gradient) in rows.ids.chunks_exact(width).zip(ids.chunks_exact(width * dim)) {
            for (i, (&row, g)) in token.iter().zip(gradient.chunks_exact(dim)).enumerate() {
                let table = if i < posts { &mut into.post } else { &mut into.author };
                table.add(row, g, 1.0);
            }
        }
        if text.is_empty() {
            return;
        }
        for (words, g) in rows.words().zip(text.chunks_exact(dim)) {
            let share = 1.0 / words.len().max(1) as f32;
            for &word in words {
                into.text.add(word, g, share);
            }
        }
    }

    /// One step on every touched row; `rules` in the order user, post, author, text.
    pub(crate) fn apply(&mut self, gradients: &TableGradients, rules: [Adagrad; 4]) {
        for ((_, table), ((_, gradient), rule)) in
            self.named_mut().into_iter().zip(gradients.named().into_iter().zip(rules))
        {
            table.apply(gradient, rule);
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{PostId, Rng, SplitMix64, UserId};
    use phoenix::IdCounts;
    use phoenix::{HashTables, ModelConfig};

    use super::*;

    const D: usize = 3;

    fn model() -> (HashTables, EmbeddingTables) {
        let config = ModelConfig { emb_size: D, ..ModelConfig::default() };
        let hashes = HashTables::draw(&config, IdCounts { users: 4, posts: 9, authors: 4, words: 20 }, 5);
        let mut rng = SplitMix64::new(1);
        let mut table = |rows: u32| -> Vec<f32> {
            (0..rows as usize * D).map(|i| if i < D { 0.0 } else { rng.normal() as f32 }).collect()
        };
        let tables = Tables {
            user: table(hashes.user.rows),
            post: table(hashes.post.rows),
            author: table(hashes.author.rows),
            text: table(hashes.text.rows),
        };
        (hashes, EmbeddingTables::new(D, tables))
    }

    /// `gather` is linear in the tables, so `⟨gather(tables), g⟩` must equal `⟨tables, scatter(g)⟩` for every `g`, with the right
    /// side written as a dense gradient.
    #[test]
    fn scatter_is_the_transpose_of_gather() {
        let (hashes, tables) = model();
        let mut rows = TokenRows::default();
        rows.push(&hashes, true, PostId(7), false, UserId(3), &[4, 5, 4]);
        rows.push(&hashes, true, PostId(8), true, UserId(3), &[]);
        rows.push(&hashes, true, PostId(7), false, UserId(0), &[9]);
        rows.pad_to(&hashes, 5);
        let (mut ids, mut text) = (Vec::new(), Vec::new());
        tables.gather(&hashes, &rows, &mut ids, &mut text);
        assert_eq!((ids.len(), text.len()), (5 * 4 * D, 5 * D));
        assert!(ids[4 * D..6 * D].iter().all(|&x| x == 0.0), "a hidden post has no rows");
        assert!(ids[6 * D..8 * D].iter().any(|&x| x != 0.0), "its author has");
        assert!(ids[3 * 4 * D..].iter().chain(&text[3 * D..]).all(|&x| x == 0.0), "padding is zero");
        let word = hashes.text.functions[0];
        let mean = |i: usize| {
            (2.0 * tables.text.row(word.row(4, hashes.text.rows))[i]
                + tables.text.row(word.row(5, hashes.text.rows))[i])
                / 3.0
        };
        assert!((0..D).all(|i| (text[i] - mean(i)).abs() < 1e-6), "the text vector is the mean of the words' rows");

        let mut rng = SplitMix64::new(2);
        let g_ids: Vec<f32> = ids.iter().map(|_| rng.normal() as f32).collect();
        let g_text: Vec<f32> = text.iter().map(|_| rng.normal() as f32).collect();
        let mut gradients = TableGradients::new(D);
        tables.scatter(&hashes, &rows, &g_ids, &g_text, &mut gradients);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        let left = dot(&ids, &g_ids) + dot(&text, &g_text);
        let mut right = 0.0;
        for ((_, table), (_, gradient)) in tables.named().into_iter().zip(gradients.named()) {
            let mut dense = vec![0.0f32; table.values().len()];
            for (row, g) in gradient.iter() {
                dense[row as usize * D..][..D].copy_from_slice(g);
            }
            assert!(dense[..D].iter().all(|&x| x == 0.0));
            right += dot(table.values(), &dense);
        }
        assert!((left - right).abs() < 1e-4, "{left} {right}");
        let touched = [&gradients.user, &gradients.post, &gradients.text].map(|table| table.iter().count());
        assert!(touched[0] == 0 && touched[1] <= 2 && touched[2] <= 3, "{touched:?}");
    }
}
