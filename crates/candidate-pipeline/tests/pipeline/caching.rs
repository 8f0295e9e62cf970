//! Cached hydrators fetch misses only and keep successes only.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use candidate_pipeline::{Budget, CachedHydrator, ExecuteOptions, Hydrator, StageError};
use foryou_io::{ManualMonotonic, MonotonicClock};

use crate::fixtures::{Act, Fill, Item, Query, boom, degraded, fill, fill_all, item, ranked, top, with_items};

type Asked = Arc<Mutex<Vec<Vec<u64>>>>;

/// Fills with ten times the id, fails on 13, and writes down what it was asked.
fn recorded() -> (Fill, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let inner = fill("author", move |items| {
        log.lock().expect("unpoisoned").push(items.iter().map(|item| item.id).collect());
        Ok(items.iter().map(|item| if item.id == 13 { Err(boom()) } else { Ok(item.id as i64 * 10) }).collect())
    });
    (inner, asked)
}

const MINUTE: Duration = Duration::from_mins(1);

fn by_id(item: &Item) -> Option<u64> {
    (item.id != 99).then_some(item.id)
}

async fn hydrate(cached: &impl Hydrator<Query, Item, Fields = i64>, ids: &[u64]) -> Vec<Result<i64, StageError>> {
    let items: Vec<_> = ids.iter().map(|id| item(*id, 0.0)).collect();
    cached.hydrate(&Query::default(), &items, &Budget::UNLIMITED).await.expect("answers")
}

#[tokio::test]
async fn misses_only_once_per_key_and_successes_only() {
    let (inner, asked) = recorded();
    let clock = Arc::new(ManualMonotonic::new());
    let cached = CachedHydrator::new(inner, by_id, 100, MINUTE, clock);
    let counters = cached.counters();
    assert_eq!(hydrate(&cached, &[1, 13, 1, 2]).await, [Ok(10), Err(boom()), Ok(10), Ok(20)]);
    assert_eq!(hydrate(&cached, &[2, 13, 3]).await, [Ok(20), Err(boom()), Ok(30)]);
    assert_eq!(hydrate(&cached, &[1, 2, 3]).await, [Ok(10), Ok(20), Ok(30)]);
    assert_eq!(*asked.lock().expect("unpoisoned"), [vec![1, 13, 2], vec![13, 3]], "nothing was left to ask");
    assert_eq!((counters.hits(), counters.misses(), cached.len()), (4, 6, 3));
}

#[tokio::test]
async fn a_candidate_without_a_key_is_fetched_every_time() {
    let (inner, asked) = recorded();
    let cached = CachedHydrator::new(inner, by_id, 100, MINUTE, Arc::new(ManualMonotonic::new()));
    hydrate(&cached, &[99, 99]).await;
    assert_eq!(*asked.lock().expect("unpoisoned"), [vec![99, 99]]);
    assert!(cached.is_empty());
}

#[tokio::test]
async fn an_entry_lives_for_its_time_to_the_nanosecond() {
    let (inner, asked) = recorded();
    let clock = Arc::new(ManualMonotonic::new());
    let cached = CachedHydrator::new(inner, by_id, 100, MINUTE, Arc::clone(&clock) as Arc<dyn MonotonicClock>);
    hydrate(&cached, &[1]).await;
    clock.advance(Duration::new(59, 999_999_999));
    hydrate(&cached, &[1]).await;
    assert_eq!(asked.lock().expect("unpoisoned").len(), 1);
    clock.advance(Duration::from_nanos(1));
    hydrate(&cached, &[1]).await;
    assert_eq!(asked.lock().expect("unpoisoned").len(), 2);
    hydrate(&cached, &[1]).await;
    assert_eq!(asked.lock().expect("unpoisoned").len(), 2, "fetched again, it lives again");
}

#[tokio::test]
async fn the_size_is_bounded() {
    let (inner, _) = recorded();
    let cached = CachedHydrator::new(inner, by_id, 50, MINUTE, Arc::new(ManualMonotonic::new()));
    for from in (0..2_000).step_by(100) {
        hydrate(&cached, &(from..from + 90).filter(|id| *id != 13 && *id != 99).collect::<Vec<_>>()).await;
        assert!(cached.len() <= 50, "{}", cached.len());
    }
    assert!(!cached.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_cached_is_given_when_the_rest_fails_or_is_late() {
    for (act, error) in
        [(Act::Never, StageError::DeadlineExceeded), (Act::Panic, StageError::Panicked("act".to_owned()))]
    {
        let switch = Arc::new(Mutex::new(Act::Give(())));
        let inner = Switched { inner: fill_all("author", 7), act: Arc::clone(&switch) };
        let cached = CachedHydrator::new(inner, by_id, 100, MINUTE, Arc::new(ManualMonotonic::new()));
        hydrate(&cached, &[1]).await;
        *switch.lock().expect("unpoisoned") = act;
        assert_eq!(hydrate(&cached, &[1, 1]).await, [Ok(7), Ok(7)], "all cached: it is not even asked");

        let pipeline = with_items(ranked([1, 2]), top(2)).hydrator(cached).build().expect("valid");
        let answer = pipeline.execute(Query::default(), ExecuteOptions::default().within(MINUTE)).await;
        let fields: Vec<_> = answer.selected.iter().map(|item| item.field("author")).collect();
        assert_eq!(fields, [Some(7), None]);
        assert_eq!(degraded(&answer), [("author", format!("1 of 2 candidates: {error}").as_str())]);
    }
}

/// A hydrator whose behaviour can be changed while it is in a pipeline.
struct Switched {
    inner: Fill,
    act: Arc<Mutex<Act<()>>>,
}

#[async_trait::async_trait]
impl Hydrator<Query, Item> for Switched {
    type Fields = i64;
    fn name(&self) -> &'static str {
        self.inner.name
    }
    async fn hydrate(
        &self,
        query: &Query,
        items: &[Item],
        budget: &Budget,
    ) -> Result<Vec<Result<i64, StageError>>, StageError> {
        let act = self.act.lock().expect("unpoisoned").clone();
        act.play().await?;
        self.inner.hydrate(query, items, budget).await
    }
    fn update(&self, item: &mut Item, value: i64) {
        self.inner.update(item, value);
    }
}

#[tokio::test]
async fn a_wrong_length_is_not_cached() {
    let inner = fill("author", |_| Ok(vec![Ok(1)]));
    let cached = CachedHydrator::new(inner, by_id, 100, MINUTE, Arc::new(ManualMonotonic::new()));
    let items = [item(1, 0.0), item(2, 0.0)];
    let answer = cached.hydrate(&Query::default(), &items, &Budget::UNLIMITED).await;
    assert_eq!(answer, Err(StageError::WrongLength { expected: 2, got: 1 }));
    assert!(cached.is_empty());
}
