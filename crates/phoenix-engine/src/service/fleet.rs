//! The versions of a model that serve at one moment.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use foryou_types::UserId;
use model_registry::Routing;

/// A model that can serve, with its version's name.
#[derive(Debug)]
pub struct Loaded<M> {
    version: Arc<str>,
    model: M,
}

impl<M> Loaded<M> {
    /// A model under the name that its answers carry.
    pub fn new(version: &str, model: M) -> Self {
        Self { version: version.into(), model }
    }

    /// The version's name, as answers carry it.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }
}

/// The model that serves, and a second one where the users are split between two.
///
/// Exchanged whole: a request asks one fleet, once.
#[derive(Debug)]
pub struct Fleet<M> {
    champion: Arc<Loaded<M>>,
    split: Option<Split<M>>,
}

#[derive(Debug)]
struct Split<M> {
    challenger: Arc<Loaded<M>>,
    routing: Routing,
}

impl<M> Fleet<M> {
    /// One model for everybody.
    pub fn of(model: Arc<Loaded<M>>) -> Self {
        Self { champion: model, split: None }
    }

    /// Two models, between which the routing splits the users.
    pub(super) fn split(champion: Arc<Loaded<M>>, challenger: Arc<Loaded<M>>, routing: Routing) -> Self {
        Self { champion, split: Some(Split { challenger, routing }) }
    }

    /// The promoted model.
    pub fn champion(&self) -> &Arc<Loaded<M>> {
        &self.champion
    }

    /// The second model, and its share of the users.
    pub fn challenger(&self) -> Option<(&Arc<Loaded<M>>, f64)> {
        let split = self.split.as_ref()?;
        Some((&split.challenger, split.routing.challenger.as_ref()?.1))
    }

    /// The model that serves a user.
    pub fn model_of(&self, user: UserId) -> &Arc<Loaded<M>> {
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
    pub(super) fn find(&self, version: &str) -> Option<&Arc<Loaded<M>>> {
        let models = std::iter::once(&self.champion).chain(self.split.as_ref().map(|split| &split.challenger));
        models.into_iter().find(|model| **model.version() == *version)
    }
}

/// The fleet that serves now; none before the first is given.
#[derive(Debug)]
pub struct Serving<M>(ArcSwapOption<Fleet<M>>);

impl<M> Default for Serving<M> {
    fn default() -> Self {
        Self(ArcSwapOption::empty())
    }
}

impl<M> Serving<M> {
    /// Lets models serve from the next request on; requests that began before continue with theirs.
    pub fn exchange(&self, fleet: Option<Fleet<M>>) {
        self.0.store(fleet.map(Arc::new));
    }

    /// The models that serve now.
    pub fn fleet(&self) -> Option<Arc<Fleet<M>>> {
        self.0.load_full()
    }

    /// The model that serves a user.
    pub(super) fn model_of(&self, user: UserId) -> Option<Arc<Loaded<M>>> {
        self.0.load().as_ref().map(|fleet| Arc::clone(fleet.model_of(user)))
    }
}

#[cfg(test)]
mod tests {
    use model_registry::{Kind, Version};

    use super::*;

    #[test]
    fn the_users_are_split_as_the_routing_says() {
        let named = |name: &str| Arc::new(Loaded::new(name, ()));
        let version = |name: &str| Version { name: name.to_owned(), folder: name.into() };
        let routing = Routing {
            kind: Kind::new("ranker").unwrap(),
            champion: Some(version("old")),
            challenger: Some((version("new"), 0.25)),
        };
        let fleet = Fleet::split(named("old"), named("new"), routing.clone());
        let mut served_by_new = 0;
        for user in (1..=2_000).map(UserId) {
            let model = fleet.model_of(user);
            assert_eq!(**model.version(), *routing.route(user).unwrap().name);
            served_by_new += usize::from(&**model.version() == "new");
        }
        assert!((400..600).contains(&served_by_new), "{served_by_new}");
        assert_eq!(fleet.challenger().map(|(model, share)| (&**model.version(), share)), Some(("new", 0.25)));
        assert!(fleet.find("new").is_some() && fleet.find("newer").is_none());
        let alone = Fleet::of(named("old"));
        assert_eq!(&**alone.model_of(UserId(1)).version(), "old");
        assert!(alone.challenger().is_none());
    }
}
