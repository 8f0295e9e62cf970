//! Visibility verdicts from the state store, without the rule engine.

use std::sync::Arc;

use async_trait::async_trait;
use event_log::EdgeKind;
use foryou_types::seams::{FilteredReason, SeamError, Visibility, VisibilityFiltering, VisibilityRequest};
use foryou_types::{PostId, TimeMs, UserId};
use rustc_hash::FxHashMap;

use super::off_worker;
use crate::{StateError, StateStore};

/// Labels, on posts or people, that drop a post.
const DROPPING: [&str; 2] = ["spam", "abuse"];

/// [`VisibilityFiltering`] over the state store: drops what is deleted, labelled spam or abuse, by someone labelled so, or of a
/// protected or suspended author whom the viewer neither follows nor is; and what answers, reposts or quotes such a post.
///
/// A related post that the store does not know does not drop a post.
pub struct StateVisibility(pub Arc<StateStore>);

#[async_trait]
impl VisibilityFiltering for StateVisibility {
    async fn verdicts(
        &self,
        viewer: UserId,
        posts: &[VisibilityRequest],
        now: TimeMs,
    ) -> Result<Vec<Visibility>, SeamError> {
        let posts = posts.to_vec();
        off_worker(&self.0, move |store| {
            let mut judge = Judge { store, viewer, now, posts: FxHashMap::default(), authors: FxHashMap::default() };
            posts.iter().map(|post| judge.verdict(post)).collect()
        })
        .await
    }
}

/// Judges the posts of one request. Posts of one thread share ancestors and authors, and each is looked up once.
struct Judge<'a> {
    store: &'a StateStore,
    viewer: UserId,
    now: TimeMs,
    posts: FxHashMap<PostId, Option<FilteredReason>>,
    authors: FxHashMap<UserId, Option<FilteredReason>>,
}

impl Judge<'_> {
    fn verdict(&mut self, request: &VisibilityRequest) -> Result<Visibility, StateError> {
        if let Some(reason) = self.post(request.post_id, request.author_id)? {
            return Ok(Visibility::Drop(reason));
        }
        for &post_id in &request.related {
            if let Some(reason) = self.post(post_id, UserId::NONE)? {
                return Ok(Visibility::Drop(FilteredReason::Related { post_id, because: Box::new(reason) }));
            }
        }
        Ok(Visibility::Allow)
    }

    /// Why a post must not be shown, apart from the posts that it refers to. `author` is used where the store does not know the post's.
    fn post(&mut self, id: PostId, author: UserId) -> Result<Option<FilteredReason>, StateError> {
        if let Some(known) = self.posts.get(&id) {
            return Ok(known.clone());
        }
        let stored = self.store.post(id)?;
        let reason = if stored.as_ref().is_some_and(|post| post.deleted) {
            Some(FilteredReason::Deleted)
        } else if let Some(label) = dropping(self.store.labels_of_post(id, self.now)?) {
            Some(FilteredReason::PostLabel { label })
        } else {
            let author = stored.and_then(|post| post.post.author_id.some()).unwrap_or(author);
            if author.is_some() { self.author(author)? } else { None }
        };
        self.posts.insert(id, reason.clone());
        Ok(reason)
    }

    fn author(&mut self, author: UserId) -> Result<Option<FilteredReason>, StateError> {
        if let Some(known) = self.authors.get(&author) {
            return Ok(known.clone());
        }
        let reason = if let Some(label) = dropping(self.store.labels_of_user(author, self.now)?) {
            Some(FilteredReason::AuthorLabel { label })
        } else {
            let profile = self.store.profile(author)?.unwrap_or_default();
            let hidden = match (profile.suspended, profile.protected) {
                (true, _) => Some(FilteredReason::SuspendedAuthor),
                (false, true) => Some(FilteredReason::ProtectedAuthor),
                (false, false) => None,
            };
            // The graph is asked about the few authors that it decides on.
            match hidden {
                Some(_) if author == self.viewer || self.store.has_edge(EdgeKind::Follow, self.viewer, author)? => None,
                hidden => hidden,
            }
        };
        self.authors.insert(author, reason.clone());
        Ok(reason)
    }
}

fn dropping(labels: Vec<String>) -> Option<String> {
    labels.into_iter().find(|label| DROPPING.contains(&label.as_str()))
}
