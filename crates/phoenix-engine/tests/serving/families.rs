//! A second family of models: what serves is picked by a version's manifest, and nothing but the tables of families knows a name.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::{ActionSet, UserId};
use model_registry::{
    CheckpointError, Families, Family, Manifest, ModelFiles, NamedTensor, Registry, Stored, TensorView, save,
};
use phoenix::{CandidateItem, HistoryItem, ModelKind, Phoenix};
use phoenix_engine::{
    AnyRanker, NotServed, RankerOptions, ServedContext, ServedFamilies, ServedFamily, ServedRanker, ServedRetrieval,
};

use crate::support::{NOW, action_set, bits, checkpoint, clock, corpus, history, host_of, rank_request};

/// A model that counts: the logit of an action is how often the viewer took it, plus a bias, plus a trifle of the post's own.
#[derive(Clone)]
struct Counter {
    action_set: ActionSet,
    bias: Vec<f32>,
    history_len: usize,
}

/// What it keeps of a viewer.
struct Counts {
    history: Vec<HistoryItem>,
    of_action: Vec<f32>,
    reused: usize,
}

impl ServedContext for Counts {
    fn history(&self) -> &[HistoryItem] {
        &self.history
    }

    fn reused(&self) -> usize {
        self.reused
    }

    fn bytes(&self) -> usize {
        self.history.len() * size_of::<HistoryItem>()
    }
}

impl ServedRanker for Counter {
    type Context = Counts;

    fn action_set(&self) -> &ActionSet {
        &self.action_set
    }

    fn history_len(&self) -> usize {
        self.history_len
    }

    fn context_bytes(&self) -> usize {
        self.history_len * size_of::<HistoryItem>()
    }

    fn encode(&self, _: UserId, history: &[HistoryItem]) -> Counts {
        let empty = Counts { history: Vec::new(), of_action: vec![0.0; self.bias.len()], reused: 0 };
        self.extend(&empty, history)
    }

    fn extend(&self, context: &Counts, history: &[HistoryItem]) -> Counts {
        if !history.starts_with(&context.history) {
            return self.encode(UserId::NONE, history);
        }
        let (mut of_action, reused) = (context.of_action.clone(), context.history.len());
        for item in &history[reused..] {
            (0..self.bias.len()).filter(|a| item.actions.has(*a as u8)).for_each(|a| of_action[a] += 1.0);
        }
        Counts { history: history.to_vec(), of_action, reused }
    }

    fn score(&self, context: &Counts, candidates: &[CandidateItem], logits: &mut Vec<f32>) {
        logits.clear();
        for candidate in candidates {
            let own = (candidate.post.0 % 7) as f32 / 100.0;
            logits.extend(self.bias.iter().zip(&context.of_action).map(|(bias, count)| bias + count + own));
        }
    }
}

/// The family of counters, by the name `counter`.
#[derive(Debug)]
struct Counters;

impl Counters {
    fn read(files: &ModelFiles) -> Result<Counter, CheckpointError> {
        let manifest = files.manifest();
        let mut tensors = files.tensors("bias")?;
        let bias = tensors.take("bias", &[manifest.action_set.len()])?.data;
        tensors.finish()?;
        let history_len = manifest.payload["history"].as_u64().unwrap_or(8) as usize;
        Ok(Counter { action_set: manifest.action_set.clone(), bias, history_len })
    }
}

impl Family for Counters {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn problem(&self, manifest: &Manifest) -> Option<String> {
        manifest.payload["history"].as_u64().is_none().then(|| "payload.history: must be a number".to_owned())
    }

    fn check(&self, files: &ModelFiles) -> Result<(), CheckpointError> {
        Self::read(files).map(drop)
    }
}

impl ServedFamily for Counters {
    fn ranker(&self, files: &ModelFiles, how: RankerOptions) -> Result<AnyRanker, NotServed> {
        Ok(AnyRanker::new(Self::read(files)?, how.cache_mb))
    }

    fn retrieval(&self, _: &ModelFiles) -> Result<Box<dyn ServedRetrieval>, NotServed> {
        Err("counters do not retrieve".into())
    }
}

/// A counter as it is saved, for any kind.
struct Saved {
    kind: ModelKind,
    bias: NamedTensor,
}

impl Stored for Saved {
    fn manifest(&self) -> Manifest {
        Manifest {
            family: "counter".to_owned(),
            kind: self.kind.into(),
            action_set: action_set(),
            seed: 0,
            trained_until: None,
            metrics: BTreeMap::new(),
            files: vec!["bias".to_owned()],
            payload: serde_json::json!({"history": 8}),
        }
    }

    fn tensors(&self, _: &str) -> Vec<TensorView<'_>> {
        vec![TensorView::from(&self.bias)]
    }

    fn check(&self, _: &Path) -> Result<(), CheckpointError> {
        Ok(())
    }
}

fn saved(kind: ModelKind) -> Saved {
    Saved { kind, bias: NamedTensor { name: "bias".to_owned(), shape: vec![4], data: vec![-1.0, 0.0, 0.5, 1.0] } }
}

const BOTH: Families = &[&Phoenix, &Counters];
const SERVED: ServedFamilies = &[&Phoenix, &Counters];

fn registry(root: &Path) -> Registry {
    Registry::open(&root.join("models"), BOTH).unwrap()
}

#[tokio::test]
async fn a_version_of_another_family_ranks_and_is_exchanged_for_one_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let registry = registry(root);
    let counter = registry.add_and_promote(&saved(ModelKind::Ranker), None, NOW).unwrap();
    let host = host_of(root, corpus(60), clock(), SERVED);
    assert_eq!(host.refresh().ranker.serving.as_deref(), Some(&*counter));

    // The same as by hand, also from a context that has grown by one token at a time.
    let model = Counter { action_set: action_set(), bias: saved(ModelKind::Ranker).bias.data, history_len: 8 };
    for n in [0, 1, 2, 3, 7, 7] {
        let answer = host.ranking().rank(rank_request(1, n, 5)).await.unwrap();
        assert_eq!((answer.model.as_deref(), answer.scores.len()), (Some(&*counter), 5));
        let taken = |a: u8| history(n).tokens.iter().filter(|token| token.actions.has(a)).count() as f32;
        for (row, candidate) in answer.scores.iter().zip(rank_request(1, n, 5).candidates) {
            let own = (candidate.post_id.0 % 7) as f32 / 100.0;
            let logits: Vec<f32> = (0..4).map(|a| model.bias[usize::from(a)] + taken(a) + own).collect();
            assert_eq!(**row, *model.heads(&logits), "{n} tokens");
        }
    }

    // A transformer takes a share of the users, and then all of them.
    let transformer = registry.add(&checkpoint(ModelKind::Ranker, 1), None, NOW).unwrap();
    registry.promote_share(&transformer, 0.5).unwrap();
    let status = host.refresh().ranker;
    assert_eq!((status.serving.as_deref(), status.error), (Some(&*counter), None));
    let mut served = BTreeMap::<String, u32>::new();
    for user in 1..=60 {
        let answer = host.ranking().rank(rank_request(user, 3, 1)).await.unwrap();
        *served.entry(answer.model.unwrap().to_string()).or_default() += 1;
    }
    assert!(served.len() == 2 && served.values().all(|&n| n > 10), "{served:?}");
    registry.promote(&transformer, NOW).unwrap();
    assert_eq!(host.refresh().ranker.serving.as_deref(), Some(&*transformer));
    let by_transformer = host.ranking().rank(rank_request(1, 3, 4)).await.unwrap();
    registry.rollback(&ModelKind::Ranker.into(), NOW).unwrap();
    host.refresh();
    let answer = host.ranking().rank(rank_request(1, 3, 4)).await.unwrap();
    assert_eq!((by_transformer.model.as_deref(), answer.model.as_deref()), (Some(&*transformer), Some(&*counter)));
    assert_ne!(bits(&by_transformer), bits(&answer));
}

#[tokio::test]
async fn what_no_family_can_serve_is_named_and_the_prior_answers() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let registry = registry(root);
    let counter = registry.add_and_promote(&saved(ModelKind::Ranker), None, NOW).unwrap();
    let status = host_of(root, corpus(60), clock(), &[&Phoenix]).refresh().ranker;
    assert_eq!(status.serving, None);
    let error = status.error.unwrap();
    assert!(error.contains(&counter) && error.contains("the family \"counter\""), "{error}");

    let retrieval = registry.add_and_promote(&saved(ModelKind::Retrieval), None, NOW).unwrap();
    let host = host_of(root, corpus(60), clock(), SERVED);
    let status = host.refresh();
    assert_eq!(status.ranker.serving.as_deref(), Some(&*counter));
    assert_eq!(status.retrieval.error.unwrap(), format!("{retrieval}: counters do not retrieve"));

    // A checkpoint of another kind under a ranker's name: what served serves on.
    let other = registry.add_and_promote(&saved(ModelKind::Ranker), None, NOW).unwrap();
    save(&checkpoint(ModelKind::Retrieval, 1), &root.join("models/ranker/0002"), None).unwrap();
    let status = host.refresh().ranker;
    assert_eq!(status.serving.as_deref(), Some(&*counter));
    assert_eq!(status.error.unwrap(), format!("{other} is a retrieval model, not a ranker model"));
}
