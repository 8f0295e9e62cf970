//! The model written down once more, in f64 loops without any of the engine's ideas: one sequence `[user | history | candidate]`, a
//! mask, the concatenated blocks times the whole projections.

use foryou_types::UserId;
use phoenix::{CandidateItem, Checkpoint, HistoryItem, ModelConfig, ModelKind, TableSpec};
use phoenix::{DWELL_HIDDEN, HistoryAttention};
use phoenix::{layer_param, prefix, tower_param};
use phoenix_engine::{Precision, Ranker, RetrievalModel, ServedRanker, ServedRetrieval};

use crate::models::{bidirectional, candidates, checkpoint, history, odd, wide};

struct Naive<'a>(&'a Checkpoint);

type Row = Vec<f64>;

fn matmul(x: &[f64], w: &[f32], columns: usize) -> Row {
    assert_eq!(x.len() * columns, w.len());
    (0..columns).map(|c| x.iter().enumerate().map(|(k, x)| x * f64::from(w[k * columns + c])).sum()).collect()
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
}

impl Naive<'_> {
    fn model(&self) -> &ModelConfig {
        &self.0.config.model
    }

    fn dense(&self, name: &str) -> &[f32] {
        &self.0.dense(name).unwrap().data
    }

    fn own(&self, name: &str) -> &[f32] {
        self.dense(&format!("{}.{name}", prefix(self.0.config.kind)))
    }

    fn rows(&self, table: &[f32], spec: &TableSpec, id: u64) -> Row {
        let d = self.model().emb_size;
        spec.rows_of(id).flat_map(|row| &table[row as usize * d..][..d]).map(|&x| f64::from(x)).collect()
    }

    fn ids(&self, post: u64, author: u64) -> Row {
        let (tables, hashes) = (&self.0.tables, &self.0.config.hashes);
        let mut row = self.rows(&tables.post, &hashes.post, post);
        row.extend(self.rows(&tables.author, &hashes.author, author));
        row
    }

    fn text(&self, content: &[u32]) -> Row {
        let mut mean = vec![0.0; self.model().emb_size];
        for &word in content {
            let row = self.rows(&self.0.tables.text, &self.0.config.hashes.text, u64::from(word));
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / content.len() as f64);
        }
        mean
    }

    fn table_row(&self, name: &str, number: u8) -> Row {
        let d = self.model().emb_size;
        let row = self.own(name).chunks_exact(d).nth(number as usize);
        row.map_or(vec![0.0; d], |row| row.iter().map(|&x| f64::from(x)).collect())
    }

    fn history_token(&self, item: &HistoryItem) -> Row {
        let (model, d) = (self.model(), self.model().emb_size);
        let mut row = self.ids(item.post.0, item.author.0);
        let acted = (0..model.num_actions).any(|a| item.actions.has(a as u8));
        let signed: Row = (0..model.num_actions)
            .map(|a| {
                if !acted {
                    0.0
                } else if item.actions.has(a as u8) {
                    1.0
                } else {
                    -1.0
                }
            })
            .collect();
        row.extend(matmul(&signed, self.own("action_projection"), d));
        row.extend(self.table_row("product_surface_embedding_table", item.surface));
        if model.text {
            row.extend(self.text(&item.content));
        }
        if model.post_age {
            row.extend(self.table_row("post_age_embedding_table", item.age_bucket));
        }
        if model.dwell {
            let seconds = f64::from(item.dwell_seconds.clamp(0.0, 30.0)).ln_1p();
            let hidden = matmul(&[seconds], self.own("dwell_projection_1"), DWELL_HIDDEN);
            let hidden: Row = hidden.into_iter().map(silu).collect();
            row.extend(matmul(&hidden, self.own("dwell_projection_2"), d));
        }
        matmul(&row, self.own("proj_mat_3"), d)
    }

    fn candidate_token(&self, item: &CandidateItem) -> Row {
        let (model, d) = (self.model(), self.model().emb_size);
        let mut row = self.ids(item.post.0, item.author.0);
        row.extend(self.table_row("product_surface_embedding_table", item.surface));
        if model.text {
            row.extend(self.text(&item.content));
        }
        if model.post_age {
            row.extend(self.table_row("post_age_embedding_table", item.age_bucket));
        }
        matmul(&row, self.own("proj_mat_2"), d)
    }

    fn norm(&self, x: &[f64], gain: &[f32]) -> Row {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let scale = 1.0 / (mean + f64::from(self.model().rms_eps)).sqrt();
        x.iter().zip(gain).map(|(x, &g)| x * scale * f64::from(g)).collect()
    }

    fn rope(&self, x: &mut [f64], position: usize) {
        let k = self.model().key_size;
        for head in x.chunks_exact_mut(k) {
            for i in 0..k / 2 {
                let angle = position as f64 / self.model().rope_base.powf(2.0 * i as f64 / k as f64);
                let (a, b) = (head[i], head[i + k / 2]);
                head[i] = a * angle.cos() - b * angle.sin();
                head[i + k / 2] = b * angle.cos() + a * angle.sin();
            }
        }
    }

    /// The transformer over `[user | history | candidate?]`.
    fn run(&self, mut x: Vec<Row>, valid: &[bool], candidate: bool) -> Vec<Row> {
        let model = self.model();
        let (h, g, k, d) = (model.num_q_heads, model.num_kv_heads, model.key_size, model.emb_size);
        let causal = model.history_attention == HistoryAttention::Causal;
        let last = x.len() - 1;
        let sees = |i: usize, j: usize| {
            let is_candidate = |i: usize| candidate && i == last;
            valid[j] && (j == i || is_candidate(i) || (!is_candidate(j) && (j <= i || !causal)))
        };
        for l in 0..model.num_layers {
            let w = |name: &str| self.dense(&layer_param(l, name));
            let mut q = Vec::new();
            let mut keys = Vec::new();
            let mut values = Vec::new();
            for (i, x) in x.iter().enumerate() {
                let normed = self.norm(x, w("rms_norm.scale"));
                let mut query = matmul(&normed, w("multi_head_attention.query.w"), h * k);
                let mut key = matmul(&normed, w("multi_head_attention.key.w"), g * k);
                self.rope(&mut query, i);
                self.rope(&mut key, i);
                q.push(query);
                keys.push(key);
                values.push(matmul(&normed, w("multi_head_attention.value.w"), g * k));
            }
            for i in 0..x.len() {
                let mut attended = vec![0.0; h * k];
                for head in 0..h {
                    let group = head / (h / g);
                    let logit = |j: usize| {
                        let dot: f64 = (0..k).map(|c| q[i][head * k + c] * keys[j][group * k + c]).sum();
                        let logit = dot * f64::from(model.attention_multiplier());
                        model.attn_logit_cap.map_or(logit, |cap| f64::from(cap) * (logit / f64::from(cap)).tanh())
                    };
                    let weights: Vec<(usize, f64)> =
                        (0..x.len()).filter(|&j| sees(i, j)).map(|j| (j, logit(j).exp())).collect();
                    let sum: f64 = weights.iter().map(|(_, w)| w).sum();
                    for (j, weight) in weights {
                        for c in 0..k {
                            attended[head * k + c] += weight / sum * values[j][group * k + c];
                        }
                    }
                }
                let out = matmul(&attended, w("multi_head_attention.linear.w"), d);
                let out = self.norm(&out, w("rms_norm_1.scale"));
                x[i].iter_mut().zip(out).for_each(|(x, y)| *x += y);
                let normed = self.norm(&x[i], w("rms_norm_2.scale"));
                let gate = matmul(&normed, w("linear.w"), model.ffn_size());
                let value = matmul(&normed, w("linear_v.w"), model.ffn_size());
                let hidden: Row = gate.iter().zip(value).map(|(&gate, value)| gelu(gate) * value).collect();
                let out = self.norm(&matmul(&hidden, w("linear_1.w"), d), w("rms_norm_3.scale"));
                x[i].iter_mut().zip(out).for_each(|(x, y)| *x += y);
            }
        }
        x
    }

    fn context(&self, user: UserId, history: &[HistoryItem]) -> (Vec<Row>, Vec<bool>) {
        let rows = self.rows(&self.0.tables.user, &self.0.config.hashes.user, user.0);
        let mut x = vec![matmul(&rows, self.own("proj_mat_1"), self.model().emb_size)];
        x.extend(history.iter().map(|item| self.history_token(item)));
        let mut valid = vec![user.is_some()];
        valid.extend(history.iter().map(|item| item.post.is_some()));
        (x, valid)
    }

    fn logits(&self, user: UserId, history: &[HistoryItem], candidate: &CandidateItem) -> Row {
        let (mut x, mut valid) = self.context(user, history);
        x.push(self.candidate_token(candidate));
        valid.push(candidate.post.is_some());
        let out = self.run(x, &valid, true);
        let normed = self.norm(&out[out.len() - 1], self.own("rms_norm.scale"));
        matmul(&normed, self.own("unembeddings"), self.model().num_actions)
    }

    fn user_vector(&self, user: UserId, history: &[HistoryItem]) -> Row {
        let (x, valid) = self.context(user, history);
        let mut sum = vec![0.0; self.model().emb_size];
        for (x, _) in self.run(x, &valid, false).iter().zip(&valid).filter(|(_, valid)| **valid) {
            sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
        }
        unit(sum)
    }

    fn post_vector(&self, item: &CandidateItem) -> Row {
        let d = self.model().emb_size;
        let mut row = self.ids(item.post.0, item.author.0);
        if self.model().text {
            row.extend(self.text(&item.content));
        }
        let hidden = matmul(&row, self.dense(&tower_param(1)), 2 * d);
        let hidden: Row = hidden.into_iter().map(silu).collect();
        unit(matmul(&hidden, self.dense(&tower_param(2)), d))
    }
}

fn unit(x: Row) -> Row {
    let length = x.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-6);
    x.into_iter().map(|x| x / length).collect()
}

#[track_caller]
fn assert_close(ours: &[f32], naive: &[f64], what: &str) {
    assert_eq!(ours.len(), naive.len());
    for (i, (a, b)) in ours.iter().zip(naive).enumerate() {
        assert!((f64::from(*a) - b).abs() < 2e-5, "{what}, value {i}: {a} for {b}");
    }
}

fn models() -> [(&'static str, ModelConfig); 4] {
    [
        ("odd", odd()),
        ("odd both ways", bidirectional(odd())),
        ("wide", wide()),
        ("wide both ways", bidirectional(wide())),
    ]
}

/// A stranger, a newcomer, short and full histories, one with a gap in it.
fn viewers() -> Vec<(UserId, Vec<HistoryItem>)> {
    let mut gap = history(7, 3);
    gap[2].post.0 = 0;
    vec![
        (UserId::NONE, Vec::new()),
        (UserId(5), Vec::new()),
        (UserId::NONE, history(1, 1)),
        (UserId(u64::MAX), history(33, 2)),
        (UserId(9), gap),
        (UserId(77), history(37, 4)),
    ]
}

#[test]
fn the_ranker_is_the_naive_model() {
    for (what, model) in models() {
        let checkpoint = checkpoint(ModelKind::Ranker, model, 11);
        let rankers = [Ranker::new(&checkpoint).unwrap(), Ranker::portable(&checkpoint, Precision::F32).unwrap()];
        for (v, (user, history)) in viewers().into_iter().enumerate() {
            let candidates = candidates(3, v as u64);
            for ranker in &rankers {
                let mut logits = Vec::new();
                ranker.score(&ranker.encode(user, &history), &candidates, &mut logits);
                for (ours, candidate) in logits.chunks_exact(checkpoint.config.model.num_actions).zip(&candidates) {
                    let naive = Naive(&checkpoint).logits(user, &history, candidate);
                    assert_close(ours, &naive, &format!("{what}, viewer {v}"));
                }
            }
        }
    }
}

#[test]
fn the_retrieval_model_is_the_naive_model() {
    for (what, model) in models() {
        let checkpoint = checkpoint(ModelKind::Retrieval, model, 12);
        for engine in [RetrievalModel::new(&checkpoint).unwrap(), RetrievalModel::portable(&checkpoint).unwrap()] {
            for (v, (user, history)) in viewers().into_iter().enumerate().skip(1) {
                let naive = Naive(&checkpoint).user_vector(user, &history);
                assert_close(&engine.user_vector(user, &history), &naive, &format!("{what}, viewer {v}"));
            }
            for (i, candidate) in candidates(5, 8).iter().enumerate() {
                let naive = Naive(&checkpoint).post_vector(candidate);
                assert_close(&engine.post_vector(candidate), &naive, &format!("{what}, post {i}"));
            }
            // Nothing is known of a stranger who has done nothing.
            assert!(engine.user_vector(UserId::NONE, &[]).iter().all(|&x| x == 0.0));
        }
    }
}
