//! Holds the models against a reference file.

use model_registry::CheckpointError;
use phoenix::golden::{Agreement, Golden, LOGIT_TOLERANCE, VECTOR_TOLERANCE};
use phoenix::{ModelConfig, ModelKind};
use thiserror::Error;

use super::arrays::{CandidateArrays, HistoryArrays};
use super::{DenseError, Moment, Network};

/// A reference file that the models cannot be held against.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The file lacks something.
    #[error(transparent)]
    Golden(#[from] CheckpointError),
    /// The file's parameters are not the model's.
    #[error(transparent)]
    Dense(#[from] DenseError),
}

/// Runs the models whose parameters the file has on its inputs, in f32 on the CPU.
pub fn check(golden: &Golden) -> Result<Vec<Agreement>, CheckError> {
    let config = &golden.config;
    let history = history(golden)?;
    let candidates = candidates(golden)?;
    let mut results = Vec::new();
    if let Some(values) = golden.dense(ModelKind::Ranker)? {
        let mut network = Network::new(ModelKind::Ranker, config)?;
        network.load(&values)?;
        let mut logits = Vec::new();
        network.logits(&values, &history, &candidates, &mut logits);
        let reference = golden.f32("ranker.out.logits")?;
        results.push(Agreement::of_values(ModelKind::Ranker, "logits", &logits, reference, LOGIT_TOLERANCE));
    }
    if let Some(values) = golden.dense(ModelKind::Retrieval)? {
        let mut network = Network::new(ModelKind::Retrieval, config)?;
        network.load(&values)?;
        let mut push = |what, ours: &[f32], reference: &[f32]| {
            results.push(Agreement::of_values(ModelKind::Retrieval, what, ours, reference, VECTOR_TOLERANCE));
        };
        let moments: Vec<Moment> = (0..history.b).map(|user| Moment { user, cutoff: u16::MAX }).collect();
        let (mut users, mut posts) = (Vec::new(), Vec::new());
        network.users(&values, &history, &moments, &mut users);
        push("user_representation", &users, golden.f32("retrieval.out.user_representation")?);
        network.posts(&candidates.ids, None, &mut posts);
        push("candidate_representation", &posts, golden.f32("retrieval.out.candidate_representation")?);
        if golden.top_k > 0 {
            let corpus = golden.f32("retrieval.in.corpus_embeddings")?;
            let best = top_k(&users, corpus, config.emb_size, golden.top_k);
            let scores: Vec<f32> = best.iter().map(|(score, _)| *score).collect();
            push("top_k_scores", &scores, golden.f32("retrieval.out.top_k_scores")?);
            let indices: Vec<i32> = best.iter().map(|(_, index)| *index as i32).collect();
            let reference = golden.i32("retrieval.out.top_k_indices")?;
            results.push(Agreement::of_indices(ModelKind::Retrieval, "top_k_indices", &indices, reference));
        }
    }
    Ok(results)
}

/// The `k` highest dot products of each user with the corpus, highest first, ties by index: `[B, K]` scores and indices.
fn top_k(users: &[f32], corpus: &[f32], width: usize, k: usize) -> Vec<(f32, usize)> {
    let mut all = Vec::new();
    for user in users.chunks_exact(width) {
        let score = |post: &[f32]| user.iter().zip(post).map(|(a, b)| a * b).sum::<f32>();
        let mut scores: Vec<(f32, usize)> = corpus.chunks_exact(width).map(score).zip(0..).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        all.extend(scores.into_iter().take(k));
    }
    all
}

/// The file's users and histories.
pub(super) fn history(golden: &Golden) -> Result<HistoryArrays, CheckpointError> {
    let ModelConfig { num_user_hashes: hu, num_item_hashes: hi, history_seq_len: s, .. } = golden.config;
    Ok(HistoryArrays {
        b: golden.batch,
        s,
        user: golden.f32("in.user_embeddings")?.to_vec(),
        user_valid: known(golden.i32("in.user_hashes")?, hu),
        ids: ids(golden, "in.history_post_embeddings", "in.history_author_embeddings")?,
        text: None,
        actions: golden.f32("in.history_actions")?.to_vec(),
        surface: golden.i32("in.history_product_surface")?.iter().map(|&x| x as u8).collect(),
        age: Vec::new(),
        dwell: Vec::new(),
        valid: known(golden.i32("in.history_post_hashes")?, hi),
    })
}

/// The file's candidates; each sees the whole history.
pub(super) fn candidates(golden: &Golden) -> Result<CandidateArrays, CheckpointError> {
    let ModelConfig { num_item_hashes: hi, history_seq_len: s, .. } = golden.config;
    Ok(CandidateArrays {
        b: golden.batch,
        c: golden.candidates,
        ids: ids(golden, "in.candidate_post_embeddings", "in.candidate_author_embeddings")?,
        text: None,
        surface: golden.i32("in.candidate_product_surface")?.iter().map(|&x| x as u8).collect(),
        age: Vec::new(),
        cutoff: vec![s as u16; golden.batch * golden.candidates],
        valid: known(golden.i32("in.candidate_post_hashes")?, hi),
    })
}

/// Whether the first hash of each row is not that of padding.
fn known(hashes: &[i32], functions: usize) -> Vec<bool> {
    hashes.chunks_exact(functions).map(|row| row[0] != 0).collect()
}

/// Post rows and author rows side by side, token by token.
fn ids(golden: &Golden, posts: &str, authors: &str) -> Result<Vec<f32>, CheckpointError> {
    let d = golden.config.emb_size;
    let (posts, authors) = (golden.f32(posts)?, golden.f32(authors)?);
    let (post, author) = (golden.config.num_item_hashes * d, golden.config.num_author_hashes * d);
    let mut both = Vec::with_capacity(posts.len() + authors.len());
    for (token, row) in posts.chunks_exact(post).enumerate() {
        both.extend_from_slice(row);
        both.extend_from_slice(&authors[token * author..][..author]);
    }
    Ok(both)
}
