//! Tiny models, posts and requests in few words.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event_log::{Event, EventBody, Origin, PostEvent};
use foryou_types::seams::{
    Ranking, RankingCandidate, RankingRequest, RankingResponse, Retrieval, RetrievalRequest, RetrievalResponse,
    Retrieved, SeamError,
};
use foryou_types::{
    ActionDef, ActionKind, ActionMask, ActionSet, ActionToken, Clock, ManualClock, PostId, Surface, TimeMs,
    UserActionSequence, UserId,
};
use model_registry::Registry;
use phoenix::post_info;
use phoenix::{Checkpoint, CheckpointConfig, Corpus, HashTables, IdCounts, ModelConfig, ModelKind, Phoenix, TableInit};
use phoenix_engine::ServedFamilies;
use phoenix_engine::service::{HostParts, ModelHost, ServingConfig};

/// The moment the tests take place.
pub(crate) const NOW: TimeMs = TimeMs(1_700_000_000_000);
/// The age limit of the tests.
pub(crate) const MAX_AGE_MS: i64 = 48 * 3_600_000;
/// More than any wait takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// Three discrete actions and dwell.
pub(crate) fn action_set() -> ActionSet {
    let mut set = ActionSet::discrete(1, &[("like", 1.0), ("reply", 2.0), ("hide", -5.0)]);
    set.actions.push(ActionDef { name: "dwell_time".to_owned(), weight: 0.1, kind: ActionKind::Continuous });
    set
}

pub(crate) fn model_config() -> ModelConfig {
    ModelConfig {
        emb_size: 16,
        num_layers: 2,
        num_q_heads: 2,
        num_kv_heads: 1,
        key_size: 8,
        widening_factor: 2.0,
        history_seq_len: 8,
        num_actions: 4,
        ..ModelConfig::default()
    }
}

/// A random model, fixed by its seed.
pub(crate) fn checkpoint_of(kind: ModelKind, model: ModelConfig, action_set: ActionSet, seed: u64) -> Checkpoint {
    let ids = IdCounts { users: 20, posts: 100, authors: 20, words: 100 };
    let config = CheckpointConfig {
        kind,
        hashes: HashTables::draw(&model, ids, seed),
        model,
        action_set,
        seed,
        trained_until: None,
        metrics: std::collections::BTreeMap::default(),
    };
    Checkpoint::initial(config, TableInit { user: 0.5, post: 0.5, author: 0.5, text: 0.5 })
}

pub(crate) fn checkpoint(kind: ModelKind, seed: u64) -> Checkpoint {
    checkpoint_of(kind, model_config(), action_set(), seed)
}

/// Registers a checkpoint and gives its version's name.
pub(crate) fn register(root: &Path, checkpoint: &Checkpoint) -> String {
    registry(root).add(checkpoint, None, NOW).unwrap()
}

pub(crate) fn registry(root: &Path) -> Registry {
    Registry::open(&root.join("models"), &[&Phoenix]).unwrap()
}

pub(crate) fn event(at: TimeMs, body: EventBody) -> Event {
    Event { at, id: None, origin: Origin::Import, body }
}

pub(crate) fn post_event(id: u64) -> PostEvent {
    PostEvent {
        post_id: PostId(id),
        author_id: UserId(100 + id % 7),
        text: Some(format!("word{} and word{}", id % 5, id % 11)),
        ..PostEvent::default()
    }
}

/// The creation of a post, older the smaller its number.
pub(crate) fn post(id: u64) -> Event {
    event(created_at(id), EventBody::Post(Box::new(post_event(id))))
}

pub(crate) fn created_at(id: u64) -> TimeMs {
    NOW - 3_600_000 + id as i64
}

pub(crate) fn repost(id: u64, of: u64) -> Event {
    let post = PostEvent { source_post_id: PostId(of), source_user_id: UserId(9), ..post_event(id) };
    event(created_at(id), EventBody::Post(Box::new(post)))
}

pub(crate) fn delete(id: u64) -> Event {
    event(NOW, EventBody::Delete { post_id: PostId(id) })
}

/// A corpus of posts `1 ..= n`.
pub(crate) fn corpus(n: u64) -> Arc<Corpus> {
    let corpus = Corpus::new();
    for id in 1..=n {
        corpus.insert(PostId(id), post_info(created_at(id), &post_event(id)));
    }
    Arc::new(corpus)
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(NOW))
}

/// A token that depends on its number only; every third is a mere look.
pub(crate) fn token(i: u64) -> ActionToken {
    ActionToken {
        post_id: PostId(1 + i * 7 % 40),
        author_id: UserId(100 + (1 + i * 7 % 40) % 7),
        actions: if i.is_multiple_of(3) { ActionMask::default() } else { ActionMask::of((i % 3) as u8) },
        dwell_ms: (i * 977 % 40_000) as u32,
        surface: Surface::Home,
        at: NOW - 1_000_000 + i as i64,
    }
}

/// The newest tokens of a user who has `n`.
pub(crate) fn history(n: u64) -> Arc<UserActionSequence> {
    Arc::new(UserActionSequence { total: n, tokens: (0..n).map(token).collect() })
}

/// A request of `user` with `n` tokens for `candidates` posts.
pub(crate) fn rank_request(user: u64, n: u64, candidates: u64) -> RankingRequest {
    let candidate = |i: u64| RankingCandidate {
        post_id: PostId(1 + (user * 13 + i) % 60),
        author_id: UserId(0),
        created_at: None,
        surface: Surface::Home,
    };
    RankingRequest {
        user_id: UserId(user),
        history: history(n),
        candidates: (0..candidates).map(candidate).collect(),
        now: NOW,
    }
}

pub(crate) fn retrieval_request(user: u64, n: u64, max_results: usize) -> RetrievalRequest {
    RetrievalRequest {
        user_id: UserId(user),
        history: history(n),
        max_results,
        not_before: NOW - MAX_AGE_MS,
        exclude_post_ids: Vec::new(),
        now: NOW,
    }
}

/// The bits of an answer.
pub(crate) fn bits(answer: &RankingResponse) -> Vec<u64> {
    answer.scores.iter().flatten().map(|score| score.to_bits()).collect()
}

/// The posts of an answer.
pub(crate) fn ids(answer: &RetrievalResponse) -> Vec<u64> {
    answer.posts.iter().map(|post| post.post_id.0).collect()
}

/// Says a half of everything.
pub(crate) struct Prior;

#[async_trait]
impl Ranking for Prior {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        let scores = request.candidates.iter().map(|_| vec![0.5; action_set().len()].into()).collect();
        Ok(RankingResponse { scores, model: Some("hidden".into()) })
    }
}

/// Finds post 1, always.
pub(crate) struct Popular;

#[async_trait]
impl Retrieval for Popular {
    async fn retrieve(&self, _: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        let post = Retrieved { post_id: PostId(1), author_id: UserId(101), score: 1.0 };
        Ok(RetrievalResponse { posts: vec![post], model: None })
    }
}

/// A host over the registry below `root`.
pub(crate) fn host(root: &Path, corpus: Arc<Corpus>, clock: Arc<dyn Clock>) -> Arc<ModelHost> {
    host_of(root, corpus, clock, &[&Phoenix])
}

/// As [`host`], for some families.
pub(crate) fn host_of(
    root: &Path,
    corpus: Arc<Corpus>,
    clock: Arc<dyn Clock>,
    families: ServedFamilies,
) -> Arc<ModelHost> {
    let parts = HostParts {
        registry: registry(root),
        families,
        corpus,
        action_set: action_set(),
        max_post_age_ms: MAX_AGE_MS,
        clock,
        prior: Arc::new(Prior),
        popular: Arc::new(Popular),
    };
    let config = ServingConfig { max_waiting: 10_000, registry_poll_ms: 10, ..ServingConfig::default() };
    Arc::new(ModelHost::new(parts, &config))
}
