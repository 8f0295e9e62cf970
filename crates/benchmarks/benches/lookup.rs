//! How long a lookup takes ([`benchmarks::thunder`]), against the plain way of doing it.
//!
//! `thunder` is [`PostStore::lookup`]: locks, limits, reply rules. `plain` is a `HashMap` from author to posts in order of
//! arrival, all of whose posts are gathered under the same reply and repost rules and sorted: what the store's order, early
//! end and packed posts are worth. It has no per-author limits, no trimming, no locks. `thunder, writing` is the lookup while
//! another thread inserts 50,000 posts a second.

#![expect(clippy::print_stdout, reason = "the percentiles are part of the result")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use benchmarks::Times;
use benchmarks::thunder::{Authors, NOW, ask, posts, requests};
use criterion::{Criterion, criterion_group, criterion_main};
use foryou_io::SystemMonotonic;
use foryou_types::seams::{InNetworkRequest, LightPost};
use foryou_types::{PostId, Rng, SplitMix64, UserId};
use rustc_hash::FxHashSet;
use thunder::{PostStore, StoreConfig};

/// The specification's target has 20 M posts of 2 M authors.
const POSTS: usize = 1_000_000;
const FOLLOWED: usize = 1_000;

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

fn percentiles(name: &str, store: &PostStore, requests: &[InNetworkRequest]) {
    let clock = SystemMonotonic::new();
    let times = Times::measure(&clock, 0, requests.len(), |n| {
        black_box(ask(store, &requests[n]));
    });
    let scanned = store.lookup(&requests[0], &requests[0].following_user_ids, None, NOW).stats;
    println!("{name}: {:?}; {scanned:?}", times.micros());
}

/// Inserts 50,000 new posts a second, in bursts of 50, until told to stop.
fn write(store: &PostStore, zipf: &Authors, done: &AtomicBool) {
    let mut rng = SplitMix64::new(7);
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
    let zipf = Authors::new(POSTS / 10);
    let posts = posts(POSTS, &zipf);
    let store = PostStore::new(StoreConfig::default());
    store.insert_posts(&posts, NOW);
    let active = requests(2_000, FOLLOWED, &zipf, |rng| zipf.draw(rng));
    let uniform = requests(2_000, FOLLOWED, &zipf, |rng| UserId(rng.below(zipf.count()) as u64 + 1));
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
