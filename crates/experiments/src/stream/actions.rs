//! How well each head separates the posts on which its action was taken from the others.

use foryou_types::{ActionIndex, ActionMask, ActionSet, PostId, UserId};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// A prediction: per head, the share of the other candidates that the head scored below the post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Predicted {
    user: UserId,
    post: PostId,
    /// `[A]`; `None` if there was no other candidate.
    below: Vec<Option<f64>>,
    /// The actions that the person then took on the post.
    taken: ActionMask,
}

/// The predictions of a stream, with the actions taken since.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ActionTable {
    predicted: Vec<Predicted>,
    #[serde(skip)]
    places: FxHashMap<(UserId, PostId), usize>,
}

/// A head over the predictions whose action was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActionRow {
    /// The action.
    pub action: String,
    /// Predicted posts on which it was taken.
    pub positives: usize,
    /// Mean share of the other candidates that the head scored below the post: the area under the ROC curve of one positive against all
    /// others, averaged over positives.
    pub auc: f64,
}

impl ActionTable {
    /// Records a prediction of a post on which the person had not acted before.
    pub(crate) fn predict(&mut self, user: UserId, post: PostId, below: Vec<Option<f64>>) {
        self.find_places();
        self.places.insert((user, post), self.predicted.len());
        self.predicted.push(Predicted { user, post, below, taken: ActionMask::default() });
    }

    /// Records that an action was taken, whether or not it was predicted.
    pub(crate) fn take(&mut self, user: UserId, post: PostId, action: ActionIndex) {
        self.find_places();
        if let Some(place) = self.places.get(&(user, post)) {
            self.predicted[*place].taken.insert(action);
        }
    }

    /// The places of what was read back from a file.
    fn find_places(&mut self) {
        if self.places.is_empty() {
            let places = self.predicted.iter().enumerate().map(|(place, p)| ((p.user, p.post), place));
            self.places = places.collect();
        }
    }

    /// Per discrete action that was taken on a predicted post.
    pub(crate) fn rows(&self, set: &ActionSet) -> Vec<ActionRow> {
        let of = |index: ActionIndex| {
            let taken = self.predicted.iter().filter(move |p| p.taken.has(index));
            taken.filter_map(|p| p.below.get(usize::from(index)).copied().flatten()).collect::<Vec<f64>>()
        };
        set.iter()
            .filter_map(|(index, action)| {
                let below = of(index);
                let auc = evaluation::mean(&below)?;
                Some(ActionRow { action: action.name.clone(), positives: below.len(), auc })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_counts_for_the_post_it_was_predicted_for() {
        let set = ActionSet::discrete(1, &[("view", 1.0), ("like", 2.0)]);
        let mut table = ActionTable::default();
        table.predict(UserId(1), PostId(10), vec![Some(1.0), Some(0.5)]);
        table.predict(UserId(2), PostId(10), vec![Some(0.5), None]);
        for (user, post, action) in [(1, 10, 0), (1, 10, 1), (2, 10, 0), (2, 10, 1), (3, 10, 1), (1, 11, 1)] {
            table.take(UserId(user), PostId(post), action);
        }
        let again: ActionTable = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
        let rows = again.rows(&set);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].action.as_str(), rows[0].positives, rows[0].auc), ("view", 2, 0.75));
        assert_eq!((rows[1].positives, rows[1].auc), (1, 0.5), "without another candidate nothing is said");
    }
}
