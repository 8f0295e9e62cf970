//! Items the viewer has seen.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use foryou_types::PostId;
use rustc_hash::FxHashSet;

use crate::bloom::BloomFilters;
use crate::ranked::{FeedQuery, Ranked};

/// The time left is checked once per this many candidates.
const TILE: usize = 64;

/// Removes posts that the viewer has seen, by the ids of the request, its bloom filters and the server's own record of
/// impressions; with the profile's `acted_is_seen` also items the viewer acted on. An item counts as seen when any of those was by
/// which the viewer may know it ([`Ranked::known_ids`]).
///
/// A record that could not be fetched does not fail the filter, which would let through what the request itself says is seen:
/// the query hydrator's failure is reported, and the rest still counts. Malformed bloom filters are ignored; see
/// [`ImpressionBloomFilterEntry::check`](crate::ImpressionBloomFilterEntry::check). When the time is over, the remaining
/// posts are checked without the bloom filters, which is reported, too.
#[derive(Clone, Copy, Debug)]
pub struct SeenFilter {
    name: &'static str,
}

impl SeenFilter {
    /// A filter of this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }
}

impl<Q: FeedQuery, C: Ranked> Filter<Q, C> for SeenFilter {
    fn name(&self) -> &'static str {
        self.name
    }

    fn filter(&self, query: &Q, candidates: &[C], keep: &mut KeepMask, budget: &Budget) -> Result<(), StageError> {
        let known = query.known();
        let listed: FxHashSet<PostId> = known.said_seen.iter().copied().collect();
        let blooms = BloomFilters::new(known.blooms);
        let acted_is_seen = query.profile().acted_is_seen;
        let why_seen = |candidate: &C, id: PostId, in_time: bool| {
            if listed.contains(&id) {
                Some("seen, as the request says")
            } else if known.seen.is_some_and(|seen| seen.contains(&id)) {
                Some("has an impression")
            } else if acted_is_seen && candidate.acted_on() == Some(id) {
                Some("acted on")
            } else if in_time && blooms.contains(id) {
                Some("in a bloom filter of the request")
            } else {
                None
            }
        };
        let mut in_time = true;
        for (i, candidate) in candidates.iter().enumerate() {
            if in_time && i % TILE == 0 && !known.blooms.is_empty() && budget.is_spent() {
                in_time = false;
                let left = candidates.len() - i;
                query.notes().degrade(self.name, format!("no time to ask the bloom filters about {left} posts"));
            }
            if let Some((id, why)) = candidate.known_ids().find_map(|id| Some((id, why_seen(candidate, id, in_time)?)))
            {
                keep.remove_because(i, || format!("{}: {why}", query.print_item(id)));
            }
        }
        Ok(())
    }
}
