//! The log, read once in its own order, as slates with the history that serving would have had at each.
//!
//! A slate has the place of its impression in the log. It knows the actions that stand after all earlier events in the log, if their
//! time is strictly before the slate's, and the posts created and not deleted before it. Its outcomes come later ([`Labels`]).

use event_log::{ActionEvent, Event, EventBody, EventSource, ImpressionEvent, Position};
#[cfg(test)]
use foryou_types::UserActionSequence;
use foryou_types::{ActionKind, Has, PostId, Profile, Surface, TimeMs, UserId};
use phoenix::IdCounts;
use phoenix::{CandidateItem, HistoryItem, history_item};
use rustc_hash::{FxHashMap, FxHashSet};

use super::history::History;
use super::labels::{Labels, Outcome, Taken};
use super::negatives::Negatives;
use super::posts::Posts;
use super::{DataError, DataOptions};

/// Events between two calls of the progress function.
const EVENTS_PER_REPORT: u64 = 16_384;

/// A post of a slate.
pub(crate) struct Shown {
    pub(crate) item: CandidateItem,
    /// Weight of its loss.
    pub(crate) weight: f32,
    /// Number of its outcome.
    pub(crate) label: u32,
    /// Drawn as a negative, not recorded as shown.
    pub(crate) sampled: bool,
}

/// Posts shown together, and the history that serving would have had.
pub(crate) struct Slate {
    /// Place of the viewer among the viewers.
    pub(crate) viewer: u32,
    pub(crate) user: UserId,
    pub(crate) at: TimeMs,
    pub(crate) surface: Surface,
    pub(crate) request_id: Option<String>,
    pub(crate) history: Vec<HistoryItem>,
    pub(crate) shown: Vec<Shown>,
}

/// What a replay counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Events in the log.
    pub(crate) events: u64,
    /// Events before the end of the replay.
    pub(crate) read: u64,
    /// Impression events.
    pub(crate) impressions: u64,
    /// Actions of the profile's set.
    pub(crate) actions: u64,
    /// Slates handed out.
    pub(crate) slates: u64,
}

/// The state of the world while the log is read.
pub(crate) struct Replay<'a> {
    profile: &'a Profile,
    history: usize,
    /// Slates before this moment are only counted, by post.
    slates_from: TimeMs,
    assumed_impressions: f64,
    /// Only where no impressions are recorded.
    negatives: Option<Negatives>,
    places: FxHashMap<UserId, u32>,
    viewers: Vec<History>,
    referenced: FxHashSet<PostId>,
    /// The posts.
    pub(crate) posts: Posts,
    /// The outcomes of what was shown.
    pub(crate) labels: Labels,
    /// How often a post was shown before `slates_from`.
    pub(crate) shown_before: FxHashMap<PostId, u32>,
    /// The counts.
    pub(crate) counts: Counts,
    /// Time of the newest event read.
    pub(crate) newest: Option<TimeMs>,
    /// How far the log was read.
    pub(crate) position: Position,
}

impl<'a> Replay<'a> {
    /// A replay that hands out the slates at or after `slates_from`.
    pub(crate) fn new(profile: &'a Profile, options: &DataOptions, slates_from: TimeMs) -> Self {
        let max_age_ms =
            options.max_post_age_ms.unwrap_or_else(|| profile.limits.max_post_age_seconds.saturating_mul(1_000));
        let negatives =
            (!profile.has(Has::Impressions)).then(|| Negatives::new(options.negatives, max_age_ms, options.seed));
        Self {
            profile,
            history: options.history,
            slates_from,
            assumed_impressions: options.assumed_impressions,
            negatives,
            places: FxHashMap::default(),
            viewers: Vec::new(),
            referenced: FxHashSet::default(),
            posts: Posts::default(),
            labels: Labels::default(),
            shown_before: FxHashMap::default(),
            counts: Counts::default(),
            newest: None,
            position: Position::default(),
        }
    }

    /// Reads the log to the end it has now, leaving out events at or after `until`.
    pub(crate) fn run(
        &mut self,
        log: &dyn EventSource,
        until: Option<TimeMs>,
        events: Option<u64>,
        progress: &dyn Fn(u64, u64),
        slate: &mut dyn FnMut(Slate),
    ) -> Result<(), DataError> {
        let head = log.head().position.events();
        let total = events.map_or(head, |events| events.min(head));
        self.counts.events = total;
        let mut reported = 0;
        let result = log.read_from(&Position::default(), &mut |records, position| {
            for record in records.iter().filter(|record| record.seq < total) {
                if until.is_none_or(|until| record.event.at < until) {
                    self.event(&record.event, slate);
                }
            }
            self.position.clone_from(position);
            if position.events() - reported >= EVENTS_PER_REPORT {
                reported = position.events();
                progress(reported.min(total), total);
            }
            position.events() < total
        });
        result.map_err(|source| DataError::Log { read: self.position.events(), total, source })?;
        progress(total, total);
        Ok(())
    }

    /// Takes in the next event.
    pub(crate) fn event(&mut self, event: &Event, slate: &mut dyn FnMut(Slate)) {
        self.counts.read += 1;
        self.newest = self.newest.max(Some(event.at));
        match &event.body {
            EventBody::Post(post) => self.posts.create(event.at, post),
            EventBody::Delete { post_id } => self.posts.delete(*post_id),
            EventBody::Action(action) => self.action(event.at, action, slate),
            EventBody::Impression(impression) => self.impression(event.at, impression, slate),
            _ => {}
        }
    }

    /// The tokens of a viewer.
    #[cfg(test)]
    pub(crate) fn tokens(&self, user: UserId, before: TimeMs) -> UserActionSequence {
        let viewer = self.places.get(&user).map(|place| &self.viewers[*place as usize]);
        viewer.map(|viewer| viewer.before(before, |post| self.posts.author_and_source(post).0)).unwrap_or_default()
    }

    /// The outcomes of everything shown, by number, after the last event.
    pub(crate) fn outcomes(&mut self) -> Vec<Outcome> {
        let mut labels = std::mem::take(&mut self.labels);
        let mut taken = Vec::new();
        for (viewer, history) in (0..).zip(&self.viewers) {
            for act in history.acts().iter().filter(|act| act.at >= self.slates_from) {
                if self.negatives.is_some() {
                    labels.note(act.label, act.actions(), act.dwell_ms);
                } else {
                    let (at, actions, dwell_ms) = (act.at, act.actions(), act.dwell_ms);
                    taken.push(Taken { viewer, post: self.posts.original(act.post), at, actions, dwell_ms });
                }
            }
        }
        labels.finish(taken, |post| self.posts.original(post))
    }

    /// How many different ids were met.
    pub(crate) fn ids(&self) -> IdCounts {
        let unknown = self.referenced.iter().filter(|post| self.posts.corpus().get(**post).is_none()).count();
        let (authors, words) = self.posts.authors_and_words();
        IdCounts { users: self.viewers.len(), posts: self.posts.corpus().len() + unknown, authors, words }
    }

    fn place(&mut self, user: UserId) -> u32 {
        *self.places.entry(user).or_insert_with(|| {
            self.viewers.push(History::default());
            self.viewers.len() as u32 - 1
        })
    }

    /// The post whose engagement an engagement with `post` is: of a repost the original.
    fn counted(&mut self, post: PostId) -> PostId {
        let counted = self.posts.original(post);
        self.referenced.insert(counted);
        counted
    }

    /// What the models see of the viewer at a moment.
    fn history_at(&self, viewer: u32, at: TimeMs) -> Vec<HistoryItem> {
        let author = |post| self.posts.author_and_source(post).0;
        let window = self.viewers[viewer as usize].before(at, author).windowed(self.history);
        window.iter().map(|token| history_item(token, self.posts.corpus())).collect()
    }

    fn impression(&mut self, at: TimeMs, event: &ImpressionEvent, slate: &mut dyn FnMut(Slate)) {
        self.counts.impressions += 1;
        if self.negatives.is_some() || event.post_ids.is_empty() {
            return;
        }
        let viewer = self.place(event.user_id);
        let mut posts = Vec::with_capacity(event.post_ids.len());
        for &post in &event.post_ids {
            let post = self.counted(post);
            if post.is_some() && !posts.contains(&post) {
                posts.push(post);
            }
        }
        if at < self.slates_from {
            for post in posts {
                *self.shown_before.entry(post).or_default() += 1;
            }
            return;
        }
        let mut shown = Vec::with_capacity(posts.len());
        for post in posts {
            let item = self.posts.candidate(post, event.surface, at);
            shown.push(Shown { item, weight: 1.0, label: self.labels.show(viewer, post, at), sampled: false });
        }
        self.counts.slates += 1;
        slate(Slate {
            viewer,
            user: event.user_id,
            at,
            surface: event.surface,
            request_id: event.request_id.clone(),
            history: self.history_at(viewer, at),
            shown,
        });
    }

    fn action(&mut self, at: TimeMs, event: &ActionEvent, slate: &mut dyn FnMut(Slate)) {
        // An action that the profile's set does not have (any more) has no place in a history.
        let Some(kind) = self.profile.action_set.get(event.action).map(|def| def.kind) else { return };
        self.counts.actions += 1;
        let viewer = self.place(event.user_id);
        let counted = self.counted(event.post_id);
        self.referenced.insert(event.post_id);
        let is_discrete = kind == ActionKind::Discrete;
        let started = self.viewers[viewer as usize].take_in(at, event, is_discrete, counted);
        if let Some(place) = started.filter(|_| self.negatives.is_some()) {
            self.positive(viewer, place, at, event, counted, slate);
        }
    }

    /// Where no impressions are recorded: a token that starts is a slate of its post and sampled ones, and what the token comes
    /// to hold is its label.
    fn positive(
        &mut self,
        viewer: u32,
        place: usize,
        at: TimeMs,
        event: &ActionEvent,
        post: PostId,
        slate: &mut dyn FnMut(Slate),
    ) {
        if at < self.slates_from {
            *self.shown_before.entry(post).or_default() += 1;
            return;
        }
        let label = self.labels.add();
        let state = &mut self.viewers[viewer as usize];
        state.set_label(place, label);
        self.posts.settle();
        let negatives = match &mut self.negatives {
            Some(negatives) => negatives.draw(&self.posts, at, post, &|post| state.has_acted_on(post)),
            None => Vec::new(),
        };
        let weight = (self.assumed_impressions / negatives.len().max(1) as f64) as f32;
        let mut shown = Vec::with_capacity(1 + negatives.len());
        let item = self.posts.candidate(post, event.surface, at);
        shown.push(Shown { item, weight: 1.0, label, sampled: false });
        for post in negatives {
            let item = self.posts.candidate(post, event.surface, at);
            shown.push(Shown { item, weight, label: self.labels.add(), sampled: true });
        }
        self.counts.slates += 1;
        // The act itself is at the slate's moment, not strictly before it.
        let history = self.history_at(viewer, at);
        slate(Slate { viewer, user: event.user_id, at, surface: event.surface, request_id: None, history, shown });
    }
}
