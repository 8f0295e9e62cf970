//! Writers and readers at the same time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use foryou_types::{PostId, Rng, SplitMix64};
use thunder::{PostStore, StoreConfig};

use crate::support::{NOW, ask, feed, original, repost, request, video, videos};

#[test]
fn readers_see_whole_sorted_answers_while_posts_come_and_go() {
    const POSTS: u64 = 6_000;
    const AUTHORS: u64 = 20;
    // Small lists, so that eviction is at work too.
    let store = PostStore::new(StoreConfig { max_timeline_entries: 100, ..StoreConfig::default() });
    let everyone: Vec<u64> = (1..=AUTHORS).collect();
    let done = AtomicBool::new(false);
    let post = |id: u64| {
        let (author, age) = (id % AUTHORS + 1, (id * 7919 % 100_000) as i64);
        match id % 5 {
            0 => video(id, author, age),
            1 => repost(id, author, age, (id / 2 * 5, 77)),
            _ => original(id, author, age),
        }
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4u64)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    let mut rng = SplitMix64::new(writer);
                    for _ in 0..POSTS {
                        let id = rng.below(POSTS as usize) as u64 + 1;
                        if rng.chance(0.1) {
                            store.mark_as_deleted(PostId(id), NOW);
                        } else {
                            store.insert(post(id), NOW);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                store.trim_old_posts(NOW + 172_740_000, 64);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let request = request(&everyone);
                while !done.load(Ordering::SeqCst) {
                    let posts = ask(&store, &request).response.posts;
                    let order: Vec<_> = posts.iter().map(|p| (p.created_at, p.post_id)).collect();
                    assert!(order.is_sorted_by(|a, b| a > b), "newest first, each once");
                    assert!(posts.iter().all(|p| p.author_id.0 == p.post_id.0 % AUTHORS + 1), "posts are never torn");
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    // When all is quiet the parts agree: every listed post is stored, and no post is stored that no list holds.
    let listed: BTreeSet<_> =
        everyone.iter().flat_map(|author| [feed(&store, &[*author]), videos(&store, &[*author])]).flatten().collect();
    assert!(listed.iter().all(|id| store.get(PostId(*id)).is_some()));
    store.trim_old_posts(NOW + 172_800_000_000, usize::MAX);
    store.trim_old_posts(NOW + 172_800_000_000, usize::MAX);
    let stats = store.stats();
    assert_eq!((stats.posts, stats.authors, stats.deletes), (0, 0, 0));
}

#[test]
fn a_repost_is_a_video_whichever_thread_is_first() {
    for round in 0..300u64 {
        let store = PostStore::new(StoreConfig::default());
        std::thread::scope(|scope| {
            scope.spawn(|| store.insert(video(1, 10, 100 + round as i64), NOW));
            scope.spawn(|| store.insert(repost(2, 11, 50, (1, 10)), NOW));
        });
        assert_eq!(videos(&store, &[11]), [2]);
    }
}
