//! Whether a model predicts the actions of the data.

use foryou_types::ActionSet;

/// The first place where the actions that a model predicts differ from the data's by name or kind; `None` where it can serve the
/// data. Weights may differ: they are the data's, and not part of the model.
pub fn action_difference(model: &ActionSet, data: &ActionSet) -> Option<String> {
    for (i, (m, d)) in model.actions.iter().zip(&data.actions).enumerate() {
        if m.name != d.name {
            return Some(format!("action {i} is {} in the model and {} in the data", m.name, d.name));
        }
        if m.kind != d.kind {
            return Some(format!("{} is {:?} in the model and {:?} in the data", m.name, m.kind, d.kind));
        }
    }
    (model.len() != data.len()).then(|| format!("it predicts {} actions, the data has {}", model.len(), data.len()))
}

#[cfg(test)]
mod tests {
    use foryou_types::ActionKind;

    use super::*;

    #[test]
    fn action_sets_are_compared_by_name_kind_and_order() {
        let model = |actions: &[(&str, f64)]| ActionSet::discrete(1, actions);
        let mut data = model(&[("like", 1.0), ("hide", -5.0)]);
        let same = model(&[("like", 7.0), ("hide", 0.0)]);
        assert_eq!(action_difference(&same, &data), None, "weights are the data's");
        let swapped = action_difference(&model(&[("hide", -5.0), ("like", 1.0)]), &data).unwrap();
        assert_eq!(swapped, "action 0 is hide in the model and like in the data");
        let shorter = action_difference(&model(&[("like", 1.0)]), &data).unwrap();
        assert_eq!(shorter, "it predicts 1 actions, the data has 2");
        data.actions[1].kind = ActionKind::Continuous;
        let other = action_difference(&same, &data).unwrap();
        assert_eq!(other, "hide is Discrete in the model and Continuous in the data");
    }
}
