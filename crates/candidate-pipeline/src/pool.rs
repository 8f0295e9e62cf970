//! Candidates under way.

use crate::keep_mask::KeepMask;
use crate::trace::{Trace, TraceView};

/// Candidates and, in a traced request, where in source order each of them came from. Moves both together.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    pub(crate) candidates: Vec<C>,
    /// As long as `candidates` in a traced request, else `None`.
    pub(crate) origins: Option<Vec<usize>>,
}

impl<C> Pool<C> {
    pub(crate) fn new(candidates: Vec<C>, traced: bool) -> Self {
        let origins = traced.then(|| (0..candidates.len()).collect());
        Self { candidates, origins }
    }

    pub(crate) fn len(&self) -> usize {
        self.candidates.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The trace entries of these candidates, in a traced request.
    pub(crate) fn view<'a>(&'a self, trace: Option<&'a mut Trace>) -> Option<TraceView<'a>> {
        Some(TraceView { trace: trace?, origins: self.origins.as_ref()? })
    }

    /// Drops what the mask does not keep, moving the rest together.
    pub(crate) fn compact(&mut self, mask: &KeepMask) {
        let mut flags = mask.flags().iter();
        self.candidates.retain(|_| flags.next().copied().unwrap_or(true));
        self.compact_origins(mask);
    }

    /// As [`Pool::compact`], appending what goes to `removed`.
    pub(crate) fn compact_into(&mut self, mask: &KeepMask, removed: &mut Vec<C>) {
        let mut flags = mask.flags().iter();
        removed.extend(self.candidates.extract_if(.., |_| !flags.next().copied().unwrap_or(true)));
        self.compact_origins(mask);
    }

    fn compact_origins(&mut self, mask: &KeepMask) {
        if let Some(origins) = &mut self.origins {
            let mut flags = mask.flags().iter();
            origins.retain(|_| flags.next().copied().unwrap_or(true));
        }
    }

    /// Puts at position `p` the candidate that was at `order[p]`, in place: each candidate moves once. Uses `order` up.
    pub(crate) fn permute(&mut self, order: &mut [usize]) {
        if let Some(origins) = &mut self.origins {
            *origins = order.iter().map(|&from| origins[from]).collect();
        }
        for start in 0..order.len() {
            let mut at = start;
            while order[at] != start {
                let from = std::mem::replace(&mut order[at], at);
                self.candidates.swap(at, from);
                at = from;
            }
            order[at] = at;
        }
    }

    /// Takes away all from position `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        Self {
            candidates: self.candidates.split_off(at),
            origins: self.origins.as_mut().map(|origins| origins.split_off(at)),
        }
    }

    /// Takes away the first `n`, or all.
    pub(crate) fn take_front(&mut self, n: usize) -> Self {
        let n = n.min(self.len());
        Self {
            candidates: self.candidates.drain(..n).collect(),
            origins: self.origins.as_mut().map(|origins| origins.drain(..n).collect()),
        }
    }

    /// Appends all of another.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.candidates.append(&mut other.candidates);
        if let (Some(origins), Some(others)) = (&mut self.origins, &mut other.origins) {
            origins.append(others);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_permutation_puts_everything_where_it_belongs(order in Just((0..40).collect::<Vec<usize>>()).prop_shuffle()) {
            let mut pool = Pool::new((0..40).map(|i| i.to_string()).collect(), true);
            pool.permute(&mut order.clone());
            let expected: Vec<String> = order.iter().map(ToString::to_string).collect();
            prop_assert_eq!(pool.candidates, expected);
            prop_assert_eq!(pool.origins, Some(order));
        }
    }

    #[test]
    fn candidates_and_origins_are_compacted_alike() {
        let mut mask = KeepMask::all(4);
        mask.remove(1);
        mask.remove(2);
        let mut removed = vec!['z'];
        let mut pool = Pool::new(vec!['a', 'b', 'c', 'd'], true);
        pool.compact_into(&mask, &mut removed);
        assert_eq!((pool.candidates, pool.origins), (vec!['a', 'd'], Some(vec![0, 3])));
        assert_eq!(removed, ['z', 'b', 'c']);
        let mut untraced = Pool::new(vec!['a', 'b', 'c', 'd'], false);
        untraced.compact(&mask);
        assert_eq!(untraced.candidates, ['a', 'd']);
    }
}
