//! A store of recent posts.
//!
//! Posts of a tenth as many authors drawn by Zipf 1.0, 45/35/20 % originals/replies/reposts, 10 % of the originals with a video; replies
//! and reposts are of one of the last 100,000 posts, two thirds of them of what those are about; times uniform over the two days of the
//! retention. Seed 7. The most active authors have more posts than a list keeps, so that some leave the store at once. The question:
//! the newest 1,200 posts of 1,000 followed accounts, drawn by their activity.

use foryou_io::MonotonicClock;
use foryou_types::seams::{InNetworkRequest, LightPost};
use foryou_types::{PostId, Rng, SplitMix64, TimeMs, UserId};
use rustc_hash::FxHashSet;
use serde::Serialize;
use thunder::{PostStore, StoreConfig};

use crate::{BenchError, Micros, Times};

/// The moment of all questions.
pub const NOW: TimeMs = TimeMs(1_700_000_000_000);

const SEED: u64 = 7;
const RETENTION_MS: i64 = 172_800_000;
/// Replies and reposts are of one of so many posts before.
const RECENT: usize = 100_000;

/// Sizes of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Posts.
    pub posts: usize,
    /// Accounts that a viewer follows.
    pub followed: usize,
}

/// What a store takes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The sizes.
    pub config: Sizes,
    /// Posts in the store.
    pub stored: u64,
    /// The newest posts of the followed accounts, each time for another viewer.
    pub lookup: Micros,
    /// Posts put in.
    pub insert: Rate,
    /// Growth of the resident memory over the posts in the store, where the system says.
    pub bytes_per_post: Option<f64>,
}

/// How many in a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// By one thread.
    pub per_second: f64,
}

/// Authors by Zipf 1.0: the cumulated weights of their ranks.
pub struct Authors(Vec<f64>);

impl Authors {
    /// So many.
    pub fn new(n: usize) -> Self {
        let weights = (1..=n.max(1)).map(|rank| 1.0 / rank as f64);
        Self(
            weights
                .scan(0.0, |sum, weight| {
                    *sum += weight;
                    Some(*sum)
                })
                .collect(),
        )
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// One of them, the active ones more often.
    pub fn draw(&self, rng: &mut SplitMix64) -> UserId {
        let at = rng.uniform() * self.0.last().copied().unwrap_or(1.0);
        UserId(self.0.partition_point(|sum| *sum < at) as u64 + 1)
    }
}

/// The posts, oldest first; post `n` has the id `n`, from 1.
pub fn posts(count: usize, authors: &Authors) -> Vec<LightPost> {
    let mut rng = SplitMix64::fork(SEED, "corpus");
    let mut posts = Vec::with_capacity(count);
    for n in 0..count {
        let created_at = NOW - RETENTION_MS + (RETENTION_MS as f64 * n as f64 / count as f64) as i64;
        let post = post(n, created_at, &mut rng, authors, &posts);
        posts.push(post);
    }
    posts
}

fn post(n: usize, created_at: TimeMs, rng: &mut SplitMix64, authors: &Authors, before: &[LightPost]) -> LightPost {
    let id = PostId(n as u64 + 1);
    let plain = LightPost {
        post_id: id,
        author_id: authors.draw(rng),
        created_at,
        conversation_id: id,
        ..LightPost::default()
    };
    let kind = rng.uniform();
    let mut earlier = before.get(before.len().saturating_sub(1 + rng.below(RECENT)));
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

/// Questions of `viewers` viewers, each of whom follows `followed` different accounts (all, if there are fewer) given by `draw`.
pub fn requests(
    viewers: usize,
    followed: usize,
    authors: &Authors,
    mut draw: impl FnMut(&mut SplitMix64) -> UserId,
) -> Vec<InNetworkRequest> {
    let mut rng = SplitMix64::fork(SEED, "viewers");
    // Rare accounts are drawn late: of few authors not quite all are asked for.
    let followed = followed.min(authors.count() / 2).max(1);
    let request = |viewer| {
        let mut following = FxHashSet::default();
        while following.len() < followed {
            following.insert(draw(&mut rng));
        }
        InNetworkRequest {
            user_id: UserId(1_000_000_000 + viewer as u64),
            following_user_ids: following.into_iter().collect(),
            ..InNetworkRequest::default()
        }
    };
    (0..viewers).map(request).collect()
}

/// Asks a store; the number of posts in the answer.
pub fn ask(store: &PostStore, request: &InNetworkRequest) -> usize {
    store.lookup(request, &request.following_user_ids, None, NOW).response.posts.len()
}

/// The resident memory in bytes, where the system says.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Fills a store of these sizes and times `runs` lookups.
pub fn measure(clock: &dyn MonotonicClock, sizes: Sizes, runs: usize) -> Result<Report, BenchError> {
    if sizes.posts == 0 || sizes.followed == 0 {
        return Err(BenchError::Sizes("--posts, --followed: must be at least 1".to_owned()));
    }
    let authors = Authors::new((sizes.posts / 10).max(2));
    let posts = posts(sizes.posts, &authors);
    let before = resident();
    let store = PostStore::new(StoreConfig::default());
    let started = clock.now();
    store.insert_posts(&posts, NOW);
    let seconds = clock.now().saturating_sub(started).as_secs_f64();
    let stored = store.stats().posts as u64;
    let grown = before.zip(resident()).map(|(before, after)| after.saturating_sub(before) as f64);
    let requests = requests(runs, sizes.followed, &authors, |rng| authors.draw(rng));
    let times = Times::measure(clock, 0, runs, |n| {
        std::hint::black_box(ask(&store, &requests[n]));
    });
    Ok(Report {
        config: sizes,
        stored,
        lookup: times.micros(),
        insert: Rate { per_second: posts.len() as f64 / seconds.max(1e-9) },
        bytes_per_post: grown.map(|bytes| bytes / stored.max(1) as f64),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use foryou_io::ManualMonotonic;

    use super::*;

    #[test]
    fn lookups_are_timed_and_posts_counted() {
        let clock = ManualMonotonic::stepping(Duration::from_micros(250));
        let sizes = Sizes { posts: 2_000, followed: 20 };
        let report = measure(&clock, sizes, 10).unwrap();
        assert_eq!((report.lookup.p50_us, report.lookup.p999_us, report.lookup.runs), (250.0, 250.0, 10));
        assert_eq!(report.insert.per_second, 2_000.0 / 250e-6);
        assert_eq!(report.stored, 2_000);
        assert!(measure(&clock, Sizes { followed: 0, ..sizes }, 1).is_err());
    }

    #[test]
    fn the_posts_are_of_all_kinds_and_the_active_authors_write_more() {
        let authors = Authors::new(50);
        let posts = posts(4_000, &authors);
        let share = |wanted: fn(&LightPost) -> bool| posts.iter().filter(|p| wanted(p)).count() as f64 / 4_000.0;
        assert!((share(|p| p.is_reply) - 0.35).abs() < 0.03);
        assert!((share(|p| p.is_retweet) - 0.20).abs() < 0.03);
        assert!(share(|p| p.author_id == UserId(1)) > 5.0 * share(|p| p.author_id == UserId(20)));
        let store = PostStore::new(StoreConfig::default());
        store.insert_posts(&posts, NOW);
        let requests = requests(3, 10, &authors, |rng| authors.draw(rng));
        assert!(requests.iter().all(|r| r.following_user_ids.len() == 10 && ask(&store, r) > 0));
    }
}
