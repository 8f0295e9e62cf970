//! What the viewer would do with each item.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Scorer, StageError};
use foryou_types::PostId;
use foryou_types::seams::{Ranking, RankingCandidate, RankingRequest, RankingResponse, SeamError};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::clients;
use crate::notes::RankedBy;
use crate::ranked::{FeedQuery, Prediction, Ranked, ScoredBy};

/// At most this much of the scorer's time is kept back for the popularity prior, which reads counts from memory or the
/// embedded store: 2,200 posts take about 5 ms.
const MAX_RESERVE: Duration = Duration::from_millis(50);

/// Asks Phoenix ranking for the probability of every action on every post; of a repost, on the original.
///
/// * A viewer without history (or whose history could not be fetched) gets the popularity prior, and so does everyone where
///   `ranking` is the prior because no model was promoted. The answer says so, and is not degraded.
/// * A ranker that fails, is late, or answers for another number of posts or heads: the popularity prior, flagged.
/// * A post that the ranker could not score (an empty row) gets the prior's heads, and the trace says so ([`Prediction::by`]). One with a head that is not a finite number gets no score and goes to the end. Both are
///   flagged, and neither changes anything for the other posts.
/// * The prior fails too: no heads. The candidates count as unknown posts, and the feed is flagged.
///
/// Each original is asked about once, however many reposts of it there are.
pub struct PhoenixScorer {
    ranking: Arc<dyn Ranking>,
    prior: Arc<dyn Ranking>,
}

/// The heads of one original.
#[derive(Clone, Debug, Default)]
struct Row {
    /// `None` where nothing was predicted, or not all of it is a number.
    heads: Option<Box<[f64]>>,
    by: Option<ScoredBy>,
    unscorable: bool,
}

impl Row {
    fn of(heads: Box<[f64]>, by: ScoredBy) -> Self {
        if heads.is_empty() {
            Self::default()
        } else if heads.iter().all(|head| head.is_finite()) {
            Self { heads: Some(heads), by: Some(by), unscorable: false }
        } else {
            Self { heads: None, by: Some(by), unscorable: true }
        }
    }
}

impl PhoenixScorer {
    /// The component's name.
    pub const NAME: &'static str = "PhoenixScorer";

    /// With a ranker and the popularity prior that stands in for it.
    pub fn new(ranking: Arc<dyn Ranking>, prior: Arc<dyn Ranking>) -> Self {
        Self { ranking, prior }
    }

    /// The ranker's answer within the time that the prior does not need, or why it cannot be used.
    async fn ranked(&self, request: RankingRequest, heads: usize, budget: &Budget) -> Result<RankingResponse, String> {
        let asked = request.candidates.len();
        let time = budget.remaining().map(|left| left.saturating_sub(MAX_RESERVE.min(left / 4)));
        let answer = within(time, self.ranking.rank(request)).await.map_err(|error| error.to_string())?;
        check(&answer, asked, heads)?;
        let is_usable = |row: &[f64]| !row.is_empty() && row.iter().all(|head| head.is_finite());
        if asked > 0 && !answer.scores.iter().any(|row| is_usable(row)) {
            return Err("ranking answered with finite numbers for none of the posts".to_owned());
        }
        Ok(answer)
    }

    /// The prior's heads for some posts.
    async fn prior(
        &self,
        request: RankingRequest,
        heads: usize,
        time: Option<Duration>,
    ) -> Result<Vec<Row>, StageError> {
        let asked = request.candidates.len();
        let answer = within(time, self.prior.rank(request)).await.map_err(clients::failed)?;
        check(&answer, asked, heads).map_err(StageError::Failed)?;
        Ok(answer.scores.into_iter().map(|heads| Row::of(heads, ScoredBy::PopularityPrior)).collect())
    }

    /// Fills the rows that the ranker left empty, and says so. A prior that is late must not cost the rows that there are.
    async fn fill(
        &self,
        query: &impl FeedQuery,
        request: RankingRequest,
        rows: &mut [Row],
        heads: usize,
        budget: &Budget,
    ) {
        let empty: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].by.is_none()).collect();
        if empty.is_empty() {
            return;
        }
        let candidates = empty.iter().map(|&i| request.candidates[i]).collect();
        let not_scored = format!("{} of {} posts: the model gave no score", empty.len(), rows.len());
        let time = budget.remaining().map(|left| left / 2);
        match self.prior(RankingRequest { candidates, ..request }, heads, time).await {
            Ok(filled) => {
                empty.into_iter().zip(filled).for_each(|(i, row)| rows[i] = row);
                query.notes().degrade(Self::NAME, format!("{not_scored}: ranked by the popularity prior"));
            }
            Err(error) => {
                query.notes().degrade(Self::NAME, format!("{not_scored}, nor did the popularity prior: {error}"));
            }
        }
    }
}

#[async_trait]
impl<Q: FeedQuery, C: Ranked> Scorer<Q, C> for PhoenixScorer {
    type Fields = Prediction;

    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn score(&self, query: &Q, candidates: &[C], budget: &Budget) -> Result<Vec<Prediction>, StageError> {
        let heads = query.profile().action_set.len();
        let (originals, places) = originals(query, candidates);
        let request = RankingRequest {
            user_id: query.viewer(),
            history: query.actions().cloned().unwrap_or_default(),
            candidates: originals,
            now: query.now(),
        };

        let ranked = if query.has_actions() {
            match self.ranked(request.clone(), heads, budget).await {
                Ok(answer) => Some(answer),
                Err(reason) => {
                    query.notes().degrade(Self::NAME, format!("{reason}: ranked by the popularity prior"));
                    None
                }
            }
        } else {
            None
        };
        let mut rows = if let Some(answer) = ranked {
            // A ranker without a model version is the prior.
            let by = if answer.model.is_some() { ScoredBy::Model } else { ScoredBy::PopularityPrior };
            query.notes().set_ranked_by(answer.model.map_or(RankedBy::Prior, RankedBy::Model));
            let mut rows: Vec<Row> = answer.scores.into_iter().map(|heads| Row::of(heads, by)).collect();
            self.fill(query, request, &mut rows, heads, budget).await;
            rows
        } else {
            let rows = self.prior(request, heads, None).await?;
            query.notes().set_ranked_by(RankedBy::Prior);
            rows
        };
        let unscorable = rows.iter().filter(|row| row.unscorable).count();
        if unscorable > 0 {
            let of = rows.len();
            query
                .notes()
                .degrade(Self::NAME, format!("{unscorable} of {of} posts: a head is NaN or infinite: put at the end"));
        }

        let request = xxh3_64(query.request_id().as_bytes());
        let at_ms = u64::try_from(query.now().0).unwrap_or(0);
        let mut left = vec![0u32; rows.len()];
        for &i in &places {
            left[i] += 1;
        }
        let mut row_of = |i: usize| {
            left[i] -= 1;
            // Nearly every original has one candidate, which takes the row.
            if left[i] == 0 { std::mem::take(&mut rows[i]) } else { rows[i].clone() }
        };
        let predict = |Row { heads, by, unscorable }| Prediction { heads, by, unscorable, request, at_ms };
        Ok(places.into_iter().map(|i| predict(row_of(i))).collect())
    }

    fn update(&self, candidate: &mut C, prediction: Prediction) {
        candidate.set_prediction(prediction);
    }
}

/// A client's answer, if it comes in time.
async fn within<T>(time: Option<Duration>, answer: impl Future<Output = Result<T, SeamError>>) -> Result<T, SeamError> {
    match time {
        None => answer.await,
        Some(time) => tokio::time::timeout(time, answer).await.unwrap_or(Err(SeamError::DeadlineExceeded)),
    }
}

/// The distinct originals, and per candidate the place of its own.
fn originals(query: &impl FeedQuery, candidates: &[impl Ranked]) -> (Vec<RankingCandidate>, Vec<usize>) {
    let surface = query.surface();
    let mut originals: Vec<RankingCandidate> = Vec::with_capacity(candidates.len());
    let mut known: FxHashMap<PostId, usize> = FxHashMap::default();
    known.reserve(candidates.len());
    let places = candidates
        .iter()
        .map(|candidate| {
            let (post_id, author_id) = (candidate.original_id(), candidate.group_id());
            let created_at = candidate.original_created_at();
            let place = *known.entry(post_id).or_insert_with(|| {
                originals.push(RankingCandidate { post_id, author_id, created_at, surface });
                originals.len() - 1
            });
            // A repost may come first and know less of the original than the original itself.
            let original = &mut originals[place];
            original.created_at = original.created_at.or(created_at);
            if original.author_id.is_none() {
                original.author_id = author_id;
            }
            place
        })
        .collect();
    (originals, places)
}

/// Refuses an answer without a row for every post asked about, or with a row that is neither empty nor has every head.
fn check(answer: &RankingResponse, posts: usize, heads: usize) -> Result<(), String> {
    if answer.scores.len() != posts {
        return Err(format!("ranking answered for {} posts, was asked about {posts}", answer.scores.len()));
    }
    match answer.scores.iter().find(|row| !row.is_empty() && row.len() != heads) {
        Some(row) => Err(format!("ranking answered with {} heads, the action set has {heads}", row.len())),
        None => Ok(()),
    }
}
