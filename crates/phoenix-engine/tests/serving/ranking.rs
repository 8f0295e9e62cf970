//! One ranker: its answers, its cache, its limits.

use std::sync::Arc;

use foryou_types::seams::{Ranking, RankingRequest, RankingResponse, SeamError};
use foryou_types::{ActionMask, PostId, UserActionSequence, UserId};
use phoenix::{Corpus, HistoryAttention, ModelConfig, ModelKind};
use phoenix_engine::service::{Fleet, Loaded, PhoenixRanking, ServingConfig};
use phoenix_engine::{AnyRanker, Ranker};

use crate::support::{action_set, bits, checkpoint, checkpoint_of, corpus, model_config, rank_request, token};

fn ranking_of(corpus: Arc<Corpus>, checkpoint: &phoenix::Checkpoint, config: &ServingConfig) -> PhoenixRanking {
    let ranking = PhoenixRanking::new(corpus, config);
    let model = AnyRanker::new(Ranker::new(checkpoint).unwrap(), config.context_cache_mb);
    ranking.models().exchange(Some(Fleet::of(Arc::new(Loaded::new("v1", model)))));
    ranking
}

fn uncached() -> ServingConfig {
    ServingConfig { context_cache_mb: 0, ..ServingConfig::default() }
}

#[tokio::test]
async fn an_answer_has_one_row_per_candidate_and_the_versions_name() {
    let ranking = ranking_of(corpus(60), &checkpoint(ModelKind::Ranker, 1), &ServingConfig::default());
    let answer = ranking.rank(rank_request(1, 12, 30)).await.unwrap();
    assert_eq!((answer.scores.len(), answer.model.as_deref()), (30, Some("v1")));
    for row in &answer.scores {
        assert_eq!(row.len(), 4);
        assert!(row[..3].iter().all(|p| (0.0..=1.0).contains(p)) && (0.0..=30.0).contains(&row[3]));
    }
    let distinct: std::collections::BTreeSet<_> = bits(&answer).into_iter().collect();
    assert!(distinct.len() > 100, "the scores differ");
    // Nobody known, nothing to rank.
    let nothing = ranking.rank(rank_request(2, 0, 0)).await.unwrap();
    assert_eq!((nothing.scores.len(), nothing.model.as_deref()), (0, Some("v1")));
    assert_eq!(ranking.rank(rank_request(3, 0, 2)).await.unwrap().scores.len(), 2);
}

#[tokio::test]
async fn without_a_model_it_is_unavailable() {
    let ranking = PhoenixRanking::new(corpus(3), &ServingConfig::default());
    assert!(ranking.models().fleet().is_none());
    assert!(matches!(ranking.rank(rank_request(1, 3, 3)).await, Err(SeamError::Unavailable(_))));
}

#[tokio::test]
async fn content_and_age_come_from_the_corpus() {
    let checkpoint = checkpoint(ModelKind::Ranker, 1);
    let full = ranking_of(corpus(60), &checkpoint, &uncached());
    let empty = ranking_of(corpus(0), &checkpoint, &uncached());
    let request = rank_request(1, 0, 5);
    assert_ne!(bits(&full.rank(request.clone()).await.unwrap()), bits(&empty.rank(request.clone()).await.unwrap()));
    // What the request itself says makes up for the corpus, all but the content.
    let mut later = request.clone();
    later.now = request.now + 20 * 3_600_000;
    assert_ne!(bits(&full.rank(request).await.unwrap()), bits(&full.rank(later).await.unwrap()));
}

/// A user's history as it grows: tokens are added, the newest one changes, the window moves.
fn growing() -> Vec<Arc<UserActionSequence>> {
    let mut all = Vec::new();
    for total in 1..60u64 {
        let mut sequence = UserActionSequence { total, tokens: (0..total).map(token).collect() };
        all.push(Arc::new(sequence.clone()));
        let newest = sequence.tokens.last_mut().unwrap();
        newest.actions.insert(2);
        newest.dwell_ms += 500;
        if total % 4 == 0 {
            all.push(Arc::new(sequence));
        }
    }
    all
}

async fn cached_equals_fresh(model: ModelConfig) {
    let checkpoint = checkpoint_of(ModelKind::Ranker, model, action_set(), 5);
    let corpus = corpus(60);
    let cached = ranking_of(Arc::clone(&corpus), &checkpoint, &ServingConfig::default());
    let fresh = ranking_of(Arc::clone(&corpus), &checkpoint, &uncached());
    for (step, history) in growing().into_iter().enumerate() {
        if step == 40 {
            // A post of the history is deleted, and its content with it.
            corpus.remove(history.tokens.last().unwrap().post_id);
        }
        for user in [1, 2] {
            let request = RankingRequest { history: Arc::clone(&history), ..rank_request(user, 0, 7) };
            let expected = fresh.rank(request.clone()).await.unwrap();
            for _ in 0..2 {
                assert_eq!(bits(&cached.rank(request.clone()).await.unwrap()), bits(&expected), "step {step}");
            }
        }
    }
}

#[tokio::test]
async fn cached_and_extended_contexts_answer_as_fresh_ones() {
    cached_equals_fresh(model_config()).await;
    cached_equals_fresh(ModelConfig { history_attention: HistoryAttention::Bidirectional, ..model_config() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_do_not_share_contexts() {
    let ranking = Arc::new(ranking_of(corpus(60), &checkpoint(ModelKind::Ranker, 1), &ServingConfig::default()));
    let fresh = ranking_of(corpus(60), &checkpoint(ModelKind::Ranker, 1), &uncached());
    let mut expected = Vec::new();
    for user in 0..8 {
        let request = RankingRequest { user_id: UserId(1 + user), ..rank_request(1, 10, 5) };
        expected.push(bits(&fresh.rank(request).await.unwrap()));
    }
    assert_ne!(expected[0], expected[1]);
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..400u64 {
        let ranking = Arc::clone(&ranking);
        tasks.spawn(async move {
            let request = RankingRequest { user_id: UserId(1 + i % 8), ..rank_request(1, 10, 5) };
            loop {
                match ranking.rank(request.clone()).await {
                    Err(SeamError::Overloaded(_)) => tokio::task::yield_now().await,
                    answer => return (i % 8, bits(&answer.unwrap())),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        let (user, got) = done.unwrap();
        assert_eq!(got, expected[user as usize]);
    }
}

#[tokio::test]
async fn an_action_that_the_model_does_not_know_is_a_bad_request() {
    let ranking = ranking_of(corpus(60), &checkpoint(ModelKind::Ranker, 1), &ServingConfig::default());
    let mut tokens = vec![token(1)];
    tokens[0].actions = ActionMask::of(4);
    tokens[0].post_id = PostId(77);
    let request =
        RankingRequest { history: Arc::new(UserActionSequence { total: 1, tokens }), ..rank_request(1, 0, 1) };
    let refused = ranking.rank(request).await;
    assert!(matches!(&refused, Err(SeamError::BadRequest(why)) if why.contains("77")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_places_are_refused_and_not_queued() {
    let config = ServingConfig { max_concurrent: 1, max_waiting: 2, ..uncached() };
    let ranking = Arc::new(ranking_of(corpus(60), &checkpoint(ModelKind::Ranker, 1), &config));
    let mut tasks = tokio::task::JoinSet::new();
    for user in 0..64 {
        let ranking = Arc::clone(&ranking);
        tasks.spawn(async move { ranking.rank(rank_request(user, 10, 2_000)).await });
    }
    let (mut served, mut refused) = (0, 0);
    while let Some(answer) = tasks.join_next().await {
        match answer.unwrap() {
            Ok(RankingResponse { scores, .. }) => {
                assert_eq!(scores.len(), 2_000);
                served += 1;
            }
            Err(SeamError::Overloaded(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(served >= 3 && refused > 0, "{served} served, {refused} refused");
    assert!(ranking.rank(rank_request(1, 10, 1)).await.is_ok(), "the places come back");
}
