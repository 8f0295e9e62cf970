//! Pipelines that would not work are refused, with the name of what is wrong.

use std::time::Duration;

use candidate_pipeline::{Budgets, BuildError, Pipeline, Stage};

use crate::fixtures::{
    Act, Builder, Complete, Give, Top, afterwards, fill_all, item, remove_if, score_each, top, with_items,
};

fn valid() -> Builder {
    with_items(vec![item(1, 1.0)], top(1))
}

fn error(builder: Builder) -> BuildError {
    builder.build().expect_err("not a valid pipeline")
}

#[test]
fn no_source() {
    let builder = Pipeline::builder("empty").selector(top(1));
    assert_eq!(error(builder), BuildError::NoSource { pipeline: "empty" });
}

#[test]
fn no_selector_and_one_too_many() {
    let builder = Builder::source(Pipeline::builder("p"), Give("a", Act::Fail));
    assert_eq!(error(builder), BuildError::NoSelector { pipeline: "p" });
    let second = valid().selector(Top { size: 2, result: 2 });
    assert_eq!(error(second), BuildError::SecondSelector { pipeline: "test", first: "top", second: "top" });
}

#[test]
fn one_name_in_two_stages() {
    let builder = valid().hydrator(fill_all("author", 1)).post_selection_filter(remove_if("author", |_| None));
    let expected = BuildError::DuplicateName {
        pipeline: "test",
        name: "author",
        first: Stage::Hydrator,
        second: Stage::PostSelectionFilter,
    };
    assert_eq!(error(builder), expected);
    assert_eq!(
        expected.to_string(),
        "pipeline test: two components are named author (hydrator and post_selection_filter)"
    );
}

#[test]
fn no_name() {
    assert_eq!(
        error(valid().filter(remove_if("", |_| None))),
        BuildError::EmptyName { pipeline: "test", stage: Stage::Filter }
    );
}

#[test]
fn a_need_that_nothing_fills() {
    let builder = valid().hydrator(fill_all("author", 1).needs(&["core"]));
    let expected = BuildError::UnsatisfiedNeed { pipeline: "test", hydrator: "author", need: "core" };
    assert_eq!(error(builder), expected);
}

#[test]
fn a_need_that_is_filled_too_late_or_long_before() {
    let late = valid().hydrator(fill_all("a", 1).needs(&["b"])).post_selection_hydrator(fill_all("b", 1));
    assert!(matches!(error(late), BuildError::UnsatisfiedNeed { hydrator: "a", need: "b", .. }));
    let before = valid().hydrator(fill_all("a", 1)).post_selection_hydrator(fill_all("b", 1).needs(&["a"]));
    assert!(before.build().is_ok());
}

#[test]
fn a_cycle_of_needs() {
    let builder = valid()
        .hydrator(fill_all("a", 1).needs(&["b"]))
        .hydrator(fill_all("b", 1).needs(&["c"]))
        .hydrator(fill_all("c", 1).needs(&["a"]));
    let found = error(builder);
    assert_eq!(found, BuildError::Cycle { pipeline: "test", cycle: vec!["a", "b", "c", "a"] });
    assert!(found.to_string().ends_with("a -> b -> c -> a"), "{found}");
}

#[test]
fn a_budget_for_nobody() {
    let builder = valid().budgets(Budgets::default().cap("rankr", Duration::from_millis(1)));
    assert_eq!(error(builder), BuildError::UnknownBudget { pipeline: "test", name: "rankr".to_owned() });
}

#[test]
fn a_pipeline_lists_its_components() {
    let pipeline = valid()
        .side_effect(afterwards("log", Act::Give(())))
        .scorer(score_each("rank", |item| item.score))
        .query_hydrator(Complete("viewer", Act::Give(())))
        .build()
        .expect("valid");
    assert_eq!(
        pipeline.components(),
        [
            (Stage::QueryHydrator, "viewer"),
            (Stage::Source, "items"),
            (Stage::Scorer, "rank"),
            (Stage::Selector, "top"),
            (Stage::SideEffect, "log"),
        ]
    );
    assert_eq!(pipeline.name(), "test");
}
