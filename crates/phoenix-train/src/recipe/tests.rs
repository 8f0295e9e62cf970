//! Defaults, assignment and ranges.

use phoenix::ModelKind;

use train_core::optim::Decay;

use super::*;

fn set(recipe: &Recipe, key: &str, value: &str) -> Result<Recipe, RecipeError> {
    recipe.with(|layers| layers.text("--set", key, value))
}

fn file(text: &str) -> Result<Recipe, RecipeError> {
    Recipe::ranker().with(|layers| layers.file("r.toml", text))
}

#[test]
fn defaults_are_valid_and_survive_toml() {
    for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
        for recipe in [Recipe::of(kind), Recipe::small(kind)] {
            recipe.check().unwrap();
        }
        let text = toml::to_string(&Recipe::of(kind)).unwrap();
        let again = Recipe::small(kind).with(|layers| layers.file("r.toml", &text)).unwrap();
        assert_eq!(again, Recipe::of(kind));
    }
}

#[test]
fn values_are_set_by_dotted_keys() {
    let mut recipe = Recipe::ranker();
    for (key, value) in [
        ("dense.learning_rate", "0.5"),
        ("epochs", " 7 "),
        ("heads.weights", "value"),
        ("model.attn_logit_cap", "none"),
        ("model.text", "false"),
        ("stopping.evaluate_every", "25"),
    ] {
        recipe = set(&recipe, key, value).unwrap();
    }
    assert_eq!((recipe.dense.learning_rate, recipe.epochs), (0.5, 7));
    assert_eq!(recipe.heads.as_ref().unwrap().weights, HeadWeights::Value);
    assert_eq!((recipe.model.attn_logit_cap, recipe.model.text), (None, false));
    assert_eq!(recipe.stopping.evaluate_every, Some(25));
    recipe = set(&recipe, "epochs", "8").unwrap();
    assert_eq!(recipe.model.attn_logit_cap, None, "another value does not bring it back");
    assert_eq!(set(&recipe, "model.attn_logit_cap", "12.5").unwrap().model.attn_logit_cap, Some(12.5));
}

#[test]
fn a_refresh_can_be_told() {
    for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
        let mut recipe = Recipe::of(kind);
        for (key, value) in
            [("epochs", "1"), ("schedule.decay", "constant"), ("schedule.warm_up", "0"), ("data.validation_share", "0")]
        {
            recipe = set(&recipe, key, value).unwrap();
        }
        assert_eq!(recipe.schedule, ScheduleRecipe { warm_up: 0.0, decay: Decay::Constant });
        assert_eq!((recipe.data_options().validation_share, recipe.data_options().since), (0.0, None));
    }
}

#[test]
fn unknown_keys_and_bad_values_are_named_with_their_place() {
    let error = |key: &str, value: &str| set(&Recipe::ranker(), key, value).unwrap_err().to_string();
    assert_eq!(
        error("dense.learing_rate", "1"),
        "--set: there is no setting \"dense.learing_rate\"; the nearest is \"dense.learning_rate\""
    );
    assert!(error("sampling.uniform", "1").contains("no setting"), "retrieval's section is not the ranker's");
    assert!(error("dense", "1").contains("section"));
    assert_eq!(error("epochs", "many"), "--set: epochs: expected a whole number, found \"many\"");
    assert!(error("epochs", "-1").starts_with("--set: epochs: expected"));
    let file = |text: &str| file(text).unwrap_err().to_string();
    assert!(file("[dense]\nlearing_rate = 1").starts_with("r.toml:2: there is no setting \"dense.learing_rate\""));
    assert!(file("[modle]\nx = 1").starts_with("r.toml:2: there is no setting \"modle.x\""));
    assert!(file("epochs = ").starts_with("r.toml:1: "));
    assert!(file("\nepochs = 0").starts_with("r.toml:2: epochs: must be between"));
}

#[test]
fn a_value_out_of_range_is_named() {
    for (key, value) in [
        ("epochs", "0"),
        ("model.num_q_heads", "3"),
        ("model.history_attention", "bidirectional"),
        ("post_dropout", "1.5"),
        ("tables.text_rows", "1"),
        ("data.validation_share", "2.0"),
    ] {
        let error = set(&Recipe::ranker(), key, value).unwrap_err().to_string();
        assert!(error.starts_with(&format!("--set: {key}: ")), "{error}");
    }
}
