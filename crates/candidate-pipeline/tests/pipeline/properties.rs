//! Whatever the components do, no candidate is lost, doubled or moved out of place.

use std::collections::BTreeMap;

use candidate_pipeline::{ExecuteOptions, Execution, Pipeline, StageError};
use proptest::prelude::*;

use crate::fixtures::{Act, Give, Item, Keep, Query, Top, boom, fill, item, keep, remove_if, score, top, with_items};

/// What a component of a random pipeline does. Arguments choose the candidates concerned, by id.
#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Works(u64),
    FailsOn(u64),
    Fails,
    WrongLength,
    Panics,
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        4 => (2..7_u64).prop_map(Behaviour::Works),
        1 => (2..7_u64).prop_map(Behaviour::FailsOn),
        1 => Just(Behaviour::Fails),
        1 => Just(Behaviour::WrongLength),
        1 => Just(Behaviour::Panics),
    ]
}

/// Scores with ties, infinities and NaN.
fn items() -> impl Strategy<Value = Vec<Item>> {
    let score = prop_oneof![
        8 => (-3..4_i32).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::NEG_INFINITY),
    ];
    prop::collection::vec((0..20_u64, score).prop_map(|(id, score)| item(id, score)), 0..40)
}

fn filter(name: &'static str, behaviour: Behaviour, closed: bool) -> Keep {
    let filter = match behaviour {
        Behaviour::Works(n) => remove_if(name, move |item| item.id.is_multiple_of(n).then_some("multiple")),
        Behaviour::FailsOn(n) => keep(name, move |items, mask, _| {
            for i in (0..items.len()).step_by(n as usize) {
                mask.remove(i);
            }
            Err(StageError::DeadlineExceeded)
        }),
        Behaviour::Fails => keep(name, |_, _, _| Err(boom())),
        Behaviour::WrongLength => keep(name, |_, mask, _| {
            *mask = candidate_pipeline::KeepMask::all(1);
            Ok(())
        }),
        Behaviour::Panics => keep(name, |_, _, _| panic!("filter")),
    };
    if closed { filter.closed() } else { filter }
}

fn hydrator(name: &'static str, behaviour: Behaviour) -> crate::fixtures::Fill {
    fill(name, move |items| match behaviour {
        Behaviour::Works(n) => Ok(vec![Ok(n as i64); items.len()]),
        Behaviour::FailsOn(n) => {
            Ok(items.iter().map(|item| if item.id.is_multiple_of(n) { Err(boom()) } else { Ok(i64::MIN) }).collect())
        }
        Behaviour::Fails => Err(boom()),
        Behaviour::WrongLength => Ok(Vec::new()),
        Behaviour::Panics => panic!("hydrator"),
    })
}

fn scorer(name: &'static str, behaviour: Behaviour) -> crate::fixtures::ScoreWith {
    score(name, move |items, _| match behaviour {
        Behaviour::Works(n) => Ok(items.iter().map(|item| item.score * n as f64).collect()),
        Behaviour::FailsOn(n) => {
            Ok(items.iter().map(|item| if item.id.is_multiple_of(n) { f64::INFINITY } else { item.score }).collect())
        }
        Behaviour::Fails => Err(boom()),
        Behaviour::WrongLength => Ok(vec![0.0; items.len() + 1]),
        Behaviour::Panics => panic!("scorer"),
    })
}

#[derive(Clone, Debug)]
struct Plan {
    first: Vec<Item>,
    second: Vec<Item>,
    parts: [Behaviour; 6],
    closed: [bool; 2],
    size: usize,
    result: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    let parts = prop::array::uniform6(behaviour());
    (items(), items(), parts, any::<[bool; 2]>(), 0..15_usize, 0..15_usize)
        .prop_map(|(first, second, parts, closed, size, result)| Plan { first, second, parts, closed, size, result })
}

fn execute(plan: &Plan, options: ExecuteOptions) -> Execution<Query, Item> {
    let [h, f, s, t, ph, pf] = plan.parts;
    let pipeline = Pipeline::builder("random")
        .source(Give("first", Act::Give(plan.first.clone())))
        .source(Give("second", Act::Give(plan.second.clone())))
        .hydrator(hydrator("h", h))
        .filter(filter("f", f, plan.closed[0]))
        .scorer(scorer("s", s))
        .scorer(scorer("t", t))
        .selector(Top { size: plan.size, result: plan.result })
        .post_selection_hydrator(hydrator("ph", ph))
        .post_selection_filter(filter("pf", pf, plan.closed[1]))
        .build()
        .expect("valid");
    futures::executor::block_on(pipeline.execute(Query::default(), options))
}

fn counted<'a>(items: impl IntoIterator<Item = &'a Item>) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item.id).or_default() += 1;
    }
    counts
}

/// Candidates in the order in which the selector must have put them.
fn in_order(items: &[Item]) -> bool {
    let key = |item: &Item| if item.score.is_finite() { (0, -item.score) } else { (1, 0.0) };
    items.windows(2).all(|pair| {
        let (a, b) = (key(&pair[0]), key(&pair[1]));
        a < b || (a == b && pair[0].id <= pair[1].id)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn each_candidate_ends_in_exactly_one_place(plan in plan()) {
        let answer = execute(&plan, ExecuteOptions::EXPLAIN);
        let removed = answer.removed.iter().flat_map(|r| &r.candidates);
        let ended = counted(answer.selected.iter().chain(answer.non_selected.iter()).chain(removed));
        prop_assert_eq!(ended, counted(plan.first.iter().chain(&plan.second)));
        prop_assert!(answer.removed.iter().all(|r| r.count == r.candidates.len()));

        prop_assert!(in_order(&answer.selected), "{:?}", answer.selected);
        prop_assert!(in_order(&answer.non_selected), "{:?}", answer.non_selected);
        prop_assert!(answer.selected.len() <= plan.result);
        let full = answer.selected.len() == plan.result;
        let exhausted = answer.sizes.post_selection_tried == answer.sizes.filters;
        prop_assert!(full || exhausted, "short although candidates were left");

        let trace = answer.trace.as_ref().expect("explained");
        let ranked: Vec<u64> = trace.selected().iter().map(|c| c.id).collect();
        prop_assert_eq!(ranked, answer.selected.iter().map(|item| item.id).collect::<Vec<_>>());
        let removals = trace.candidates.iter().filter(|c| c.removed.is_some()).count();
        prop_assert_eq!(removals, answer.removed.iter().map(|r| r.count).sum::<usize>());
        prop_assert!(trace.candidates.iter().all(|c| c.rank.is_none() || c.removed.is_none()));
    }

    #[test]
    fn the_same_request_gives_the_same_feed_traced_or_not(plan in plan()) {
        let (plain, explained) = (execute(&plan, ExecuteOptions::default()), execute(&plan, ExecuteOptions::EXPLAIN));
        // NaN is not equal to itself; its printed form is.
        prop_assert_eq!(format!("{:?}", plain.selected), format!("{:?}", explained.selected));
        prop_assert_eq!(format!("{:?}", plain.non_selected), format!("{:?}", explained.non_selected));
        prop_assert_eq!(plain.degraded, explained.degraded);
        prop_assert_eq!(plain.non_finite_scores, explained.non_finite_scores);
    }

    #[test]
    fn selection_is_a_stable_sort(items in items()) {
        let all = items.len();
        let pipeline = with_items(items.clone(), top(all)).build().expect("valid");
        let answer = futures::executor::block_on(pipeline.execute(Query::default(), ExecuteOptions::EXPLAIN));
        let mut expected: Vec<usize> = (0..all).collect();
        expected.sort_by(|&a, &b| {
            let (a, b) = (&items[a], &items[b]);
            let order = match (a.score.is_finite(), b.score.is_finite()) {
                (true, true) => b.score.partial_cmp(&a.score).expect("finite"),
                (a, b) => b.cmp(&a),
            };
            order.then(a.id.cmp(&b.id))
        });
        let trace = answer.trace.expect("explained");
        let found: Vec<usize> = trace.selected().iter().map(|c| c.index).collect();
        prop_assert_eq!(found, expected);
    }
}
