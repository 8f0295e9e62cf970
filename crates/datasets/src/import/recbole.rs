//! RecBole's atomic files: the form in which that library keeps some forty data sets (Zhao et al., "RecBole: Towards a
//! Unified, Comprehensive and Efficient Framework for Recommendation Algorithms", CIKM 2021).
//!
//! Tables whose first line names columns with their types: `user_id:token item_id:token rating:float timestamp:float`. They are
//! separated by tabs; commas, semicolons, bars and spaces are read where the first line has them. Two files are read:
//!
//! * `NAME.inter`, the interactions. `user_id:token`, `item_id:token` and `timestamp:float` must be there;
//!   `rating:float` or else `label:float` is read where it is. A row becomes an `interact`, and at the same time a
//!   `like` or a `dislike`: by the rating, relative to the scale of the file ([`super::scale`]; of 0 to 5, 4 and more is
//!   a like and 2 and less a dislike); a label of 1 is a like, of 0 a dislike.
//! * `NAME.item`, where it is there. Its first column (of tokens) with `title` or `name` in its own name is the item's
//!   title, and all other columns of type `token_seq` are its text, one a line. Other columns are ignored.
//!
//! Times are Unix seconds as RecBole's conversions write them, or what most times of the file are in
//! ([`super::time_unit`]); a fraction is kept as milliseconds. Unit and scale are decided from the whole file before its first
//! row is taken, kept in the log, and hold for what the file grows by. A row off them is refused.
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
use foryou_types::{ActionIndex, ActionSet, ClockKind, DAY_MS, IdForm, IdForms, Limits, Profile, TimeMs};

use super::{
    ImportError, Importer, RowForm, RowOrder, Rules, Run, SetFile,
    batch::Mapped,
    catalog::{Catalog, key},
    cells::Separator,
    external_sort::spill_fields,
    fields::{shown, split},
    files::Meter,
    header::Header,
    marks::planned,
    ordered::{TimedMapper, import_in_time_order},
    outliers::Days,
    rows::{Row, for_each_row},
    run::RowMapper,
    scale::{Opinion, Ratings, Scale},
    time_unit::{TimeUnit, UnitVotes},
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

/// Items are a catalogue, not news: films do not grow too old to be shown. A hundred years, in seconds.
const MAX_AGE_SECONDS: i64 = 100 * 365 * 24 * 3_600;

/// Half-life of the popularity prior, in seconds: thirty days, as these sets span months to decades.
const HALF_LIFE_SECONDS: i64 = 30 * 24 * 3_600;

/// What the interactions say besides that they happened.
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
pub(super) struct Recbole {
    form: Form,
    separator: Separator,
    /// What to read of the items.
    items: Option<ItemColumns>,
    interact: ActionIndex,
    /// Like and dislike, where rows say so.
    opinions: [ActionIndex; 2],
}

impl Recbole {
    /// The profile of a folder that a set with ratings or labels fills. That of a set without has the first action
    /// only.
    pub(super) fn default_profile() -> Profile {
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
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let inter = inter_at(path)?;
        let (columns, separator) = header(&inter)?;
        let form = form_of(&columns).map_err(|problem| in_header(&inter, problem))?;
        let mut files = vec![SetFile::new("inter", inter.clone(), RowForm::Table(form.columns()), RowOrder::Time)];
        let mut items = None;
        if let Some(path) = item_beside(&inter) {
            let columns = ItemColumns::of(&header(&path)?.0).map_err(|problem| in_header(&path, problem))?;
            items = Some(columns);
            files.push(SetFile::new("item", path, RowForm::Records, RowOrder::File));
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
        Ok(Importer::new(KIND, profile, files, Self { form, separator, items, interact, opinions }))
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

/// The columns that the first line of a file names, and how they are separated.
fn header(path: &Path) -> Result<(Vec<Column>, Separator), ImportError> {
    let file = SetFile::new("header", path.to_owned(), RowForm::Lines, RowOrder::File);
    let mut line = None;
    let pass = for_each_row(&file, &Meter::default(), &mut |row| {
        line = Some(row.text().map(str::to_owned));
        Ok(ControlFlow::Break(()))
    })?;
    let line = match (line, pass.fault) {
        (Some(line), _) => line.map_err(|problem| in_header(path, problem))?,
        (None, Some(fault)) => return Err(in_header(path, fault.reason)),
        (None, None) => return Err(ImportError::NoRows { file: file.name(), looks_like: file.looks_like() }),
    };
    let header = Header::all(line.as_bytes()).map_err(|problem| in_header(path, problem))?;
    let column = |text: &String| {
        let typed = text.split_once(':').map(|(name, kind)| (name.to_owned(), kind.to_owned()));
        typed.ok_or_else(|| {
            let separator = header.separator.name();
            format!("column {} has no type, as in user_id:token (columns are separated by {separator})", shown(text))
        })
    };
    let columns = header.names.iter().map(column).collect::<Result<_, _>>();
    columns.map(|columns| (columns, header.separator)).map_err(|problem| in_header(path, problem))
}

fn in_header(path: &Path, problem: String) -> ImportError {
    SetFile::new("header", path.to_owned(), RowForm::Lines, RowOrder::File).header_problem(problem)
}

/// Whether there is a column; an error where its type is another.
fn has(columns: &[Column], name: &str, kind: &str) -> Result<bool, String> {
    match columns.iter().find(|(column, _)| column == name) {
        None => Ok(false),
        Some((_, found)) if found == kind => Ok(true),
        Some((_, found)) => Err(format!("column {name} has type {}, but must have type {kind}", shown(found))),
    }
}

fn form_of(columns: &[Column]) -> Result<Form, String> {
    for name in ["user_id", "item_id"] {
        if !has(columns, name, "token")? {
            return Err(format!("the first line has no column {name}:token"));
        }
    }
    if !has(columns, "timestamp", "float")? {
        return Err(
            "the first line has no column timestamp:float: a feed needs the time of every interaction".to_owned()
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
            return Err("the first line has no column item_id:token".to_owned());
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

impl Rules for Recbole {
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError> {
        let [inter, others @ ..] = set.files.as_slice() else { return Ok(()) };
        let facts = self.facts(run, inter)?;
        let mut mapper = Interactions { rules: self, facts, last: None, catalog: Catalog::new(run.names()) };
        let mut days = Days::default();
        // Before the items: whether anyone ever interacts with one, and when.
        let pass = for_each_row(inter, &Meter::default(), &mut |row| {
            if let Ok((at, row)) = mapper.parse(row) {
                days.see(at);
                mapper.catalog.meet(&row.item, at);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        mapper.last = days.last_before_outliers();
        if let (Some(columns), [items]) = (&self.items, others) {
            let mut described = Items { columns, catalog: &mut mapper.catalog };
            if pass.fault.is_none() && described.catalog.has_met() {
                run.import_rows(items, &mut described)?;
            } else {
                run.look_at_rows(items, &mut described)?;
            }
        }
        import_in_time_order(run, inter, &mut mapper, &set.sorting)
    }
}

/// What is decided of all interactions together.
#[derive(Clone, Copy)]
struct Facts {
    unit: TimeUnit,
    scale: Scale,
}

impl Recbole {
    /// Decides it for a new file; of one that the log has rows of, it is what it was.
    fn facts(&self, run: &mut Run<'_>, inter: &SetFile) -> Result<Facts, ImportError> {
        let kept = run.pinned(inter.role)?;
        let facts = if let [unit, scale, ..] = kept[..] {
            let unit = TimeUnit::ALL.get(unit as usize).copied().unwrap_or(TimeUnit::Seconds);
            Facts { unit, scale: Scale::from_code(scale) }
        } else if run.progress(&planned(inter.role))?.is_empty() {
            let (mut units, mut ratings) = (UnitVotes::default(), Ratings::default());
            for_each_row(inter, &Meter::default(), &mut |row| {
                if let Ok(mut cells) = row.cells() {
                    // The columns are those of the form: user, item, time, and a rating or a label.
                    units.see(cells.nth(2).unwrap_or_default());
                    ratings.see(cells.next().unwrap_or_default());
                }
                Ok(ControlFlow::Continue(()))
            })?;
            let facts = Facts { unit: units.decided(), scale: ratings.decided() };
            run.pin(inter.role, vec![facts.unit as u32, facts.scale.code()]);
            facts
        } else {
            // Rows from before anything was decided.
            Facts { unit: TimeUnit::Seconds, scale: Scale::FIVE }
        };
        let name = inter.name();
        if self.separator != Separator(b'\t') {
            run.report.note(format!("{name}: the columns are separated by {}", self.separator.name()));
        }
        if facts.unit != TimeUnit::Seconds {
            run.report.note(format!("{name}: the times are in {}", facts.unit.name()));
        }
        if self.form == Form::Rated {
            run.report.note(format!("{name}: {}", facts.scale.in_words()));
        }
        Ok(facts)
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
        self.catalog.describe(item, said, out)
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

/// The place of an opinion, as rows keep it.
fn place_of(opinion: Opinion) -> u8 {
    match opinion {
        Opinion::Like => LIKED,
        Opinion::Dislike => DISLIKED,
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
    rules: &'a Recbole,
    facts: Facts,
    /// Later times are outliers.
    last: Option<TimeMs>,
    catalog: Catalog<'b>,
}

impl TimedMapper for Interactions<'_, '_> {
    type Row = Interaction;

    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, Interaction), String> {
        let text = row.text()?;
        let columns = text.split('\t');
        let ([user, item, time], opinion) = match self.rules.form {
            Form::Plain => (split::<3>(text, columns)?, None),
            Form::Rated => {
                let [common @ .., stars] = split::<4>(text, columns)?;
                (common, self.facts.scale.opinion(stars)?.map(place_of))
            }
            Form::Labelled => {
                let [common @ .., mark] = split::<4>(text, columns)?;
                (common, label(mark)?)
            }
        };
        let at = self.facts.unit.parse("timestamp", time)?;
        if let Some(last) = self.last.filter(|&last| at > last) {
            let days = at.since(last) / DAY_MS;
            return Err(format!("timestamp {} is {at}, {days} days after all other rows of the file", shown(time)));
        }
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
        let opinion = row.opinion.and_then(|place| self.rules.opinions.get(usize::from(place)).copied());
        for action in [Some(self.rules.interact), opinion].into_iter().flatten() {
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
            "the first line has no column timestamp:float: a feed needs the time of every interaction"
        );
        assert_eq!(
            form("user_id:token item_id:float timestamp:float").unwrap_err(),
            "column item_id has type \"float\", but must have type token"
        );
        assert_eq!(form("item_id:token timestamp:float").unwrap_err(), "the first line has no column user_id:token");
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
    fn a_label_is_0_or_1() {
        assert_eq!([label("1.0"), label("0")], [Ok(Some(LIKED)), Ok(Some(DISLIKED))]);
        assert!(label("0.5").unwrap_err().contains("neither 0 nor 1"));
    }
}
