//! How long a lookup takes, against the plain way of doing it.
//!
//! Corpus: 1,000,000 posts of 100,000 authors drawn by Zipf 1.0 (the specification's target has 20 M of 2 M), 45/35/20 %
//! originals/replies/reposts, 10 % of the originals with a video; replies and reposts are of one of the last 100,000 posts,
//! two thirds of them of what those are about; times uniform over the two days of the retention. Seed 7.
//! The most active authors have more than 5,000 posts in a list, so about 863,000 posts stay in the store.
//! Question: 1,000 followed accounts, drawn by activity or uniformly, 1,200 results.
//!
//! `thunder` is [`PostStore::lookup`]: locks, limits, reply rules. `plain` is a `HashMap` from author to posts in order of
//! arrival, all of whose posts are gathered under the same reply and repost rules and sorted: what the store's order, early
//! end and packed posts are worth. It has no per-author limits, no trimming, no locks. `thunder, writing` is the lookup while
//! another thread inserts 50,000 posts a second.
//!
//! Bytes per post are the growth of the resident set over the load, divided by the posts; printed with percentiles of 2,000
//! single lookups, each of another viewer.

#![expect(clippy::print_stdout, reason = "the bytes and percentiles are part of the result")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use foryou_types::seams::{InNetworkRequest, LightPost};
use foryou_types::{PostId, Rng, SplitMix64, TimeMs, UserId};
use rustc_hash::FxHashSet;
use thunder::{PostStore, StoreConfig};

const POSTS: usize = 1_000_000;
const AUTHORS: usize = 100_000;
const FOLLOWED: usize = 1_000;
const SEED: u64 = 7;
const RETENTION_MS: i64 = 172_800_000;
const NOW: TimeMs = TimeMs(1_700_000_000_000);

/// Authors by Zipf 1.0: the cumulated weights of their ranks.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(n: usize) -> Self {
        let mut sum = 0.0;
        Self(
            (1..=n)
                .map(|rank| {
                    sum += 1.0 / rank as f64;
                    sum
                })
                .collect(),
        )
    }

    fn draw(&self, rng: &mut SplitMix64) -> UserId {
        let at = rng.uniform() * self.0.last().copied().unwrap_or(1.0);
        UserId(self.0.partition_point(|sum| *sum < at) as u64 + 1)
    }
}

fn post(n: usize, rng: &mut SplitMix64, zipf: &Zipf, before: &[LightPost]) -> LightPost {
    let plain = LightPost {
        post_id: PostId(n as u64 + 1),
        author_id: zipf.draw(rng),
        created_at: NOW - RETENTION_MS + (RETENTION_MS as f64 * n as f64 / POSTS as f64) as i64,
        conversation_id: PostId(n as u64 + 1),
        ..LightPost::default()
    };
    let kind = rng.uniform();
    let mut earlier = before.get(before.len().saturating_sub(1 + rng.below(100_000)));
    if kind < 0.45 {
        return LightPost { has_video: rng.chance(0.1), ..plain };
    }
    if rng.chance(2.0 / 3.0) {
        // Whatever was drawn, go to what it is about.
        earlier = earlier.map(|post| {
            let about = if post.is_reply { post.conversation_id } else { post.source_post_id };
            before.get((about.0 as usize).wrapping_sub(1)).unwrap_or(post)
        });
    }
    let Some(other) = earlier else { return plain };
    if kind < 0.80 {
        LightPost {
            is_reply: true,
            in_reply_to_post_id: other.post_id,
            in_reply_to_user_id: other.author_id,
            conversation_id: other.conversation_id,
            ..plain
        }
    } else {
        LightPost { is_retweet: true, source_post_id: other.post_id, source_user_id: other.author_id, ..plain }
    }
}

fn corpus(zipf: &Zipf) -> Vec<LightPost> {
    let mut rng = SplitMix64::fork(SEED, "corpus");
    let mut posts = Vec::with_capacity(POSTS);
    for n in 0..POSTS {
        let post = post(n, &mut rng, zipf, &posts);
        posts.push(post);
    }
    posts
}

/// 1,000 different accounts per viewer.
fn requests(part: &str, n: usize, mut draw: impl FnMut(&mut SplitMix64) -> UserId) -> Vec<InNetworkRequest> {
    let mut rng = SplitMix64::fork(SEED, part);
    (0..n)
        .map(|viewer| {
            let mut following = FxHashSet::default();
            while following.len() < FOLLOWED {
                following.insert(draw(&mut rng));
            }
            InNetworkRequest {
                user_id: UserId(1_000_000_000 + viewer as u64),
                following_user_ids: following.into_iter().collect(),
                ..InNetworkRequest::default()
            }
        })
        .collect()
}

/// The plain way.
struct Plain {
    posts: HashMap<PostId, LightPost>,
    by_author: HashMap<UserId, Vec<LightPost>>,
}

impl Plain {
    fn new(posts: &[LightPost]) -> Self {
        let mut plain = Self { posts: HashMap::new(), by_author: HashMap::new() };
        for post in posts {
            plain.posts.insert(post.post_id, *post);
            plain.by_author.entry(post.author_id).or_default().push(*post);
        }
        plain
    }

    fn lookup(&self, request: &InNetworkRequest) -> Vec<LightPost> {
        let following: FxHashSet<_> = request.following_user_ids.iter().copied().collect();
        let wanted = |post: &LightPost| {
            if post.is_retweet {
                return post.source_user_id != request.user_id;
            }
            if !post.is_reply {
                return true;
            }
            self.posts.get(&post.in_reply_to_post_id).is_some_and(|parent| {
                (!parent.is_reply && !parent.is_retweet)
                    || (parent.in_reply_to_post_id == post.conversation_id
                        && following.contains(&post.in_reply_to_user_id))
            })
        };
        let lists = following.iter().filter_map(|author| self.by_author.get(author));
        let mut found: Vec<_> = lists.flatten().filter(|post| wanted(post)).copied().collect();
        found.sort_unstable_by_key(|post| std::cmp::Reverse((post.created_at, post.post_id)));
        found.truncate(1_200);
        found
    }
}

/// The resident set in bytes, where the system says.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib * 1_024)
}

fn ask(store: &PostStore, request: &InNetworkRequest) -> usize {
    store.lookup(request, &request.following_user_ids, None, NOW).response.posts.len()
}

fn percentiles(name: &str, store: &PostStore, requests: &[InNetworkRequest]) {
    let mut times: Vec<_> = requests
        .iter()
        .map(|request| {
            let start = Instant::now();
            black_box(ask(store, request));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |q: usize| times[(times.len() * q / 1_000).min(times.len() - 1)];
    let scanned = store.lookup(&requests[0], &requests[0].following_user_ids, None, NOW).stats;
    println!("{name}: p50 {:?}, p99 {:?}, p99.9 {:?}; {scanned:?}", at(500), at(990), at(999));
}

/// Inserts 50,000 new posts a second, in bursts of 50, until told to stop.
fn write(store: &PostStore, zipf: &Zipf, done: &AtomicBool) {
    let mut rng = SplitMix64::fork(SEED, "writes");
    let start = Instant::now();
    let mut n = 0u64;
    while !done.load(Ordering::Relaxed) {
        for _ in 0..50 {
            n += 1;
            let post = LightPost {
                post_id: PostId((1 << 40) + n),
                author_id: zipf.draw(&mut rng),
                // Fifty posts a millisecond: many equal times, but not all of them.
                created_at: NOW - 5_000 + (n / 50 % 10_000) as i64,
                ..LightPost::default()
            };
            store.insert(post, NOW);
        }
        let due = Duration::from_micros(n * 20);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
}

fn lookup(c: &mut Criterion) {
    let zipf = Zipf::new(AUTHORS);
    let posts = corpus(&zipf);
    let before = resident();
    let store = PostStore::new(StoreConfig::default());
    let start = Instant::now();
    let report = store.insert_posts(&posts, NOW);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(report.stored, POSTS, "every post of the corpus is stored");
    let stats = store.stats();
    println!("insert: {:.0} posts/s with one thread; {stats:?}", POSTS as f64 / seconds);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("memory: {:.1} bytes/post", after.saturating_sub(before) as f64 / stats.posts as f64);
    }
    let active = requests("active", 2_000, |rng| zipf.draw(rng));
    let uniform = requests("uniform", 2_000, |rng| UserId(rng.below(AUTHORS) as u64 + 1));
    percentiles("by activity", &store, &active);
    percentiles("uniformly", &store, &uniform);

    let mut group = c.benchmark_group("lookup");
    for (name, requests) in [("by activity", &active), ("uniformly", &uniform)] {
        let mut next = requests.iter().cycle();
        group.bench_function(format!("thunder, {name}"), |b| {
            b.iter(|| next.next().map(|request| ask(&store, request)));
        });
    }
    let plain = Plain::new(&posts);
    group.sample_size(20);
    for (name, requests) in [("by activity", &active), ("uniformly", &uniform)] {
        let mut next = requests.iter().cycle();
        group.bench_function(format!("plain, {name}"), |b| {
            b.iter(|| next.next().map(|request| plain.lookup(request).len()));
        });
    }
    drop(plain);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write(&store, &zipf, &done));
        percentiles("by activity, writing", &store, &active);
        done.store(true, Ordering::Relaxed);
    });
    group.finish();
}

criterion_group!(benches, lookup);
criterion_main!(benches);
