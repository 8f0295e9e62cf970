//! What is shown: the simple policy whose log the world is.
//!
//! A home slate mixes followed authors' recent posts (and what they reposted), popular posts of the viewer's language, and random
//! exploration of the last 48 hours, with a few older posts, in random order. The policy knows nothing of tastes. It respects what any feed
//! respects (blocks, mutes, muted keywords, subscriber-only and protected posts, deleted posts, suspended authors, posts seen
//! before), but not labels: it is older than the rules that read them, and without it spam would have no record to learn from.

use foryou_types::{Rng, Surface, TimeMs};

use super::behaviour::head;
use super::config::HOUR_MS;
use super::lexicon::LANGUAGES;
use super::post::Kind;
use super::state::{LIVE_MS, State};
use super::tastes::draw_topic;

/// How often the popular posts are determined again.
const REFRESH_MS: i64 = HOUR_MS / 2;

/// Where the next post of a slate comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    InNetwork,
    Popular,
    Explore,
    Old,
}

/// The posts that are popular now and those under 48 h.
pub(crate) struct Pools {
    refreshed: Option<TimeMs>,
    /// Places of posts under 48 h start here.
    live_from: usize,
    /// Per language, best first.
    popular: Vec<Vec<u32>>,
}

impl Pools {
    pub(crate) fn new() -> Self {
        Self { refreshed: None, live_from: 0, popular: vec![Vec::new(); LANGUAGES] }
    }

    /// Brings the pools to a moment.
    pub(crate) fn refresh(&mut self, state: &State<'_>, now: TimeMs) {
        while state.posts.get(self.live_from).is_some_and(|p| now.since(p.at) > LIVE_MS) {
            self.live_from += 1;
        }
        if self.refreshed.is_some_and(|at| now.since(at) < REFRESH_MS) {
            return;
        }
        self.refreshed = Some(now);
        let mut scored: Vec<Vec<(f64, u32)>> = vec![Vec::new(); LANGUAGES];
        for (place, post) in state.posts.iter().enumerate().skip(self.live_from) {
            if post.kind == Kind::Repost || post.deleted || post.subscribers_only {
                continue;
            }
            let n = |action: usize| post.counts.action(action as u8, now, state.half_life);
            let engaged =
                n(head::FAVORITE) + 3.0 * (n(head::REPOST) + n(head::REPLY) + n(head::QUOTE)) + 0.2 * n(head::CLICK);
            scored[post.language as usize].push((engaged, place as u32));
        }
        for (pool, mut scored) in self.popular.iter_mut().zip(scored) {
            scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let keep = (scored.len() / 8).max(20);
            *pool = scored.into_iter().take(keep).map(|s| s.1).collect();
        }
    }

    /// A slate of up to `size` posts for a viewer's visit.
    pub(crate) fn slate(
        &self,
        state: &State<'_>,
        viewer: u32,
        surface: Surface,
        size: usize,
        now: TimeMs,
        rng: &mut dyn Rng,
    ) -> Vec<u32> {
        let mut followed = in_network(state, viewer, now, rng).into_iter();
        let topic = draw_topic(state.viewers[viewer as usize].tastes.mixture(state.day(now)), rng) as u8;
        let mut slate: Vec<u32> = Vec::with_capacity(size);
        for _ in 0..size {
            let source = draw_source(surface, rng);
            for _ in 0..10 {
                let candidate = match source {
                    Source::InNetwork => followed.next(),
                    Source::Popular => self.popular(state, viewer, rng),
                    Source::Explore => self.explore(state, viewer, rng),
                    Source::Old => (self.live_from > 0).then(|| rng.below(self.live_from) as u32),
                };
                let Some(candidate) = candidate else { break };
                let post = &state.posts[candidate as usize];
                let fits = match surface {
                    Surface::Video => post.video_ms.is_some(),
                    Surface::Search => post.topic == topic,
                    _ => true,
                };
                if fits && !slate.contains(&candidate) && state.may_show(viewer, candidate) {
                    slate.push(candidate);
                    break;
                }
            }
        }
        for i in (1..slate.len()).rev() {
            slate.swap(i, rng.below(i + 1));
        }
        if surface == Surface::Following {
            slate.sort_unstable_by(|a, b| b.cmp(a));
        }
        slate
    }

    /// Popular posts of the viewer's language, the first more often.
    fn popular(&self, state: &State<'_>, viewer: u32, rng: &mut dyn Rng) -> Option<u32> {
        let pool = &self.popular[state.viewers[viewer as usize].language as usize];
        let u = rng.uniform();
        pool.get((pool.len() as f64 * u * u) as usize).copied()
    }

    /// Posts under 48 h, the newer more often, mostly in the viewer's language.
    fn explore(&self, state: &State<'_>, viewer: u32, rng: &mut dyn Rng) -> Option<u32> {
        let live = state.posts.len() - self.live_from.min(state.posts.len());
        let language = state.viewers[viewer as usize].language;
        for _ in 0..12 {
            let back = (live as f64 * rng.uniform().powf(1.3)) as usize;
            let place = state.posts.len().checked_sub(1 + back)?;
            if state.posts[place].language == language || rng.chance(0.08) {
                return Some(state.posts[place].shown);
            }
        }
        None
    }
}

fn draw_source(surface: Surface, rng: &mut dyn Rng) -> Source {
    let (in_network, popular, old) = match surface {
        Surface::Following => return Source::InNetwork,
        Surface::Explore | Surface::Search | Surface::Video => (0.1, 0.4, 0.02),
        _ => (0.45, 0.2, 0.02),
    };
    let u = rng.uniform();
    if u < in_network {
        Source::InNetwork
    } else if u < in_network + popular {
        Source::Popular
    } else if u < in_network + popular + old {
        Source::Old
    } else {
        Source::Explore
    }
}

/// Recent posts of followed authors in a random order that prefers new ones: weighted sampling without replacement by exponential
/// races (Efraimidis and Spirakis 2006), weight `e^{−age / 10 h}`, half of it for replies.
fn in_network(state: &State<'_>, viewer: u32, now: TimeMs, rng: &mut dyn Rng) -> Vec<u32> {
    let mut race: Vec<(f64, u32)> = Vec::new();
    for author in &state.following[viewer as usize] {
        for place in state.by_author[*author as usize].iter().rev() {
            let post = &state.posts[*place as usize];
            let age = now.since(post.at);
            if age > LIVE_MS {
                break;
            }
            let weight =
                (-(age as f64) / (10.0 * HOUR_MS as f64)).exp() * if post.kind == Kind::Reply { 0.5 } else { 1.0 };
            race.push((-(1.0 - rng.uniform()).ln() / weight, post.shown));
        }
    }
    race.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    race.into_iter().map(|r| r.1).collect()
}

/// The newest posts of an author's page.
pub(crate) fn profile_page(state: &State<'_>, viewer: u32, author: u32) -> Vec<u32> {
    let theirs = state.by_author[author as usize].iter().rev().copied();
    theirs.filter(|p| state.may_show(viewer, *p)).take(6).collect()
}

/// The replies under a post.
pub(crate) fn thread_page(state: &State<'_>, viewer: u32, root: u32) -> Vec<u32> {
    let replies = state.threads.get(&root).map_or(&[][..], Vec::as_slice);
    replies.iter().rev().copied().filter(|p| state.may_show(viewer, *p)).take(5).collect()
}
