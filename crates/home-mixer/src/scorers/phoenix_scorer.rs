//! What the viewer would do with each post.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};
use foryou_types::PostId;
use foryou_types::seams::{Ranking, RankingCandidate, RankingRequest, RankingResponse, SeamError};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::candidate::PostCandidate;
use crate::clients;
use crate::notes::RankedBy;
use crate::query::ScoredPostsQuery;

/// At most this much of the scorer's time is kept back for the popularity prior, which reads counts from memory or the
/// embedded store: 2,200 posts take about 5 ms.
const MAX_RESERVE: Duration = Duration::from_millis(50);

/// Asks Phoenix ranking for the probability of every action on every post; of a repost, on the original.
///
/// * A viewer without history (or whose history could not be fetched) gets the popularity prior, and so does everyone where
///   `ranking` is the prior because no model was promoted. The answer says so, and is not degraded.
/// * A ranker that fails, is late, answers for another number of posts or heads, or answers with something that is no number:
///   the popularity prior, flagged.
/// * The prior fails too: no heads. The candidates keep the score of nothing known, and the feed is flagged.
///
/// Each original is asked about once, however many reposts of it there are.
pub struct PhoenixScorer {
    ranking: Arc<dyn Ranking>,
    prior: Arc<dyn Ranking>,
}

/// What is predicted for one candidate.
#[derive(Clone, Debug)]
pub struct Prediction {
    heads: Box<[f64]>,
    request: u64,
    at_ms: u64,
}

impl PhoenixScorer {
    /// The component's name.
    pub const NAME: &'static str = "PhoenixScorer";

    /// With a ranker and the popularity prior that stands in for it.
    pub fn new(ranking: Arc<dyn Ranking>, prior: Arc<dyn Ranking>) -> Self {
        Self { ranking, prior }
    }

    /// The ranker's answer in the time the prior does not need, or why there is none.
    async fn ranked(&self, request: RankingRequest, heads: usize, budget: &Budget) -> Result<RankingResponse, String> {
        let asked = request.candidates.len();
        let answer = match budget.remaining() {
            None => self.ranking.rank(request).await,
            Some(left) => {
                let time = left.saturating_sub(MAX_RESERVE.min(left / 4));
                tokio::time::timeout(time, self.ranking.rank(request)).await.unwrap_or(Err(SeamError::DeadlineExceeded))
            }
        };
        let answer = answer.map_err(|error| error.to_string())?;
        check(&answer, asked, heads)?;
        Ok(answer)
    }
}

#[async_trait]
impl Scorer<ScoredPostsQuery, PostCandidate> for PhoenixScorer {
    type Fields = Prediction;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn score(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        budget: &Budget,
    ) -> Result<Vec<Prediction>, StageError> {
        let heads = query.profile.action_set.len();
        let (originals, places) = originals(query, candidates);
        let asked = originals.len();
        let request = RankingRequest {
            user_id: query.user_id,
            history: query.user_action_sequence.clone().unwrap_or_default(),
            candidates: originals,
            now: query.now,
        };

        let ranked = if query.has_history() {
            match self.ranked(request.clone(), heads, budget).await {
                Ok(answer) => Some(answer),
                Err(reason) => {
                    query.notes.degrade(Self::NAME, format!("{reason}: ranked by the popularity prior"));
                    None
                }
            }
        } else {
            None
        };
        let answer = if let Some(answer) = ranked {
            answer
        } else {
            let answer = self.prior.rank(request).await.map_err(clients::failed)?;
            check(&answer, asked, heads).map_err(StageError::Failed)?;
            RankingResponse { model: None, ..answer }
        };
        query.notes.set_ranked_by(answer.model.map_or(RankedBy::Prior, RankedBy::Model));

        let request = xxh3_64(query.request_id.as_bytes());
        let at_ms = u64::try_from(query.now.0).unwrap_or(0);
        Ok(places.into_iter().map(|i| Prediction { heads: answer.scores[i].clone(), request, at_ms }).collect())
    }

    fn update(&self, candidate: &mut PostCandidate, prediction: Prediction) {
        candidate.heads = Some(prediction.heads);
        candidate.prediction_request_id = Some(prediction.request);
        candidate.last_scored_at_ms = Some(prediction.at_ms);
    }
}

/// The distinct originals, and per candidate the place of its own.
fn originals(query: &ScoredPostsQuery, candidates: &[PostCandidate]) -> (Vec<RankingCandidate>, Vec<usize>) {
    let mut originals: Vec<RankingCandidate> = Vec::with_capacity(candidates.len());
    let mut known: FxHashMap<PostId, usize> = FxHashMap::default();
    let places = candidates
        .iter()
        .map(|candidate| {
            let post_id = candidate.original_id();
            let created_at = if candidate.retweeted_tweet_id.is_some() {
                candidate.core.as_ref().and_then(|core| core.reposted_created_at)
            } else {
                candidate.created_at
            };
            let place = *known.entry(post_id).or_insert_with(|| {
                let author_id = candidate.original_author();
                originals.push(RankingCandidate { post_id, author_id, created_at, surface: query.surface });
                originals.len() - 1
            });
            // A repost may come first and know less of the original than the original itself.
            let original = &mut originals[place];
            original.created_at = original.created_at.or(created_at);
            if original.author_id.is_none() {
                original.author_id = candidate.original_author();
            }
            place
        })
        .collect();
    (originals, places)
}

/// An answer is used only if it has a finite number for every head of every post asked about.
fn check(answer: &RankingResponse, posts: usize, heads: usize) -> Result<(), String> {
    if answer.scores.len() != posts {
        return Err(format!("ranking answered for {} posts, was asked about {posts}", answer.scores.len()));
    }
    for scores in &answer.scores {
        if scores.len() != heads {
            return Err(format!("ranking answered with {} heads, the action set has {heads}", scores.len()));
        }
        if !scores.iter().all(|p| p.is_finite()) {
            return Err("ranking answered with something that is no number".to_owned());
        }
    }
    Ok(())
}
