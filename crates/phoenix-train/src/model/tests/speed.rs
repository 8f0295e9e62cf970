//! How long one forward and backward pass takes; run by hand.

use std::time::Instant;

use burn_tensor::activation::sigmoid;

use super::*;

const B: usize = 64;
const S: usize = 32;
const C: usize = 8;

/// Milliseconds of forward and of backward over one shard of `b` rows.
fn pass(config: &ModelConfig, dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays) -> (f64, f64) {
    let start = Instant::now();
    let params = params(ModelKind::Ranker, config, dense, true);
    let (logits, leaves) = ranker_logits(config, &params, h, c);
    let loss = sigmoid(logits).mean();
    let forward = start.elapsed().as_secs_f64() * 1e3;
    let start = Instant::now();
    let gradients = loss.backward();
    let _ = (params.gradients(&gradients), leaves.gradients(&gradients));
    (forward, start.elapsed().as_secs_f64() * 1e3)
}

fn batch(config: &ModelConfig, b: usize) -> (HistoryArrays, CandidateArrays) {
    let mut rng = SplitMix64::new(21);
    let cutoffs = [S as u16; C];
    let h = random_history(config, &vec![S; b], S, &mut rng);
    let c = random_candidates(config, &vec![&cutoffs[..]; b], &mut rng);
    (h, c)
}

#[test]
#[ignore = "a measurement"]
fn a_pass_of_the_small_model() {
    let config =
        ModelConfig { history_seq_len: S, text: false, post_age: false, dwell: false, ..ModelConfig::default() };
    let dense = random_dense(ModelKind::Ranker, &config, &mut SplitMix64::new(20));
    let (h, c) = batch(&config, B);
    for _ in 0..8 {
        let (forward, backward) = pass(&config, &dense, &h, &c);
        eprintln!("one shard, shared pool: forward {forward:.1} ms, backward {backward:.1} ms");
    }
    let shards = [batch(&config, B / 2), batch(&config, B / 2)];
    let pools = [0, 1].map(|_| rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    for _ in 0..8 {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (pool, (h, c)) in pools.iter().zip(&shards) {
                scope.spawn(|| pool.install(|| pass(&config, &dense, h, c)));
            }
        });
        eprintln!("two shards of one thread: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    }
}
