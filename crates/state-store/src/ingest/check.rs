//! The checks of new events.

use event_log::{ActionEvent, Event, EventBody, EventSink, LabelTarget, Origin, PostEvent, Topic, limits};
use foryou_types::{
    ActionKind, ClockKind, DAY_MS, Dictionary, IdForm, MAX_AHEAD_MS, Namespace, PostId, Profile, TimeMs, UserId,
    keyword,
};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::StateError;
use crate::store::StateStore;

/// What happens to an event.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is appended and applied.
    Good,
    /// Everything in it is already known, and no later event can make it matter.
    Known,
    /// It is refused, and why.
    Bad(String),
}

/// Checks the events of one batch, in their order.
pub(crate) struct Checker<'a> {
    state: &'a StateStore,
    profile: &'a Profile,
    sink: &'a dyn EventSink,
    names: &'a dyn Dictionary,
    now: TimeMs,
    /// The last time before a gap that is too long: imported events behind the gap are refused.
    last_before_gap: Option<TimeMs>,
    /// Posts that earlier events of the batch delete.
    deleted: FxHashSet<PostId>,
    /// Posts that earlier events of the batch create, and the places of these events among the good ones.
    created: FxHashMap<PostId, usize>,
    /// Hashes of the ids of the first good events of the batch, and the number of these events.
    ids: (FxHashSet<u128>, usize),
    /// Names from earlier events of the batch: the log does not have them yet.
    named: FxHashMap<(Namespace, u64), String>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(
        state: &'a StateStore,
        profile: &'a Profile,
        (sink, names): (&'a dyn EventSink, &'a dyn Dictionary),
        now: TimeMs,
        last_before_gap: Option<TimeMs>,
    ) -> Self {
        Self {
            state,
            profile,
            sink,
            names,
            now,
            last_before_gap,
            deleted: FxHashSet::default(),
            created: FxHashMap::default(),
            ids: (FxHashSet::default(), 0),
            named: FxHashMap::default(),
        }
    }

    /// Checks an event that comes after the good ones of its batch.
    ///
    /// An event whose id is known is a duplicate, whatever the state says now.
    pub(crate) fn check(&mut self, event: &Event, good: &[Event]) -> Result<Verdict, StateError> {
        let verdict = self.judge(event, good)?;
        if let Verdict::Bad(_) = &verdict
            && let Some(id) = &event.id
            && self.is_known(id, good)?
        {
            return Ok(Verdict::Known);
        }
        Ok(verdict)
    }

    fn is_known(&mut self, id: &str, good: &[Event]) -> Result<bool, StateError> {
        let (ids, hashed) = &mut self.ids;
        ids.extend(good[*hashed..].iter().filter_map(|event| Some(xxh3_128(event.id.as_ref()?.as_bytes()))));
        *hashed = good.len();
        Ok(ids.contains(&xxh3_128(id.as_bytes())) || self.sink.has_id(id)?)
    }

    fn judge(&mut self, event: &Event, good: &[Event]) -> Result<Verdict, StateError> {
        if let Some(reason) =
            self.check_time(event).or_else(|| too_long(&event.body)).or_else(|| self.check_body(&event.body))
        {
            return Ok(Verdict::Bad(reason));
        }
        match &event.body {
            EventBody::Action(action) => self.check_action(action),
            EventBody::Post(post) => {
                let verdict = self.check_creation(post, good)?;
                if let Verdict::Good = verdict {
                    self.created.insert(post.post_id, good.len());
                }
                Ok(verdict)
            }
            EventBody::Delete { post_id } => {
                let was_known = self.is_deleted(*post_id)?;
                self.deleted.insert(*post_id);
                Ok(if was_known { Verdict::Known } else { Verdict::Good })
            }
            EventBody::Name { namespace, id, name } => {
                self.named.insert((*namespace, *id), name.clone());
                Ok(Verdict::Good)
            }
            _ => Ok(Verdict::Good),
        }
    }

    fn is_deleted(&self, post: PostId) -> Result<bool, StateError> {
        Ok(self.deleted.contains(&post) || self.state.is_deleted(post)?)
    }

    /// A post is created once.
    fn check_creation(&self, post: &PostEvent, good: &[Event]) -> Result<Verdict, StateError> {
        let id = post.post_id;
        let stored = self.state.post(id)?;
        if self.deleted.contains(&id) || stored.as_ref().is_some_and(|stored| stored.deleted) {
            return Ok(Verdict::Bad(format!("post {} is deleted and cannot be created again", self.print_post(id))));
        }
        let known = match self.created.get(&id).and_then(|&place| good.get(place)) {
            Some(Event { body: EventBody::Post(known), .. }) => Some(&**known),
            _ => stored.as_deref().map(|stored| &stored.post),
        };
        Ok(match known.map(|known| difference(known, post)) {
            None => Verdict::Good,
            Some(None) => Verdict::Known,
            Some(Some(key)) => Verdict::Bad(format!(
                "{key}: post {} is known with another value, and posts cannot be changed",
                self.print_post(id)
            )),
        })
    }

    /// A live event must not be far ahead of the folder's clock, and an imported event must not be far ahead of all others. The
    /// server's own record carries the clock's time.
    fn check_time(&self, event: &Event) -> Option<String> {
        let at = event.at;
        match event.origin {
            Origin::Live if at.since(self.now) > MAX_AHEAD_MS => {
                let hours = at.since(self.now) as f64 / MAX_AHEAD_MS as f64;
                // The clock of a log stands still between its events: live ones need the machine's.
                let way_on = match self.profile.clock {
                    ClockKind::Log => {
                        "; that is the time of its newest event: serve it with `foryou up --clock wall` (setting clock)"
                    }
                    ClockKind::Wall => "",
                };
                Some(format!("at: {at} is {hours:.1} h ahead of this folder's clock ({}){way_on}", self.now))
            }
            Origin::Import if brings_time(event) => {
                let last = self.last_before_gap.filter(|&last| at > last)?;
                let days = at.since(last) / DAY_MS;
                Some(format!(
                    "at: {at} is {days} days after the newest event before it ({last}): if the time is right, import with --allow-gaps"
                ))
            }
            _ => None,
        }
    }

    fn check_action(&self, action: &ActionEvent) -> Result<Verdict, StateError> {
        let Some(def) = self.profile.action_set.get(action.action) else {
            let last = self.profile.action_set.len().saturating_sub(1);
            let reason = format!("action: {} is not in this folder's set (0 to {last})", action.action);
            return Ok(Verdict::Bad(reason));
        };
        if action.undo && def.kind == ActionKind::Continuous {
            return Ok(Verdict::Bad(format!("undo: {} is attention and cannot be taken back", def.name)));
        }
        Ok(if self.is_deleted(action.post_id)? {
            Verdict::Bad(format!("post {} is deleted", self.print_post(action.post_id)))
        } else {
            Verdict::Good
        })
    }

    fn check_body(&self, body: &EventBody) -> Option<String> {
        match body {
            EventBody::Post(post) => self.check_post(post),
            EventBody::Delete { post_id } => missing_post("post_id", *post_id),
            EventBody::Edge(edge) => missing_user("user_id", edge.user_id)
                .or_else(|| missing_user("target_id", edge.target_id))
                .or_else(|| {
                    (edge.user_id == edge.target_id)
                        .then(|| format!("target_id: user {} must not be the user_id", self.print_user(edge.user_id)))
                }),
            EventBody::MuteKeyword { user_id, keyword, .. } => {
                // Matching ignores what cannot be seen: of such characters alone nothing is left to match.
                missing_user("user_id", *user_id).or_else(|| empty("keyword", keyword::fold(keyword).is_empty()))
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
            .or_else(|| blank("label", &label.label)),
            EventBody::Name { id, name, .. } => {
                (*id == 0).then(|| "id: must not be 0".to_owned()).or_else(|| empty("name", name.is_empty()))
            }
            EventBody::Action(action) => {
                missing_user("user_id", action.user_id).or_else(|| missing_post("post_id", action.post_id))
            }
            // Made by the program itself.
            EventBody::ImportProgress(_) => None,
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
            Some(format!("{key}: post {} must not name itself", self.print_post(id)))
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
            _ => form.print(namespace, id, self.names),
        }
    }
}

/// Whether an imported event counts for the log's time: all do except the importer's own bookkeeping.
pub(super) fn brings_time(event: &Event) -> bool {
    event.origin == Origin::Import && event.body.topic_and_key().0 != Topic::Meta
}

/// The first field in which a post that is sent again differs from the known post.
fn difference(known: &PostEvent, again: &PostEvent) -> Option<&'static str> {
    [
        ("author_id", known.author_id != again.author_id),
        ("text", known.text != again.text),
        ("title", known.title != again.title),
        ("language", known.language != again.language),
        ("country", known.country != again.country),
        ("media", known.media != again.media),
        ("in_reply_to_post_id", known.in_reply_to_post_id != again.in_reply_to_post_id),
        ("in_reply_to_user_id", known.in_reply_to_user_id != again.in_reply_to_user_id),
        ("conversation_id", known.conversation_id != again.conversation_id),
        ("source_post_id", known.source_post_id != again.source_post_id),
        ("source_user_id", known.source_user_id != again.source_user_id),
        ("quoted_post_id", known.quoted_post_id != again.quoted_post_id),
        ("quoted_user_id", known.quoted_user_id != again.quoted_user_id),
        ("subscription_author_id", known.subscription_author_id != again.subscription_author_id),
        ("topics", known.topics != again.topics),
    ]
    .into_iter()
    .find_map(|(key, differs)| differs.then_some(key))
}

fn too_long(body: &EventBody) -> Option<String> {
    limits::exceeded(body).map(|(key, problem)| format!("{key}: {problem}"))
}

fn missing_user(key: &str, id: UserId) -> Option<String> {
    id.is_none().then(|| format!("{key}: must not be 0"))
}

fn missing_post(key: &str, id: PostId) -> Option<String> {
    id.is_none().then(|| format!("{key}: must not be 0"))
}

fn empty(key: &str, is_empty: bool) -> Option<String> {
    is_empty.then(|| format!("{key}: must not be empty"))
}

fn blank(key: &str, name: &str) -> Option<String> {
    empty(key, name.trim().is_empty())
}
