//! Ranking by trained models.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use foryou_io::Admission;
use foryou_types::seams::{Ranking, RankingRequest, RankingResponse, SeamError};
use phoenix::Corpus;

use super::admission;
use super::config::ServingConfig;
use super::fleet::{Loaded, Serving};
use super::inputs::{candidate_item, history_items};
use crate::served::AnyRanker;

/// The heads of every candidate of a request.
fn heads(ranker: &AnyRanker, request: &RankingRequest, corpus: &Corpus) -> Result<Vec<Box<[f64]>>, SeamError> {
    let history = history_items(&request.history, ranker.history_len(), ranker.action_set().len(), corpus)?;
    let item = |candidate| candidate_item(candidate, corpus, request.now);
    let items: Vec<_> = request.candidates.iter().map(item).collect();
    Ok(ranker.heads(request.user_id, &history, &items))
}

/// [`Ranking`] by the models that [`Self::models`] was given; without one it is unavailable.
///
/// A request takes its user's model once, is computed on a blocking thread, and is refused where too many wait already. The cached
/// contexts go with the models.
pub struct PhoenixRanking {
    corpus: Arc<Corpus>,
    models: Serving<AnyRanker>,
    admission: Admission,
}

impl PhoenixRanking {
    /// Without a model, over the posts of a corpus.
    pub fn new(corpus: Arc<Corpus>, config: &ServingConfig) -> Self {
        Self { corpus, models: Serving::default(), admission: admission::places(config) }
    }

    /// The models that serve.
    pub fn models(&self) -> &Serving<AnyRanker> {
        &self.models
    }

    /// The answer of one model.
    pub(super) async fn rank_by(
        &self,
        model: Arc<Loaded<AnyRanker>>,
        request: RankingRequest,
    ) -> Result<RankingResponse, SeamError> {
        let start = Instant::now();
        let candidates = request.candidates.len() as u64;
        let corpus = Arc::clone(&self.corpus);
        let work = move || {
            let scores = heads(model.model(), &request, &corpus)?;
            Ok(RankingResponse { scores, model: Some(Arc::clone(model.version())) })
        };
        let answer = admission::run(&self.admission, "ranking", work).await;
        metrics::counter!("phoenix_ranking_requests_total", "outcome" => outcome(&answer)).increment(1);
        metrics::counter!("phoenix_ranking_candidates_total").increment(candidates);
        metrics::histogram!("phoenix_ranking_seconds").record(start.elapsed().as_secs_f64());
        answer
    }
}

#[async_trait]
impl Ranking for PhoenixRanking {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        match self.models.model_of(request.user_id) {
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
