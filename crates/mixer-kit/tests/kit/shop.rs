//! The feed itself.

use std::sync::Arc;

use candidate_pipeline::compliance::{Case, Subject, assert_component_compliance};
use candidate_pipeline::{ExecuteOptions, Execution};
use foryou_types::PostId;
use mixer_kit::{
    GroupDiversityScorer, OffsetScorer, PhoenixScorer, RankedBy, SeenFilter, ServedFilter, TopKSelector, WeightedScorer,
};

use crate::products::{Model, Prior, Product, Shopping, pipeline, product};

fn products() -> Vec<Product> {
    vec![product(1, 10), product(2, 10), product(3, 20), product(4, 20), product(5, 30), product(6, 30)]
}

/// Worth 2, 1, 0.8, -1; the model does not know 5 and 6.
fn model() -> Model {
    Model(vec![(1, [0.2, 0.0, 0.0]), (2, [0.1, 0.0, 0.0]), (3, [0.05, 0.1, 0.0]), (4, [0.0, 0.0, 0.05])])
}

async fn offers(query: Shopping, model: Model) -> Execution<Shopping, Product> {
    pipeline(products(), model).execute(query, ExecuteOptions::EXPLAIN).await
}

fn ids(execution: &Execution<Shopping, Product>) -> Vec<u64> {
    execution.selected.iter().map(|product| product.id).collect()
}

#[tokio::test]
async fn products_are_filtered_scored_diversified_and_selected() {
    let query = Shopping { viewed: [PostId(6)].into_iter().collect(), offered: vec![PostId(5)], ..Shopping::new() };
    let notes = Arc::clone(&query.notes);
    let offers = offers(query, model()).await;
    // 2 is the second of its category: 1 · 0.5 is less than 3's 0.8. What is sent back comes last, above 0 by the offset.
    assert_eq!(ids(&offers), [1, 3, 2, 4]);
    let scores: Vec<f64> = offers.selected.iter().map(|product| product.score.unwrap()).collect();
    for (found, expected) in scores.iter().zip([2.001, 0.801, 0.501, (-1.0 + 20.0) / 33.0 * 0.001]) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }
    assert!((offers.selected[3].worth.unwrap() + 1.0).abs() < 1e-12);
    assert_eq!(notes.ranked_by(), Some(&RankedBy::Model("shop-1".into())));
    assert!(offers.degraded.is_empty() && notes.degraded().is_empty());
    let trace = offers.trace.unwrap();
    let why = |id| trace.of(id).next().unwrap().removed.as_ref().and_then(|r| r.reason.clone()).unwrap();
    assert_eq!(why(6), "product 6: has an impression");
    assert_eq!(why(5), "product 5: served, as the request says");
}

#[tokio::test]
async fn what_the_model_does_not_know_falls_to_the_prior_and_is_told() {
    let offers = offers(Shopping { limit: 6, ..Shopping::new() }, model()).await;
    assert_eq!(ids(&offers)[..3], [1, 3, 2]);
    assert_eq!(ids(&offers).len(), 6);
    let degraded = offers.query.notes.degraded();
    assert_eq!(degraded[0].reason, "2 of 6 posts: the model gave no score: ranked by the popularity prior");
}

#[tokio::test]
async fn without_any_answer_of_the_model_the_prior_ranks_all() {
    let query = Shopping::new();
    let notes = Arc::clone(&query.notes);
    let offers = offers(query, Model(Vec::new())).await;
    assert_eq!(ids(&offers).len(), 4);
    assert_eq!(notes.ranked_by(), Some(&RankedBy::Prior));
    assert_eq!(notes.degraded()[0].component, PhoenixScorer::NAME);
}

#[tokio::test(start_paused = true)]
async fn every_component_complies() {
    type One = Subject<Shopping, Product>;
    let query = Shopping { viewed: [PostId(6)].into_iter().collect(), offered: vec![PostId(5)], ..Shopping::new() };
    let scored = offers(Shopping { limit: 6, ..Shopping::new() }, model()).await.selected.to_vec();
    for subject in [
        One::filter(SeenFilter::new("JustViewedFilter")),
        One::filter(ServedFilter::new("OfferedFilter", |_: &Shopping| true)),
        One::scorer(PhoenixScorer::new(Arc::new(model()), Arc::new(Prior))),
        One::scorer(WeightedScorer::new(false)),
        One::scorer(GroupDiversityScorer::new("CategoryDiversityScorer", 0.5, 0.0)),
        One::scorer(OffsetScorer::new(true)),
        One::selector(TopKSelector::new("BestOffers", 10)),
    ] {
        let case = Case { query: query.clone(), off: None, candidates: scored.clone(), id: |product| product.id };
        assert_component_compliance(&subject, &case).await;
    }
}
