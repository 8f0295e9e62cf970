//! A viewer's context, computed once and kept.

use foryou_types::{PostId, UserId};
use phoenix::HistoryItem;

use crate::cache::KeyValues;
use crate::served::ServedContext;
use crate::tokens::{Extras, Lookup};
use crate::transformer::ContextTokens;

/// The keys and values that a viewer's history leaves in every layer of one ranker, made by [`crate::ServedRanker::encode`] or
/// [`crate::ServedRanker::extend`]. It holds the past only: nothing that happens later is in it.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) model: u64,
    pub(crate) user: UserId,
    pub(crate) history: Vec<HistoryItem>,
    pub(crate) past: KeyValues,
    pub(crate) reused: usize,
}

impl Context {
    /// The viewer, none for a stranger.
    pub fn user(&self) -> UserId {
        self.user
    }
}

impl ServedContext for Context {
    fn history(&self) -> &[HistoryItem] {
        &self.history
    }

    fn reused(&self) -> usize {
        self.reused
    }

    fn bytes(&self) -> usize {
        self.past.bytes() + self.history.len() * size_of::<HistoryItem>() + size_of::<Self>()
    }
}

/// A viewer and their history as the tokens of a context.
pub(crate) struct Viewer<'a> {
    pub(crate) lookup: &'a Lookup,
    pub(crate) user: UserId,
    pub(crate) history: &'a [HistoryItem],
}

impl Viewer<'_> {
    /// Whether token `i` (0 is the viewer) may be attended to.
    pub(crate) fn valid(&self, i: usize) -> bool {
        if i == 0 { self.user.is_some() } else { self.history[i - 1].post != PostId::NONE }
    }
}

impl ContextTokens for Viewer<'_> {
    fn user(&self, out: &mut [f32]) {
        self.lookup.user(self.user, out);
    }

    fn history(&self, i: usize, out: &mut [f32]) -> Extras {
        let item = &self.history[i];
        self.lookup.post(item.post, item.author, &item.content, out);
        Extras::from(item)
    }
}
