//! The versions of a model that serve at one moment.

use std::sync::Arc;

use foryou_types::UserId;
use phoenix::Routing;

/// A loaded model with its version's name.
pub(super) trait Versioned {
    fn version(&self) -> &Arc<str>;
}

/// The model that serves, and a second one where the users are split between two.
///
/// Exchanged whole: a request asks one fleet, once.
#[derive(Debug)]
pub struct Fleet<M> {
    champion: Arc<M>,
    split: Option<Split<M>>,
}

#[derive(Debug)]
struct Split<M> {
    challenger: Arc<M>,
    routing: Routing,
}

impl<M> Fleet<M> {
    /// One model for everybody.
    pub fn of(model: Arc<M>) -> Self {
        Self { champion: model, split: None }
    }

    /// Two models, between which the routing splits the users.
    pub(super) fn split(champion: Arc<M>, challenger: Arc<M>, routing: Routing) -> Self {
        Self { champion, split: Some(Split { challenger, routing }) }
    }

    /// The promoted model.
    pub fn champion(&self) -> &Arc<M> {
        &self.champion
    }

    /// The second model, and its share of the users.
    pub fn challenger(&self) -> Option<(&Arc<M>, f64)> {
        let split = self.split.as_ref()?;
        Some((&split.challenger, split.routing.challenger.as_ref()?.1))
    }

    /// Every model of the fleet.
    pub(super) fn models(&self) -> impl Iterator<Item = &Arc<M>> {
        std::iter::once(&self.champion).chain(self.split.as_ref().map(|split| &split.challenger))
    }
}

#[expect(private_bounds, reason = "only this module's models can be in a fleet")]
impl<M: Versioned> Fleet<M> {
    /// The model that serves a user.
    pub fn model_of(&self, user: UserId) -> &Arc<M> {
        match &self.split {
            Some(split)
                if split.routing.route(user).is_some_and(|version| *version.name == **split.challenger.version()) =>
            {
                &split.challenger
            }
            _ => &self.champion,
        }
    }

    /// The loaded model of that name.
    pub(super) fn find(&self, version: &str) -> Option<&Arc<M>> {
        self.models().find(|model| **model.version() == *version)
    }
}

#[cfg(test)]
mod tests {
    use phoenix::{ModelKind, Version};

    use super::*;

    struct Named(Arc<str>);

    impl Versioned for Named {
        fn version(&self) -> &Arc<str> {
            &self.0
        }
    }

    #[test]
    fn the_users_are_split_as_the_routing_says() {
        let named = |name: &str| Arc::new(Named(name.into()));
        let version = |name: &str| Version { name: name.to_owned(), folder: name.into() };
        let routing = Routing {
            kind: ModelKind::Ranker,
            champion: Some(version("old")),
            challenger: Some((version("new"), 0.25)),
        };
        let fleet = Fleet::split(named("old"), named("new"), routing.clone());
        let mut served_by_new = 0;
        for user in (1..=2_000).map(UserId) {
            let model = fleet.model_of(user);
            assert_eq!(*model.0, *routing.route(user).unwrap().name);
            served_by_new += usize::from(&*model.0 == "new");
        }
        assert!((400..600).contains(&served_by_new), "{served_by_new}");
        assert_eq!(fleet.challenger().map(|(model, share)| (&*model.0, share)), Some(("new", 0.25)));
        assert!(fleet.find("new").is_some() && fleet.find("newer").is_none());
        let alone = Fleet::of(named("old"));
        assert_eq!(&*alone.model_of(UserId(1)).0, "old");
        assert!(alone.challenger().is_none());
    }
}
