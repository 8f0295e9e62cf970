//! Models exchanged while they serve, and versions that must not be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use foryou_types::ActionSet;
use foryou_types::seams::{RankingRequest, RetrievalRequest};
use phoenix::{ModelConfig, ModelKind};
use phoenix_engine::service::ModelHost;

use crate::support::{
    LONG, NOW, action_set, bits, checkpoint, checkpoint_of, clock, corpus, host, ids, model_config, rank_request,
    register, registry, retrieval_request,
};

const REQUESTS: u64 = 10_000;
const SWAPS: u64 = 100;
const DIFFERENT: u64 = 40;

fn different_rank(i: u64) -> RankingRequest {
    rank_request(1 + i % 10, i % 13, 1 + i % 5)
}

fn different_retrieval(i: u64) -> RetrievalRequest {
    retrieval_request(1 + i % 10, 1 + i % 13, 10)
}

/// Every answer of every version, by its name, asked while nothing else went on.
async fn answers_of(host: &ModelHost, root: &Path, names: &[String]) -> BTreeMap<(String, u64), (Vec<u64>, Vec<u64>)> {
    let mut answers = BTreeMap::new();
    for pair in names.chunks(2) {
        for name in pair {
            registry(root).promote(name, NOW).unwrap();
        }
        let status = host.refresh();
        assert_eq!((status.ranker.error, status.retrieval.error), (None, None));
        for i in 0..DIFFERENT {
            let ranked = host.ranking().rank(different_rank(i)).await.unwrap();
            let retrieved = host.retrieval().retrieve(different_retrieval(i)).await.unwrap();
            assert_eq!((ranked.model.as_deref(), retrieved.model.as_deref()), (Some(&*pair[0]), Some(&*pair[1])));
            answers.insert((pair[0].clone(), i), (bits(&ranked), Vec::new()));
            answers.insert((pair[1].clone(), i), (Vec::new(), ids(&retrieved)));
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_swaps_during_ten_thousand_requests_fail_none_and_mix_none() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let names: Vec<_> = [1, 2]
        .into_iter()
        .flat_map(|seed| [ModelKind::Ranker, ModelKind::Retrieval].map(|kind| checkpoint(kind, seed)))
        .map(|checkpoint| register(root, &checkpoint))
        .collect();
    let host = host(root, corpus(60), clock());
    let expected = Arc::new(answers_of(&host, root, &names).await);
    for i in [1, 7, 12] {
        assert_ne!(expected[&(names[0].clone(), i)], expected[&(names[2].clone(), i)], "the models differ");
    }

    let (asked, swapped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (host, expected) = (Arc::clone(&host), Arc::clone(&expected));
            let (asked, swapped) = (Arc::clone(&asked), Arc::clone(&swapped));
            tokio::spawn(async move {
                let (ranking, retrieval) = (host.ranking(), host.retrieval());
                let mut by_version: BTreeMap<String, u64> = BTreeMap::new();
                loop {
                    let i = asked.fetch_add(1, SeqCst);
                    // Every swap has requests around it, however slowly models load.
                    if i >= REQUESTS && swapped.load(SeqCst) == SWAPS {
                        return by_version;
                    }
                    let i = i % DIFFERENT;
                    let answer = ranking.rank(different_rank(i)).await.unwrap();
                    let version = answer.model.as_deref().unwrap().to_owned();
                    assert_eq!(bits(&answer), expected[&(version.clone(), i)].0, "{version}");
                    *by_version.entry(version).or_default() += 1;
                    let answer = retrieval.retrieve(different_retrieval(i)).await.unwrap();
                    let version = answer.model.as_deref().unwrap().to_owned();
                    assert_eq!(ids(&answer), expected[&(version.clone(), i)].1, "{version}");
                }
            })
        })
        .collect();
    let swapper = std::thread::spawn({
        let (host, root, names) = (Arc::clone(&host), root.to_owned(), names.clone());
        let (asked, swapped) = (Arc::clone(&asked), Arc::clone(&swapped));
        move || {
            for swap in 0..SWAPS {
                // Spread over the requests.
                while asked.load(SeqCst) < swap * REQUESTS / SWAPS {
                    std::thread::yield_now();
                }
                let pair = &names[(swap % 2 * 2) as usize..][..2];
                for name in pair {
                    registry(&root).promote(name, NOW).unwrap();
                }
                assert!(host.refresh_if_changed());
                let status = host.status();
                assert_eq!(status.ranker.serving.as_deref(), Some(&*pair[0]));
                assert_eq!(status.retrieval.serving.as_deref(), Some(&*pair[1]));
                swapped.fetch_add(1, SeqCst);
            }
        }
    });
    let mut by_version: BTreeMap<String, u64> = BTreeMap::new();
    for asker in askers {
        for (version, n) in asker.await.unwrap() {
            *by_version.entry(version).or_default() += n;
        }
    }
    swapper.join().unwrap();
    assert!(by_version.values().sum::<u64>() >= REQUESTS);
    assert!(by_version.values().all(|&n| n > REQUESTS / 10), "{by_version:?}");
}

/// What is done to a checkpoint's folder.
type Damage = fn(&Path);

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_does_not_load_leaves_what_serves() {
    let damages: [(&str, Damage, &str); 5] = [
        (
            "truncated",
            |folder| {
                let path = folder.join("dense.safetensors");
                let bytes = fs::read(&path).unwrap();
                fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            },
            "dense.safetensors",
        ),
        (
            "not a number",
            |folder| {
                let path = folder.join("tables.safetensors");
                let mut bytes = fs::read(&path).unwrap();
                let end = bytes.len();
                bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
                fs::write(path, bytes).unwrap();
            },
            "tables.safetensors",
        ),
        (
            "another shape",
            |folder| {
                let config = fs::read_to_string(folder.join("config.json")).unwrap();
                let wider = config.replace("\"emb_size\": 16", "\"emb_size\": 24");
                assert_ne!(wider, config);
                fs::write(folder.join("config.json"), wider).unwrap();
            },
            "config.json",
        ),
        ("no configuration", |folder| fs::remove_file(folder.join("config.json")).unwrap(), "config.json"),
        ("no folder", |folder| fs::remove_dir_all(folder).unwrap(), "config.json"),
    ];
    for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
        for (what, damage, named) in damages {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path();
            let good = register(root, &checkpoint(kind, 1));
            let bad = register(root, &checkpoint(kind, 2));
            registry(root).promote(&good, NOW).unwrap();
            let host = host(root, corpus(60), clock());
            host.refresh();
            let before = observed(&host, kind).await;
            assert_eq!(before.0.as_deref(), Some(&*good));

            registry(root).promote(&bad, NOW).unwrap();
            damage(&registry(root).promoted(&kind.into()).unwrap().unwrap().folder);
            let status = host.refresh();
            let status = if kind == ModelKind::Ranker { status.ranker } else { status.retrieval };
            let error = status.error.unwrap();
            assert!(error.contains(&bad) && error.contains(named), "{what}: {error}");
            assert_eq!(status.serving.as_deref(), Some(&*good), "{what}");
            assert_eq!(observed(&host, kind).await, before, "{what}");

            // A good promotion clears it.
            let better = register(root, &checkpoint(kind, 3));
            registry(root).promote(&better, NOW).unwrap();
            let status = host.refresh();
            let status = if kind == ModelKind::Ranker { status.ranker } else { status.retrieval };
            assert_eq!((status.serving.as_deref(), status.error), (Some(&*better), None));
            assert_ne!(observed(&host, kind).await, before);
        }
    }
}

/// Version and answer of a fixed request.
async fn observed(host: &ModelHost, kind: ModelKind) -> (Option<Arc<str>>, Vec<u64>) {
    match kind {
        ModelKind::Ranker => {
            let answer = host.ranking().rank(rank_request(1, 9, 20)).await.unwrap();
            let bits = bits(&answer);
            (answer.model, bits)
        }
        ModelKind::Retrieval => {
            let answer = host.retrieval().retrieve(retrieval_request(1, 9, 20)).await.unwrap();
            let ids = ids(&answer);
            (answer.model, ids)
        }
    }
}

#[tokio::test]
async fn a_version_for_other_actions_is_refused_though_it_loads() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let good = register(root, &checkpoint(ModelKind::Ranker, 1));
    registry(root).promote(&good, NOW).unwrap();
    let host = host(root, corpus(60), clock());
    host.refresh();
    let mut renamed = action_set();
    renamed.actions[1].name = "share".to_owned();
    let bad = register(root, &checkpoint_of(ModelKind::Ranker, model_config(), renamed, 2));
    registry(root).promote(&bad, NOW).unwrap();
    let status = host.refresh().ranker;
    assert_eq!(status.serving.as_deref(), Some(&*good));
    assert_eq!(
        status.error.unwrap(),
        format!(
            "{bad} was trained for other actions than this data has: action 1 is share in the model and reply in the data"
        )
    );
    // Of another size, but for the same actions, is welcome.
    let larger = ModelConfig { emb_size: 32, history_seq_len: 12, num_layers: 1, ..model_config() };
    let larger = register(root, &checkpoint_of(ModelKind::Ranker, larger, action_set(), 2));
    registry(root).promote(&larger, NOW).unwrap();
    assert_eq!(host.refresh().ranker.serving.as_deref(), Some(&*larger));
    assert!(ActionSet::for_you().len() > action_set().len());
}

#[tokio::test]
async fn without_a_promoted_model_the_prior_answers_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let host = host(root, corpus(60), clock());
    assert_eq!(host.refresh(), phoenix_engine::service::HostStatus::default());
    let ranked = host.ranking().rank(rank_request(1, 9, 2)).await.unwrap();
    assert_eq!((ranked.model, ranked.scores[1][0]), (None, 0.5));
    let retrieved = host.retrieval().retrieve(retrieval_request(1, 9, 2)).await.unwrap();
    assert_eq!((retrieved.model, retrieved.posts.len()), (None, 1));
    // One of the two alone.
    let name = register(root, &checkpoint(ModelKind::Retrieval, 1));
    registry(root).promote(&name, NOW).unwrap();
    host.refresh();
    assert_eq!(host.ranking().rank(rank_request(1, 9, 2)).await.unwrap().model, None);
    assert_eq!(host.retrieval().retrieve(retrieval_request(1, 9, 2)).await.unwrap().model.as_deref(), Some(&*name));
}

#[tokio::test]
async fn users_are_split_between_two_versions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let names = [1, 2, 3].map(|seed| register(root, &checkpoint(ModelKind::Ranker, seed)));
    registry(root).promote(&names[0], NOW).unwrap();
    registry(root).promote_share(&names[1], 0.5).unwrap();
    let host = host(root, corpus(60), clock());
    let status = host.refresh().ranker;
    assert_eq!(status.serving.as_deref(), Some(&*names[0]));
    assert_eq!(status.challenger, Some((names[1].as_str().into(), 0.5)));
    let mut served = BTreeMap::<String, u32>::new();
    for user in 1..=100 {
        let answer = host.ranking().rank(rank_request(user, 3, 1)).await.unwrap();
        let name = answer.model.as_deref().unwrap().to_owned();
        let routed = registry(root).route(&ModelKind::Ranker.into(), foryou_types::UserId(user)).unwrap().unwrap();
        assert_eq!(name, routed.name);
        *served.entry(name).or_default() += 1;
    }
    assert!(served.len() == 2 && served.values().all(|&n| n > 25), "{served:?}");
    // A second version that does not load leaves its users to the first.
    registry(root).promote_share(&names[2], 0.5).unwrap();
    let folder = root.join("models/ranker/0003");
    fs::remove_file(folder.join("dense.safetensors")).unwrap();
    let status = host.refresh().ranker;
    assert_eq!((status.serving.as_deref(), status.challenger), (Some(&*names[0]), None));
    assert!(status.error.unwrap().contains(&names[2]));
}

#[tokio::test]
async fn the_watch_sees_promotions_and_a_registry_that_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let names = [1, 2].map(|seed| register(root, &checkpoint(ModelKind::Ranker, seed)));
    let host = host(root, corpus(60), clock());
    let watch = host.start_watching().unwrap();
    let wait_for = |what: &str, done: &dyn Fn() -> bool| {
        let start = std::time::Instant::now();
        while !done() {
            assert!(start.elapsed() < LONG, "{what}");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    };
    for name in &names {
        registry(root).promote(name, NOW).unwrap();
        wait_for("a promotion", &|| host.status().ranker.serving.as_deref() == Some(name));
    }
    registry(root).rollback(&ModelKind::Ranker.into(), NOW).unwrap();
    wait_for("a rollback", &|| host.status().ranker.serving.as_deref() == Some(&*names[0]));
    let state = root.join("models/registry.json");
    let good = fs::read(&state).unwrap();
    fs::write(&state, "{").unwrap();
    wait_for("a broken registry", &|| host.status().ranker.error.is_some());
    assert_eq!(host.status().ranker.serving.as_deref(), Some(&*names[0]));
    fs::write(&state, good).unwrap();
    wait_for("a mended registry", &|| host.status().ranker.error.is_none());
    drop(watch);
    registry(root).promote(&names[1], NOW).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(host.status().ranker.serving.as_deref(), Some(&*names[0]), "nobody watches any more");
}
