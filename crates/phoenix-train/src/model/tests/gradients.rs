//! Gradients against finite differences.

use super::*;

/// A loss that weighs every output differently.
fn loss<const R: usize>(output: Tensor<R>) -> Tensor<1> {
    let count: usize = output.dims().iter().product();
    let weights: Vec<f32> = (0..count).map(|i| ((i * 7 % 11) as f32 - 5.0) / 5.0).collect();
    let device = output.device();
    let output: Tensor<1> = output.reshape([count]);
    (output * Tensor::from_data(burn_tensor::TensorData::new(weights, [count]), &device)).sum()
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

fn total<const R: usize>(output: Tensor<R>) -> f32 {
    read(loss(output))[0]
}

#[test]
fn the_ranker_has_the_gradients_of_its_function() {
    for cap in [Some(30.0), None] {
        let config = ModelConfig { attn_logit_cap: cap, ..tiny() };
        let mut rng = SplitMix64::new(11);
        let dense = random_dense(ModelKind::Ranker, &config, &mut rng);
        let history = random_history(&config, &[4, 2], 5, &mut rng);
        let candidates = random_candidates(&config, &[&[4, 1, 0], &[2, 1, 2]], &mut rng);
        let tracked = params(ModelKind::Ranker, &config, &dense, true);
        let (output, leaves) = ranker_logits(&config, &tracked, &history, &candidates);
        let gradients = loss(output).backward();
        let of = |dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays| {
            total(ranker_logits(&config, &params(ModelKind::Ranker, &config, dense, false), h, c).0)
        };
        for (i, gradient) in tracked.gradients(&gradients).iter().enumerate() {
            let name = &dense[i].name;
            assert_eq!(gradient.len(), dense[i].data.len(), "{name}");
            compare(name, gradient, |at, step| {
                let mut moved = dense.clone();
                moved[i].data[at] += step;
                of(&moved, &history, &candidates)
            });
        }
        let leaves = leaves.gradients(&gradients);
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
    let run = |dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays, track: bool| {
        let params = params(ModelKind::Retrieval, &config, dense, track);
        let (users, user_leaves) = user_representation(&config, &params, h);
        let (posts, post_leaves) = candidate_representation(&config, &params, &c.ids, c.text.as_deref());
        (params, loss(users.matmul(posts.transpose())), user_leaves, post_leaves)
    };
    let of = |dense: &[NamedTensor], h: &HistoryArrays, c: &CandidateArrays| read(run(dense, h, c, false).1)[0];
    let (tracked, total, users, tower) = run(&dense, &history, &posts, true);
    let gradients = total.backward();
    for (i, gradient) in tracked.gradients(&gradients).iter().enumerate() {
        compare(&dense[i].name, gradient, |at, step| {
            let mut moved = dense.clone();
            moved[i].data[at] += step;
            of(&moved, &history, &posts)
        });
    }
    let (users, tower) = (users.gradients(&gradients), tower.gradients(&gradients));
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
fn a_leaf_the_output_does_not_depend_on_has_zeros() {
    let config = tiny();
    let mut rng = SplitMix64::new(13);
    let dense = random_dense(ModelKind::Retrieval, &config, &mut rng);
    let params = params(ModelKind::Retrieval, &config, &dense, true);
    let posts = random_candidates(&config, &[&[0, 0]], &mut rng);
    let (vectors, _) = candidate_representation(&config, &params, &posts.ids, posts.text.as_deref());
    let gradients = params.gradients(&loss(vectors).backward());
    for (spec, gradient) in dense_params(ModelKind::Retrieval, &config).iter().zip(&gradients) {
        assert_eq!(gradient.len(), spec.len());
        assert_eq!(gradient.iter().any(|&x| x != 0.0), spec.name.contains("candidate_tower"), "{}", spec.name);
    }
}
