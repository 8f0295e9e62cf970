//! What an import and a popular list cost.
//!
//! Corpus (seed 1): 20,000 people, 30 % posts and follows and 70 % actions on the posts so far, the newest preferred; one event
//! per 50 ms. `apply` isolates the projections: events are in memory, nothing is read from a log. `most_popular` isolates the
//! ranking of 100,000 recent posts, asked with a new moment each time (so that no answer is cached), against the same scores
//! computed over a plain vector and sorted.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use event_log::{
    ActionEvent, EdgeEvent, EdgeKind, Event, EventBody, MemoryLog, Origin, Position, PostEvent, Record, Topic,
};
use foryou_types::{EngagementCounts, PostId, Profile, Rng, SplitMix64, TimeMs, UserId};
use state_store::StateStore;

const PEOPLE: usize = 20_000;

fn records(count: usize) -> Vec<Record> {
    let mut rng = SplitMix64::new(1);
    let mut posts = 0usize;
    (0..count as u64)
        .map(|seq| {
            let user = UserId(1 + rng.below(PEOPLE) as u64);
            let body = if posts == 0 || rng.chance(0.2) {
                posts += 1;
                EventBody::Post(Box::new(PostEvent {
                    post_id: PostId(posts as u64),
                    author_id: user,
                    text: Some(format!("post {posts} of {}", user.0)),
                    ..PostEvent::default()
                }))
            } else if rng.chance(0.125) {
                let target_id = UserId(1 + rng.below(PEOPLE) as u64);
                EventBody::Edge(EdgeEvent { user_id: user, target_id, kind: EdgeKind::Follow, added: true })
            } else {
                let back = (rng.uniform().powi(4) * posts as f64) as usize;
                let post_id = PostId((posts - back.min(posts - 1)) as u64);
                let action = rng.below(19) as u8;
                EventBody::Action(ActionEvent { user_id: user, post_id, action, ..ActionEvent::default() })
            };
            let event = Event { at: TimeMs(seq as i64 * 50), id: None, origin: Origin::Import, body };
            Record { seq, topic: Topic::Actions, partition: 0, offset: seq, event }
        })
        .collect()
}

fn open(dir: &std::path::Path) -> StateStore {
    StateStore::open(dir, Arc::new(MemoryLog::default()), &Profile::live()).expect("a fresh state")
}

fn fill(state: &StateStore, records: &[Record]) {
    for batch in records.chunks(4_096) {
        let next_seq = batch.last().map_or(0, |record| record.seq + 1);
        let end = Position::new(&[(Topic::Posts, &[next_seq])], None);
        state.apply(batch, &end).expect("applied");
    }
}

fn apply(c: &mut Criterion) {
    let count = std::env::var("EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let records = records(count);
    let mut group = c.benchmark_group("state");
    group.sample_size(10).throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("apply", |b| {
        b.iter_batched(
            || {
                let dir = tempfile::tempdir().expect("a folder");
                (open(dir.path()), dir)
            },
            |(state, dir)| {
                fill(&state, &records);
                (state, dir)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn most_popular(c: &mut Criterion) {
    let records = records(500_000);
    let dir = tempfile::tempdir().expect("a folder");
    let state = open(dir.path());
    fill(&state, &records);
    let ids: Vec<_> = (1..=100_000).map(PostId).collect();
    let counts: Vec<Option<EngagementCounts>> =
        ids.iter().map(|&id| state.engagement(id)).collect::<Result<_, _>>().expect("counts");
    let set = Profile::live().action_set;
    let mut now = 25_000_000;
    let mut group = c.benchmark_group("most_popular");
    group.bench_function("state", |b| {
        b.iter(|| {
            now += 1;
            black_box(state.most_popular(TimeMs(now), TimeMs(0), 800, &|_, _| false).expect("a list"))
        });
    });
    group.bench_function("plain", |b| {
        b.iter(|| {
            now += 1;
            let prior = state.popularity_prior(TimeMs(now));
            let mut scores: Vec<(f64, PostId)> = ids
                .iter()
                .zip(&counts)
                .map(|(&id, counts)| {
                    let heads = prior.heads(counts.as_ref());
                    (set.iter().zip(&heads).map(|((_, def), p)| def.weight * p).sum::<f64>(), id)
                })
                .collect();
            scores.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
            scores.truncate(800);
            black_box(scores)
        });
    });
    group.finish();
}

criterion_group!(benches, apply, most_popular);
criterion_main!(benches);
