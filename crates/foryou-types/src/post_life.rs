//! Whether a post exists, whatever order its events arrive in.

/// What is known of a post's life: the first creation wins, and a delete sticks.
///
/// State, training, the models' corpus and Thunder all know by this rule which posts exist. How the events of different posts lie between
/// each other does not matter to it, so it does not depend on how a log's partitions are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostLife {
    created: bool,
    deleted: bool,
}

/// What a creation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The post exists from now on.
    Born,
    /// Its delete came first: it never exists, but its author and what it stands for are known from now on.
    Stillborn,
    /// Its creation is known: that one counts.
    Repeated,
}

/// What a delete means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The post exists no more.
    Died,
    /// Its creation is not known yet; when it comes, it comes too late.
    Early,
    /// It was deleted before.
    Repeated,
}

impl PostLife {
    /// A life of which these events are known.
    pub const fn new(created: bool, deleted: bool) -> Self {
        Self { created, deleted }
    }

    /// Whether the post exists.
    pub const fn is_alive(self) -> bool {
        self.created && !self.deleted
    }

    /// The post is created.
    pub const fn create(&mut self) -> Creation {
        if self.created {
            return Creation::Repeated;
        }
        self.created = true;
        if self.deleted { Creation::Stillborn } else { Creation::Born }
    }

    /// The post is deleted.
    pub const fn delete(&mut self) -> Deletion {
        if self.deleted {
            return Deletion::Repeated;
        }
        self.deleted = true;
        if self.created { Deletion::Died } else { Deletion::Early }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A creation with a content, or a delete.
    type Event = Option<u8>;

    /// The posts that exist, with the content that counts.
    fn replay(events: impl Iterator<Item = (usize, Event)>) -> BTreeMap<usize, u8> {
        let mut lives: BTreeMap<usize, (PostLife, u8)> = BTreeMap::new();
        for (post, event) in events {
            let (life, content) = lives.entry(post).or_default();
            match event {
                Some(new) if life.create() != Creation::Repeated => *content = new,
                Some(_) => {}
                None => {
                    life.delete();
                }
            }
        }
        lives.into_iter().filter(|(_, (life, _))| life.is_alive()).map(|(post, (_, content))| (post, content)).collect()
    }

    proptest! {
        /// Each post's events are in one partition and keep their order; how partitions interleave is left to chance.
        #[test]
        fn any_interleaving_leaves_the_same_posts(
            posts in prop::collection::vec(prop::collection::vec(any::<Option<u8>>(), 0..6), 1..6),
            turns in prop::collection::vec(0..6_usize, 40),
        ) {
            let one_by_one = posts.iter().enumerate().flat_map(|(post, events)| events.iter().map(move |e| (post, *e)));
            let expected = replay(one_by_one);
            let mut queues: Vec<_> = posts.iter().map(|events| events.iter().copied()).collect();
            let mut mixed = Vec::new();
            for turn in turns.into_iter().chain((0..posts.len()).flat_map(|post| [post; 6])) {
                let post = turn % posts.len();
                mixed.extend(queues[post].next().map(|event| (post, event)));
            }
            prop_assert_eq!(mixed.len(), posts.iter().map(Vec::len).sum::<usize>());
            prop_assert_eq!(replay(mixed.into_iter()), expected.clone());
            // A delete sticks wherever it stands, and of creations the first counts.
            for (post, events) in posts.iter().enumerate() {
                let first = events.iter().flatten().next().copied();
                let wanted = first.filter(|_| !events.contains(&None));
                prop_assert_eq!(expected.get(&post).copied(), wanted);
            }
        }
    }

    #[test]
    fn each_event_says_what_it_means() {
        let mut life = PostLife::default();
        assert_eq!((life.create(), life.create()), (Creation::Born, Creation::Repeated));
        assert_eq!((life.delete(), life.delete()), (Deletion::Died, Deletion::Repeated));
        assert_eq!(life.create(), Creation::Repeated);
        let mut life = PostLife::default();
        assert_eq!((life.delete(), life.create()), (Deletion::Early, Creation::Stillborn));
        assert!(!life.is_alive());
    }
}
