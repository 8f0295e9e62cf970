//! What the stored numbers of a log mean. It is kept with the log, so that an edited profile cannot change the meaning of old events.

use std::path::Path;

use foryou_types::{ActionKind, IdForm, Profile};
use serde::{Deserialize, Serialize};

use crate::error::LogError;

/// The parts of a profile that stored events depend on. Weights, limits and clocks are not among them and may change freely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// The profile's name.
    pub profile: String,
    /// Form of user ids.
    pub users: IdForm,
    /// Form of post ids.
    pub posts: IdForm,
    /// The names of the actions: events store the place in this list.
    pub actions: Vec<String>,
    /// Those of them that are amounts, not yes or no.
    pub continuous: Vec<String>,
}

/// How a profile fits the meaning that a log was written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The same.
    Same,
    /// As before, with new actions at the end: old events keep their meaning.
    Extended,
    /// Old events would change their meaning; what changed, in words.
    Changed(Vec<String>),
}

impl Meaning {
    /// The meaning that a profile gives to stored events.
    pub fn of(profile: &Profile) -> Self {
        let actions = &profile.action_set.actions;
        let continuous = actions.iter().filter(|action| action.kind == ActionKind::Continuous);
        Self {
            profile: profile.name.clone(),
            users: profile.ids.users,
            posts: profile.ids.posts,
            actions: actions.iter().map(|action| action.name.clone()).collect(),
            continuous: continuous.map(|action| action.name.clone()).collect(),
        }
    }

    /// Refuses a profile that would change the meaning of the events of the log in `folder`.
    pub fn check(&self, now: &Self, folder: &Path) -> Result<Fit, LogError> {
        match self.fit(now) {
            Fit::Changed(changes) => Err(LogError::Meaning { path: folder.display().to_string(), changes }),
            fit => Ok(fit),
        }
    }

    /// Whether events with this meaning keep it under another one.
    pub fn fit(&self, other: &Self) -> Fit {
        let mut changes = Vec::new();
        let mut differ = |what: &str, then: &str, now: &str| {
            if then != now {
                changes.push(format!("{what} was {then:?} and is now {now:?}"));
            }
        };
        differ("name", &self.profile, &other.profile);
        differ("ids.users", form(self.users), form(other.users));
        differ("ids.posts", form(self.posts), form(other.posts));
        for (place, action) in self.actions.iter().enumerate() {
            match other.actions.get(place) {
                Some(now) if now == action => {
                    let amount = |meaning: &Self| meaning.continuous.contains(action);
                    if amount(self) != amount(other) {
                        changes.push(format!("the kind of action {action:?} changed"));
                    }
                }
                Some(now) => changes.push(format!("action {place} was {action:?} and is now {now:?}")),
                None => changes.push(format!("action {place} ({action:?}) is gone")),
            }
        }
        if !changes.is_empty() {
            return Fit::Changed(changes);
        }
        if other.actions.len() > self.actions.len() { Fit::Extended } else { Fit::Same }
    }
}

const fn form(form: IdForm) -> &'static str {
    match form {
        IdForm::Unsigned => "unsigned",
        IdForm::Signed => "signed",
        IdForm::Dictionary => "dictionary",
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::ActionDef;

    use super::*;

    #[test]
    fn weights_and_limits_are_free_and_new_actions_go_at_the_end() {
        let then = Profile::live();
        let meaning = Meaning::of(&then);
        let mut now = then.clone();
        now.action_set.actions[0].weight = 77.0;
        now.limits.max_post_age_seconds = 5;
        now.oon_factor = 0.1;
        assert_eq!(meaning.fit(&Meaning::of(&now)), Fit::Same);
        let new = ActionDef { name: "clap".to_owned(), weight: 1.0, kind: ActionKind::Discrete };
        now.action_set.actions.push(new.clone());
        assert_eq!(meaning.fit(&Meaning::of(&now)), Fit::Extended);
        now.action_set.actions.swap_remove(0);
        assert!(matches!(meaning.fit(&Meaning::of(&now)), Fit::Changed(_)));
    }

    #[test]
    fn what_would_turn_old_events_into_others_is_named() {
        let then = Profile::live();
        let meaning = Meaning::of(&then);
        let changes = |edit: &dyn Fn(&mut Profile)| {
            let mut now = then.clone();
            edit(&mut now);
            match meaning.fit(&Meaning::of(&now)) {
                Fit::Changed(changes) => changes.join("; "),
                fit => panic!("{fit:?}"),
            }
        };
        let swapped = changes(&|p| p.action_set.actions.swap(0, 17));
        assert_eq!(
            swapped,
            "action 0 was \"favorite\" and is now \"report\"; action 17 was \"report\" and is now \"favorite\""
        );
        assert_eq!(
            changes(&|p| p.ids.users = IdForm::Dictionary),
            "ids.users was \"unsigned\" and is now \"dictionary\""
        );
        assert_eq!(changes(&|p| p.name = "higgs".to_owned()), "name was \"live\" and is now \"higgs\"");
        assert_eq!(changes(&|p| drop(p.action_set.actions.pop())), "action 18 (\"dwell_time\") is gone");
        let kind = changes(&|p| p.action_set.actions[18].kind = ActionKind::Discrete);
        assert_eq!(kind, "the kind of action \"dwell_time\" changed");
    }
}
