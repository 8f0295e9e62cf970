//! Numbers for string ids.
//!
//! A number is the XXH3-64 of namespace and string, so two processes (or two runs) give a string the same number. If that number is
//! 0 or belongs to another string, the next free one is taken. So a number may depend on which strings came first, and only the
//! log's [`EventBody::Name`] events, not the hash, say which string a number stands for.

use std::fmt;

use foryou_types::{Dictionary, Namespace, TimeMs};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3;

use crate::event::{Event, EventBody, Origin};

/// Gives strings their numbers and remembers the new ones until they are written to the log.
pub struct NameAllocator<'a> {
    names: &'a dyn Dictionary,
    numbers: FxHashMap<(Namespace, String), u64>,
    taken: FxHashMap<(Namespace, u64), String>,
    /// New since the last [`Self::take_new`], oldest first.
    fresh: Vec<(Namespace, u64)>,
}

impl fmt::Debug for NameAllocator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameAllocator").field("new", &self.fresh.len()).finish_non_exhaustive()
    }
}

/// The preferred number of a string: XXH3-64 of `users\0NAME` or `posts\0NAME`.
pub fn preferred_number(namespace: Namespace, name: &str) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(namespace.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(name.as_bytes());
    hasher.digest()
}

impl<'a> NameAllocator<'a> {
    /// An allocator on top of a dictionary.
    pub fn new(names: &'a dyn Dictionary) -> Self {
        Self { names, numbers: FxHashMap::default(), taken: FxHashMap::default(), fresh: Vec::new() }
    }

    /// The underlying dictionary, without the new names.
    pub fn names(&self) -> &'a dyn Dictionary {
        self.names
    }

    /// The number of a string; an unknown string gets a new one. Never 0.
    pub fn number(&mut self, namespace: Namespace, name: &str) -> u64 {
        self.number_from(namespace, name, preferred_number(namespace, name))
    }

    fn number_from(&mut self, namespace: Namespace, name: &str, preferred: u64) -> u64 {
        let key = (namespace, name.to_owned());
        if let Some(&number) = self.numbers.get(&key) {
            return number;
        }
        if let Some(number) = self.names.id_of(namespace, name) {
            return number;
        }
        let mut number = preferred;
        while number == 0
            || self.taken.contains_key(&(namespace, number))
            || self.names.name_of(namespace, number).is_some()
        {
            number = number.wrapping_add(1);
        }
        self.taken.insert((namespace, number), key.1.clone());
        self.numbers.insert(key, number);
        self.fresh.push((namespace, number));
        number
    }

    /// A mark for [`Self::roll_back`].
    pub(crate) fn mark(&self) -> usize {
        self.fresh.len()
    }

    /// Forgets the names that came after the mark, because their event was refused.
    pub(crate) fn roll_back(&mut self, mark: usize) {
        for (namespace, number) in self.fresh.drain(mark..) {
            if let Some(name) = self.taken.remove(&(namespace, number)) {
                self.numbers.remove(&(namespace, name));
            }
        }
    }

    /// The new names as events, to be put in front of the batch that uses them. Their numbers stay known here.
    pub fn take_new(&mut self, at: TimeMs, origin: Origin) -> Vec<Event> {
        let taken = &self.taken;
        self.fresh
            .drain(..)
            .filter_map(|(namespace, id)| {
                let name = taken.get(&(namespace, id))?.clone();
                Some(Event { at, id: None, origin, body: EventBody::Name { namespace, id, name } })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::NoNames;

    use super::*;

    struct Five;
    impl Dictionary for Five {
        fn id_of(&self, _: Namespace, name: &str) -> Option<u64> {
            (name == "five").then_some(5)
        }
        fn name_of(&self, _: Namespace, id: u64) -> Option<String> {
            (id == 5).then(|| "five".to_owned())
        }
    }

    #[test]
    fn a_string_has_one_number_per_namespace() {
        let mut names = NameAllocator::new(&NoNames);
        let user = names.number(Namespace::Users, "U1");
        assert_eq!(user, preferred_number(Namespace::Users, "U1"));
        assert_eq!(names.number(Namespace::Users, "U1"), user);
        assert_ne!(names.number(Namespace::Posts, "U1"), user);
        let new = names.take_new(TimeMs(3), Origin::Import);
        assert_eq!(new.len(), 2);
        assert!(matches!(&new[0].body, EventBody::Name { id, name, .. } if *id == user && name == "U1"));
        assert!(names.take_new(TimeMs(3), Origin::Import).is_empty());
        assert_eq!(names.number(Namespace::Users, "U1"), user, "known after it was taken");
    }

    #[test]
    fn a_taken_number_and_zero_are_passed_over() {
        let mut names = NameAllocator::new(&Five);
        assert_eq!(names.number(Namespace::Users, "five"), 5);
        assert_eq!(names.number_from(Namespace::Users, "a", 4), 4);
        assert_eq!(names.number_from(Namespace::Users, "b", 4), 6);
        assert_eq!(names.number_from(Namespace::Users, "c", u64::MAX), u64::MAX);
        assert_eq!(names.number_from(Namespace::Users, "d", u64::MAX), 1);
        assert_eq!(names.number_from(Namespace::Users, "e", 0), 2);
    }

    #[test]
    fn names_of_a_refused_event_are_forgotten() {
        let mut names = NameAllocator::new(&NoNames);
        names.number(Namespace::Users, "kept");
        let mark = names.mark();
        names.number(Namespace::Posts, "gone");
        names.roll_back(mark);
        assert_eq!(names.take_new(TimeMs(0), Origin::Live).len(), 1);
        names.number(Namespace::Posts, "gone");
        assert_eq!(names.take_new(TimeMs(0), Origin::Live).len(), 1);
    }
}
