//! Deskdrop: a company's article feed (CI&T, on Kaggle as "Articles sharing and reading from CI&T DeskDrop").
//!
//! One file, `users_interactions.csv` (as published: zipped) or the same rows as `interactions_slim.tsv` with the first five
//! columns only. A row is a person's view, like, bookmark, comment or follow of an article. There are no authors and no texts here, so
//! an article becomes a post with nothing but its id and the time of its first event; all ids are signed 64-bit numbers.
//!
//! The published file is not sorted by time: its rows are imported as [`super::ordered`] describes.

use std::path::Path;

use event_log::{ActionEvent, EventBody, PostEvent};
use foryou_types::{ActionIndex, ActionSet, ClockKind, IdForm, IdForms, Limits, PostId, Profile, TimeMs, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    ImportError, Importer, RowForm, RowOrder, Rules, Run, SetFile,
    batch::Mapped,
    external_sort::spill_fields,
    fields::{shown, signed_id, split, unix_seconds},
    ordered::{TimedMapper, import_in_time_order},
    rows::Row,
};

/// The kind's name.
pub(super) const KIND: &str = "deskdrop";

/// The published file first: the slim one is made from it.
pub(super) const FILES: [&str; 8] = [
    "users_interactions.csv.zip",
    "users_interactions.csv",
    "users_interactions.csv.gz",
    "users_interactions.csv.zst",
    "interactions_slim.tsv.zst",
    "interactions_slim.tsv",
    "interactions_slim.tsv.gz",
    "interactions_slim.tsv.zip",
];

/// The columns that both files have. Together they are a row.
const COLUMNS: [&str; 5] = ["timestamp", "eventType", "contentId", "personId", "sessionId"];

/// Event types of the file, names of the actions, weights: the actions that cost a reader more say more.
const ACTIONS: [(&str, &str, f64); 5] = [
    ("VIEW", "view", 1.0),
    ("LIKE", "like", 3.0),
    ("BOOKMARK", "bookmark", 4.0),
    ("COMMENT CREATED", "comment", 5.0),
    ("FOLLOW", "follow", 8.0),
];

/// Articles stay readable for this long: a month, in seconds.
const MAX_AGE_SECONDS: i64 = 30 * 24 * 3_600;

/// The importer of Deskdrop.
pub(super) struct Deskdrop {
    /// Per event type of [`ACTIONS`], its index in the profile's set.
    actions: [ActionIndex; 5],
}

impl Deskdrop {
    /// The profile of a folder that Deskdrop fills.
    pub(super) fn default_profile() -> Profile {
        Profile {
            name: KIND.to_owned(),
            clock: ClockKind::Log,
            has: Vec::new(),
            ids: IdForms { users: IdForm::Signed, posts: IdForm::Signed },
            limits: Limits { max_post_age_seconds: MAX_AGE_SECONDS, ..Limits::default() },
            action_set: ActionSet::discrete(1, &ACTIONS.map(|(_, name, weight)| (name, weight))),
            ..Profile::live()
        }
    }

    /// The set at `path`: a folder, or its one file.
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let file = SetFile::find(path, &FILES).ok_or_else(|| super::missing(path, KIND, &FILES))?;
        let profile = folder.cloned().unwrap_or_else(Self::default_profile);
        let mut actions = [0; 5];
        for (slot, (_, name, _)) in actions.iter_mut().zip(ACTIONS) {
            *slot = super::action_of(&profile, KIND, name)?;
        }
        let files = vec![SetFile::new("interactions", file, RowForm::Table(&COLUMNS), RowOrder::Time)];
        Ok(Importer::new(KIND, profile, files, Self { actions }))
    }
}

impl Rules for Deskdrop {
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError> {
        let mut mapper = Mapper { actions: self.actions, created: FxHashMap::default(), posted: FxHashSet::default() };
        import_in_time_order(run, &set.files[0], &mut mapper, &set.sorting)
    }
}

struct Mapper {
    actions: [ActionIndex; 5],
    /// First event of each article of the file.
    created: FxHashMap<u64, TimeMs>,
    /// Articles that have their post.
    posted: FxHashSet<u64>,
}

/// A row: who acted on which article, and how.
struct Interaction {
    person: u64,
    article: u64,
    action: ActionIndex,
}

spill_fields!(Interaction { person, article, action });

impl TimedMapper for Mapper {
    type Row = Interaction;

    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, Interaction), String> {
        let text = row.text()?;
        let [timestamp, event, article, person, _session] = split::<5>(text, text.split('\t'))?;
        let at = unix_seconds(timestamp)?;
        let action = ACTIONS
            .iter()
            .position(|(name, ..)| *name == event)
            .ok_or_else(|| format!("unknown event type {}", shown(event)))?;
        let article = signed_id("contentId", article)?;
        let person = signed_id("personId", person)?;
        Ok((at, Interaction { person, article, action: self.actions[action] }))
    }

    fn survey(&mut self, at: TimeMs, row: Interaction) {
        self.created.entry(row.article).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }

    fn known(&mut self, row: Interaction) {
        self.posted.insert(row.article);
    }

    fn map(&mut self, at: TimeMs, row: Interaction, out: &mut Mapped) {
        if self.posted.insert(row.article) {
            let created = self.created.get(&row.article).copied().unwrap_or(at);
            let post = PostEvent { post_id: PostId(row.article), ..PostEvent::default() };
            out.push(created, EventBody::Post(Box::new(post)));
        }
        let action = ActionEvent {
            user_id: UserId(row.person),
            post_id: PostId(row.article),
            action: row.action,
            ..ActionEvent::default()
        };
        out.push(at, EventBody::Action(action));
    }
}
