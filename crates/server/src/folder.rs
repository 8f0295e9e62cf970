//! One data folder, as far as every request needs it: its ids, its clock, its key.

use std::sync::Arc;

use event_log::EventSource;
use foryou_types::{Clock, ClockKind, Dictionary, IdForm, LogTime, Profile};
use parking_lot::Mutex;

use crate::cursor::CursorKey;
use crate::ids::Ids;
use crate::problem::Problem;

/// What the data is, and how its ids and moments are read and printed.
pub struct Folder {
    /// What the data is.
    pub profile: Arc<Profile>,
    /// The log, which the feeds only read.
    pub log: Arc<dyn EventSource>,
    /// String ids and their numbers.
    pub names: Arc<dyn Dictionary>,
    /// The folder's clock.
    pub clock: Arc<dyn Clock>,
    /// Items of an answer where the caller does not say.
    pub default_limit: usize,
    /// Seals the cursors.
    pub cursor_key: CursorKey,
    /// The last answer of [`Self::made_now`].
    made_now: Mutex<Option<(LogTime, Option<String>)>>,
}

impl Folder {
    /// A folder. `cursor_key` is its own.
    pub fn new(
        profile: Arc<Profile>,
        log: Arc<dyn EventSource>,
        names: Arc<dyn Dictionary>,
        clock: Arc<dyn Clock>,
        default_limit: usize,
        cursor_key: CursorKey,
    ) -> Self {
        Self { profile, log, names, clock, default_limit, cursor_key, made_now: Mutex::default() }
    }

    /// Reads and prints this folder's ids.
    pub fn ids(&self) -> Ids<'_> {
        Ids::new(&self.profile, &*self.names)
    }

    /// Where a feed's moment comes from: the request, the machine's clock or the log's clock.
    pub fn clock_kind(&self, said_now: bool) -> &'static str {
        match self.profile.clock {
            _ if said_now => "request",
            ClockKind::Wall => "wall",
            ClockKind::Log => "log",
        }
    }

    /// The event that set the log's clock, looked up once per moment.
    pub(crate) async fn made_now(self: &Arc<Self>) -> Option<String> {
        let imported = self.log.head().imported;
        if let Some((known, event)) = &*self.made_now.lock()
            && *known == imported
        {
            return event.clone();
        }
        let folder = Arc::clone(self);
        let found =
            tokio::task::spawn_blocking(move || event_log::made_now(&*folder.log, &*folder.names, &folder.profile))
                .await;
        let event = match found {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the event that set the log's clock cannot be found");
                return None;
            }
            Err(_) => return None,
        };
        *self.made_now.lock() = Some((imported, event.clone()));
        event
    }

    /// Runs something that reads and prints ids. If ids are strings, their dictionary is on the disk. Then it runs on a thread that
    /// may wait for the disk, not on the threads that all requests share.
    pub async fn looking_up<T: Send + 'static>(
        self: &Arc<Self>,
        look_up: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let ids = &self.profile.ids;
        if ![ids.users, ids.posts].contains(&IdForm::Dictionary) {
            return Ok(look_up(self));
        }
        let folder = Arc::clone(self);
        let looked_up = tokio::task::spawn_blocking(move || look_up(&folder)).await;
        looked_up.map_err(|e| Problem::internal(format!("looking up ids: {e}")))
    }
}
