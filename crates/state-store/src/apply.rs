//! Applying events: which projections an event changes.
//!
//! Applying is deterministic and knows nothing of batches: the same events leave the same bytes, however they were split.

use event_log::{ActionEvent, Event, EventBody};
use foryou_types::TimeMs;

use crate::error::StateError;
use crate::popularity::Popularity;
use crate::settings::Settings;
use crate::tx::Tx;

/// Changes the projections, event by event. The parts of it stand with their tables.
pub(crate) struct Applier<'a, 't> {
    pub(crate) tx: &'a mut Tx<'t>,
    pub(crate) popularity: &'a mut Popularity,
    pub(crate) settings: &'a Settings,
}

impl Applier<'_, '_> {
    pub(crate) fn event(&mut self, seq: u64, event: &Event) -> Result<(), StateError> {
        let at = event.at;
        match &event.body {
            EventBody::Post(post) => self.create_post(at, post)?,
            EventBody::Delete { post_id } => self.delete_post(at, *post_id)?,
            EventBody::Edge(edge) => self.edge(at, seq, edge)?,
            EventBody::MuteKeyword { user_id, keyword, muted } => self.mute_keyword(*user_id, keyword, *muted),
            EventBody::Profile(profile) => self.profile(profile)?,
            EventBody::Action(action) => self.action(at, action)?,
            EventBody::Impression(impression) => self.impression(at, impression)?,
            EventBody::Served(served) => self.served(at, served)?,
            EventBody::Label(label) => self.label(label),
            // The log itself keeps the dictionary and the importers' progress.
            EventBody::Name { .. } | EventBody::ImportProgress(_) => {}
        }
        self.note_event(seq, event);
        Ok(())
    }

    fn action(&mut self, at: TimeMs, action: &ActionEvent) -> Result<(), StateError> {
        // An action that the profile's set does not have (any more) has no weight and no place in a mask.
        let Some(kind) = self.settings.actions.get(action.action).map(|def| def.kind) else { return Ok(()) };
        let post = self.post_ref(action.post_id)?;
        let counted = post.counted(action.post_id);
        let taken_at = self.note_acted(at, action, counted)?;
        self.history(at, post.author, action, kind)?;
        self.count_action(counted, at, action, kind, taken_at)?;
        self.viewer_active(action.user_id, at);
        Ok(())
    }
}
