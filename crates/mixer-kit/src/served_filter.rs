//! Items the viewer was served a moment ago.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};
use foryou_types::PostId;
use rustc_hash::FxHashSet;

use crate::ranked::{FeedQuery, Ranked};

/// Removes items that were served before, by the ids of the request and by the server's own record. As with seen items, those count
/// by which the viewer may know an item ([`Ranked::known_ids`]).
#[derive(Clone, Copy, Debug)]
pub struct ServedFilter<Q> {
    name: &'static str,
    enable: fn(&Q) -> bool,
}

impl<Q> ServedFilter<Q> {
    /// A filter of this name that takes part where `enable` says so.
    pub const fn new(name: &'static str, enable: fn(&Q) -> bool) -> Self {
        Self { name, enable }
    }
}

impl<Q: FeedQuery, C: Ranked> Filter<Q, C> for ServedFilter<Q> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn enable(&self, query: &Q) -> bool {
        (self.enable)(query)
    }

    fn filter(&self, query: &Q, candidates: &[C], keep: &mut KeepMask, _: &Budget) -> Result<(), StageError> {
        let known = query.known();
        let listed: FxHashSet<PostId> = known.said_served.iter().copied().collect();
        let why_served = |id: PostId| {
            if listed.contains(&id) {
                Some("served, as the request says")
            } else if known.served.is_some_and(|served| served.contains(&id)) {
                Some("served a moment ago")
            } else {
                None
            }
        };
        for (i, candidate) in candidates.iter().enumerate() {
            if let Some((id, why)) = candidate.known_ids().find_map(|id| Some((id, why_served(id)?))) {
                keep.remove_because(i, || format!("{}: {why}", query.print_item(id)));
            }
        }
        Ok(())
    }
}
