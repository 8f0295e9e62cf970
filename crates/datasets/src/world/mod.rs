//! The synthetic world: a whole network, made from a seed, whose true probabilities are known.
//!
//! [`World::generate`] makes viewers and authors with drifting tastes, a follow graph, posts with text, and a log of what was shown and
//! done, as events in time order. [`behaviour`] is the true model; the last day's home slates are held out with their true
//! probabilities ([`Slate`]) and scored in the [`WorldReport`].
//!
//! What stands for what:
//! * **Accounts.** Viewers are `1 ..= users`, authors `users + 1 ..= users + authors`: authors are other accounts than the viewers, who
//!   post and follow but do not read, and viewers read but do not post. So a viewer's `reply`, `quote` or `repost` is recorded as an
//!   action, and the replies, quotes and reposts among the posts are the authors'.
//! * **Reposts** are posts of their own. What is shown, acted on and counted is the original: a repost is how followers of
//!   the reposter come to see it.
//! * **Attention.** A look of 3 s or more is a `dwell` action with its `dwell_ms`, a shorter one a `dwell_time` action with its `dwell_ms`; no look,
//!   no event. Either counts its seconds (clipped at 30) for the head `dwell_time`.
//! * **Consequences.** `follow_author`, `block_author` and `mute_author` come with their edge, a block also ends the follow.
//! * **Kinds of event**: all but `served` (the mixer's), `name` and `import_progress` (the importer's).
//!
//! The log holds the whole time, the held-out part too, so that it ends in a feed's present. Learn from events before
//! [`World::cut`] only; to rank a [`Slate`], know every event strictly before its moment and none after.
//!
//! Determinism: every draw comes from a seeded stream, nothing depends on hash order or threads. Like everything that uses `exp` and
//! `ln`, the world is reproducible to the platform's last bit of these; events are in practice the same everywhere.

pub mod behaviour;
mod change;
mod config;
mod exposure;
mod files;
mod graph;
mod habits;
mod lexicon;
mod people;
mod post;
mod posts;
mod quality;
mod report;
mod sessions;
mod simulation;
mod slates;
mod state;
mod sums;
mod tastes;
mod text;

use std::path::PathBuf;

use event_log::{EdgeKind, Event, EventBody};
use foryou_types::{ClockKind, HalfLife, PostId, Profile, TimeMs, UserId};
use thiserror::Error;

pub use config::WorldConfig;
pub use files::{WorldManifest, keep_truth, read_manifest, read_slates};
pub use lexicon::{LANGUAGE_TAGS, LANGUAGES, TOPICS};
pub use people::{Author, Role, Viewer};
pub use quality::Belief;
pub use report::{Count, RankerScore, WorldReport, score_slates};
pub use slates::{LEAST_SLATE, Slate, SlatePost};
pub use sums::check_files;
pub use tastes::{Mixture, Tastes, similarity};

/// Why a world cannot be made, written or read.
#[derive(Debug, Error)]
pub enum WorldError {
    /// A setting out of its range.
    #[error("{key}: {problem}")]
    Config {
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that has changed since it was written.
    #[error("{}: {problem}", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A line that is not valid.
    #[error("{}:{line}: {problem}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// The truth about a post.
#[derive(Clone, Debug, PartialEq)]
pub struct PostTruth {
    /// The post.
    pub post_id: PostId,
    /// Its author.
    pub author_id: UserId,
    /// Its topic, by number.
    pub topic: u8,
    /// Its latent quality (of a repost: the original's).
    pub quality: f64,
    /// How often it was shown in all.
    pub impressions: u32,
}

/// The planted truths.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The viewers with their tastes, by id.
    pub viewers: Vec<Viewer>,
    /// The authors, by id.
    pub authors: Vec<Author>,
    /// The posts, in order of time.
    pub posts: Vec<PostTruth>,
}

/// A generated world.
#[derive(Clone, Debug)]
pub struct World {
    /// What it was made from.
    pub config: WorldConfig,
    /// The profile of a data folder that holds it.
    pub profile: Profile,
    /// Everything that happened, in time order, all of it before [`WorldConfig::end`].
    pub events: Vec<Event>,
    /// The held-out slates, in time order.
    pub slates: Vec<Slate>,
    /// What nobody in the world knows.
    pub truth: Truth,
    /// Its numbers.
    pub report: WorldReport,
}

impl World {
    /// Makes the world of a configuration. The same configuration makes the same world.
    pub fn generate(config: &WorldConfig) -> Result<Self, WorldError> {
        config.check()?;
        let profile = Self::profile();
        let set = &profile.action_set;
        let half_life = HalfLife::seconds(profile.prior_half_life_seconds);
        let viewers = people::draw_viewers(config);
        let authors = people::draw_authors(config);
        let follows = graph::grow(config, &viewers, &authors);
        let posts = posts::plan(config, &authors);
        let visits = sessions::plan(config, &viewers);
        let mut simulation = simulation::Simulation::new(state::State::new(config, set, half_life, &viewers, &authors));
        habits::settle(&mut simulation, &follows);
        simulation.run(&posts, &visits);
        let simulation::Simulation { state, events, slates, tally, .. } = simulation;
        let posts = state.posts.iter().map(|post| PostTruth {
            post_id: post.id,
            author_id: authors[post.author as usize].id,
            topic: post.topic,
            quality: post.quality,
            impressions: post.impressions,
        });
        let posts = posts.collect();
        drop(state);
        let report = WorldReport::new(config, set, &events, &slates, tally);
        Ok(Self { config: config.clone(), profile, events, slates, truth: Truth { viewers, authors, posts }, report })
    }

    /// The profile of every world: as a live feed, on the log's clock.
    pub fn profile() -> Profile {
        Profile { name: "world".to_owned(), clock: ClockKind::Log, ..Profile::live() }
    }

    /// Where the held-out part begins: learn from events before this moment only.
    pub fn cut(&self) -> TimeMs {
        self.config.cut()
    }

    /// Up to `n` viewers worth showing: they follow at least eight authors at the end and have acted on at least twenty posts (more
    /// than looked), the busiest first.
    pub fn viewers_with_history(&self, n: usize) -> Vec<UserId> {
        const LEAST_FOLLOWS: i64 = 8;
        const LEAST_ACTIONS: u32 = 20;
        let viewers = self.truth.viewers.len();
        let mut follows = vec![0i64; viewers];
        let mut actions = vec![0u32; viewers];
        let place = |id: UserId| (id.0 as usize).wrapping_sub(1);
        for event in &self.events {
            match &event.body {
                EventBody::Edge(edge) if edge.kind == EdgeKind::Follow => {
                    if let Some(n) = follows.get_mut(place(edge.user_id)) {
                        *n += if edge.added { 1 } else { -1 };
                    }
                }
                EventBody::Action(action) if action.dwell_ms.is_none() && !action.undo => {
                    if let Some(n) = actions.get_mut(place(action.user_id)) {
                        *n += 1;
                    }
                }
                _ => {}
            }
        }
        let mut worth: Vec<usize> =
            (0..viewers).filter(|v| follows[*v] >= LEAST_FOLLOWS && actions[*v] >= LEAST_ACTIONS).collect();
        worth.sort_by_key(|v| (std::cmp::Reverse(actions[*v]), *v));
        worth.into_iter().take(n).map(|v| self.truth.viewers[v].id).collect()
    }
}
