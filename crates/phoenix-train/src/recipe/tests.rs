//! Defaults, assignment and ranges.

use phoenix::ModelKind;

use super::*;

#[test]
fn defaults_are_valid_and_survive_toml() {
    for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
        for recipe in [Recipe::of(kind), Recipe::small(kind)] {
            recipe.check().unwrap();
        }
        let text = toml::to_string(&Recipe::of(kind)).unwrap();
        assert_eq!(Recipe::from_toml(kind, &text).unwrap(), Recipe::of(kind));
    }
}

#[test]
fn values_are_set_by_dotted_keys() {
    let mut recipe = Recipe::ranker();
    recipe.set("dense.learning_rate", "0.5").unwrap();
    recipe.set("epochs", " 7 ").unwrap();
    recipe.set("heads.weights", "value").unwrap();
    recipe.set("model.attn_logit_cap", "none").unwrap();
    recipe.set("model.text", "false").unwrap();
    recipe.set("stopping.evaluate_every", "25").unwrap();
    assert_eq!((recipe.dense.learning_rate, recipe.epochs), (0.5, 7));
    assert_eq!(recipe.heads.as_ref().unwrap().weights, HeadWeights::Value);
    assert_eq!((recipe.model.attn_logit_cap, recipe.model.text), (None, false));
    assert_eq!(recipe.stopping.evaluate_every, Some(25));
    recipe.set("epochs", "8").unwrap();
    assert_eq!(recipe.model.attn_logit_cap, None, "another value does not bring it back");
    recipe.set("model.attn_logit_cap", "12.5").unwrap();
    assert_eq!(recipe.model.attn_logit_cap, Some(12.5));
}

#[test]
fn a_refresh_can_be_told() {
    for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
        let mut recipe = Recipe::of(kind);
        for (key, value) in
            [("epochs", "1"), ("schedule.decay", "constant"), ("schedule.warm_up", "0"), ("data.validation_share", "0")]
        {
            recipe.set(key, value).unwrap();
        }
        recipe.check().unwrap();
        assert_eq!(recipe.schedule, ScheduleRecipe { warm_up: 0.0, decay: Decay::Constant });
        assert_eq!((recipe.data_options().validation_share, recipe.data_options().since), (0.0, None));
    }
}

#[test]
fn unknown_keys_and_bad_values_are_named() {
    let error = |key: &str, value: &str| Recipe::ranker().set(key, value).unwrap_err().to_string();
    assert!(error("dense.rate", "1").starts_with("dense.rate: unknown key; known here: "));
    assert!(error("dense.rate", "1").contains("learning_rate"));
    assert!(error("sampling.uniform", "1").contains("unknown"), "retrieval's section is not the ranker's");
    assert!(error("dense", "1").contains("section"));
    assert!(error("epochs", "many").starts_with("epochs: invalid type"));
    assert!(error("epochs", "-1").starts_with("epochs: invalid value"));
    let toml = |text: &str| Recipe::from_toml(ModelKind::Ranker, text).unwrap_err().to_string();
    assert!(toml("[dense]\nlearing_rate = 1").starts_with("dense.learing_rate: unknown"));
    assert!(toml("[modle]\nx = 1").starts_with("modle.x: unknown"));
    assert!(toml("epochs = ").contains("TOML"));
}

#[test]
fn check_names_the_key() {
    let checked = |key: &str, value: &str| {
        let mut recipe = Recipe::ranker();
        recipe.set(key, value).unwrap();
        recipe.check().unwrap_err().to_string()
    };
    assert!(checked("epochs", "0").starts_with("epochs: must be"));
    assert!(checked("model.num_q_heads", "3").starts_with("model.num_q_heads"));
    assert!(checked("model.history_attention", "bidirectional").starts_with("model.history_attention"));
    assert!(checked("post_dropout", "1.5").starts_with("post_dropout"));
    assert!(checked("tables.text_rows", "1").starts_with("tables.text_rows"));
    assert!(checked("data.validation_share", "2.0").starts_with("data.validation_share: must be"));
}
