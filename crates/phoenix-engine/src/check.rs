//! Holds the engine against a reference file.

use foryou_types::{ActionMask, PostId, TimeMs, UserId};
use phoenix::golden::{Agreement, Golden, LOGIT_TOLERANCE, VECTOR_TOLERANCE};
use phoenix::{ModelConfig, ModelKind, Positions};

use crate::cache::KeyValues;
use crate::error::EngineError;
use crate::index::ExactIndex;
use crate::matrix::{Arithmetic, Precision};
use crate::scratch::with_scratch;
use crate::tokens::Extras;
use crate::transformer::{ContextTokens, Place, TILE};
use crate::weights::{RankerWeights, RetrievalWeights};

/// Runs the models whose parameters the file has on its inputs and compares every output that it has: the ranker's logits; the
/// retrieval model's user and candidate representations, and the scores and indices of its best posts.
pub fn check(golden: &Golden) -> Result<Vec<Agreement>, EngineError> {
    check_with(golden, Arithmetic::native(Precision::F32))
}

fn check_with(golden: &Golden, arithmetic: Arithmetic) -> Result<Vec<Agreement>, EngineError> {
    let config = &golden.config;
    if config.text || config.post_age || config.dwell {
        let problem = "a model with text, post age or dwell has inputs that the file has not".to_owned();
        return Err(EngineError::Tensor { tensor: "in.*".to_owned(), problem });
    }
    let batch = Batch::new(golden)?;
    let mut results = Vec::new();
    if let Some(dense) = golden.dense(ModelKind::Ranker)? {
        let logits = batch.logits(&RankerWeights::new(config, &dense, arithmetic)?);
        let reference = golden.f32("ranker.out.logits")?;
        results.push(Agreement::of_values(ModelKind::Ranker, "logits", &logits, reference, LOGIT_TOLERANCE));
    }
    if let Some(dense) = golden.dense(ModelKind::Retrieval)? {
        let weights = RetrievalWeights::new(config, &dense, arithmetic)?;
        let users = batch.users(&weights);
        let mut compare = |what: &str, ours: &[f32]| -> Result<(), EngineError> {
            let reference = golden.f32(&format!("retrieval.out.{what}"))?;
            results.push(Agreement::of_values(ModelKind::Retrieval, what, ours, reference, VECTOR_TOLERANCE));
            Ok(())
        };
        compare("user_representation", &users)?;
        compare("candidate_representation", &batch.posts(&weights))?;
        if golden.top_k > 0 {
            let (indices, scores) = best(golden, &users)?;
            compare("top_k_scores", &scores)?;
            let reference = golden.i32("retrieval.out.top_k_indices")?;
            results.push(Agreement::of_indices(ModelKind::Retrieval, "top_k_indices", &indices, reference));
        }
    }
    Ok(results)
}

/// The file's corpus through the index: `[B, K]` indices and scores.
fn best(golden: &Golden, users: &[f32]) -> Result<(Vec<i32>, Vec<f32>), EngineError> {
    let d = golden.config.emb_size;
    let mut index = ExactIndex::new(d);
    for (i, vector) in golden.f32("retrieval.in.corpus_embeddings")?.chunks_exact(d).enumerate() {
        index.insert(PostId(i as u64 + 1), UserId::NONE, TimeMs(0), vector);
    }
    let found = users.chunks_exact(d).flat_map(|user| index.search(user, golden.top_k, TimeMs(i64::MIN), |_, _| false));
    Ok(found.map(|(post, _, score)| ((post.0 - 1) as i32, score)).unzip())
}

/// The inputs of a reference file.
struct Batch<'a> {
    config: &'a ModelConfig,
    rows: usize,
    candidates: usize,
    user_hashes: &'a [i32],
    user: &'a [f32],
    history_hashes: &'a [i32],
    history_posts: &'a [f32],
    history_authors: &'a [f32],
    actions: &'a [f32],
    history_surfaces: &'a [i32],
    candidate_hashes: &'a [i32],
    candidate_posts: &'a [f32],
    candidate_authors: &'a [f32],
    candidate_surfaces: &'a [i32],
}

/// One row's context.
struct Row<'a> {
    batch: &'a Batch<'a>,
    number: usize,
    /// The places of the history that are tokens: all of them where padding has a position, else those that are not padding.
    places: Vec<usize>,
}

impl<'a> Batch<'a> {
    fn new(golden: &'a Golden) -> Result<Self, EngineError> {
        Ok(Self {
            config: &golden.config,
            rows: golden.batch,
            candidates: golden.candidates,
            user_hashes: golden.i32("in.user_hashes")?,
            user: golden.f32("in.user_embeddings")?,
            history_hashes: golden.i32("in.history_post_hashes")?,
            history_posts: golden.f32("in.history_post_embeddings")?,
            history_authors: golden.f32("in.history_author_embeddings")?,
            actions: golden.f32("in.history_actions")?,
            history_surfaces: golden.i32("in.history_product_surface")?,
            candidate_hashes: golden.i32("in.candidate_post_hashes")?,
            candidate_posts: golden.f32("in.candidate_post_embeddings")?,
            candidate_authors: golden.f32("in.candidate_author_embeddings")?,
            candidate_surfaces: golden.i32("in.candidate_product_surface")?,
        })
    }

    fn row(&'a self, row: usize) -> Row<'a> {
        let s = self.config.history_seq_len;
        let hashes = self.history_hashes.chunks_exact(self.config.num_item_hashes).skip(row * s).take(s);
        let sequential = self.config.positions == Positions::Sequential;
        let places = hashes.enumerate().filter(|(_, h)| sequential || h[0] != 0).map(|(i, _)| i).collect();
        Row { batch: self, number: row, places }
    }

    fn logits(&self, weights: &RankerWeights) -> Vec<f32> {
        let (trunk, actions) = (&weights.trunk, self.config.num_actions);
        let mut logits = vec![0.0; self.rows * self.candidates * actions];
        for (b, logits) in logits.chunks_exact_mut((self.candidates * actions).max(1)).enumerate() {
            let row = self.row(b);
            let mut past = KeyValues::new(&trunk.sizes, trunk.layers.len(), row.tokens());
            past.set_valid(0, |i| row.valid(i));
            trunk.run_context(&mut past, 0, &row, None);
            for (tile, logits) in logits.chunks_mut(TILE * actions).enumerate() {
                let place = match self.config.positions {
                    Positions::Shared => Place { first: row.tokens(), step: 0 },
                    Positions::Sequential => Place { first: row.tokens() + tile * TILE, step: 1 },
                };
                let fill = |i: usize, out: &mut [f32]| {
                    let at = b * self.candidates + tile * TILE + i;
                    self.candidate(at, out);
                    let surface = usize::try_from(self.candidate_surfaces[at]).unwrap_or(usize::MAX >> 32);
                    let valid = self.candidate_hashes[at * self.config.num_item_hashes] != 0;
                    (Extras { surface, ..Extras::default() }, valid)
                };
                with_scratch(1, |s| weights.rank(&past, place, logits.len() / actions, fill, &mut s[0], logits));
            }
        }
        logits
    }

    fn users(&self, weights: &RetrievalWeights) -> Vec<f32> {
        (0..self.rows)
            .flat_map(|b| {
                let row = self.row(b);
                weights.user_vector(row.tokens(), &row, |i| row.valid(i))
            })
            .collect()
    }

    fn posts(&self, weights: &RetrievalWeights) -> Vec<f32> {
        let d = self.config.emb_size;
        let mut out = vec![0.0; self.rows * self.candidates * d];
        for (tile, out) in out.chunks_mut(TILE * d).enumerate() {
            let fill = |i: usize, input: &mut [f32]| self.candidate(tile * TILE + i, input);
            with_scratch(1, |s| weights.post_vectors(out.len() / d, fill, &mut s[0], out));
        }
        out
    }

    fn candidate(&self, at: usize, out: &mut [f32]) {
        both(self.config, self.candidate_posts, self.candidate_authors, at, out);
    }
}

/// A token's post rows and author rows, side by side.
fn both(config: &ModelConfig, posts: &[f32], authors: &[f32], at: usize, out: &mut [f32]) {
    let (post, author) = out.split_at_mut(config.num_item_hashes * config.emb_size);
    post.copy_from_slice(&posts[at * post.len()..][..post.len()]);
    author.copy_from_slice(&authors[at * author.len()..][..author.len()]);
}

impl Row<'_> {
    fn tokens(&self) -> usize {
        1 + self.places.len()
    }

    fn place(&self, i: usize) -> usize {
        self.number * self.batch.config.history_seq_len + self.places[i]
    }

    fn valid(&self, i: usize) -> bool {
        let (batch, config) = (self.batch, self.batch.config);
        if i == 0 {
            batch.user_hashes[self.number * config.num_user_hashes] != 0
        } else {
            batch.history_hashes[self.place(i - 1) * config.num_item_hashes] != 0
        }
    }
}

impl ContextTokens for Row<'_> {
    fn user(&self, out: &mut [f32]) {
        out.copy_from_slice(&self.batch.user[self.number * out.len()..][..out.len()]);
    }

    fn history(&self, i: usize, out: &mut [f32]) -> Extras {
        let (batch, at) = (self.batch, self.place(i));
        both(batch.config, batch.history_posts, batch.history_authors, at, out);
        let n = batch.config.num_actions;
        let mut actions = ActionMask::default();
        for (a, &taken) in batch.actions[at * n..][..n].iter().enumerate() {
            if taken != 0.0 {
                actions.insert(a as u8);
            }
        }
        let surface = usize::try_from(batch.history_surfaces[at]).unwrap_or(usize::MAX >> 32);
        Extras { actions, surface, ..Extras::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_agrees_with_every_reference_file_on_every_instruction_set() {
        for file in phoenix::golden::reference_files() {
            let golden = Golden::load(&file).unwrap();
            let [native, portable] = [Arithmetic::native, Arithmetic::portable].map(|of| of(Precision::F32));
            for (name, arithmetic) in [("native", native), ("portable", portable)] {
                for agreement in check_with(&golden, arithmetic).unwrap() {
                    println!("{} {name} {agreement:?}", file.display());
                    assert!(agreement.ok, "{} {name} {agreement:?}", file.display());
                }
            }
        }
    }
}
