//! MIND: which news people were shown on the home page of Microsoft News, and which of them they clicked (Wu et al.,
//! "MIND: A Large-scale Dataset for News Recommendation", ACL 2020).
//!
//! Two files without a line of column names: `behaviors.tsv` (impression, user, time in UTC, articles clicked before,
//! articles shown, each with `-1` if clicked and `-0` if not) and `news.tsv` (article, category, subcategory, title,
//! abstract, and what is not read: URL and entities).
//!
//! * A row of the behaviours becomes an impression of its shown list, and at the same time a `click` on each clicked
//!   article.
//! * The **history carries no times**. Its articles become clicks one second apart, the last one a second before the
//!   row. The rows of a person come in the order of time, and an article that such a row names again adds nothing; so,
//!   as MIND gives a person one history for all rows, the history ends a second before the person's first impression. A
//!   row whose history is another one is counted (`rows_with_another_history`), and what is new in it is added.
//! * An article becomes a post when it is **first met**: at the time of the earliest row that shows it or (by the
//!   seconds above) has it in its history. When it was published is not known. So a post from a history looks younger
//!   than it is, and nothing of the future is in its time, but for the seconds of a later row's history: they may put
//!   the post a little before the row that shows it first.
//! * Titles and abstracts come from the news file, which need not name every article (in samples it names few). One
//!   that it names and nobody meets is created at the first time of the set.
//!
//! Categories have no numbers of their own that could be topics, and are left out. The profile does not say that posts
//! have text: the feed would drop every article that the news file does not name.
//!
//! The news file is read first, so that posts are created with their texts, but a post stands in the log in front of
//! the first row that needs it: the log is in the order of time, but for the seconds of the histories. A news row that is
//! appended after its article was met comes too late and is counted (`described_again`).
//!
//! While the behaviours are damaged, or have no sound row, it is not known which articles nobody meets. The news then
//! give their texts to the articles that are met, but none of their new rows is imported: all are taken once the
//! behaviours are whole, and those of articles that have their posts by then are counted as above.

use std::{ops::ControlFlow, path::Path};

use event_log::{ActionEvent, EventBody, ImpressionEvent, PostEvent};
use foryou_types::{
    ActionIndex, ActionSet, ClockKind, Has, IdForm, IdForms, Limits, PostId, Profile, Surface, TimeMs, UserId,
};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ImportError, Importer, RowForm, RowOrder, Rules, Run, SetFile,
    batch::Mapped,
    catalog::{Catalog, key},
    external_sort::spill_fields,
    fields::{shown, split},
    files::Meter,
    ordered::{TimedMapper, import_in_time_order},
    rows::{Row, for_each_row},
    run::RowMapper,
};

/// The kind's name.
pub(super) const KIND: &str = "mind";

/// Names of the behaviours and of the news.
pub(super) const FILES: [[&str; 3]; 2] =
    [["behaviors.tsv", "behaviors.tsv.zst", "behaviors.tsv.gz"], ["news.tsv", "news.tsv.zst", "news.tsv.gz"]];

/// Milliseconds between two articles of a history.
const STEP_MS: i64 = 1_000;

/// Articles stay readable for this long: a week, in seconds. In the week of MINDsmall nothing is shown longer than six
/// days after it is first met, and by their publication, which is not known, those articles were older than that.
const MAX_AGE_SECONDS: i64 = 7 * 24 * 3_600;

/// The importer of MIND.
pub(super) struct Mind {
    click: ActionIndex,
}

impl Mind {
    /// The profile of a folder that MIND fills.
    pub(super) fn default_profile() -> Profile {
        Profile {
            name: KIND.to_owned(),
            clock: ClockKind::Log,
            has: vec![Has::Impressions],
            acted_is_seen: true,
            ids: IdForms { users: IdForm::Dictionary, posts: IdForm::Dictionary },
            limits: Limits { max_post_age_seconds: MAX_AGE_SECONDS, ..Limits::default() },
            action_set: ActionSet::discrete(1, &[("click", 1.0)]),
            ..Profile::live()
        }
    }

    /// The set in the folder `path`.
    pub(super) fn open(path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        let find = |names: &[&str]| {
            let found = if path.is_dir() { SetFile::find(path, names) } else { None };
            found.ok_or_else(|| super::missing(path, KIND, names))
        };
        let file = |role, path, order| SetFile::new(role, path, RowForm::Lines, order);
        let files =
            vec![file("behaviors", find(&FILES[0])?, RowOrder::Time), file("news", find(&FILES[1])?, RowOrder::File)];
        let profile = folder.cloned().unwrap_or_else(Self::default_profile);
        let click = super::action_of(&profile, KIND, "click")?;
        Ok(Importer::new(KIND, profile, files, Self { click }))
    }
}

impl Rules for Mind {
    fn import(&self, set: &Importer, run: &mut Run<'_>) -> Result<(), ImportError> {
        let (behaviours, news) = (&set.files[0], &set.files[1]);
        let mut mapper =
            Behaviours { click: self.click, catalog: Catalog::new(run.names()), readers: FxHashMap::default() };
        // Before the news: whether an article is ever met, and when.
        let pass = for_each_row(behaviours, &Meter::default(), &mut |row| {
            if let Ok((at, row)) = mapper.parse(row) {
                mapper.meet(at, &row);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let mut described = News(&mut mapper.catalog);
        if pass.fault.is_none() && described.0.has_met() {
            run.import_rows(news, &mut described)?;
        } else {
            run.look_at_rows(news, &mut described)?;
        }
        import_in_time_order(run, behaviours, &mut mapper, &set.sorting)
    }
}

/// Rows of the news file.
struct News<'a, 'b>(&'a mut Catalog<'b>);

/// The article of a row, and what the row says of it.
fn article<'a>(row: &Row<'a>) -> Result<(&'a str, PostEvent), String> {
    let text = row.text()?;
    let [article, _category, _subcategory, title, body, _url, _in_title, _in_body] =
        split::<8>(text, text.split('\t'))?;
    let some = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
    Ok((key("article", article)?, PostEvent { title: some(title), text: some(body), ..PostEvent::default() }))
}

impl RowMapper for News<'_, '_> {
    fn known(&mut self, row: &Row<'_>) {
        if let Ok((article, said)) = article(row) {
            self.0.described(article, said);
        }
    }

    fn map(&mut self, row: &Row<'_>, out: &mut Mapped) -> Result<(), String> {
        let (article, said) = article(row)?;
        self.0.describe(article, said, out)
    }

    fn submitted(&mut self) {
        self.0.submitted();
    }
}

/// A row of the behaviours. The lists are as they stand in the file, and sound.
struct Behaviour {
    impression: Box<str>,
    user: Box<str>,
    history: Box<str>,
    shown: Box<str>,
}

spill_fields!(Behaviour { impression, user, history, shown });

/// The articles of a row's history, oldest first, with the times they get.
fn history_of(at: TimeMs, history: &str) -> impl Iterator<Item = (TimeMs, &str)> {
    let articles = history.split_ascii_whitespace();
    let count = articles.clone().count() as i64;
    (0..count).zip(articles).map(move |(place, article)| (at - (count - place) * STEP_MS, article))
}

/// The articles of a shown list, each with whether it was clicked.
fn shown_of(shown: &str) -> impl Iterator<Item = (&str, bool)> {
    shown
        .split_ascii_whitespace()
        .filter_map(|item| item.rsplit_once('-'))
        .map(|(article, mark)| (article, mark == "1"))
}

/// A time as `11/15/2019 8:55:22 AM`: month, day, year, and the clock of 12 hours. It is taken as UTC.
fn us_time(text: &str) -> Result<TimeMs, String> {
    fn numbers(text: &str, between: char) -> Option<[u16; 3]> {
        let mut out = [0; 3];
        let mut parts = text.split(between);
        for slot in &mut out {
            let part = parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
            *slot = part.parse().ok()?;
        }
        parts.next().is_none().then_some(out)
    }
    let read = || {
        let (date, clock) = text.split_once(' ')?;
        let (clock, half) = clock.split_once(' ')?;
        let [month, day, year] = numbers(date, '/')?;
        let [hour, minute, second] = numbers(clock, ':')?;
        let noon = match half {
            "AM" => 0,
            "PM" => 12,
            _ => return None,
        };
        if !(1..=12).contains(&hour) || second > 59 || !(1970..=9999).contains(&year) {
            return None;
        }
        let hour = hour % 12 + noon;
        TimeMs::parse(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")).ok()
    };
    read().ok_or_else(|| format!("time {} does not have the form 11/15/2019 8:55:22 AM", shown(text)))
}

/// What a person was known to have clicked.
#[derive(Default)]
struct Reader {
    /// Hash of the latest row's history.
    history: u64,
    /// In order of id.
    clicked: Vec<PostId>,
}

impl Reader {
    fn note(&mut self, post: PostId) {
        if let Err(place) = self.clicked.binary_search(&post) {
            self.clicked.insert(place, post);
        }
    }
}

/// The behaviours, as they become events.
struct Behaviours<'a> {
    click: ActionIndex,
    catalog: Catalog<'a>,
    readers: FxHashMap<UserId, Reader>,
}

impl Behaviours<'_> {
    /// Notes when a row meets its articles.
    fn meet(&mut self, at: TimeMs, row: &Behaviour) {
        for (at, article) in history_of(at, &row.history) {
            self.catalog.meet(article, at);
        }
        for (article, _) in shown_of(&row.shown) {
            self.catalog.meet(article, at);
        }
    }

    /// The clicks of a history that are not known yet.
    fn history(&mut self, at: TimeMs, user_id: UserId, history: &str, out: &mut Mapped) {
        let hash = xxh3_64(history.as_bytes());
        let known = self.readers.get(&user_id);
        if known.is_some_and(|reader| reader.history == hash) {
            return;
        }
        if known.is_some() {
            out.skip("rows_with_another_history");
        }
        let mut new = Vec::new();
        for (at, article) in history_of(at, history) {
            let post_id = self.catalog.post(article, at, out);
            // Within one history a repeated article was clicked again.
            if known.is_none_or(|reader| reader.clicked.binary_search(&post_id).is_err()) {
                self.click(at, user_id, post_id, out);
                new.push(post_id);
            }
        }
        let reader = self.readers.entry(user_id).or_default();
        reader.history = hash;
        reader.clicked.append(&mut new);
        reader.clicked.sort_unstable();
        reader.clicked.dedup();
        reader.clicked.shrink_to_fit();
    }

    fn click(&self, at: TimeMs, user_id: UserId, post_id: PostId, out: &mut Mapped) {
        let surface = Surface::Home;
        let click = ActionEvent { user_id, post_id, action: self.click, surface, ..ActionEvent::default() };
        out.push(at, EventBody::Action(click));
    }
}

impl TimedMapper for Behaviours<'_> {
    type Row = Behaviour;

    fn parse(&self, row: &Row<'_>) -> Result<(TimeMs, Behaviour), String> {
        let text = row.text()?;
        let [impression, user, time, history, list] = split::<5>(text, text.split('\t'))?;
        let (impression, user) = (key("impression", impression)?, key("user", user)?);
        let at = us_time(time)?;
        for article in history.split_ascii_whitespace() {
            key("article of the history", article)?;
        }
        for item in list.split_ascii_whitespace() {
            match item.rsplit_once('-') {
                Some((article, "0" | "1")) => key("article of the shown list", article)?,
                _ => return Err(format!("shown article {} has neither -1 (clicked) nor -0", shown(item))),
            };
        }
        if list.trim_ascii().is_empty() {
            return Err("the shown list is empty".to_owned());
        }
        let row =
            Behaviour { impression: impression.into(), user: user.into(), history: history.into(), shown: list.into() };
        Ok((at, row))
    }

    /// Done before the news were read.
    fn survey(&mut self, _: TimeMs, _: Behaviour) {}

    fn known(&mut self, row: Behaviour) {
        // The log has all that this gives; what it teaches is who clicked what.
        self.map(TimeMs::default(), row, &mut Mapped::default());
    }

    fn map(&mut self, at: TimeMs, row: Behaviour, out: &mut Mapped) {
        let user_id = self.catalog.user(&row.user, at, out);
        self.history(at, user_id, &row.history, out);
        let (mut post_ids, mut clicked) = (Vec::new(), Vec::new());
        for (article, is_clicked) in shown_of(&row.shown) {
            let post_id = self.catalog.post(article, at, out);
            post_ids.push(post_id);
            if is_clicked {
                clicked.push(post_id);
            }
        }
        out.push(
            at,
            EventBody::Impression(ImpressionEvent {
                user_id,
                post_ids,
                request_id: Some(row.impression.into()),
                surface: Surface::Home,
                ..ImpressionEvent::default()
            }),
        );
        for post_id in clicked {
            self.click(at, user_id, post_id, out);
            self.readers.entry(user_id).or_default().note(post_id);
        }
    }

    fn submitted(&mut self) {
        self.catalog.submitted();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_has_twelve_hours_and_the_month_comes_first() {
        let time = |text| us_time(text).map(TimeMs::to_rfc3339);
        assert_eq!(time("11/12/2019 2:14:46 PM").as_deref(), Ok("2019-11-12T14:14:46Z"));
        assert_eq!(time("1/2/2019 12:00:00 AM").as_deref(), Ok("2019-01-02T00:00:00Z"));
        assert_eq!(time("2/29/2020 12:59:59 PM").as_deref(), Ok("2020-02-29T12:59:59Z"));
        assert_eq!(time("12/31/1999 11:59:59 PM").as_deref(), Ok("1999-12-31T23:59:59Z"));
        assert_eq!(us_time("1/1/1970 12:00:00 AM"), Ok(TimeMs(0)));
    }

    #[test]
    fn what_is_no_such_time_is_refused() {
        for bad in [
            "",
            "11/12/2019",
            "11/12/2019 2:14:46",
            "11/12/2019 2:14:46 pm",
            "11/12/2019 0:14:46 AM",
            "11/12/2019 13:14:46 PM",
            "11/12/2019 2:60:46 PM",
            "11/12/2019 2:14:60 PM",
            "13/12/2019 2:14:46 PM",
            "2/29/2019 2:14:46 PM",
            "11/12/19 2:14:46 PM",
            "11/12/1969 2:14:46 PM",
            "11/12/99999 2:14:46 PM",
            "11/+1/2019 2:14:46 PM",
            "11//2019 2:14:46 PM",
            "11/12/2019/1 2:14:46 PM",
            "2019-11-12T14:14:46Z",
        ] {
            let reason = us_time(bad).unwrap_err();
            assert!(reason.ends_with("does not have the form 11/15/2019 8:55:22 AM"), "{bad}: {reason}");
        }
    }

    #[test]
    fn a_history_ends_a_second_before_its_row() {
        let items: Vec<_> = history_of(TimeMs(10_000), "N1 N2  N3").map(|(at, article)| (at.0, article)).collect();
        assert_eq!(items, [(7_000, "N1"), (8_000, "N2"), (9_000, "N3")]);
        assert_eq!(history_of(TimeMs(0), " ").count(), 0);
    }
}
