//! Lives through the world: posts, visits, what viewers do, and the events of it all in time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use event_log::{
    ActionEvent, EdgeEvent, EdgeKind, Event, EventBody, ImpressionEvent, LabelEvent, LabelTarget, Origin, ProfileEvent,
};
use foryou_types::{ActionMask, ActionSet, PopularityPrior, Rng, SplitMix64, Surface, TimeMs};

use super::behaviour::{DISCRETE, DWELL_SECONDS, HEADS, Response, head, value};
use super::change::{Change, change as change_of_mind};
use super::config::HOUR_MS;
use super::exposure::{Pools, profile_page, thread_page};
use super::lexicon::LANGUAGE_TAGS;
use super::people::Role;
use super::post::Kind;
use super::posts;
use super::report::Tally;
use super::sessions::{Visit, draw_surface};
use super::slates::{LEAST_SLATE, Slate, SlatePost};
use super::state::{LIVE_MS, State};

/// A look ends after this many seconds at the latest.
const LONGEST_LOOK: f64 = 300.0;
/// Reports after which a bad post is labelled, and after which its author is labelled and suspended.
const REPORTS_TO_LABEL_POST: u32 = 3;
const REPORTS_TO_LABEL_AUTHOR: u32 = 10;
const REPORTS_TO_SUSPEND: u32 = 100;

/// Something that will happen.
pub(crate) enum What {
    /// An event.
    Event(EventBody),
    /// A slate is over: what was done in it is known.
    Learn(Vec<Observation>),
    /// A viewer follows a link from a slate to another page.
    Page { viewer: u32, client_app: u32, link: Link },
    /// A viewer changes something without being shown anything.
    Change { viewer: u32, change: Change },
}

/// Where a link leads.
#[derive(Clone, Copy)]
pub(crate) enum Link {
    /// An author's page.
    Profile(u32),
    /// The thread of a post, by its first post.
    Thread(u32),
}

/// What one impression tells about a post's quality.
pub(crate) struct Observation {
    post: u32,
    response: Response,
    taken: ActionMask,
    looked: bool,
}

/// The order of what is due: by time, then by when it was decided.
struct Due {
    at: TimeMs,
    number: u64,
    what: What,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What lived through the world.
pub(crate) struct Simulation<'a> {
    pub(crate) state: State<'a>,
    pub(crate) events: Vec<Event>,
    pub(crate) slates: Vec<Slate>,
    pub(crate) tally: Tally,
    pools: Pools,
    due: BinaryHeap<Reverse<Due>>,
    decided: u64,
    shown: u64,
    rng: SplitMix64,
}

impl<'a> Simulation<'a> {
    pub(crate) fn new(state: State<'a>) -> Self {
        let rng = SplitMix64::fork(state.config.seed, "simulation");
        Self {
            state,
            events: Vec::new(),
            slates: Vec::new(),
            tally: Tally::default(),
            pools: Pools::new(),
            due: BinaryHeap::new(),
            decided: 0,
            shown: 0,
            rng,
        }
    }

    /// Something happens later. What would be after the end does not happen.
    pub(crate) fn at(&mut self, at: TimeMs, what: What) {
        if at < self.state.config.end {
            self.decided += 1;
            self.due.push(Reverse(Due { at, number: self.decided, what }));
        }
    }

    /// Lives through planned posts and visits (both in time order) and everything that follows from them.
    pub(crate) fn run(&mut self, posts: &[(TimeMs, u32)], visits: &[Visit]) {
        let (mut posts, mut visits) = (posts.iter().peekable(), visits.iter().peekable());
        loop {
            let post = posts.peek().map_or(TimeMs(i64::MAX), |p| p.0);
            let visit = visits.peek().map_or(TimeMs(i64::MAX), |v| v.at);
            let next = post.min(visit);
            // Of one millisecond, a visit is first: a slate knows only what is strictly before it.
            if self.due.peek().is_some_and(|Reverse(d)| d.at < next) {
                if let Some(Reverse(due)) = self.due.pop() {
                    self.happen(due);
                }
            } else if visit <= post {
                let Some(visit) = visits.next() else { break };
                self.visit(*visit);
            } else if let Some((at, author)) = posts.next() {
                self.post(*at, *author);
            }
        }
        let mut shown: Vec<u64> =
            self.state.posts.iter().filter(|p| p.kind != Kind::Repost).map(|p| u64::from(p.impressions)).collect();
        shown.sort_unstable();
        self.tally.median_impressions = shown.get(shown.len() / 2).copied().unwrap_or(0);
    }

    /// Records an event and what it changes.
    pub(crate) fn emit(&mut self, at: TimeMs, body: EventBody) {
        self.state.apply(at, &body);
        self.events.push(Event { at, id: None, origin: Origin::Import, body });
    }

    fn happen(&mut self, due: Due) {
        match due.what {
            // A block ends a follow that may not be there, a second block of an author in one slate changes nothing.
            What::Event(EventBody::Edge(edge)) if !self.state.is_news(&edge) => {}
            What::Event(body) => {
                let reported = match &body {
                    EventBody::Action(a) if a.action as usize == head::REPORT => self.state.place(a.post_id),
                    _ => None,
                };
                self.emit(due.at, body);
                if let Some(post) = reported {
                    self.moderate(due.at, post);
                }
            }
            What::Learn(observations) => {
                for o in observations {
                    self.state.posts[o.post as usize].belief.observe(&o.response, o.taken.0, o.looked);
                }
            }
            What::Page { viewer, client_app, link } => {
                let (surface, posts) = match link {
                    Link::Profile(author) => (Surface::Profile, profile_page(&self.state, viewer, author)),
                    Link::Thread(root) => (Surface::Detail, thread_page(&self.state, viewer, root)),
                };
                self.show(due.at, viewer, client_app, surface, &posts);
            }
            What::Change { viewer, change } => {
                if let Some(body) = change_of_mind(&self.state, due.at, viewer, change, &mut self.rng) {
                    self.emit(due.at, body);
                }
            }
        }
    }

    fn post(&mut self, at: TimeMs, author: u32) {
        if self.state.suspended[author as usize] {
            return;
        }
        let (post, event) = posts::compose(&self.state, at, author, &mut self.rng);
        let id = post.id;
        self.state.add_post(post);
        self.emit(at, EventBody::Post(Box::new(event)));
        if self.rng.chance(0.01) {
            let hours = -10.0 * (1.0 - self.rng.uniform()).ln();
            self.at(at + 1 + (hours * HOUR_MS as f64) as i64, What::Event(EventBody::Delete { post_id: id }));
        }
    }

    fn visit(&mut self, visit: Visit) {
        self.pools.refresh(&self.state, visit.at);
        let surface = draw_surface(&mut self.rng);
        let (least, most) = self.state.config.slate;
        let size = least as usize + self.rng.below((most - least + 1) as usize);
        let posts = self.pools.slate(&self.state, visit.viewer, surface, size, visit.at, &mut self.rng);
        self.show(visit.at, visit.viewer, visit.client_app, surface, &posts);
    }

    /// Shows posts to a viewer and decides what the viewer does with each.
    fn show(&mut self, at: TimeMs, viewer: u32, client_app: u32, surface: Surface, posts: &[u32]) {
        if posts.is_empty() {
            return;
        }
        self.shown += 1;
        let user_id = self.state.viewers[viewer as usize].id;
        let request_id = format!("w-{}", self.shown);
        let held_out = surface == Surface::Home && at >= self.state.config.cut() && posts.len() >= LEAST_SLATE;
        let prior = held_out.then(|| {
            let state = &self.state;
            PopularityPrior::new(state.set, &state.total, state.posts.len(), None, at, state.half_life)
        });
        let mut observations = Vec::with_capacity(posts.len());
        let mut slate = Vec::new();
        let mut cursor = at + 400;
        for place in posts {
            let features = self.state.features(viewer, *place, at, surface);
            let response = features.response();
            let quality = self.state.posts[*place as usize].quality;
            let heads = response.heads(quality);
            let mut taken = ActionMask::default();
            for (a, p) in heads[..DISCRETE].iter().enumerate() {
                if a != head::DWELL && self.rng.chance(*p) {
                    taken.insert(a as u8);
                }
            }
            let looked = self.rng.chance(response.attention(quality));
            let mut seconds = 0.0;
            if looked {
                seconds = -response.mean_seconds(quality) * (1.0 - self.rng.uniform()).ln();
                seconds = (seconds.min(LONGEST_LOOK) * 1_000.0).ceil().max(1.0) / 1_000.0;
                if seconds >= DWELL_SECONDS {
                    taken.insert(head::DWELL as u8);
                }
            }
            self.tally.impressions += 1;
            self.tally.in_network += u64::from(features.in_network);
            self.tally.under_48_h += u64::from(at.since(self.state.posts[*place as usize].at) < LIVE_MS);
            if let Some(prior) = &prior {
                slate.push(self.slate_post(*place, features.in_network, &response, &heads, taken, seconds, prior));
            }
            cursor = self.act(cursor, viewer, client_app, surface, *place, taken, seconds);
            observations.push(Observation { post: *place, response, taken, looked });
        }
        if held_out {
            self.slates.push(Slate { request_id: request_id.clone(), viewer: user_id, at, surface, posts: slate });
        }
        let post_ids = posts.iter().map(|p| self.state.posts[*p as usize].id).collect();
        let impression = ImpressionEvent { user_id, post_ids, request_id: Some(request_id), surface, client_app };
        self.emit(at, EventBody::Impression(impression));
        self.at(cursor, What::Learn(observations));
    }

    #[expect(clippy::too_many_arguments, reason = "one row of a slate, assembled in one place")]
    fn slate_post(
        &self,
        place: u32,
        in_network: bool,
        response: &Response,
        heads: &[f64; HEADS],
        taken: ActionMask,
        seconds: f64,
        prior: &PopularityPrior,
    ) -> SlatePost {
        let post = &self.state.posts[place as usize];
        let set: &ActionSet = self.state.set;
        SlatePost {
            post_id: post.id,
            author_id: self.state.authors[post.author as usize].id,
            created_at: post.at,
            topic: post.topic,
            language: LANGUAGE_TAGS[post.language as usize].to_owned(),
            video_ms: post.video_ms,
            in_network,
            impressions_before: post.impressions,
            quality: post.quality as f32,
            p_true: heads.iter().map(|p| *p as f32).collect(),
            taken,
            dwell_seconds: seconds as f32,
            popularity: value(set, prior.heads(Some(&post.counts)), post.video_ms) as f32,
            ceiling: value(set, post.belief.heads(response), post.video_ms) as f32,
        }
    }

    /// Schedules the events of what a viewer does with one post from `start` on; the moment the viewer moves on.
    #[expect(clippy::too_many_arguments, reason = "one impression, scheduled in one place")]
    fn act(
        &mut self,
        start: TimeMs,
        viewer: u32,
        client_app: u32,
        surface: Surface,
        place: u32,
        taken: ActionMask,
        seconds: f64,
    ) -> TimeMs {
        let user_id = self.state.viewers[viewer as usize].id;
        let post = &self.state.posts[place as usize];
        let (post_id, author, root) = (post.id, post.author, post.root);
        let target_id = self.state.authors[author as usize].id;
        let action = |action: usize, dwell_ms, undo| {
            let action = action as u8;
            What::Event(EventBody::Action(ActionEvent {
                user_id,
                post_id,
                action,
                dwell_ms,
                surface,
                client_app,
                undo,
            }))
        };
        let edge = |kind, added| What::Event(EventBody::Edge(EdgeEvent { user_id, target_id, kind, added }));
        let nested = matches!(surface, Surface::Profile | Surface::Detail);
        let mut moment = start;
        for a in taken.iter().map(usize::from).filter(|a| *a != head::DWELL) {
            moment = moment + 200 + self.rng.below(900) as i64;
            self.at(moment, action(a, None, false));
            match a {
                head::FAVORITE if self.rng.chance(0.01) => {
                    let later = moment + 2_000 + self.rng.below(40_000) as i64;
                    self.at(later, action(a, None, true));
                }
                head::FOLLOW_AUTHOR => self.at(moment, edge(EdgeKind::Follow, true)),
                head::BLOCK_AUTHOR | head::MUTE_AUTHOR => {
                    let kind = if a == head::BLOCK_AUTHOR { EdgeKind::Block } else { EdgeKind::Mute };
                    self.at(moment, edge(kind, true));
                    if kind == EdgeKind::Block {
                        self.at(moment, edge(EdgeKind::Follow, false));
                    }
                }
                head::CLICK if !nested && self.rng.chance(0.3) => {
                    self.at(moment + 1, What::Page { viewer, client_app, link: Link::Thread(root) });
                }
                head::PROFILE_CLICK if !nested && self.rng.chance(0.5) => {
                    self.at(moment + 1, What::Page { viewer, client_app, link: Link::Profile(author) });
                }
                _ => {}
            }
        }
        let looked_ms = (seconds * 1_000.0).round() as u32;
        let end = (start + i64::from(looked_ms)).max(moment);
        if looked_ms > 0 {
            let dwell = if taken.has(head::DWELL as u8) { head::DWELL } else { head::DWELL_TIME };
            self.at(end, action(dwell, Some(looked_ms), false));
        }
        end + 150 + self.rng.below(400) as i64
    }

    /// The platform looks at what is reported: bad posts and authors are labelled, the worst suspended; decent ones are left alone.
    fn moderate(&mut self, at: TimeMs, post: u32) {
        let (post_id, author, reports) = {
            let post = &self.state.posts[post as usize];
            (post.id, post.author as usize, post.reports)
        };
        let person = &self.state.authors[author];
        let label = match person.role {
            Role::Regular => return,
            Role::Spam => "spam",
            Role::Abusive => "abuse",
        };
        let user_id = person.id;
        let soon = at + HOUR_MS;
        if reports == REPORTS_TO_LABEL_POST {
            let until = Some(soon + 7 * 24 * HOUR_MS);
            let body = LabelEvent { target: LabelTarget::Post(post_id), label: label.to_owned(), until };
            self.at(soon, What::Event(EventBody::Label(body)));
        }
        if self.state.reports[author] == REPORTS_TO_LABEL_AUTHOR {
            let body = LabelEvent { target: LabelTarget::User(user_id), label: label.to_owned(), until: None };
            self.at(soon, What::Event(EventBody::Label(body)));
        }
        if self.state.reports[author] == REPORTS_TO_SUSPEND {
            let body = ProfileEvent { user_id, suspended: Some(true), ..ProfileEvent::default() };
            self.at(soon, What::Event(EventBody::Profile(Box::new(body))));
        }
    }
}
