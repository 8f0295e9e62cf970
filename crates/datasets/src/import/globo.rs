//! Globo: who clicked which article on the Brazilian news portal globo.com, 1 to 17 October 2017 (on Kaggle as "News Portal User
//! Interactions by Globo.com"; Moreira et al., "CHAMELEON: A Deep Learning Meta-Architecture for News Recommender Systems", DLRS
//! 2018). A few hundred clicks carry later times, until November; they are imported as they are.
//!
//! One file, `clicks.csv`: the hourly files of the publication under one header. A row is a click. There are no authors and no texts
//! here, so an article becomes a post with nothing but its id and the time of its first click in the file; a click becomes the
//! action `click`. There is a user 0, and as a number 0 means no user: so user ids are kept in the dictionary. Articles are
//! unsigned numbers from 1.
//!
//! Fields without a place in an event are left out: sessions (id, start and size; they can be recovered as gaps of more than half an
//! hour between a person's clicks), country, region and kind of referrer. `click_environment` says in which
//! kind of page an article was read and not where in the product it was found, so the surface is unknown. The app of a click is its
//! `click_deviceGroup` in the upper and its `click_os` in the lower 16 bits.
//!
//! The rows are grouped by the hour in which their session started; they are imported as [`super::ordered`] describes.

use std::path::Path;

use event_log::{ActionEvent, EventBody, NameAllocator, Origin, PostEvent};
use foryou_types::{
    ActionIndex, ActionSet, ClockKind, Dictionary, IdForm, IdForms, Limits, Namespace, PostId, Profile, TimeMs, UserId,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    ImportError, Importer, RowForm, RowOrder, Rules, Run, SetFile,
    batch::Mapped,
    external_sort::spill_fields,
    fields::{shown, split, unix_millis, unsigned_id, unsigned_number},
    ordered::{TimedMapper, import_in_time_order},
    rows::Row,
};

/// The kind's name.
pub(super) const KIND: &str = "globo";

/// Names of the file.
pub(super) const FILES: [&str; 4] = ["clicks.csv.zst", "clicks.csv", "clicks.csv.gz", "clicks.csv.zip"];

/// The columns that make a row. The session is read for the row's identity only.
const COLUMNS: [&str; 6] =
    ["user_id", "session_id", "click_article_id", "click_timestamp", "click_deviceGroup", "click_os"];

/// The one action of the set.
const CLICK: &str = "click";

/// Articles stay readable for this long: a month, in seconds.
const MAX_AGE_SECONDS: i64 = 30 * 24 * 3_600;

/// Half-life of the popularity prior, in seconds: an hour. News fade fast: from 4 to 12 October the next article clicked was among
/// the ten with the largest fading counts in 37 of 100 cases at six hours, in 48 at two, 52 at one and 57 at a quarter of an hour (of
/// 702 clicks). Not shorter than an hour, so that a page is not ranked by its last minutes alone.
const HALF_LIFE_SECONDS: i64 = 3_600;

/// The importer of Globo.
pub(super) struct Globo {
    click: ActionIndex,
}

impl Globo {
    /// The profile of a folder that Globo fills.
    pub(super) fn default_profile() -> Profile {
        Profile {
            name: KIND.to_owned(),
            clock: ClockKind::Log,
            has: Vec::new(),
            acted_is_seen: true,
            prior_half_life_seconds: HALF_LIFE_SECONDS,
            ids: IdForms { users: IdForm::Dictionary, posts: IdForm::Unsigned },
            limits: Limits { max_post_age_seconds: MAX_AGE_SECONDS, ..Limits::default() },
            action_set: ActionSet::discrete(1, &[(CLICK, 1.0)]),
            ..Profile::live()
        }
    }

    /// The set at `path`: a folder, or its one file.
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let file = SetFile::find(path, &FILES).ok_or_else(|| super::missing(path, KIND, &FILES))?;
        let profile = folder.cloned().unwrap_or_else(Self::default_profile);
        let click = super::action_of(&profile, KIND, CLICK)?;
        let files = vec![SetFile::new("clicks", file, RowForm::Table(&COLUMNS), RowOrder::Time)];
        Ok(Importer::new(KIND, profile, files, Self { click }))
    }
}

impl Rules for Globo {
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError> {
        let mut mapper = Mapper::new(self.click, run.names());
        import_in_time_order(run, &set.files[0], &mut mapper, &set.sorting)
    }
}

/// A row: who clicked what, with which app.
struct Click {
    user: u64,
    article: u64,
    client_app: u32,
}

spill_fields!(Click { user, article, client_app });

struct Mapper<'a> {
    click: ActionIndex,
    log: &'a dyn Dictionary,
    /// Numbers of the users that are new in the batch.
    names: NameAllocator<'a>,
    /// Numbers of the users met so far: a look into the dictionary costs more than all the rest of a row.
    users: FxHashMap<u64, UserId>,
    /// First click of each article of the file.
    created: FxHashMap<u64, TimeMs>,
    /// Articles that have their post.
    posted: FxHashSet<u64>,
}

impl<'a> Mapper<'a> {
    fn new(click: ActionIndex, log: &'a dyn Dictionary) -> Self {
        Self {
            click,
            log,
            names: NameAllocator::new(log),
            users: FxHashMap::default(),
            created: FxHashMap::default(),
            posted: FxHashSet::default(),
        }
    }

    /// The number of a user; a new one has its name in front of the event that uses it.
    fn user(&mut self, user: u64, at: TimeMs, out: &mut Mapped) -> UserId {
        *self.users.entry(user).or_insert_with(|| {
            let number = self.names.number(Namespace::Users, &user.to_string());
            for name in self.names.take_new(at, Origin::Import) {
                out.push_event(name);
            }
            UserId(number)
        })
    }
}

impl TimedMapper for Mapper<'_> {
    type Row = Click;

    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, Click), String> {
        let text = row.text()?;
        let [user, _session, article, timestamp, device, system] = split::<6>(text, text.split('\t'))?;
        let at = unix_millis(timestamp)?;
        let user = unsigned_number("user_id", user)?;
        let article = unsigned_id("click_article_id", article)?;
        let (device, system) = (code("click_deviceGroup", device)?, code("click_os", system)?);
        let client_app = (u32::from(device) << 16) | u32::from(system);
        Ok((at, Click { user, article, client_app }))
    }

    fn survey(&mut self, at: TimeMs, row: Click) {
        self.created.entry(row.article).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }

    fn known(&mut self, row: Click) {
        self.posted.insert(row.article);
    }

    fn map(&mut self, at: TimeMs, row: Click, out: &mut Mapped) {
        let user_id = self.user(row.user, at, out);
        if self.posted.insert(row.article) {
            let created = self.created.get(&row.article).copied().unwrap_or(at);
            let post = PostEvent { post_id: PostId(row.article), ..PostEvent::default() };
            out.push(created, EventBody::Post(Box::new(post)));
        }
        let action = ActionEvent {
            user_id,
            post_id: PostId(row.article),
            action: self.click,
            client_app: row.client_app,
            ..ActionEvent::default()
        };
        out.push(at, EventBody::Action(action));
    }

    fn submitted(&mut self) {
        // The log knows these names now.
        self.names = NameAllocator::new(self.log);
    }
}

/// A code of a column of categories.
fn code(name: &str, text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{name} {} is not a code from 0 to {}", shown(text), u16::MAX))
}
