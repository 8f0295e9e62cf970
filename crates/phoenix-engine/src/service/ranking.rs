//! Ranking by a trained model.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use foryou_types::seams::{Ranking, RankingRequest, RankingResponse, SeamError};
use foryou_types::{ActionSet, UserId};
use phoenix::{Checkpoint, Corpus, ModelKind};

use super::admission::Admission;
use super::config::ServingConfig;
use super::context_cache::ContextCache;
use super::fleet::{Fleet, Versioned};
use super::inputs::{candidate_item, history_items};
use super::load_error::{LoadError, check};
use crate::Ranker;

/// A ranker that can serve: its version's name and the contexts of its users.
pub struct LoadedRanker {
    version: Arc<str>,
    ranker: Ranker,
    contexts: ContextCache,
}

impl LoadedRanker {
    /// The version's name, as answers carry it.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    fn rank(&self, request: &RankingRequest, corpus: &Corpus) -> Result<RankingResponse, SeamError> {
        let config = &self.ranker.config().model;
        let history = history_items(&request.history, config, corpus)?;
        let context = self.contexts.context(&self.ranker, request.user_id, &history);
        let items: Vec<_> =
            request.candidates.iter().map(|candidate| candidate_item(candidate, corpus, request.now)).collect();
        let mut logits = Vec::new();
        self.ranker.score(&context, &items, &mut logits);
        let scores: Vec<Box<[f64]>> =
            logits.chunks_exact(config.num_actions).map(|logits| self.ranker.heads(logits)).collect();
        Ok(RankingResponse { scores, model: Some(Arc::clone(&self.version)) })
    }
}

impl Versioned for LoadedRanker {
    fn version(&self) -> &Arc<str> {
        &self.version
    }
}

/// [`Ranking`] by the models that [`Self::serve`] was given; without one it is unavailable.
///
/// A request takes its user's model once, is computed on a blocking thread, and is refused where too many wait already.
pub struct PhoenixRanking {
    corpus: Arc<Corpus>,
    action_set: ActionSet,
    context_cache_mb: u64,
    serving: ArcSwapOption<Fleet<LoadedRanker>>,
    admission: Admission,
}

impl PhoenixRanking {
    /// Without a model, over the posts of a corpus. The action set is the data's: the order of every answer.
    pub fn new(corpus: Arc<Corpus>, action_set: ActionSet, config: &ServingConfig) -> Self {
        Self {
            corpus,
            action_set,
            context_cache_mb: config.context_cache_mb,
            serving: ArcSwapOption::empty(),
            admission: Admission::new(config),
        }
    }

    /// Makes a checkpoint ready to serve; [`Self::serve`] lets it. It is refused unless it is a ranker for the data's actions.
    pub fn load(&self, version: &str, checkpoint: Checkpoint) -> Result<Arc<LoadedRanker>, LoadError> {
        check(version, &checkpoint, ModelKind::Ranker, &self.action_set)?;
        let ranker = Ranker::from_owned(checkpoint).map_err(LoadError::engine(version))?;
        let contexts = ContextCache::new(&ranker.config().model, self.context_cache_mb);
        Ok(Arc::new(LoadedRanker { version: version.into(), ranker, contexts }))
    }

    /// Lets models serve from the next request on; requests that began before continue with theirs. The cached contexts go with
    /// the models.
    pub fn serve(&self, fleet: Option<Fleet<LoadedRanker>>) {
        self.serving.store(fleet.map(Arc::new));
    }

    /// The models that serve now.
    pub fn serving(&self) -> Option<Arc<Fleet<LoadedRanker>>> {
        self.serving.load_full()
    }

    /// Whether a model serves.
    pub fn is_loaded(&self) -> bool {
        self.serving.load().is_some()
    }

    pub(super) fn model_of(&self, user: UserId) -> Option<Arc<LoadedRanker>> {
        self.serving.load().as_ref().map(|fleet| Arc::clone(fleet.model_of(user)))
    }

    /// The answer of one model.
    pub(super) async fn rank_by(
        &self,
        model: Arc<LoadedRanker>,
        request: RankingRequest,
    ) -> Result<RankingResponse, SeamError> {
        let start = Instant::now();
        let candidates = request.candidates.len() as u64;
        let corpus = Arc::clone(&self.corpus);
        let answer = self.admission.run("ranking", move || model.rank(&request, &corpus)).await;
        metrics::counter!("phoenix_ranking_requests_total", "outcome" => outcome(&answer)).increment(1);
        metrics::counter!("phoenix_ranking_candidates_total").increment(candidates);
        metrics::histogram!("phoenix_ranking_seconds").record(start.elapsed().as_secs_f64());
        answer
    }
}

#[async_trait]
impl Ranking for PhoenixRanking {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        match self.model_of(request.user_id) {
            Some(model) => self.rank_by(model, request).await,
            None => Err(SeamError::Unavailable("no ranking model is loaded".to_owned())),
        }
    }
}

/// The outcome of a request, as metrics call it.
pub(super) fn outcome<T>(answer: &Result<T, SeamError>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(SeamError::BadRequest(_)) => "bad_request",
        Err(SeamError::Overloaded(_)) => "overloaded",
        Err(SeamError::Unavailable(_)) => "unavailable",
        Err(SeamError::DeadlineExceeded) => "deadline_exceeded",
        Err(SeamError::Internal(_)) => "internal",
    }
}
