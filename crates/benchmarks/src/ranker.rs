//! A ranking by the engine: one viewer, random weights, random inputs (seed 1). Text, age and dwell blocks are off, as in the public
//! reference.

use std::collections::BTreeMap;

use foryou_io::MonotonicClock;
use foryou_types::{ActionMask, ActionSet, PostId, Rng, SplitMix64, UserId};
use phoenix::{
    CandidateItem, Checkpoint, CheckpointConfig, HashTables, HistoryItem, IdCounts, ModelConfig, ModelKind, TableInit,
};
use phoenix_engine::{Precision, Ranker, ServedRanker};
use serde::Serialize;

use crate::{BenchError, Millis, Times, pool};

/// Ids of each table.
const IDS: usize = 50_000;
/// Runs whose times do not count.
const WARM: usize = 8;

/// Sizes of a ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Width D of a token; a head has a quarter of it.
    pub dim: usize,
    /// Transformer layers.
    pub layers: usize,
    /// History tokens S.
    pub history: usize,
    /// Candidates C.
    pub candidates: usize,
    /// Threads.
    pub threads: usize,
    /// Whether attention logits are capped (at 30).
    pub cap: bool,
    /// Whether the viewer's context is there already: only the candidates are computed.
    pub cached: bool,
    /// What the layers are computed in.
    pub precision: Precision,
}

impl Sizes {
    /// The small model.
    pub const SMALL: Self = Self {
        dim: 128,
        layers: 4,
        history: 128,
        candidates: 512,
        threads: 2,
        cap: true,
        cached: false,
        precision: Precision::F32,
    };

    /// The model of these sizes; refused where they do not give one.
    fn model(&self) -> Result<ModelConfig, BenchError> {
        if self.dim == 0 || !self.dim.is_multiple_of(8) {
            return Err(BenchError::Sizes(format!(
                "--dim: {} is not a multiple of 8, as a head is a quarter of it",
                self.dim
            )));
        }
        let model = ModelConfig {
            emb_size: self.dim,
            key_size: self.dim / 4,
            num_layers: self.layers,
            history_seq_len: self.history,
            attn_logit_cap: self.cap.then_some(30.0),
            text: false,
            post_age: false,
            dwell: false,
            ..ModelConfig::default()
        };
        model.check().map_err(|error| BenchError::Sizes(error.to_string()))?;
        Ok(model)
    }

    /// Multiplications and additions of one ranking, those of products only: every token's projections, its attention, its feed-forward
    /// block and its heads.
    pub fn flops(&self) -> Result<f64, BenchError> {
        let model = self.model()?;
        let (d, q, kv) = (self.dim, model.num_q_heads * model.key_size, model.num_kv_heads * model.key_size);
        let token = model.num_layers * (d * (2 * q + 2 * kv) + 3 * d * model.ffn_size());
        // Every candidate looks at the whole history and itself, every history token at those before it.
        let attention = |keys: usize| 2 * model.num_layers * q * keys;
        let candidates = self.candidates
            * (token + attention(self.history + 2) + model.candidate_width() * d + d * model.num_actions);
        let context = self.history * (token + attention(self.history / 2) + model.history_width() * d);
        Ok(2.0 * (candidates + if self.cached { 0 } else { context }) as f64)
    }
}

/// What a ranking took.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The sizes.
    pub config: Sizes,
    /// The whole of it, or with a cached context the candidates.
    #[serde(flatten)]
    pub millis: Millis,
    /// Billions of multiplications and additions a second ([`Sizes::flops`]).
    pub gflops: f64,
    /// One more token into a cached context.
    pub one_more_token: Millis,
}

/// A model with its inputs.
pub struct Workload {
    /// The model, for the best instruction set of the machine.
    pub native: Ranker,
    /// The same model without vector instructions.
    pub portable: Ranker,
    /// The viewer's history, oldest first.
    pub history: Vec<HistoryItem>,
    /// The candidates.
    pub candidates: Vec<CandidateItem>,
}

impl Workload {
    /// Of these sizes.
    pub fn new(sizes: &Sizes) -> Result<Self, BenchError> {
        let model = sizes.model()?;
        let ids = IdCounts { users: IDS, posts: IDS, authors: IDS, words: 1 };
        let config = CheckpointConfig {
            kind: ModelKind::Ranker,
            hashes: HashTables::draw(&model, ids, 1),
            model,
            action_set: ActionSet::for_you(),
            seed: 1,
            trained_until: None,
            metrics: BTreeMap::default(),
        };
        let checkpoint = Checkpoint::initial(config, TableInit { post: 0.05, ..TableInit::default() });
        let mut rng = SplitMix64::fork(1, "ranking");
        let mut id = || rng.next_u64() | 1;
        let history = (0..sizes.history).map(|_| HistoryItem {
            post: PostId(id()),
            author: UserId(id()),
            actions: ActionMask(id() & 0x3_ffff),
            surface: 1,
            ..HistoryItem::default()
        });
        let history = history.collect();
        let candidates = (0..sizes.candidates).map(|_| CandidateItem {
            post: PostId(id()),
            author: UserId(id()),
            surface: 1,
            ..CandidateItem::default()
        });
        let candidates = candidates.collect();
        let portable = Ranker::portable(&checkpoint, sizes.precision)?;
        Ok(Self { native: Ranker::from_owned(checkpoint, sizes.precision)?, portable, history, candidates })
    }
}

/// Times `runs` rankings of these sizes.
pub fn measure(clock: &dyn MonotonicClock, sizes: Sizes, runs: usize) -> Result<Report, BenchError> {
    let Workload { native: ranker, history, candidates, .. } = Workload::new(&sizes)?;
    let pool = pool(sizes.threads)?;
    let viewer = UserId(1);
    pool.install(|| {
        let context = ranker.encode(viewer, &history);
        let mut logits = Vec::new();
        let times = Times::measure(clock, WARM, runs, |_| {
            if sizes.cached {
                ranker.score(&context, &candidates, &mut logits);
            } else {
                ranker.score(&ranker.encode(viewer, &history), &candidates, &mut logits);
            }
        });
        let before = ranker.encode(viewer, &history[..history.len() - 1]);
        let token = Times::measure(clock, WARM, runs, |_| drop(ranker.extend(&before, &history)));
        let gflops = sizes.flops()? / times.at(0.5).as_secs_f64().max(1e-9) / 1e9;
        Ok(Report { config: sizes, millis: times.millis(), gflops, one_more_token: token.millis() })
    })
}

#[cfg(test)]
mod tests {
    use foryou_io::ManualMonotonic;

    use super::*;

    const TINY: Sizes = Sizes { dim: 16, layers: 1, history: 4, candidates: 3, threads: 1, ..Sizes::SMALL };

    #[test]
    fn a_ranking_is_timed_and_its_work_counted() {
        let clock = ManualMonotonic::stepping(std::time::Duration::from_millis(2));
        let report = measure(&clock, TINY, 5).unwrap();
        assert_eq!((report.millis.median_ms, report.millis.runs, report.one_more_token.median_ms), (2.0, 5, 2.0));
        // By hand: D 16, 4 query and 2 key heads of 4, a feed-forward block of 48, 19 heads, two hashes of each id.
        let token = 16 * (2 * 16 + 2 * 8) + 3 * 16 * 48;
        let candidates = 3 * (token + 2 * 16 * 6 + 5 * 16 * 16 + 16 * 19);
        let context = 4 * (token + 2 * 16 * 2 + 6 * 16 * 16);
        assert_eq!(TINY.flops().unwrap(), 2.0 * (candidates + context) as f64);
        let cached = Sizes { cached: true, ..TINY };
        assert_eq!(cached.flops().unwrap(), 2.0 * candidates as f64);
        assert!((report.gflops - TINY.flops().unwrap() / 2e-3 / 1e9).abs() < 1e-9);
    }

    #[test]
    fn sizes_that_make_no_model_are_refused_by_name() {
        let wrong = |sizes| measure(&ManualMonotonic::new(), sizes, 1).unwrap_err().to_string();
        assert!(wrong(Sizes { dim: 12, ..TINY }).starts_with("--dim: 12"));
        assert!(wrong(Sizes { layers: 0, ..TINY }).contains("num_layers"));
        assert!(wrong(Sizes { history: 0, ..TINY }).contains("history_seq_len"));
    }
}
