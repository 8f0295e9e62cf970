//! KuaiRand: short videos that people of Kuaishou were shown, and what they did (Gao et al., "KuaiRand: An Unbiased
//! Sequential Recommendation Dataset with Randomly Exposed Videos", CIKM 2022).
//!
//! One log with a line of column names, in one of two forms:
//!
//! * as published, `log_*.csv`, with the columns `is_like` and `is_hate`. Every video shown is a row, so each becomes
//!   an impression of that video too;
//! * `kuairand27k_like_hate_kcore15.tsv`, a part of KuaiRand-27K that holds only rows with a like or a hate, in the
//!   column `label` (1 and 0). What people were shown and passed over is not in it, so it has **no impressions**, and
//!   its profile says so.
//!
//! A row becomes an action for every flag that is 1, and a `dwell_time` of the milliseconds played, all at the row's
//! `time_ms`. A video becomes a post when it is first met, with its length as its first row knows it (0 is unknown). A
//! `follow` follows the video's author, whom the log does not name: it is an action, not an edge between people. Side
//! tables are not read: those of the published variants number their videos differently.
//!
//! Ids are numbers from 0, and 0 means no id in a log of events. So they are kept as strings, in the dictionary.

use std::path::{Path, PathBuf};

use event_log::{ActionEvent, EventBody, ImpressionEvent, Media, MediaKind, PostEvent};
use foryou_types::{
    ActionDef, ActionIndex, ActionKind, ActionSet, ClockKind, Has, IdForm, IdForms, Limits, Profile, TimeMs,
};

use super::{
    ImportError, Importer, RowForm, RowOrder, Rules, Run, SetFile,
    batch::Mapped,
    catalog::Catalog,
    external_sort::spill_fields,
    fields::{shown, split, unix_millis, unsigned_number},
    ordered::{TimedMapper, import_in_time_order},
    rows::Row,
};

/// The kind's name.
pub(super) const KIND: &str = "kuairand";

/// The part of KuaiRand-27K with a label.
const LABELLED: &str = "kuairand27k_like_hate_kcore15.tsv";

/// The logs as published: of Pure, of 1K, and the parts of 27K.
const PUBLISHED: [&str; 11] = [
    "log_standard_4_08_to_4_21_pure.csv",
    "log_standard_4_22_to_5_08_pure.csv",
    "log_random_4_22_to_5_08_pure.csv",
    "log_standard_4_08_to_4_21_1k.csv",
    "log_standard_4_22_to_5_08_1k.csv",
    "log_random_4_22_to_5_08_1k.csv",
    "log_standard_4_08_to_4_21_27k_part1.csv",
    "log_standard_4_08_to_4_21_27k_part2.csv",
    "log_standard_4_22_to_5_08_27k_part1.csv",
    "log_standard_4_22_to_5_08_27k_part2.csv",
    "log_random_4_22_to_5_08_27k.csv",
];

/// How a log may be compressed.
const PACKINGS: [&str; 4] = ["", ".zst", ".gz", ".zip"];

/// The columns of the labelled part. Together they are a row.
const LABEL_COLUMNS: [&str; 12] = [
    "user_id",
    "video_id",
    "time_ms",
    "play_time_ms",
    "duration_ms",
    "is_click",
    "is_follow",
    "is_comment",
    "is_forward",
    "long_view",
    "is_profile_enter",
    "label",
];

/// The columns of a published log. The first eleven are those of [`LABEL_COLUMNS`].
const FLAG_COLUMNS: [&str; 13] = [
    "user_id",
    "video_id",
    "time_ms",
    "play_time_ms",
    "duration_ms",
    "is_click",
    "is_follow",
    "is_comment",
    "is_forward",
    "long_view",
    "is_profile_enter",
    "is_like",
    "is_hate",
];

/// Names of the actions, in the order of their columns, and weights: what costs a viewer more says more. A hate
/// outweighs any one of the others: a video somebody hates is worse than one they miss.
const ACTIONS: [(&str, f64); 8] = [
    ("click", 0.3),
    ("follow", 4.0),
    ("comment", 3.0),
    ("forward", 3.0),
    ("long_view", 0.5),
    ("profile_enter", 0.5),
    ("like", 1.0),
    ("hate", -5.0),
];

/// Places in [`ACTIONS`].
const LIKE: usize = 6;
const HATE: usize = 7;

/// The action that is measured in seconds. At its clip of 30 s it weighs as much as a click.
const DWELL: (&str, f64) = ("dwell_time", 0.01);

/// Videos stay in the feed for this long: a month, in seconds, as long as all logs of the set together. They are shown
/// throughout.
const MAX_AGE_SECONDS: i64 = 31 * 24 * 3_600;

/// Half-life of the popularity prior, in seconds: a day. A video of the labelled part is met every third day on
/// average; counts that fade in hours would be all but zero.
const HALF_LIFE_SECONDS: i64 = 24 * 3_600;

/// How a log says who liked and who hated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In one column: every row is one of the two.
    Label,
    /// In two columns of their own: every row is a video shown.
    Flags,
}

/// The importer of KuaiRand.
pub(super) struct KuaiRand {
    form: Form,
    /// Per action of [`ACTIONS`], its index in the profile's set.
    actions: [ActionIndex; 8],
    dwell: ActionIndex,
}

impl KuaiRand {
    /// The profile of a folder that the labelled part fills. That of a published log also says that it has impressions.
    pub(super) fn default_profile() -> Profile {
        let mut action_set = ActionSet::discrete(1, &ACTIONS);
        let (name, weight) = DWELL;
        action_set.actions.push(ActionDef { name: name.to_owned(), weight, kind: ActionKind::Continuous });
        Profile {
            name: KIND.to_owned(),
            clock: ClockKind::Log,
            has: vec![Has::Media],
            acted_is_seen: true,
            prior_half_life_seconds: HALF_LIFE_SECONDS,
            ids: IdForms { users: IdForm::Dictionary, posts: IdForm::Dictionary },
            limits: Limits { max_post_age_seconds: MAX_AGE_SECONDS, ..Limits::default() },
            action_set,
            ..Profile::live()
        }
    }

    /// The set at `path`: a folder with one log, or a log.
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let (file, form) = log_at(path)?;
        let columns: &'static [&'static str] = match form {
            Form::Label => &LABEL_COLUMNS,
            Form::Flags => &FLAG_COLUMNS,
        };
        let profile = folder.cloned().unwrap_or_else(|| {
            let mut profile = Self::default_profile();
            if form == Form::Flags {
                profile.has.push(Has::Impressions);
            }
            profile
        });
        let mut actions = [0; 8];
        for (slot, (name, _)) in actions.iter_mut().zip(ACTIONS) {
            *slot = super::action_of(&profile, KIND, name)?;
        }
        let dwell = super::action_of(&profile, KIND, DWELL.0)?;
        let files = vec![SetFile::new("log", file, RowForm::Table(columns), RowOrder::Time)];
        Ok(Importer::new(KIND, profile, files, Self { form, actions, dwell }))
    }
}

/// The logs that a folder holds, or the one log that `path` is.
fn logs_at(path: &Path) -> Vec<(PathBuf, Form)> {
    let names = std::iter::once((LABELLED, Form::Label)).chain(PUBLISHED.map(|name| (name, Form::Flags)));
    let find = |(name, form): (&str, Form)| {
        let packed = PACKINGS.map(|packing| format!("{name}{packing}"));
        Some((SetFile::find(path, &packed.each_ref().map(String::as_str))?, form))
    };
    names.filter_map(find).collect()
}

fn log_at(path: &Path) -> Result<(PathBuf, Form), ImportError> {
    let mut logs = logs_at(path);
    match (logs.pop(), logs.as_slice()) {
        (Some(log), []) => Ok(log),
        (Some((last, _)), others) => {
            let all = others.iter().map(|(other, _)| other).chain([&last]);
            let names: Vec<_> = all.filter_map(|log| log.file_name()).map(|name| name.to_string_lossy()).collect();
            Err(ImportError::NoSuchSet {
                path: path.display().to_string(),
                kind: KIND,
                problem: format!("it holds {} logs ({}): give the path of one of them", names.len(), names.join(", ")),
            })
        }
        (None, _) => {
            let names: Vec<&str> = std::iter::once(LABELLED).chain(PUBLISHED).collect();
            Err(super::missing(path, KIND, &names))
        }
    }
}

/// Whether a folder or file looks like a KuaiRand set.
pub(super) fn is_set(path: &Path) -> bool {
    !logs_at(path).is_empty()
}

impl Rules for KuaiRand {
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError> {
        let mut mapper = Mapper { rules: self, catalog: Catalog::new(run.names()) };
        import_in_time_order(run, &set.files[0], &mut mapper, &set.sorting)
    }
}

/// A row: a video shown to someone, and its outcome.
struct View {
    user: Box<str>,
    video: Box<str>,
    /// Bit `i` for the action `ACTIONS[i]`.
    taken: u8,
    play_ms: u32,
    duration_ms: u32,
}

spill_fields!(View { user, video, taken, play_ms, duration_ms });

struct Mapper<'a, 'b> {
    rules: &'a KuaiRand,
    catalog: Catalog<'b>,
}

/// A column that is 0 or 1.
fn flag(column: &str, text: &str) -> Result<bool, String> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(format!("{column} {} is neither 0 nor 1", shown(text))),
    }
}

/// A length of time in milliseconds.
fn length(column: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{column} {} is not a length in milliseconds", shown(text)))
}

/// The columns that both forms have.
fn view([user, video, time, play, duration, flags @ ..]: &[&str; 11]) -> Result<(TimeMs, View), String> {
    let at = unix_millis(time)?;
    let user = unsigned_number("user_id", user)?.to_string().into();
    let video = unsigned_number("video_id", video)?.to_string().into();
    let mut taken = 0;
    for (i, (column, text)) in LABEL_COLUMNS[5..].iter().zip(flags).enumerate() {
        taken |= u8::from(flag(column, text)?) << i;
    }
    let (play_ms, duration_ms) = (length("play_time_ms", play)?, length("duration_ms", duration)?);
    Ok((at, View { user, video, taken, play_ms, duration_ms }))
}

/// A video's post, but for its id.
fn post_of(duration_ms: u32) -> PostEvent {
    let video = Media { kind: MediaKind::Video, duration_ms: Some(duration_ms) };
    PostEvent { media: Vec::from_iter((duration_ms > 0).then_some(video)), ..PostEvent::default() }
}

impl TimedMapper for Mapper<'_, '_> {
    type Row = View;

    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, View), String> {
        let text = row.text()?;
        let columns = text.split('\t');
        let (at, mut row, like, hate) = match self.rules.form {
            Form::Label => {
                let [common @ .., label] = split::<12>(text, columns)?;
                let (at, row) = view(&common)?;
                let like = flag("label", label)?;
                (at, row, like, !like)
            }
            Form::Flags => {
                let [common @ .., like, hate] = split::<13>(text, columns)?;
                let (at, row) = view(&common)?;
                (at, row, flag("is_like", like)?, flag("is_hate", hate)?)
            }
        };
        row.taken |= (u8::from(like) << LIKE) | (u8::from(hate) << HATE);
        Ok((at, row))
    }

    fn survey(&mut self, at: TimeMs, row: View) {
        self.catalog.meet(&row.video, at);
    }

    /// The dictionary says which videos have their posts.
    fn known(&mut self, _: View) {}

    fn map(&mut self, at: TimeMs, row: View, out: &mut Mapped) {
        let user_id = self.catalog.user(&row.user, at, out);
        let post_id = self.catalog.post_or(&row.video, at, out, || post_of(row.duration_ms));
        if self.rules.form == Form::Flags {
            let shown = ImpressionEvent { user_id, post_ids: vec![post_id], ..ImpressionEvent::default() };
            out.push(at, EventBody::Impression(shown));
        }
        let action = |action, dwell_ms| {
            EventBody::Action(ActionEvent { user_id, post_id, action, dwell_ms, ..ActionEvent::default() })
        };
        for (i, &index) in self.rules.actions.iter().enumerate() {
            if row.taken >> i & 1 == 1 {
                out.push(at, action(index, None));
            }
        }
        if row.play_ms > 0 {
            out.push(at, action(self.rules.dwell, Some(row.play_ms)));
        }
    }

    fn submitted(&mut self) {
        self.catalog.submitted();
    }
}
