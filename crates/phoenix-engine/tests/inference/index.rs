//! The index against brute force.

use std::collections::BTreeMap;

use foryou_types::{PostId, Rng, SplitMix64, TimeMs, UserId, shuffle_key};
use phoenix_engine::ExactIndex;
use proptest::prelude::*;

use crate::models::on_threads;

const D: usize = 5;

/// Few different values, so that scores tie often.
fn vector(rng: &mut SplitMix64) -> Vec<f32> {
    (0..D).map(|_| rng.below(3) as f32 - 1.0).collect()
}

type Kept = BTreeMap<u64, (u64, i64, Vec<f32>)>;

fn brute(
    kept: &Kept,
    query: &[f32],
    k: usize,
    not_before: i64,
    exclude: impl Fn(u64, u64) -> bool,
) -> Vec<(PostId, UserId, f32)> {
    let mut all: Vec<_> = kept
        .iter()
        .filter(|(post, (author, at, _))| *at >= not_before && !exclude(**post, *author))
        .map(|(post, (author, at, v))| {
            // Small integers: every order of summation is exact.
            let score = v.iter().zip(query).map(|(a, b)| a * b).sum::<f32>() + 0.0;
            (*at, (PostId(*post), UserId(*author), score))
        })
        .collect();
    let shuffled = |post: PostId| shuffle_key(post.0, 0);
    all.sort_by(|(at_a, a), (at_b, b)| {
        b.2.total_cmp(&a.2).then(at_b.cmp(at_a)).then(shuffled(a.0).cmp(&shuffled(b.0)))
    });
    all.truncate(k);
    all.into_iter().map(|(_, found)| found).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_finds_what_brute_force_finds(
        seed in any::<u64>(),
        operations in prop::collection::vec((0u8..4, 1u64..60), 0..300),
        k in 0usize..70,
        not_before in 0i64..10,
    ) {
        let mut rng = SplitMix64::fork(seed, "vectors");
        // Rows scanned in f32, and first as i8.
        let mut kept = Kept::new();
        let mut indexes = [ExactIndex::new(D), ExactIndex::with_i8_from(D, 0)];
        for (operation, post) in operations {
            if operation == 0 {
                let was_there = kept.remove(&post).is_some();
                for index in &mut indexes {
                    prop_assert_eq!(index.remove(PostId(post)), was_there);
                }
            } else {
                let (author, at, v) = (rng.next_u64(), rng.below(12) as i64, vector(&mut rng));
                for index in &mut indexes {
                    prop_assert!(index.insert(PostId(post), UserId(author), TimeMs(at), &v));
                }
                kept.insert(post, (author, at, v));
            }
        }
        let query = vector(&mut rng);
        let expected = brute(&kept, &query, k, not_before, |post, author| post % 7 == 0 || author % 5 == 0);
        for index in &indexes {
            prop_assert_eq!(index.len(), kept.len());
            let found = index.search(&query, k, TimeMs(not_before), |post, author| post.0 % 7 == 0 || author.0 % 5 == 0);
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn a_score_has_the_same_bits_wherever_it_lies(seed in any::<u64>(), n in 1usize..60) {
        let mut rng = SplitMix64::fork(seed, "vectors");
        let posts: Vec<(u64, Vec<f32>)> =
            (1..=n as u64).map(|p| (p, (0..40).map(|_| rng.normal() as f32).collect())).collect();
        let query: Vec<f32> = (0..40).map(|_| rng.normal() as f32).collect();
        let search = |order: &mut dyn Iterator<Item = &(u64, Vec<f32>)>| {
            let mut index = ExactIndex::new(40);
            for (post, v) in order {
                index.insert(PostId(*post), UserId(1), TimeMs(0), v);
            }
            let found = index.search(&query, n, TimeMs(0), |_, _| false);
            found.into_iter().map(|(post, _, score)| (post, score.to_bits())).collect::<Vec<_>>()
        };
        let forwards = search(&mut posts.iter());
        prop_assert_eq!(&forwards, &search(&mut posts.iter().rev()));
        for (post, v) in &posts {
            let alone = search(&mut std::iter::once(&(*post, v.clone())));
            prop_assert!(forwards.contains(&alone[0]));
        }
    }
}

/// Unit vectors of `width` values: in every direction, or around `clusters` middles at `spread` of their length.
fn units(n: usize, width: usize, clusters: usize, spread: f64, rng: &mut SplitMix64) -> Vec<Vec<f32>> {
    let mut normal = |scale: f64| (0..width).map(|_| rng.normal() * scale).collect::<Vec<_>>();
    let middles: Vec<_> = (0..clusters).map(|_| normal(1.0)).collect();
    let vector = |i: usize| {
        let mut v = normal(if clusters == 0 { 1.0 } else { spread });
        if let Some(middle) = middles.get(i % clusters.max(1)) {
            v.iter_mut().zip(middle).for_each(|(v, m)| *v += m);
        }
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.into_iter().map(|x| (x / length) as f32).collect()
    };
    (0..n).map(vector).collect()
}

#[test]
fn i8_rows_first_find_what_f32_rows_find_to_the_bit() {
    const N: usize = 12_000;
    for (width, clusters, spread) in [(64, 0, 1.0), (64, 30, 0.3), (60, 3, 0.02), (7, 0, 1.0)] {
        let mut rng = SplitMix64::fork(width as u64, "units");
        let vectors = units(N, width, clusters, spread, &mut rng);
        let (mut exact, mut first_i8) =
            (ExactIndex::with_i8_from(width, usize::MAX), ExactIndex::with_i8_from(width, 0));
        for (i, v) in vectors.iter().enumerate() {
            let (post, author, at) = (PostId(i as u64 + 1), UserId(i as u64 % 50), TimeMs(i as i64 % 100));
            assert!(exact.insert(post, author, at, v) && first_i8.insert(post, author, at, v));
        }
        let mut queries = units(4, width, 0, 1.0, &mut rng);
        queries.extend(vectors.iter().take(4).cloned());
        // Tied throughout, of no direction, and beyond f32.
        queries.extend([vec![0.0; width], vec![f32::MIN_POSITIVE; width], vec![f32::MAX; width], vec![1e-20; width]]);
        for (q, query) in queries.iter().enumerate() {
            for (k, not_before) in [(1, 0), (1_000, 0), (100, 60), (N + 1, 0)] {
                let search = |index: &ExactIndex| {
                    let found = index.search(query, k, TimeMs(not_before), |_, author| author.0 == 7);
                    found.into_iter().map(|(post, author, score)| (post, author, score.to_bits())).collect::<Vec<_>>()
                };
                assert_eq!(search(&first_i8), search(&exact), "{width} {clusters} query {q}, best {k}");
            }
        }
    }
}

#[test]
fn many_posts_on_many_threads() {
    let mut rng = SplitMix64::fork(1, "vectors");
    let (mut index, mut kept) = (ExactIndex::new(D), Kept::new());
    for post in 1..=10_000u64 {
        let v = vector(&mut rng);
        index.insert(PostId(post), UserId(post), TimeMs(0), &v);
        kept.insert(post, (post, 0, v));
    }
    let query = vector(&mut rng);
    let expected = brute(&kept, &query, 300, 0, |_, _| false);
    for threads in 1..4 {
        assert_eq!(on_threads(threads, || index.search(&query, 300, TimeMs(0), |_, _| false)), expected);
    }
}

#[test]
fn what_cannot_be_found_is_refused() {
    let mut index = ExactIndex::new(2);
    assert!(!index.insert(PostId::NONE, UserId(1), TimeMs(0), &[1.0, 0.0]));
    assert!(!index.insert(PostId(1), UserId(1), TimeMs(0), &[1.0]));
    assert!(!index.insert(PostId(1), UserId(1), TimeMs(0), &[1.0, f32::NAN]));
    assert!(index.is_empty());
    assert!(index.insert(PostId(1), UserId(1), TimeMs(0), &[1.0, 0.0]));
    assert!(index.contains(PostId(1)));
    assert!(index.search(&[1.0], 3, TimeMs(0), |_, _| false).is_empty());
    // Replaced, not doubled.
    assert!(index.insert(PostId(1), UserId(2), TimeMs(5), &[0.5, 0.0]));
    assert_eq!(index.search(&[1.0, 0.0], 3, TimeMs(5), |_, _| false), [(PostId(1), UserId(2), 0.5)]);
    assert!(index.search(&[1.0, 0.0], 3, TimeMs(6), |_, _| false).is_empty());
}
