//! RecBole's atomic files: the form in which that library keeps some forty data sets (Zhao et al., "RecBole: Towards a
//! Unified, Comprehensive and Efficient Framework for Recommendation Algorithms", CIKM 2021).
//!
//! Tables separated by tabs, whose first line names columns with their types: `user_id:token item_id:token rating:float
//! timestamp:float`. Two files are read:
//!
//! * `NAME.inter`, the interactions. `user_id:token`, `item_id:token` and `timestamp:float` must be there;
//!   `rating:float` or else `label:float` is read where it is. A row becomes an `interact`, and at the same time a
//!   `like` or a `dislike`: on the scale of 0 to 5 a rating of 4 and more is a like, of 2 and less a dislike, anything
//!   between neither; a label of 1 is a like, of 0 a dislike. A rating off that scale is refused, as nothing would say
//!   what it means.
//! * `NAME.item`, where it is there. Its first column (of tokens) with `title` or `name` in its own name is the item's
//!   title, and all other columns of type `token_seq` are its text, one a line. Other columns are ignored.
//!
//! Times are Unix **seconds**, as RecBole's conversions write them; a fraction is kept as milliseconds. A number of
//! milliseconds would lie beyond the year 9999 and is refused: which of the two a file means is nothing to guess row by
//! row.
//!
//! Rows come in the exact order of time, of one time in that of the file. (RecBole itself rounds times to 32 bits first:
//! at today's times one step is more than a minute.) An item becomes a post when someone first interacts with it; one
//! that nobody interacts with is created at the first time of the set.
//!
//! While the interactions are damaged, or have no sound row, it is not known which items nobody interacts with. The
//! items then give their texts to those that are met, but none of their new rows is imported: all are taken once the
//! interactions are whole, and those of items that have their posts by then are counted (`described_again`).

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use event_log::{ActionEvent, EventBody, PostEvent};
use foryou_types::{ActionIndex, ActionSet, ClockKind, IdForm, Limits, Profile, TimeMs, profile::IdForms};

use super::{
    ImportError, Importer, RowForm, RowOrder, Run, SetFile,
    catalog::{Catalog, key},
    external_sort::Sorting,
    fields::{shown, split},
    files::Meter,
    ordered::{TimedMapper, import_in_time_order},
    rows::{Row, for_each_row},
    run::{Mapped, RowMapper},
    spill::spill_fields,
};

/// The kind's name.
pub(super) const KIND: &str = "recbole";

/// Endings of the interactions and of the items.
const INTER: [&str; 4] = [".inter", ".inter.zst", ".inter.gz", ".inter.zip"];
const ITEM: [&str; 4] = [".item", ".item.zst", ".item.gz", ".item.zip"];

/// The columns that are read. Together they are a row.
const PLAIN: [&str; 3] = ["user_id:token", "item_id:token", "timestamp:float"];
const RATED: [&str; 4] = ["user_id:token", "item_id:token", "timestamp:float", "rating:float"];
const LABELLED: [&str; 4] = ["user_id:token", "item_id:token", "timestamp:float", "label:float"];

/// Weights: an interaction says that the item was chosen at all; a dislike takes back more than that.
const INTERACT: (&str, f64) = ("interact", 1.0);
const LIKE: (&str, f64) = ("like", 1.0);
const DISLIKE: (&str, f64) = ("dislike", -2.0);

/// The scale of ratings, and where on it likes begin and dislikes end.
const SCALE: std::ops::RangeInclusive<f64> = 0.0..=5.0;
const LIKED_FROM: f64 = 4.0;
const DISLIKED_TO: f64 = 2.0;

/// The last moment of the year 9999, in seconds.
const LAST_SECOND: f64 = 253_402_300_799.999;

/// Items are a catalogue, not news: films do not grow too old to be shown. A hundred years, in seconds.
const MAX_AGE_SECONDS: i64 = 100 * 365 * 24 * 3_600;

/// Half-life of the popularity prior, in seconds: thirty days, as these sets span months to decades.
const HALF_LIFE_SECONDS: i64 = 30 * 24 * 3_600;

/// What the interactions say beside that they happened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Rated,
    Labelled,
}

impl Form {
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &PLAIN,
            Self::Rated => &RATED,
            Self::Labelled => &LABELLED,
        }
    }
}

/// The importer of RecBole's atomic files.
pub struct Recbole {
    profile: Profile,
    /// The interactions, and the items where there is such a file.
    files: Vec<SetFile>,
    form: Form,
    /// What to read of the items.
    items: Option<ItemColumns>,
    interact: ActionIndex,
    /// Like and dislike, where rows say so.
    opinions: [ActionIndex; 2],
    sorting: Sorting,
}

impl Recbole {
    /// The profile of a folder that a set with ratings or labels fills. That of a set without has the first action
    /// only.
    pub fn default_profile() -> Profile {
        Profile {
            name: KIND.to_owned(),
            clock: ClockKind::Log,
            // Not text: an item without a title, or a set without items, would have no feed.
            has: Vec::new(),
            acted_is_seen: true,
            prior_half_life_seconds: HALF_LIFE_SECONDS,
            ids: IdForms { users: IdForm::Dictionary, posts: IdForm::Dictionary },
            limits: Limits { max_post_age_seconds: MAX_AGE_SECONDS, ..Limits::default() },
            action_set: ActionSet::discrete(1, &[INTERACT, LIKE, DISLIKE]),
            ..Profile::live()
        }
    }

    /// The set at `path`: a folder with one file of interactions, or that file.
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Self, ImportError> {
        let inter = inter_at(path)?;
        let form = form_of(&header(&inter)?).map_err(|problem| in_header(&inter, problem))?;
        let mut files = vec![SetFile {
            role: "inter",
            path: inter.clone(),
            form: RowForm::Table(form.columns()),
            order: RowOrder::Time,
        }];
        let mut items = None;
        if let Some(path) = item_beside(&inter) {
            let columns = ItemColumns::of(&header(&path)?).map_err(|problem| in_header(&path, problem))?;
            items = Some(columns);
            files.push(SetFile { role: "item", path, form: RowForm::Records, order: RowOrder::File });
        }
        let profile = folder.cloned().unwrap_or_else(|| {
            let mut profile = Self::default_profile();
            if form == Form::Plain {
                profile.action_set.actions.truncate(1);
            }
            profile
        });
        let interact = super::action_of(&profile, KIND, INTERACT.0)?;
        let opinions = match form {
            Form::Plain => [interact; 2],
            Form::Rated | Form::Labelled => {
                [super::action_of(&profile, KIND, LIKE.0)?, super::action_of(&profile, KIND, DISLIKE.0)?]
            }
        };
        Ok(Self { profile, files, form, items, interact, opinions, sorting: Sorting::default() })
    }

    #[cfg(test)]
    pub(super) fn with_sorting(self, sorting: Sorting) -> Self {
        Self { sorting, ..self }
    }
}

/// The files of interactions in a folder, by name; or `path` itself, where it is one.
fn inters_at(path: &Path) -> Vec<PathBuf> {
    let is_inter = |path: &PathBuf| path.is_file() && stem(path, &INTER).is_some();
    let mut found: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_inter).collect(),
        Err(_) => std::iter::once(path.to_owned()).filter(is_inter).collect(),
    };
    found.sort_unstable();
    found
}

/// Whether a folder or file looks like a set of atomic files.
pub(super) fn is_set(path: &Path) -> bool {
    !inters_at(path).is_empty()
}

fn inter_at(path: &Path) -> Result<PathBuf, ImportError> {
    let found = inters_at(path);
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(super::missing(path, KIND, &["NAME.inter"])),
        several => {
            let names: Vec<_> = several.iter().filter_map(|p| p.file_name()).map(|n| n.to_string_lossy()).collect();
            Err(ImportError::NoSuchSet {
                path: path.display().to_string(),
                kind: KIND,
                problem: format!(
                    "it holds {} files of interactions ({}): give the path of one of them",
                    names.len(),
                    names.join(", ")
                ),
            })
        }
    }
}

/// The file of items that belongs to a file of interactions.
fn item_beside(inter: &Path) -> Option<PathBuf> {
    let name = stem(inter, &INTER)?;
    ITEM.iter().map(|ending| inter.with_file_name(format!("{name}{ending}"))).find(|path| path.is_file())
}

/// The name of a file without the ending.
fn stem<'a>(path: &'a Path, endings: &[&str]) -> Option<&'a str> {
    let name = path.file_name()?.to_str()?;
    endings.iter().find_map(|ending| name.strip_suffix(ending)).filter(|stem| !stem.is_empty())
}

/// A column's name and type.
type Column = (String, String);

/// The columns that the first line of a file names.
fn header(path: &Path) -> Result<Vec<Column>, ImportError> {
    let file = SetFile { role: "header", path: path.to_owned(), form: RowForm::Lines, order: RowOrder::File };
    let mut line = None;
    let fault = for_each_row(&file, &Meter::default(), &mut |row| {
        line = Some(row.text().map(str::to_owned));
        Ok(ControlFlow::Break(()))
    })?;
    let line = match (line, fault) {
        (Some(line), _) => line.map_err(|problem| in_header(path, problem))?,
        (None, Some(fault)) => return Err(in_header(path, format!("the file is damaged here ({})", fault.reason))),
        (None, None) => return Err(ImportError::NoRows { file: file.name() }),
    };
    let column = |text: &str| text.split_once(':').map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    line.split('\t')
        .map(|text| column(text).ok_or(text))
        .collect::<Result<_, _>>()
        .map_err(|text| in_header(path, format!("column {} has no type, as in user_id:token", shown(text))))
}

fn in_header(path: &Path, problem: String) -> ImportError {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    ImportError::Header { file, problem }
}

/// Whether there is a column; an error where its type is another.
fn has(columns: &[Column], name: &str, kind: &str) -> Result<bool, String> {
    match columns.iter().find(|(column, _)| column == name) {
        None => Ok(false),
        Some((_, found)) if found == kind => Ok(true),
        Some((_, found)) => Err(format!("column {name} is of type {}, and {kind} is read", shown(found))),
    }
}

fn form_of(columns: &[Column]) -> Result<Form, String> {
    for name in ["user_id", "item_id"] {
        if !has(columns, name, "token")? {
            return Err(format!("the first line names no column {name}:token"));
        }
    }
    if !has(columns, "timestamp", "float")? {
        return Err(
            "the first line names no column timestamp:float: a feed needs the time of every interaction".to_owned()
        );
    }
    if has(columns, "rating", "float")? {
        Ok(Form::Rated)
    } else if has(columns, "label", "float")? {
        Ok(Form::Labelled)
    } else {
        Ok(Form::Plain)
    }
}

/// Places of the columns of the items.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ItemColumns {
    id: usize,
    title: Option<usize>,
    texts: Vec<usize>,
}

impl ItemColumns {
    fn of(columns: &[Column]) -> Result<Self, String> {
        if !has(columns, "item_id", "token")? {
            return Err("the first line names no column item_id:token".to_owned());
        }
        let id = columns.iter().position(|(name, _)| name == "item_id").unwrap_or_default();
        let is_title = |(name, kind): &Column| {
            (name.contains("title") || name.contains("name")) && matches!(kind.as_str(), "token" | "token_seq")
        };
        let title = columns.iter().position(is_title);
        let sequences = columns.iter().enumerate().filter(|(_, (_, kind))| kind == "token_seq").map(|(i, _)| i);
        Ok(Self { id, title, texts: sequences.filter(|&i| i != id && Some(i) != title).collect() })
    }

    /// The item of a row, and what the row says of it.
    fn item<'a>(&self, row: &Row<'a>) -> Result<(&'a str, PostEvent), String> {
        let columns: Vec<&str> = row.text()?.split('\t').collect();
        let said = |place: usize| columns.get(place).map(|text| text.trim()).filter(|text| !text.is_empty());
        let item = key("item_id", columns.get(self.id).copied().unwrap_or_default())?;
        let texts: Vec<&str> = self.texts.iter().filter_map(|&place| said(place)).collect();
        let post = PostEvent {
            title: self.title.and_then(said).map(str::to_owned),
            text: (!texts.is_empty()).then(|| texts.join("\n")),
            ..PostEvent::default()
        };
        Ok((item, post))
    }
}

impl Importer for Recbole {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn files(&self) -> &[SetFile] {
        &self.files
    }

    fn run(&self, run: &mut Run<'_>) -> Result<(), ImportError> {
        let mut mapper = Interactions { set: self, catalog: Catalog::new(run.names()) };
        let [inter, others @ ..] = self.files.as_slice() else { return Ok(()) };
        // Before the items: whether anyone ever interacts with one, and when.
        let fault = for_each_row(inter, &Meter::default(), &mut |row| {
            if let Ok((at, row)) = mapper.parse(row) {
                mapper.catalog.meet(&row.item, at);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let (Some(columns), [items]) = (&self.items, others) {
            let mut described = Items { columns, catalog: &mut mapper.catalog };
            if fault.is_none() && described.catalog.has_met() {
                run.import_rows(items, &mut described)?;
            } else {
                run.look_at_rows(items, &mut described)?;
            }
        }
        import_in_time_order(run, inter, &mut mapper, &self.sorting)
    }
}

/// Rows of the items.
struct Items<'a, 'b> {
    columns: &'a ItemColumns,
    catalog: &'a mut Catalog<'b>,
}

impl RowMapper for Items<'_, '_> {
    fn known(&mut self, row: &Row<'_>) {
        if let Ok((item, said)) = self.columns.item(row) {
            self.catalog.described(item, said);
        }
    }

    fn map(&mut self, row: &Row<'_>, out: &mut Mapped) -> Result<(), String> {
        let (item, said) = self.columns.item(row)?;
        self.catalog.describe(item, said, out);
        Ok(())
    }

    fn submitted(&mut self) {
        self.catalog.submitted();
    }
}

/// Places in [`Recbole::opinions`], as rows keep them.
const LIKED: u8 = 0;
const DISLIKED: u8 = 1;

/// A row of the interactions.
struct Interaction {
    user: Box<str>,
    item: Box<str>,
    opinion: Option<u8>,
}

spill_fields!(Interaction { user, item, opinion });

/// A time in Unix seconds, from 1970 to 9999, to the millisecond.
fn float_seconds(text: &str) -> Result<TimeMs, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=LAST_SECOND).contains(&seconds) => Ok(TimeMs((seconds * 1_000.0).round() as i64)),
        _ => Err(format!("timestamp {} is no time in Unix seconds", shown(text))),
    }
}

fn rating(text: &str) -> Result<Option<u8>, String> {
    match text.parse::<f64>() {
        Ok(rating) if !SCALE.contains(&rating) => {
            Err(format!("rating {} is not on the scale from 0 to 5 that likes and dislikes are read from", shown(text)))
        }
        Ok(rating) if rating >= LIKED_FROM => Ok(Some(LIKED)),
        Ok(rating) if rating <= DISLIKED_TO => Ok(Some(DISLIKED)),
        Ok(_) => Ok(None),
        Err(_) => Err(format!("rating {} is no number", shown(text))),
    }
}

fn label(text: &str) -> Result<Option<u8>, String> {
    match text.parse::<f64>() {
        Ok(1.0) => Ok(Some(LIKED)),
        Ok(0.0) => Ok(Some(DISLIKED)),
        _ => Err(format!("label {} is neither 0 nor 1", shown(text))),
    }
}

/// The interactions, as they become events.
struct Interactions<'a, 'b> {
    set: &'a Recbole,
    catalog: Catalog<'b>,
}

impl TimedMapper for Interactions<'_, '_> {
    type Row = Interaction;

    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, Interaction), String> {
        let text = row.text()?;
        let columns = text.split('\t');
        let ([user, item, time], opinion) = match self.set.form {
            Form::Plain => (split::<3>(text, columns)?, None),
            Form::Rated => {
                let [common @ .., stars] = split::<4>(text, columns)?;
                (common, rating(stars)?)
            }
            Form::Labelled => {
                let [common @ .., mark] = split::<4>(text, columns)?;
                (common, label(mark)?)
            }
        };
        let at = float_seconds(time)?;
        let (user, item) = (key("user_id", user)?.into(), key("item_id", item)?.into());
        Ok((at, Interaction { user, item, opinion }))
    }

    /// Done before the items were read.
    fn survey(&mut self, _: TimeMs, _: Interaction) {}

    /// The dictionary says which items have their posts.
    fn known(&mut self, _: Interaction) {}

    fn map(&mut self, at: TimeMs, row: Interaction, out: &mut Mapped) {
        let user_id = self.catalog.user(&row.user, at, out);
        let post_id = self.catalog.post(&row.item, at, out);
        let opinion = row.opinion.and_then(|place| self.set.opinions.get(usize::from(place)).copied());
        for action in [Some(self.set.interact), opinion].into_iter().flatten() {
            out.push(at, EventBody::Action(ActionEvent { user_id, post_id, action, ..ActionEvent::default() }));
        }
    }

    fn submitted(&mut self) {
        self.catalog.submitted();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Vec<Column> {
        header.split(' ').map(|c| c.split_once(':').map(|(n, k)| (n.to_owned(), k.to_owned())).unwrap()).collect()
    }

    #[test]
    fn the_header_says_what_rows_say() {
        let form = |header| form_of(&columns(header)).map(|form| form.columns().len());
        assert_eq!(form("item_id:token timestamp:float user_id:token"), Ok(3));
        assert_eq!(form("user_id:token item_id:token rating:float label:float timestamp:float"), Ok(4));
        assert!(form_of(&columns("user_id:token item_id:token timestamp:float label:float")) == Ok(Form::Labelled));
        assert_eq!(
            form("user_id:token item_id:token").unwrap_err(),
            "the first line names no column timestamp:float: a feed needs the time of every interaction"
        );
        assert_eq!(
            form("user_id:token item_id:float timestamp:float").unwrap_err(),
            "column item_id is of type \"float\", and token is read"
        );
        assert_eq!(form("item_id:token timestamp:float").unwrap_err(), "the first line names no column user_id:token");
        assert!(form("user_id:token item_id:token timestamp:float rating:token").unwrap_err().contains("rating"));
    }

    #[test]
    fn titles_and_texts_are_found_by_name_and_type() {
        let places = |header| ItemColumns::of(&columns(header)).unwrap();
        assert_eq!(
            places("item_id:token movie_title:token_seq year:token class:token_seq"),
            ItemColumns { id: 0, title: Some(1), texts: vec![3] }
        );
        assert_eq!(
            places("price:float tags:token_seq item_id:token title:token"),
            ItemColumns { id: 2, title: Some(3), texts: vec![1] }
        );
        assert_eq!(places("item_id:token name:float"), ItemColumns { id: 0, title: None, texts: vec![] });
        assert!(ItemColumns::of(&columns("title:token_seq")).unwrap_err().contains("item_id:token"));
    }

    #[test]
    fn times_are_seconds_with_a_fraction() {
        assert_eq!(float_seconds("881250949"), Ok(TimeMs(881_250_949_000)));
        assert_eq!(float_seconds("881250949.0"), Ok(TimeMs(881_250_949_000)));
        assert_eq!(float_seconds("1.5"), Ok(TimeMs(1_500)));
        assert_eq!(float_seconds("1500000000.123"), Ok(TimeMs(1_500_000_000_123)));
        assert_eq!(float_seconds("253402300799"), Ok(TimeMs(253_402_300_799_000)));
        for bad in ["", "x", "-1", "nan", "inf", "881250949000", "253402300800"] {
            assert!(float_seconds(bad).unwrap_err().ends_with("is no time in Unix seconds"), "{bad}");
        }
    }

    #[test]
    fn likes_begin_at_four_and_dislikes_end_at_two() {
        for (stars, opinion) in [
            ("5", Some(LIKED)),
            ("4.0", Some(LIKED)),
            ("3.5", None),
            ("3", None),
            ("2.5", None),
            ("2", Some(DISLIKED)),
            ("0", Some(DISLIKED)),
        ] {
            assert_eq!(rating(stars), Ok(opinion), "{stars}");
        }
        assert!(rating("7").unwrap_err().contains("scale"));
        assert!(rating("-1").unwrap_err().contains("scale"));
        assert!(rating("NaN").unwrap_err().contains("scale"));
        assert_eq!(rating("good").unwrap_err(), "rating \"good\" is no number");
        assert_eq!([label("1.0"), label("0")], [Ok(Some(LIKED)), Ok(Some(DISLIKED))]);
        assert!(label("0.5").unwrap_err().contains("neither 0 nor 1"));
    }
}
