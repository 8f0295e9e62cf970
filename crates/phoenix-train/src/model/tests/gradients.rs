//! Gradients against finite differences.

use super::*;

/// Weights of a loss that weighs every output differently.
fn weights(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7 % 11) as f32 - 5.0) / 5.0).collect()
}

fn total(output: &[f32]) -> f32 {
    output.iter().zip(weights(output.len())).map(|(x, w)| x * w).sum()
}

/// Compares a gradient with differences of `f` at some places.
///
/// Central differences at two steps, extrapolated (Richardson): next to a norm of a small vector a single step is off by its
/// curvature, and a much smaller one by f32 rounding.
fn compare(what: &str, gradient: &[f32], mut f: impl FnMut(usize, f32) -> f32) {
    const STEP: f32 = 4e-3;
    let scale = gradient.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    assert!(scale > 0.0, "{what}: no gradient");
    let stride = gradient.len().div_ceil(9);
    for i in (0..gradient.len()).step_by(stride) {
        let mut central = |step: f32| (f(i, step) - f(i, -step)) / (2.0 * step);
        let (whole, half) = (central(STEP), central(STEP / 2.0));
        let numeric = (4.0 * half - whole) / 3.0;
        let difference = (numeric - gradient[i]).abs();
        assert!(
            difference <= 0.02 * scale + 4e-3,
            "{what}[{i}]: {} against {numeric} ({whole} at the whole step, {half} at half)",
            gradient[i]
        );
    }
}

#[test]
fn the_ranker_has_the_gradients_of_its_function() {
    for cap in [Some(30.0), None] {
        let config = ModelConfig { attn_logit_cap: cap, ..tiny() };
        let mut rng = SplitMix64::new(11);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let history = random_history(&config, &[4, 2], 5, &mut rng);
        let candidates = random_candidates(&config, &[&[4, 1, 0], &[2, 1, 2]], &mut rng);
        let mut network = Network::new(ModelKind::Ranker, &config).unwrap();
        network.load(&dense).unwrap();
        let (mut out, mut slopes, mut leaves) = (Vec::new(), Vec::new(), LeafGradients::default());
        let arrays = (&history, &candidates);
        network.train(&dense, arrays, (&mut out, &mut slopes), &mut leaves, |users, logits, slopes| {
            let part = users.start * 3 * config.num_actions..users.end * 3 * config.num_actions;
            slopes[part.clone()].copy_from_slice(&weights(logits.len())[part]);
        });
        let mut all = Vec::new();
        network.gradients(&dense, &mut all);
        let of = |dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays| total(&logits(&config, dense, h, c));
        for (i, gradient) in all.iter().enumerate() {
            let name = &dense[i].name;
            assert_eq!(gradient.len(), dense[i].data.len(), "{name}");
            compare(name, gradient, |at, step| {
                let mut moved = dense.clone();
                moved[i].data[at] += step;
                of(&moved, &history, &candidates)
            });
        }
        type Part = fn(&mut HistoryArrays, &mut CandidateArrays) -> Vec<f32>;
        let swap_in: [(&str, &[f32], Part); 5] = [
            ("user", &leaves.user, |h, _| std::mem::take(&mut h.user)),
            ("history_ids", &leaves.history_ids, |h, _| std::mem::take(&mut h.ids)),
            ("history_text", &leaves.history_text, |h, _| h.text.take().unwrap()),
            ("candidate_ids", &leaves.candidate_ids, |_, c| std::mem::take(&mut c.ids)),
            ("candidate_text", &leaves.candidate_text, |_, c| c.text.take().unwrap()),
        ];
        for (what, gradient, take) in swap_in {
            compare(what, gradient, |at, step| {
                let (mut h, mut c) = (history.clone(), candidates.clone());
                let mut moved = take(&mut h, &mut c);
                moved[at] += step;
                match what {
                    "user" => h.user = moved,
                    "history_ids" => h.ids = moved,
                    "history_text" => h.text = Some(moved),
                    "candidate_ids" => c.ids = moved,
                    _ => c.text = Some(moved),
                }
                of(&dense, &h, &c)
            });
        }
        // Padding gets nothing, not even a rounding error.
        let ids = (config.num_item_hashes + config.num_author_hashes) * config.emb_size;
        assert!(leaves.history_ids[4 * ids..5 * ids].iter().all(|&x| x == 0.0));
        assert!(leaves.history_ids[7 * ids..].iter().all(|&x| x == 0.0));
    }
}

#[test]
fn retrieval_has_the_gradients_of_its_function() {
    let config = tiny();
    let mut rng = SplitMix64::new(12);
    let dense = random_dense(ModelKind::Retrieval, &config, &mut rng);
    let history = random_history(&config, &[4, 2], 5, &mut rng);
    let posts = random_candidates(&config, &[&[0, 0, 0]], &mut rng);
    let d = config.emb_size;
    // The loss: dot products of all users with all posts.
    let run = |dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays| {
        let vectors = users(&config, dense, h);
        let mut network = Network::new(ModelKind::Retrieval, &config).unwrap();
        network.load(dense).unwrap();
        let mut posts = Vec::new();
        network.posts(&c.ids, c.text.as_deref(), &mut posts);
        (vectors, posts)
    };
    let products = |users: &[f32], posts: &[f32]| -> Vec<f32> {
        let dot = |u: &[f32], v: &[f32]| u.iter().zip(v).map(|(a, b)| a * b).sum();
        users.chunks_exact(d).flat_map(|u| posts.chunks_exact(d).map(move |v| dot(u, v))).collect()
    };
    let of = |dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays| {
        let (users, posts) = run(dense, h, c);
        total(&products(&users, &posts))
    };
    let (vectors, post_vectors) = run(&dense, &history, &posts);
    let by_product = weights(2 * 3);
    let (mut user_slopes, mut post_slopes) = (vec![0.0; 2 * d], vec![0.0; 3 * d]);
    for (i, w) in by_product.iter().enumerate() {
        let (user, post) = (i / 3, i % 3);
        for k in 0..d {
            user_slopes[user * d + k] += w * post_vectors[post * d + k];
            post_slopes[post * d + k] += w * vectors[user * d + k];
        }
    }
    let mut network = Network::new(ModelKind::Retrieval, &config).unwrap();
    network.load(&dense).unwrap();
    let moments = [Moment { user: 0, cutoff: u16::MAX }, Moment { user: 1, cutoff: u16::MAX }];
    let (mut out, mut users, mut tower) = (Vec::new(), LeafGradients::default(), LeafGradients::default());
    network.users(&dense, &history, &moments, &mut out);
    network.users_back(&history, &moments, &user_slopes, &mut users);
    network.posts(&posts.ids, posts.text.as_deref(), &mut out);
    network.posts_back(&post_slopes, true, &mut tower);
    let mut all = Vec::new();
    network.gradients(&dense, &mut all);
    for (i, gradient) in all.iter().enumerate() {
        compare(&dense[i].name, gradient, |at, step| {
            let mut moved = dense.clone();
            moved[i].data[at] += step;
            of(&moved, &history, &posts)
        });
    }
    compare("history_ids", &users.history_ids, |at, step| {
        let mut moved = history.clone();
        moved.ids[at] += step;
        of(&dense, &moved, &posts)
    });
    compare("candidate_ids", &tower.candidate_ids, |at, step| {
        let mut moved = posts.clone();
        moved.ids[at] += step;
        of(&dense, &history, &moved)
    });
    compare("candidate_text", &tower.candidate_text, |at, step| {
        let mut moved = posts.clone();
        moved.text.as_mut().unwrap()[at] += step;
        of(&dense, &history, &moved)
    });
    assert!(users.candidate_ids.is_empty() && tower.user.is_empty());
}

#[test]
fn a_tensor_the_output_does_not_depend_on_has_zeros() {
    let config = tiny();
    let mut rng = SplitMix64::new(13);
    let dense = random_dense(ModelKind::Retrieval, &config, &mut rng);
    let posts = random_candidates(&config, &[&[0, 0]], &mut rng);
    let mut network = Network::new(ModelKind::Retrieval, &config).unwrap();
    network.load(&dense).unwrap();
    let (mut vectors, mut leaves, mut gradients) = (Vec::new(), LeafGradients::default(), Vec::new());
    network.posts(&posts.ids, posts.text.as_deref(), &mut vectors);
    network.posts_back(&weights(vectors.len()), true, &mut leaves);
    network.gradients(&dense, &mut gradients);
    for (spec, gradient) in dense_params(ModelKind::Retrieval, &config).iter().zip(&gradients) {
        assert_eq!(gradient.len(), spec.len());
        assert_eq!(gradient.iter().any(|&x| x != 0.0), spec.name.contains("candidate_tower"), "{}", spec.name);
    }
}
