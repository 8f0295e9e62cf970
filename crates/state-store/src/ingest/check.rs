//! What makes an event one that is not taken.

use event_log::{ActionEvent, Event, EventBody, EventLog, LabelTarget, Origin, PostEvent, Topic};
use foryou_types::{IdForm, MAX_AHEAD_MS, Namespace, PostId, Profile, TimeMs, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::StateError;
use crate::store::StateStore;

/// Longest muted keyword and label, in bytes.
const MAX_NAME_BYTES: usize = 500;

/// Checks the events of one batch, in their order.
pub(crate) struct Checker<'a> {
    state: &'a StateStore,
    profile: &'a Profile,
    log: &'a dyn EventLog,
    now: TimeMs,
    /// The last time before a gap that is too long: what is imported from after it is refused.
    last_before_gap: Option<TimeMs>,
    /// Posts that earlier events of the batch delete.
    deleted: FxHashSet<PostId>,
    /// Names that earlier events of the batch give: the log does not have them yet.
    named: FxHashMap<(Namespace, u64), String>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(
        state: &'a StateStore,
        profile: &'a Profile,
        log: &'a dyn EventLog,
        now: TimeMs,
        last_before_gap: Option<TimeMs>,
    ) -> Self {
        Self { state, profile, log, now, last_before_gap, deleted: FxHashSet::default(), named: FxHashMap::default() }
    }

    /// Why the event is not taken; `None`: it is.
    pub(crate) fn check(&mut self, event: &Event) -> Result<Option<String>, StateError> {
        if let Some(reason) = self.check_time(event) {
            return Ok(Some(reason));
        }
        if let EventBody::Action(action) = &event.body {
            return self.check_action(action);
        }
        let reason = self.check_body(&event.body);
        match (&reason, &event.body) {
            (None, EventBody::Delete { post_id }) => {
                self.deleted.insert(*post_id);
            }
            (None, EventBody::Name { namespace, id, name }) => {
                self.named.insert((*namespace, *id), name.clone());
            }
            _ => {}
        }
        Ok(reason)
    }

    /// A live event must not be far ahead of the folder's clock, nor an imported one of all others. The server's own record
    /// carries the clock's time.
    fn check_time(&self, event: &Event) -> Option<String> {
        let at = event.at;
        match event.origin {
            Origin::Live if at.since(self.now) > MAX_AHEAD_MS => {
                let hours = at.since(self.now) as f64 / MAX_AHEAD_MS as f64;
                Some(format!("at: {at} is {hours:.1} h ahead of this folder's clock ({})", self.now))
            }
            Origin::Import if brings_time(event) => {
                let last = self.last_before_gap.filter(|&last| at > last)?;
                let days = at.since(last) / 86_400_000;
                Some(format!(
                    "at: {at} is {days} days after the newest event before it ({last}): if the time is right, import with --allow-gaps"
                ))
            }
            _ => None,
        }
    }

    fn check_action(&self, action: &ActionEvent) -> Result<Option<String>, StateError> {
        if let Some(reason) =
            missing_user("user_id", action.user_id).or_else(|| missing_post("post_id", action.post_id))
        {
            return Ok(Some(reason));
        }
        if self.profile.action_set.get(action.action).is_none() {
            let last = self.profile.action_set.len().saturating_sub(1);
            return Ok(Some(format!("action: {} is not in this folder's set (0 to {last})", action.action)));
        }
        let is_deleted = self.deleted.contains(&action.post_id) || self.state.is_deleted(action.post_id)?;
        Ok(is_deleted.then(|| format!("post {} is deleted", self.print_post(action.post_id))))
    }

    fn check_body(&self, body: &EventBody) -> Option<String> {
        match body {
            EventBody::Post(post) => self.check_post(post),
            EventBody::Delete { post_id } => missing_post("post_id", *post_id),
            EventBody::Edge(edge) => missing_user("user_id", edge.user_id)
                .or_else(|| missing_user("target_id", edge.target_id))
                .or_else(|| {
                    (edge.user_id == edge.target_id)
                        .then(|| format!("target_id: user {} is the user_id itself", self.print_user(edge.user_id)))
                }),
            EventBody::MuteKeyword { user_id, keyword, .. } => {
                missing_user("user_id", *user_id).or_else(|| bad_name("keyword", keyword))
            }
            EventBody::Profile(profile) => missing_user("user_id", profile.user_id),
            EventBody::Impression(shown) => missing_user("user_id", shown.user_id)
                .or_else(|| empty("post_ids", shown.post_ids.is_empty()))
                .or_else(|| shown.post_ids.iter().find_map(|&post| missing_post("post_ids", post))),
            EventBody::Served(served) => missing_user("user_id", served.user_id)
                .or_else(|| empty("posts", served.posts.is_empty()))
                .or_else(|| served.posts.iter().find_map(|post| missing_post("posts", post.post_id))),
            EventBody::Label(label) => match label.target {
                LabelTarget::Post(post) => missing_post("post_id", post),
                LabelTarget::User(user) => missing_user("user_id", user),
            }
            .or_else(|| bad_name("label", &label.label)),
            EventBody::Name { id, name, .. } => {
                (*id == 0).then(|| "id: 0 is no id".to_owned()).or_else(|| empty("name", name.is_empty()))
            }
            // Checked before (it may need the disk), and of our own making.
            EventBody::Action(_) | EventBody::ImportProgress(_) => None,
        }
    }

    fn check_post(&self, post: &PostEvent) -> Option<String> {
        missing_post("post_id", post.post_id).or_else(|| {
            let others = [
                ("in_reply_to_post_id", post.in_reply_to_post_id),
                ("source_post_id", post.source_post_id),
                ("quoted_post_id", post.quoted_post_id),
            ];
            let (key, id) = others.into_iter().find(|&(_, other)| other == post.post_id)?;
            Some(format!("{key}: post {} is the post itself", self.print_post(id)))
        })
    }

    fn print_post(&self, id: PostId) -> String {
        self.print(Namespace::Posts, id.0)
    }

    fn print_user(&self, id: UserId) -> String {
        self.print(Namespace::Users, id.0)
    }

    fn print(&self, namespace: Namespace, id: u64) -> String {
        let form = self.profile.id_form(namespace);
        match self.named.get(&(namespace, id)) {
            Some(name) if form == IdForm::Dictionary => name.clone(),
            _ => form.print(namespace, id, self.log),
        }
    }
}

/// Whether an imported event counts for the log's time: all do but the importer's notes for itself.
pub(super) fn brings_time(event: &Event) -> bool {
    event.origin == Origin::Import && event.body.topic_and_key().0 != Topic::Meta
}

fn missing_user(key: &str, id: UserId) -> Option<String> {
    id.is_none().then(|| format!("{key}: 0 is no user"))
}

fn missing_post(key: &str, id: PostId) -> Option<String> {
    id.is_none().then(|| format!("{key}: 0 is no post"))
}

fn empty(key: &str, is_empty: bool) -> Option<String> {
    is_empty.then(|| format!("{key}: must not be empty"))
}

fn bad_name(key: &str, name: &str) -> Option<String> {
    empty(key, name.trim().is_empty()).or_else(|| {
        (name.len() > MAX_NAME_BYTES)
            .then(|| format!("{key}: {} bytes, at most {MAX_NAME_BYTES} are taken", name.len()))
    })
}
