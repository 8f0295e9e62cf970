//! Retrieval over an index that the log fills.

use std::collections::BTreeSet;
use std::sync::Arc;

use event_log::follow::Follows;
use event_log::{EventSink, EventSource, MemoryLog};
use foryou_io::Step;
use foryou_types::seams::{Retrieval, RetrievalRequest, SeamError};
use foryou_types::{Clock, ManualClock, PostId};
use phoenix::post_info;
use phoenix::{Checkpoint, Corpus, ModelKind};
use phoenix_engine::RetrievalModel;
use phoenix_engine::service::{CorpusListener, Fleet, PhoenixRetrieval, ServingConfig, follow_posts};

use crate::support::{
    LONG, MAX_AGE_MS, NOW, checkpoint, clock, corpus, created_at, delete, ids, post, post_event, repost,
    retrieval_request,
};

fn retrieval_of(corpus: Arc<Corpus>, clock: Arc<ManualClock>) -> Arc<PhoenixRetrieval> {
    Arc::new(PhoenixRetrieval::new(corpus, clock, MAX_AGE_MS, &ServingConfig::default()))
}

fn load(retrieval: &PhoenixRetrieval, checkpoint: &Checkpoint) {
    let model = Box::new(RetrievalModel::new(checkpoint).unwrap());
    retrieval.exchange(Some(Fleet::of(retrieval.load("v1", model))));
}

fn indexed(retrieval: &PhoenixRetrieval) -> usize {
    retrieval.models().fleet().unwrap().champion().model().indexed()
}

#[tokio::test]
async fn the_best_come_first_with_their_authors_and_the_versions_name() {
    let retrieval = retrieval_of(corpus(50), clock());
    assert!(matches!(retrieval.retrieve(retrieval_request(1, 5, 3)).await, Err(SeamError::Unavailable(_))));
    load(&retrieval, &checkpoint(ModelKind::Retrieval, 1));
    assert!(retrieval.models().fleet().is_some());
    let all = retrieval.retrieve(retrieval_request(1, 12, 100)).await.unwrap();
    assert_eq!(all.model.as_deref(), Some("v1"));
    assert_eq!(all.posts.len(), 50);
    assert!(all.posts.is_sorted_by(|a, b| a.score >= b.score));
    assert!(all.posts.iter().all(|p| p.author_id.0 == 100 + p.post_id.0 % 7 && p.score.abs() <= 1.001));
    let few = retrieval.retrieve(retrieval_request(1, 12, 7)).await.unwrap();
    assert_eq!(few.posts, all.posts[..7]);
    let other = retrieval.retrieve(retrieval_request(2, 12, 100)).await.unwrap();
    assert_ne!(ids(&other), ids(&all), "another viewer, another order");
    let recent = RetrievalRequest { not_before: created_at(41), ..retrieval_request(1, 12, 100) };
    let recent = retrieval.retrieve(recent).await.unwrap();
    assert_eq!(ids(&recent).into_iter().collect::<BTreeSet<_>>(), (41..=50).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_post_is_found_by_the_very_next_request_and_a_deleted_one_is_not() {
    let log = Arc::new(MemoryLog::new(3));
    log.append((1..=20).map(post).collect()).unwrap();
    let corpus = Arc::new(Corpus::new());
    let retrieval = retrieval_of(Arc::clone(&corpus), clock());
    let ready = Step::new("phoenix corpus", "posts");
    let follower = follow_posts(log.clone(), &corpus, Some(retrieval.clone()), &ready).unwrap();
    assert!(ready.wait_blocking(LONG));
    load(&retrieval, &checkpoint(ModelKind::Retrieval, 3));
    let found = async || {
        let answer = retrieval.retrieve(retrieval_request(1, 9, 1_000)).await.unwrap();
        ids(&answer).into_iter().collect::<BTreeSet<_>>()
    };
    assert_eq!(found().await, (1..=20).collect());
    for id in 21..=60 {
        let end = log.append(vec![post(id)]).unwrap().position;
        assert!(follower.wait_for(&end, LONG));
        assert!(found().await.contains(&id), "post {id}");
        let end = log.append(vec![delete(id - 10), repost(1_000 + id, id)]).unwrap().position;
        assert!(follower.wait_for(&end, LONG));
        let found = found().await;
        assert!(!found.contains(&(id - 10)) && !found.contains(&(1_000 + id)));
    }
    let expected: BTreeSet<u64> = (1..=10).chain(51..=60).collect();
    assert_eq!(found().await, expected);
    // A model that is loaded now finds the same.
    load(&retrieval, &checkpoint(ModelKind::Retrieval, 4));
    assert_eq!(found().await, expected);
    assert_eq!(indexed(&retrieval), expected.len());
}

#[test]
fn an_index_that_is_filled_while_posts_come_and_go_misses_nothing_and_keeps_nothing() {
    let log = Arc::new(MemoryLog::new(2));
    log.append((1..=3_000).map(post).collect()).unwrap();
    let corpus = Arc::new(Corpus::new());
    let retrieval = retrieval_of(Arc::clone(&corpus), clock());
    let ready = Step::new("phoenix corpus", "posts");
    let follower = follow_posts(log.clone(), &corpus, Some(retrieval.clone()), &ready).unwrap();
    assert!(ready.wait_blocking(LONG));
    let checkpoint = checkpoint(ModelKind::Retrieval, 3);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for id in 1..=1_500 {
                log.append(vec![post(10_000 + id), delete(2 * id)]).unwrap();
            }
        });
        for _ in 0..5 {
            load(&retrieval, &checkpoint);
        }
    });
    assert!(follower.wait_for(&log.head().position, LONG));
    let mut expected: Vec<PostId> = Vec::new();
    corpus.for_each(|post, _| expected.push(post));
    assert_eq!((expected.len(), indexed(&retrieval)), (3_000, 3_000));
}

#[test]
fn posts_past_the_age_limit_leave_the_index() {
    let clock = clock();
    let retrieval = retrieval_of(corpus(50), clock.clone());
    load(&retrieval, &checkpoint(ModelKind::Retrieval, 1));
    assert_eq!(indexed(&retrieval), 50);
    clock.set(created_at(31) + MAX_AGE_MS);
    // Any new post brings it about.
    let info = post_info(clock.now(), &post_event(51));
    retrieval.created(PostId(51), &info);
    assert_eq!(indexed(&retrieval), 21);
    clock.set(created_at(41) + MAX_AGE_MS);
    retrieval.drop_expired();
    assert_eq!(indexed(&retrieval), 11);
    retrieval.deleted(PostId(45));
    retrieval.deleted(PostId(45));
    retrieval.created(PostId(1), &post_info(NOW, &post_event(1)));
    assert_eq!(indexed(&retrieval), 11, "one left, one came");
    load(&retrieval, &checkpoint(ModelKind::Retrieval, 2));
    assert_eq!(indexed(&retrieval), 10, "of the corpus, which knows nothing of what was only told to the listener");
}
