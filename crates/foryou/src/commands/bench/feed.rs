//! `foryou bench feed`: feeds of the data folder. Nothing is recorded.

use std::collections::BTreeMap;

use anyhow::bail;
use benchmarks::Times;
use for_you_feed::FeedRequest;
use foryou_io::MonotonicClock;
use serde::Serialize;

use crate::bench_cli::FeedArgs;
use crate::commands::feed::problem;
use crate::config::Config;
use crate::engine::Engine;
use crate::folder::{DataFolder, Opened};
use crate::parts::{Life, Parts};

/// Feeds whose times do not count.
const WARM: usize = 20;

/// What a feed took.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// People, each asked for in turn.
    pub(super) viewers: usize,
    /// Whether every decision was explained.
    pub(super) explain: bool,
    /// Half of the feeds took at most this long.
    pub(super) p50_ms: f64,
    /// 99 of 100.
    pub(super) p99_ms: f64,
    /// Feeds a second, one after the other.
    pub(super) per_second: f64,
    /// How many there were.
    pub(super) runs: usize,
    /// Mean milliseconds of each stage, and of all together.
    pub(super) stages: BTreeMap<&'static str, f64>,
}

pub(super) async fn measure(config: &Config, clock: &dyn MonotonicClock, args: &FeedArgs) -> anyhow::Result<Report> {
    let parts = match DataFolder::open(&config.data)? {
        Opened::Ours(folder) => Parts::open(folder, config)?,
        Opened::Held(_) | Opened::ReadOnly(_) => Parts::aside(config)?,
    };
    let engine = Engine::start(parts, config, Life::Once)?;
    let viewers = engine.newest_viewers(args.viewers);
    if viewers.is_empty() {
        bail!("{}: nobody has acted yet, so that there is no feed to measure", config.data.display());
    }
    let mut times = Vec::with_capacity(args.runs);
    let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
    for n in 0..WARM + args.runs {
        let request = FeedRequest {
            user_id: viewers[n % viewers.len()].clone().into(),
            record: Some(false),
            explain: args.explain,
            ..FeedRequest::default()
        };
        let started = clock.now();
        let answer = engine.app.feed(&engine.for_you, request, None).await.map_err(problem)?;
        let time = clock.now().saturating_sub(started);
        if n < WARM {
            continue;
        }
        times.push(time);
        for (stage, ms) in answer.timings_ms.by_name() {
            *sums.entry(stage).or_default() += ms;
        }
    }
    let times = Times::new(times);
    let ms = |q| times.at(q).as_secs_f64() * 1e3;
    Ok(Report {
        viewers: viewers.len(),
        explain: args.explain,
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        per_second: times.per_second(),
        runs: times.len(),
        stages: sums.into_iter().map(|(stage, sum)| (stage, sum / times.len() as f64)).collect(),
    })
}
