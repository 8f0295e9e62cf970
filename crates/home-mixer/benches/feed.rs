//! A whole feed request with the popularity prior, 2,200 candidates reaching the scorers.
//!
//! Corpus: made here without randomness: a viewer who follows 60 authors of 20 posts each (1,200 from Thunder), and 1,000
//! retrieved posts of 500 strangers, each with 12 words of text and counts of three actions; 40 muted keywords, 5,000 seen posts,
//! 128 history tokens. All clients answer from memory at once, so the number isolates the pipeline and its components from
//! whatever stands behind the clients. The baseline scores and sorts the same posts in a plain loop, without filters, deadlines,
//! hydration or explanation: what lies between the two is what the pipeline costs.
//!
//! The median time per stage and component over 200 requests is printed before the benchmark.
#![expect(clippy::print_stderr, reason = "a benchmark prints its stages")]

#[expect(dead_code, reason = "shared with the tests, which use the rest")]
#[path = "../tests/mixer/mocks.rs"]
mod mocks;

use std::hint::black_box;
use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::StageTimings;
use criterion::{Criterion, criterion_group, criterion_main};
use foryou_types::seams::{CoreData, Ranking, RankingRequest, RankingResponse, SeamError};
use foryou_types::{
    ActionSet, EngagementCounts, HalfLife, PopularityPrior, PostId, TimeMs, UserActionSequence, UserId,
};
use home_mixer::params::MixerParams;
use home_mixer::{FeedResult, HomeMixer};
use mixer_kit::FeedOptions;
use mocks::{HOUR, Mocks, NOW, World, query, some_history};
use rustc_hash::FxHashMap;
use tokio::runtime::Runtime;

const FOLLOWED: u64 = 60;
const POSTS_EACH: u64 = 20;
const RETRIEVED: u64 = 1_000;
/// Requests behind the printed medians.
const RUNS: usize = 200;
const HALF_LIFE: HalfLife = HalfLife::seconds(6 * 3_600);

/// The popularity prior over counts in memory.
struct Prior {
    prior: PopularityPrior,
    counts: FxHashMap<PostId, EngagementCounts>,
}

impl Prior {
    fn new(posts: impl Iterator<Item = PostId>) -> Self {
        let mut total = EngagementCounts::default();
        let mut counts = FxHashMap::default();
        for id in posts {
            let mut one = EngagementCounts::default();
            for counts in [&mut one, &mut total] {
                counts.add_impressions(100.0 + (id.0 % 37) as f64, NOW - HOUR, HALF_LIFE);
                counts.add_action(0, (id.0 % 11) as f64, NOW - HOUR, HALF_LIFE);
                counts.add_action(4, (id.0 % 23) as f64, NOW - HOUR, HALF_LIFE);
                counts.add_action(14, (id.0 % 3) as f64 / 100.0, NOW - HOUR, HALF_LIFE);
            }
            counts.insert(id, one);
        }
        let prior = PopularityPrior::new(&ActionSet::for_you(), &total, counts.len(), None, NOW, HALF_LIFE);
        Self { prior, counts }
    }
}

#[async_trait]
impl Ranking for Prior {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        let heads = |id| self.prior.heads(self.counts.get(id));
        Ok(RankingResponse { scores: request.candidates.iter().map(|c| heads(&c.post_id)).collect(), model: None })
    }
}

fn world() -> World {
    let mut world = World::default();
    let text: Arc<str> = "twelve words of text about nothing in particular that nobody muted today".into();
    let mut add = |id: u64, author: u64| {
        let post = CoreData {
            author_id: UserId(author),
            text: Some(Arc::clone(&text)),
            created_at: TimeMs(NOW.0 - HOUR - (id % 86_400) as i64 * 1_000),
            ..CoreData::default()
        };
        world.posts.insert(PostId(id), post);
    };
    for author in 1..=FOLLOWED {
        for n in 0..POSTS_EACH {
            add(author * 100_000 + n, 10_000 + author);
        }
    }
    for n in 0..RETRIEVED {
        add(90_000_000 + n, 20_000 + n % 500);
    }
    world.graph.followed = (1..=FOLLOWED).map(|author| UserId(10_000 + author)).collect();
    world.retrieved = (0..RETRIEVED).map(|n| PostId(90_000_000 + n)).collect();
    world.preferences.muted_keywords = (0..40).map(|n| format!("muted phrase {n}")).collect();
    world.record.seen = (0..5_000).map(|n| PostId(500_000_000 + n)).collect();
    let token = some_history().tokens[0];
    world.history = UserActionSequence { total: 128, tokens: vec![token; 128] };
    world
}

async fn one_feed(mixer: &HomeMixer) -> FeedResult {
    let feed = mixer.scored_posts(query(), FeedOptions::default()).await.expect("a sound request");
    assert!(feed.degraded.is_empty() && feed.items.len() == 35, "{:?}", feed.degraded);
    feed
}

/// Reads one stage's milliseconds.
type Read = fn(&StageTimings) -> f64;

/// Prints the median milliseconds per stage, and per component that takes its share of the time.
fn print_stages(runtime: &Runtime, mixer: &HomeMixer) {
    let feeds: Vec<FeedResult> = (0..RUNS).map(|_| runtime.block_on(one_feed(mixer))).collect();
    let median = |ms: &dyn Fn(&FeedResult) -> f64| {
        let mut all: Vec<f64> = feeds.iter().map(ms).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let stages: [(&str, Read); 8] = [
        ("query_hydrators", |t| t.query_hydrators),
        ("sources", |t| t.sources),
        ("hydrators", |t| t.hydrators),
        ("filters", |t| t.filters),
        ("scorers", |t| t.scorers),
        ("selector", |t| t.selector),
        ("post_selection", |t| t.post_selection),
        ("total", |t| t.total),
    ];
    eprintln!("{} candidates reached the scorers; median milliseconds per stage:", feeds[0].sizes.scorers);
    for (name, ms) in stages {
        eprintln!("  {name:<32} {:>8.3}", median(&|feed| ms(&feed.timings_ms)));
    }
    eprintln!("components of 0.1 ms and more:");
    for (i, component) in feeds[0].components_ms.iter().enumerate() {
        let ms = median(&|feed| feed.components_ms[i].ms);
        if ms >= 0.1 {
            eprintln!("  {:<32} {ms:>8.3}", component.component);
        }
    }
}

/// The same posts scored and sorted in a plain loop.
fn plain(prior: &Prior, posts: &[PostId]) -> Vec<(f64, PostId)> {
    let weights: Vec<f64> = ActionSet::for_you().actions.iter().map(|a| a.weight).collect();
    let mut scored: Vec<_> = posts
        .iter()
        .map(|&id| {
            let heads = prior.prior.heads(prior.counts.get(&id));
            (heads.iter().zip(&weights).map(|(p, w)| p * w).sum::<f64>(), id)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.truncate(35);
    scored
}

fn feed(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let world = world();
    let posts: Vec<PostId> = world.posts.keys().copied().collect();
    let mocks = Mocks::new(world);
    let prior = Arc::new(Prior::new(posts.iter().copied()));
    let mut clients = mocks.clients();
    clients.ranking = Arc::clone(&prior) as _;
    clients.prior = Arc::clone(&prior) as _;
    let mixer = HomeMixer::build_with_clients(clients, MixerParams::default()).expect("a sound pipeline");

    print_stages(&runtime, &mixer);
    let mut group = c.benchmark_group("feed, 2200 candidates");
    group.bench_function("pipeline", |b| b.iter(|| runtime.block_on(one_feed(&mixer))));
    group.bench_function("plain loop", |b| b.iter(|| black_box(plain(&prior, &posts))));
    group.finish();
}

criterion_group!(benches, feed);
criterion_main!(benches);
