//! What is true at a moment of the simulation: a projection of the events so far, like any other.

use event_log::{ActionEvent, EdgeEvent, EdgeKind, EventBody};
use foryou_types::{ActionSet, DAY_MS, EngagementCounts, HalfLife, PostId, Rng, SplitMix64, TimeMs, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::behaviour::{Features, head};
use super::config::{HOUR_MS, WorldConfig};
use super::lexicon::TOPICS;
use super::people::{Author, Role, Viewer};
use super::post::{Kind, Post};

/// Posts older than this are rarely shown.
pub(crate) const LIVE_MS: i64 = 48 * HOUR_MS;
/// Freshness falls to 1/e after this.
const FRESHNESS_MS: f64 = 12.0 * HOUR_MS as f64;

pub(crate) struct State<'a> {
    pub(crate) config: &'a WorldConfig,
    pub(crate) set: &'a ActionSet,
    pub(crate) half_life: HalfLife,
    pub(crate) viewers: &'a [Viewer],
    pub(crate) authors: &'a [Author],
    /// In order of creation, so also of time.
    pub(crate) posts: Vec<Post>,
    places: FxHashMap<PostId, u32>,
    /// Per author, posts in order of time.
    pub(crate) by_author: Vec<Vec<u32>>,
    /// Replies by the first post of their thread.
    pub(crate) threads: FxHashMap<u32, Vec<u32>>,
    /// Per account (viewers, then authors), authors followed, ascending.
    pub(crate) following: Vec<Vec<u32>>,
    /// Per viewer, authors blocked, muted, subscribed to, ascending.
    pub(crate) blocked: Vec<Vec<u32>>,
    pub(crate) muted: Vec<Vec<u32>>,
    pub(crate) subscribed: Vec<Vec<u32>>,
    /// Per viewer, muted keywords in lower case.
    pub(crate) keywords: Vec<Vec<String>>,
    /// Per viewer, posts shown.
    pub(crate) seen: Vec<FxHashSet<u32>>,
    /// Per author.
    pub(crate) suspended: Vec<bool>,
    pub(crate) reports: Vec<u32>,
    /// The popularity prior's counts of all posts.
    pub(crate) total: EngagementCounts,
}

impl<'a> State<'a> {
    pub(crate) fn new(
        config: &'a WorldConfig,
        set: &'a ActionSet,
        half_life: HalfLife,
        viewers: &'a [Viewer],
        authors: &'a [Author],
    ) -> Self {
        let per_viewer = || vec![Vec::new(); viewers.len()];
        Self {
            config,
            set,
            half_life,
            viewers,
            authors,
            posts: Vec::with_capacity(config.posts as usize),
            places: FxHashMap::default(),
            by_author: vec![Vec::new(); authors.len()],
            threads: FxHashMap::default(),
            following: vec![Vec::new(); viewers.len() + authors.len()],
            blocked: per_viewer(),
            muted: per_viewer(),
            subscribed: per_viewer(),
            keywords: vec![Vec::new(); viewers.len()],
            seen: vec![FxHashSet::default(); viewers.len()],
            suspended: vec![false; authors.len()],
            reports: vec![0; authors.len()],
            total: EngagementCounts::default(),
        }
    }

    /// Days since the start.
    pub(crate) fn day(&self, at: TimeMs) -> f64 {
        at.since(self.config.start()) as f64 / DAY_MS as f64
    }

    pub(crate) fn follows(&self, viewer: u32, author: u32) -> bool {
        has(&self.following[viewer as usize], author)
    }

    /// How close a viewer is to a followed author: fixed per pair, in `[0, 1)`.
    pub(crate) fn affinity(&self, viewer: u32, author: u32) -> f64 {
        let pair = u64::from(viewer) << 32 | u64::from(author);
        SplitMix64::new(self.config.seed ^ pair.wrapping_mul(0x9E37_79B9_7F4A_7C15)).uniform()
    }

    /// The author of an account id, if it is one.
    pub(crate) fn author_of(&self, id: UserId) -> Option<u32> {
        let place = id.0.checked_sub(self.viewers.len() as u64 + 1)?;
        (place < self.authors.len() as u64).then_some(place as u32)
    }

    /// What the true model looks at when a viewer meets a post.
    pub(crate) fn features(&self, viewer: u32, post: u32, at: TimeMs, surface: foryou_types::Surface) -> Features {
        let (person, post) = (&self.viewers[viewer as usize], &self.posts[post as usize]);
        let in_network = self.follows(viewer, post.author);
        let share = person.tastes.share(post.topic as usize, self.day(at));
        let role = self.authors[post.author as usize].role;
        Features {
            taste: ((TOPICS as f64 * share).ln() / 2.0).clamp(-1.0, 1.0),
            affinity: if in_network { self.affinity(viewer, post.author) } else { 0.0 },
            in_network,
            freshness: (-(at.since(post.at) as f64) / FRESHNESS_MS).exp(),
            same_language: person.language == post.language,
            proof: (f64::from(1 + post.favorites).ln() / 101f64.ln()).min(1.0),
            photo: post.photo,
            video_ms: post.video_ms,
            quote: post.kind == Kind::Quote,
            reply: post.kind == Kind::Reply,
            spam: role == Role::Spam,
            abuse: role == Role::Abusive,
            surface,
        }
    }

    /// Whether any feed may show the post to the viewer again or at all.
    pub(crate) fn may_show(&self, viewer: u32, post: u32) -> bool {
        let (v, p) = (viewer as usize, &self.posts[post as usize]);
        let author = &self.authors[p.author as usize];
        !p.deleted
            && p.kind != Kind::Repost
            && !self.suspended[p.author as usize]
            && !self.seen[v].contains(&post)
            && !has(&self.blocked[v], p.author)
            && !has(&self.muted[v], p.author)
            && (!p.subscribers_only || has(&self.subscribed[v], p.author))
            && (!author.protected || self.follows(viewer, p.author))
            && !self.keywords[v].iter().any(|k| p.nouns.iter().any(|n| n.to_lowercase() == *k))
    }

    pub(crate) fn add_post(&mut self, post: Post) {
        let place = self.posts.len() as u32;
        self.places.insert(post.id, place);
        self.by_author[post.author as usize].push(place);
        if post.kind == Kind::Reply {
            self.threads.entry(post.root).or_default().push(place);
        }
        self.posts.push(post);
    }

    /// Takes in an event (posts: [`Self::add_post`]).
    pub(crate) fn apply(&mut self, at: TimeMs, body: &EventBody) {
        match body {
            EventBody::Delete { post_id } => {
                if let Some(place) = self.places.get(post_id) {
                    self.posts[*place as usize].deleted = true;
                }
            }
            EventBody::Edge(edge) => self.apply_edge(edge),
            EventBody::MuteKeyword { user_id, keyword, muted } => {
                let keywords = &mut self.keywords[user_id.0 as usize - 1];
                keywords.retain(|k| k != keyword);
                if *muted {
                    keywords.push(keyword.clone());
                }
            }
            EventBody::Profile(profile) => {
                if let (Some(author), Some(suspended)) = (self.author_of(profile.user_id), profile.suspended) {
                    self.suspended[author as usize] = suspended;
                }
            }
            EventBody::Action(action) => self.apply_action(at, action),
            EventBody::Impression(impression) => {
                self.total.add_impressions(impression.post_ids.len() as f64, at, self.half_life);
                for post_id in &impression.post_ids {
                    if let Some(place) = self.places.get(post_id) {
                        self.seen[impression.user_id.0 as usize - 1].insert(*place);
                        let post = &mut self.posts[*place as usize];
                        post.impressions += 1;
                        post.counts.add_impressions(1.0, at, self.half_life);
                    }
                }
            }
            EventBody::Post(_)
            | EventBody::Served(_)
            | EventBody::Label(_)
            | EventBody::Name { .. }
            | EventBody::ImportProgress(_) => {}
        }
    }

    /// Whether an edge is news: not there yet, or there to be taken away.
    pub(crate) fn is_news(&self, edge: &EdgeEvent) -> bool {
        let edges = match edge.kind {
            EdgeKind::Follow => &self.following,
            EdgeKind::Block => &self.blocked,
            EdgeKind::Mute => &self.muted,
            EdgeKind::Subscribe => &self.subscribed,
        };
        let account = edge.user_id.0 as usize - 1;
        self.author_of(edge.target_id).is_some_and(|author| has(&edges[account], author) != edge.added)
    }

    fn apply_edge(&mut self, edge: &EdgeEvent) {
        let Some(author) = self.author_of(edge.target_id) else { return };
        let account = edge.user_id.0 as usize - 1;
        let edges = match edge.kind {
            EdgeKind::Follow => &mut self.following,
            EdgeKind::Block => &mut self.blocked,
            EdgeKind::Mute => &mut self.muted,
            EdgeKind::Subscribe => &mut self.subscribed,
        };
        match (edges[account].binary_search(&author), edge.added) {
            (Err(place), true) => edges[account].insert(place, author),
            (Ok(place), false) => {
                edges[account].remove(place);
            }
            _ => {}
        }
    }

    fn apply_action(&mut self, at: TimeMs, action: &ActionEvent) {
        let Some(place) = self.places.get(&action.post_id) else { return };
        let post = &mut self.posts[*place as usize];
        let sign = if action.undo { -1.0 } else { 1.0 };
        for counts in [&mut post.counts, &mut self.total] {
            if action.action as usize != head::DWELL_TIME {
                counts.add_action(action.action, sign, at, self.half_life);
            }
            if let Some(ms) = action.dwell_ms {
                let seconds = (f64::from(ms) / 1_000.0).min(ActionSet::DWELL_CLIP_SECONDS);
                counts.add_action(head::DWELL_TIME as u8, sign * seconds, at, self.half_life);
            }
        }
        match action.action as usize {
            head::FAVORITE if action.undo => post.favorites = post.favorites.saturating_sub(1),
            head::FAVORITE => post.favorites += 1,
            head::REPORT => {
                post.reports += 1;
                self.reports[post.author as usize] += 1;
            }
            _ => {}
        }
    }

    /// The place of a post.
    pub(crate) fn place(&self, post_id: PostId) -> Option<u32> {
        self.places.get(&post_id).copied()
    }
}

/// Whether an ascending list has an author.
pub(crate) fn has(list: &[u32], author: u32) -> bool {
    list.binary_search(&author).is_ok()
}
