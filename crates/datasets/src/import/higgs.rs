//! Higgs: who retweeted, replied to and mentioned whom on Twitter around 4 July 2012 (SNAP; De Domenico et al., "The Anatomy of a
//! Scientific Rumor", Scientific Reports 3, 2013).
//!
//! The set has activities but no posts. So the posts are derived from it:
//!
//! * one **source post** by B per UTC hour in which someone acts on B (retweets, replies to or mentions B), created at the first of these
//!   activities;
//! * `RT` by A: a repost by A of B's source post of that hour, and A's `repost` of that source post;
//! * `RE` by A: a reply by A to B's source post of that hour, and A's `reply` to it;
//! * `MT` by A: an original post by A (it mentions B, which is not an action on a post);
//! * an activity of A on A: counted (`self_actions`), not imported, and no reason for a source post.
//!
//! Every edge `A B` of the retweet graph (A retweeted B) becomes "A follows B", from the time of the first activity between
//! the two, in either direction; without any, from the first time of the set.
//!
//! Ids of posts are hashes, of (B, hour) for a source post, of the row and its number for another, so that the same file always gives
//! the same ids.

use std::{ops::ControlFlow, path::Path};

use event_log::{ActionEvent, EdgeEvent, EdgeKind, EventBody, PostEvent};
use foryou_types::{ActionIndex, ClockKind, Has, IdForms, PostId, Profile, TimeMs, UserId};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    ImportError, Importer, RowForm, RowOrder, Rules, Run, SetFile,
    batch::Mapped,
    fields::{shown, split, unix_seconds, unsigned_id},
    files::Meter,
    rows::{Row, for_each_row},
    run::RowMapper,
};

/// The kind's name.
pub(super) const KIND: &str = "higgs";

/// Names of the activity file and of the retweet graph, as published first.
pub(super) const FILES: [[&str; 3]; 2] = [
    ["higgs-activity_time.txt.gz", "higgs-activity_time.txt", "higgs-activity_time.txt.zst"],
    ["higgs-retweet_network.edgelist.gz", "higgs-retweet_network.edgelist", "higgs-retweet_network.edgelist.zst"],
];

/// Milliseconds of the hour in which activities on one person belong to one source post.
const HOUR_MS: i64 = 3_600_000;

/// The importer of Higgs.
pub(super) struct Higgs {
    repost: ActionIndex,
    reply: ActionIndex,
}

impl Higgs {
    /// The profile of a folder that Higgs fills.
    pub(super) fn default_profile() -> Profile {
        Profile {
            name: KIND.to_owned(),
            clock: ClockKind::Log,
            has: vec![Has::Authors, Has::Graph],
            acted_is_seen: true,
            // The set's posts have neither text nor impressions: until a model is trained, only popularity ranks them, and a
            // few accounts' posts are far above all others. At .75 they fill the first page of some of the busiest
            // retweeters alone; at .5 whom they follow still comes through.
            oon_factor: 0.5,
            ids: IdForms::default(),
            ..Profile::live()
        }
    }

    /// The set in the folder `path`.
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let find = |names: &[&str]| {
            let found = if path.is_dir() { SetFile::find(path, names) } else { None };
            found.ok_or_else(|| super::missing(path, KIND, names))
        };
        let file = |role, path| SetFile::new(role, path, RowForm::Lines, RowOrder::File);
        let files = vec![file("activity", find(&FILES[0])?), file("retweet_network", find(&FILES[1])?)];
        let profile = folder.cloned().unwrap_or_else(Self::default_profile);
        let repost = super::action_of(&profile, KIND, "repost")?;
        let reply = super::action_of(&profile, KIND, "reply")?;
        Ok(Importer::new(KIND, profile, files, Self { repost, reply }))
    }
}

impl Rules for Higgs {
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError> {
        let (activity, network) = (&set.files[0], &set.files[1]);
        let mut activities = Activities::new(self.repost, self.reply);
        // First times of the whole file: the published one is sorted, but nothing says that every one is.
        for_each_row(activity, &Meter::default(), &mut |row| {
            activities.survey(row);
            Ok(ControlFlow::Continue(()))
        })?;
        run.import_rows(activity, &mut activities)?;
        run.import_rows(network, &mut Edges(&activities))
    }
}

/// What a person did to another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Retweet,
    Reply,
    Mention,
}

/// A row of the activity file: `A B unix-time RT|MT|RE`.
struct Activity {
    a: u64,
    b: u64,
    at: TimeMs,
    kind: Kind,
}

fn parse(row: &Row<'_>) -> Result<Activity, String> {
    let text = row.text()?;
    let [a, b, time, kind] = split::<4>(text, text.split_ascii_whitespace())?;
    let (a, b, at) = (unsigned_id("user A", a)?, unsigned_id("user B", b)?, unix_seconds(time)?);
    let kind = match kind {
        "RT" => Kind::Retweet,
        "RE" => Kind::Reply,
        "MT" => Kind::Mention,
        other => return Err(format!("unknown activity {} (RT, RE and MT are known)", shown(other))),
    };
    Ok(Activity { a, b, at, kind })
}

/// The source post of a person's hour.
struct Source {
    created: TimeMs,
    /// None until its first activity is imported.
    id: PostId,
}

/// The activities, as they become events.
struct Activities {
    repost: ActionIndex,
    reply: ActionIndex,
    sources: FxHashMap<(u64, i64), Source>,
    /// Time of the first activity between two people, the smaller id first.
    first_between: FxHashMap<(u64, u64), TimeMs>,
    /// Time of the first activity of all.
    first: Option<TimeMs>,
    /// Every id given to a post: no two posts share one.
    ids: FxHashSet<u64>,
    known: Mapped,
}

const fn pair(a: u64, b: u64) -> (u64, u64) {
    if a < b { (a, b) } else { (b, a) }
}

impl Activities {
    fn new(repost: ActionIndex, reply: ActionIndex) -> Self {
        Self {
            repost,
            reply,
            sources: FxHashMap::default(),
            first_between: FxHashMap::default(),
            first: None,
            ids: FxHashSet::default(),
            known: Mapped::default(),
        }
    }

    fn survey(&mut self, row: &Row<'_>) {
        let Ok(Activity { a, b, at, .. }) = parse(row) else { return };
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        if a == b {
            return;
        }
        let source = self.sources.entry((b, hour_of(at))).or_insert(Source { created: at, id: PostId::NONE });
        source.created = source.created.min(at);
        self.first_between.entry(pair(a, b)).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }

    /// The source post of B's hour, which is created with the first activity that needs it.
    fn source(&mut self, b: u64, at: TimeMs, out: &mut Mapped) -> PostId {
        let hour = hour_of(at);
        // `survey` has seen every row, unless the file grew in the meantime.
        let source = self.sources.entry((b, hour)).or_insert(Source { created: at, id: PostId::NONE });
        if source.id.is_none() {
            let mut key = b"higgs source".to_vec();
            key.extend_from_slice(&b.to_le_bytes());
            key.extend_from_slice(&hour.to_le_bytes());
            source.id = free_id(&mut self.ids, &key);
            let post = PostEvent { post_id: source.id, author_id: UserId(b), ..PostEvent::default() };
            out.push(source.created, EventBody::Post(Box::new(post)));
        }
        source.id
    }
}

fn hour_of(at: TimeMs) -> i64 {
    at.0.div_euclid(HOUR_MS)
}

/// A post's id: the hash of what it is derived from, hashed again with the next seed while that is 0 or another post's.
/// Which id that is depends only on the rows before, so every run over the file gives the same ones.
fn free_id(ids: &mut FxHashSet<u64>, key: &[u8]) -> PostId {
    let mut seed = 0;
    loop {
        let id = xxh3_64_with_seed(key, seed);
        if id != 0 && ids.insert(id) {
            return PostId(id);
        }
        seed += 1;
    }
}

impl RowMapper for Activities {
    fn known(&mut self, row: &Row<'_>) {
        let mut known = std::mem::take(&mut self.known);
        // A row that cannot be read teaches nothing.
        let _ = self.map(row, &mut known);
        known.clear();
        self.known = known;
    }

    fn map(&mut self, row: &Row<'_>, out: &mut Mapped) -> Result<(), String> {
        let Activity { a, b, at, kind } = parse(row)?;
        if a == b {
            out.skip("self_actions");
            return Ok(());
        }
        let source = self.source(b, at, out);
        let mut key = b"higgs row".to_vec();
        key.extend_from_slice(&row.number.to_le_bytes());
        key.extend_from_slice(row.text()?.as_bytes());
        let mut post =
            PostEvent { post_id: free_id(&mut self.ids, &key), author_id: UserId(a), ..PostEvent::default() };
        let action = match kind {
            Kind::Retweet => {
                post.source_post_id = source;
                post.source_user_id = UserId(b);
                Some(self.repost)
            }
            Kind::Reply => {
                post.in_reply_to_post_id = source;
                post.in_reply_to_user_id = UserId(b);
                post.conversation_id = source;
                Some(self.reply)
            }
            Kind::Mention => None,
        };
        out.push(at, EventBody::Post(Box::new(post)));
        if let Some(action) = action {
            let action = ActionEvent { user_id: UserId(a), post_id: source, action, ..ActionEvent::default() };
            out.push(at, EventBody::Action(action));
        }
        Ok(())
    }
}

/// The retweet graph: rows `A B weight`.
struct Edges<'a>(&'a Activities);

impl RowMapper for Edges<'_> {
    fn map(&mut self, row: &Row<'_>, out: &mut Mapped) -> Result<(), String> {
        let text = row.text()?;
        let [a, b, weight] = split::<3>(text, text.split_ascii_whitespace())?;
        let (a, b) = (unsigned_id("user A", a)?, unsigned_id("user B", b)?);
        if weight.parse::<u64>().is_err() {
            return Err(format!("weight {} is not a number of retweets", shown(weight)));
        }
        if a == b {
            out.skip("self_edges");
            return Ok(());
        }
        let at = self.0.first_between.get(&pair(a, b)).copied().or(self.0.first).unwrap_or_default();
        let edge = EdgeEvent { user_id: UserId(a), target_id: UserId(b), kind: EdgeKind::Follow, added: true };
        out.push(at, EventBody::Edge(edge));
        Ok(())
    }
}
