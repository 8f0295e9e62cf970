//! Applying events: which projections an event changes.
//!
//! Applying is deterministic and does not depend on batches: the same events leave the same bytes, however they were split.

use event_log::{ActionEvent, Event, EventBody};
use foryou_types::{ActionKind, PostId, TimeMs, UserId};

use crate::error::StateError;
use crate::popularity::Popularity;
use crate::settings::Settings;
use crate::tx::Tx;

/// Changes the projections, event by event. Its methods are in the files of their tables.
pub(crate) struct Applier<'a, 't> {
    pub(crate) tx: &'a mut Tx<'t>,
    pub(crate) popularity: &'a mut Popularity,
    pub(crate) settings: &'a Settings,
}

/// The target of an engagement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The author of the post, if known.
    pub(crate) author: UserId,
    /// Whether the post's creation is known.
    pub(crate) known: bool,
    /// The post that the engagement counts for: for a repost, the original.
    pub(crate) original: PostId,
    /// Whether the original's creation is known.
    pub(crate) original_known: bool,
}

impl Applier<'_, '_> {
    /// Applies an event; returns whether it changed anything that a reader can see.
    pub(crate) fn event(&mut self, event: &Event) -> Result<bool, StateError> {
        let at = event.at;
        let changed = match &event.body {
            EventBody::Post(post) => self.create_post(at, post)?,
            EventBody::Delete { post_id } => self.delete_post(at, *post_id)?,
            EventBody::Edge(edge) => self.edge(at, edge)?,
            EventBody::MuteKeyword { user_id, keyword, muted } => self.mute_keyword(at, *user_id, keyword, *muted)?,
            EventBody::Profile(profile) => self.profile(at, profile)?,
            EventBody::Action(action) => self.action(at, action)?,
            EventBody::Impression(impression) => self.impression(at, impression)?,
            EventBody::Served(served) => self.served(at, served)?,
            EventBody::Label(label) => self.label(at, label)?,
            // The log itself keeps the dictionary and the importers' progress.
            EventBody::Name { .. } | EventBody::ImportProgress(_) => true,
        };
        self.note_event(event);
        Ok(changed)
    }

    fn action(&mut self, at: TimeMs, action: &ActionEvent) -> Result<bool, StateError> {
        // An action outside the profile's set has no weight and no place in a mask.
        let Some(kind) = self.settings.actions.get(action.action).map(|def| def.kind) else { return Ok(false) };
        let target = self.target(action.post_id)?;
        let is_continuous = kind == ActionKind::Continuous;
        let mut changed = if is_continuous { false } else { self.stand(at, action, &target)? };
        // Attention cannot be taken back.
        if !action.undo && (is_continuous || action.dwell_ms.is_some_and(|ms| ms > 0)) {
            if is_continuous {
                self.note_looked(action, &target);
            }
            self.count_dwell(target.original, at, action)?;
            self.look(at, action, &target)?;
            changed = true;
        }
        Ok(changed)
    }
}
