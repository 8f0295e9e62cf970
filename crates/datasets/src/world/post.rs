//! A post as the simulation knows it.

use foryou_types::{EngagementCounts, PostId, TimeMs};

use super::quality::Belief;

/// What kind of post it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Original,
    Reply,
    Quote,
    Repost,
}

/// A post as the simulation knows it.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) id: PostId,
    pub(crate) author: u32,
    pub(crate) at: TimeMs,
    pub(crate) kind: Kind,
    pub(crate) topic: u8,
    pub(crate) language: u8,
    pub(crate) quality: f64,
    pub(crate) photo: bool,
    pub(crate) video_ms: Option<u32>,
    pub(crate) subscribers_only: bool,
    /// The post itself or, of a repost, the post it reposts: what is shown.
    pub(crate) shown: u32,
    /// The first post of the thread.
    pub(crate) root: u32,
    pub(crate) text: String,
    pub(crate) nouns: [&'static str; 3],
    pub(crate) deleted: bool,
    /// What is known of the quality from what viewers did.
    pub(crate) belief: Belief,
    /// The popularity prior's counts.
    pub(crate) counts: EngagementCounts,
    pub(crate) impressions: u32,
    pub(crate) favorites: u32,
    pub(crate) reports: u32,
}
