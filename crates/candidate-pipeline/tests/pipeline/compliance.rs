//! Sound components of every kind comply, and each rule finds a component that breaks it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use candidate_pipeline::compliance::{Case, Subject, assert_component_compliance};
use candidate_pipeline::{Budget, FilterPolicy, Hydrator, Selector, Source, StageError};
use futures::FutureExt;

use crate::fixtures::{
    Act, Complete, Give, Item, Query, afterwards, boom, fill, fill_all, item, keep, ranked, remove_if, score,
    score_each, top,
};

type One = Subject<Query, Item>;

fn case() -> Case<Query, Item> {
    let candidates = vec![item(3, 0.5), item(1, f64::NAN), item(2, 0.75), item(4, 0.5)];
    Case { query: Query::default(), off: None, candidates, id: |item| item.id }
}

async fn broken_rule(subject: One, case: Case<Query, Item>) -> Option<String> {
    let outcome = AssertUnwindSafe(assert_component_compliance(&subject, &case)).catch_unwind().await;
    let message = *outcome.err()?.downcast::<String>().expect("a message");
    Some(message.split('"').nth(1).unwrap_or(&message).to_owned())
}

#[tokio::test(start_paused = true)]
async fn sound_components_of_every_kind_comply() {
    for subject in [
        One::query_hydrator(Complete("viewer", Act::Give(()))),
        One::source(Give("shelf", Act::Give(ranked(1..=3)))),
        One::hydrator(fill_all("author", 1).needs(&["core"])),
        One::filter(remove_if("odd", |item| (item.id % 2 == 1).then_some("odd"))),
        One::filter(remove_if("odd", |item| (item.id % 2 == 1).then_some("odd")).closed()),
        One::filter(remove_if("odd", |_| None).policy_for(|item| match item.id {
            1 => FilterPolicy::FailClosed,
            _ => FilterPolicy::FailOpen,
        })),
        One::scorer(score_each("id", |item| item.id as f64)),
        One::selector(top(3)),
        One::side_effect(afterwards("record", Act::Give(()))),
    ] {
        let name = subject.name();
        assert_eq!(broken_rule(subject, case()).await, None, "{name}");
    }
}

/// Gives these items the first time, and others after it.
struct Changing(AtomicUsize);

#[async_trait]
impl Source<Query, Item> for Changing {
    fn name(&self) -> &'static str {
        "changing"
    }
    async fn get_candidates(&self, _: &Query, _: &Budget) -> Result<Vec<Item>, StageError> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(ranked([1 + n as u64]))
    }
}

/// Gives candidates new ids.
struct Renaming;

#[async_trait]
impl Hydrator<Query, Item> for Renaming {
    type Fields = u64;
    fn name(&self) -> &'static str {
        "renaming"
    }
    async fn hydrate(&self, _: &Query, items: &[Item], _: &Budget) -> Result<Vec<Result<u64, StageError>>, StageError> {
        Ok(items.iter().map(|item| Ok(item.id + 1)).collect())
    }
    fn update(&self, item: &mut Item, id: u64) {
        item.id = id;
    }
}

/// Wants more results than it selects.
struct Greedy;

impl Selector<Query, Item> for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }
    fn score(&self, item: &Item) -> f64 {
        item.score
    }
    fn id(&self, item: &Item) -> u64 {
        item.id
    }
    fn size(&self, _: &Query) -> usize {
        1
    }
    fn result_size(&self, _: &Query) -> usize {
        4
    }
}

#[tokio::test(start_paused = true)]
async fn each_rule_finds_what_breaks_it() {
    for (rule, subject) in [
        ("name", One::source(Give("a shelf", Act::Give(ranked(1..=3))))),
        ("name", One::filter(remove_if("", |_| None))),
        ("work", One::source(Give("shelf", Act::Fail))),
        ("work", One::hydrator(fill("short", |_| Ok(Vec::new())))),
        ("work", One::hydrator(fill("one", |items| Ok(items.iter().map(|_| Err(boom())).collect())))),
        ("work", One::filter(keep("failing", |_, _, _| Err(boom())))),
        ("work", One::scorer(score("short", |_, _| Ok(Vec::new())))),
        ("work", One::side_effect(afterwards("record", Act::Panic))),
        ("candidates", One::source(Give("nothing", Act::Give(Vec::new())))),
        ("candidates", One::source(Give("nameless", Act::Give(ranked(0..=3))))),
        ("candidates", One::hydrator(Renaming)),
        ("candidates", One::selector(Greedy)),
        ("repeat", One::source(Changing(AtomicUsize::new(0)))),
    ] {
        assert_eq!(broken_rule(subject, case()).await.as_deref(), Some(rule));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_switch_off_or_hides_its_client_s_failure_is_found() {
    let off = || Case { off: Some(Query::default()), ..case() };
    assert_eq!(broken_rule(One::hydrator(fill_all("author", 1)), off()).await.as_deref(), Some("off"));

    let down = Arc::new(AtomicBool::new(false));
    let (asked, breaker) = (Arc::clone(&down), Arc::clone(&down));
    let honest = fill("author", move |items| {
        let down = asked.load(Ordering::SeqCst);
        if down { Err(boom()) } else { Ok(items.iter().map(|_| Ok(1)).collect()) }
    });
    let breaking = move || breaker.store(true, Ordering::SeqCst);
    assert_eq!(broken_rule(One::hydrator(honest).broken_by(breaking.clone()), case()).await, None);
    let silent = One::hydrator(fill_all("author", 1)).broken_by(breaking);
    assert_eq!(broken_rule(silent, case()).await.as_deref(), Some("client"));
}
