//! How long a request takes. Ignored by default: a figure for people, not a test.

use std::time::Instant;

use foryou_types::UserId;
use phoenix::{ModelConfig, ModelKind};
use phoenix_engine::Ranker;

use crate::models::{candidates, checkpoint, history, on_threads};

/// Multiplications and additions of a context of `s` and of `c` candidates against it.
fn flops(model: &ModelConfig, s: usize, c: usize) -> f64 {
    let d = model.emb_size;
    let (queries, keys) = (model.num_q_heads * model.key_size, model.num_kv_heads * model.key_size);
    let projections = d * (queries + 2 * keys) + queries * d + 3 * d * model.ffn_size();
    let context = (s + 1) * (model.num_layers * projections + model.tower_width() * d)
        + model.num_layers * queries * (s + 1) * (s + 2);
    let candidates =
        c * (model.num_layers * (projections + 2 * queries * (s + 2)) + (model.tower_width() + model.num_actions) * d);
    2.0 * (context + candidates) as f64
}

#[test]
#[ignore = "a measurement"]
fn ranking_512_candidates() {
    for (what, model) in [
        ("all blocks", ModelConfig::default()),
        ("reference blocks", ModelConfig { text: false, post_age: false, dwell: false, ..ModelConfig::default() }),
    ] {
        let flops = flops(&model, 128, 512);
        let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, model, 1)).unwrap();
        let (history, candidates) = (history(128, 1), candidates(512, 1));
        for threads in [1, 2] {
            on_threads(threads, || {
                let mut logits = Vec::new();
                let mut times: Vec<(f64, f64)> = (0..60)
                    .map(|_| {
                        let start = Instant::now();
                        let context = ranker.encode(UserId(1), &history);
                        let encoded = start.elapsed().as_secs_f64() * 1e3;
                        ranker.score(&context, &candidates, &mut logits);
                        (start.elapsed().as_secs_f64() * 1e3, encoded)
                    })
                    .skip(10)
                    .collect();
                times.sort_by(|a, b| a.0.total_cmp(&b.0));
                let (median, least) = (times[times.len() / 2], times[0]);
                println!(
                    "{what}, {threads} threads: median {:.2} ms (context {:.2}), least {:.2} ms, {:.1} GFLOP/s at the median, {:.1} at the least",
                    median.0,
                    median.1,
                    least.0,
                    flops / median.0 / 1e6,
                    flops / least.0 / 1e6,
                );
            });
        }
    }
}
