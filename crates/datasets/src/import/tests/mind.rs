//! MIND on invented rows: histories without times, first meetings, texts, both files resumed and grown.

use std::collections::{BTreeMap, BTreeSet};

use event_log::ActionEvent;
use foryou_types::{ClockKind, Has, IdForm, Namespace, Surface};
use proptest::prelude::*;

use super::*;
use crate::import::mind::Mind;

const BEHAVIORS: &str = "behaviors.tsv.zst";
const NEWS: &str = "news.tsv.zst";

/// 9 November 2019, 0:00 UTC, in seconds.
const T: i64 = 1_573_257_600;

/// impression, user, seconds after [`T`] (of that day), history, shown.
type Line = (u32, &'static str, i64, &'static str, &'static str);

fn clock(second: i64) -> String {
    let (hour, half) = (second / 3_600, if second < 12 * 3_600 { "AM" } else { "PM" });
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("11/9/2019 {hour}:{:02}:{:02} {half}", second / 60 % 60, second % 60)
}

fn behaviors(rows: &[Line]) -> String {
    lines(rows, |(impression, user, at, history, shown)| {
        format!("{impression}\t{user}\t{}\t{history}\t{shown}", clock(*at))
    })
}

fn news(rows: &[(&str, &str, &str)]) -> String {
    lines(rows, |(article, title, text)| format!("{article}\tsports\tgolf\t{title}\t{text}\thttps://a.b/c\t[]\t[]"))
}

fn set_of(rows: &[Line], articles: &[(&str, &str, &str)]) -> Set {
    Set::new().with(BEHAVIORS, &behaviors(rows)).with(NEWS, &news(articles))
}

const ROWS: [Line; 3] =
    [(3, "U1", 200, "N1 N2", "N2-1 N5-0"), (1, "U1", 100, "N1 N2", "N3-0 N4-1"), (2, "U2", 50, "", "N4-0 N5-1")];

const ARTICLES: [(&str, &str, &str); 3] =
    [("N9", "Nine", "Nobody"), ("N2", "Two", "Both \"here\""), ("N4", "Four", "")];

/// An event in short: seconds after [`T`], and what it is.
fn short(log: &MemoryLog, event: &Event) -> (i64, String) {
    let user = |id| log.name_of(Namespace::Users, id).unwrap();
    let post = |id| log.name_of(Namespace::Posts, id).unwrap();
    let what = match &event.body {
        EventBody::Name { name, .. } => format!("name {name}"),
        EventBody::Post(p) => match (&p.title, &p.text) {
            (None, None) => format!("post {}", post(p.post_id.0)),
            (title, text) => format!("post {} {title:?} {text:?}", post(p.post_id.0)),
        },
        EventBody::Impression(shown) => {
            assert_eq!(shown.surface, Surface::Home);
            let posts: Vec<_> = shown.post_ids.iter().map(|id| post(id.0)).collect();
            format!("{} {} sees {}", shown.request_id.as_ref().unwrap(), user(shown.user_id.0), posts.join(" "))
        }
        EventBody::Action(ActionEvent { user_id, post_id, action: 0, surface: Surface::Home, .. }) => {
            format!("{} clicks {}", user(user_id.0), post(post_id.0))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(event.at.0 % 1_000, 0);
    (event.at.as_secs() - T, what)
}

fn shorts(log: &MemoryLog) -> Vec<(i64, String)> {
    events_of(log).iter().map(|event| short(log, event)).collect()
}

fn expected(events: &[(i64, &str)]) -> Vec<(i64, String)> {
    events.iter().map(|(at, what)| (*at, (*what).to_owned())).collect()
}

#[test]
fn rows_come_in_the_order_of_time_and_posts_with_their_texts_when_they_are_first_met() {
    let log = MemoryLog::default();
    let report = import_set("mind", set_of(&ROWS, &ARTICLES).path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.imported.impressions, report.imported.actions), (6, 3, 5));
    assert_eq!((report.imported.total(), report.rows, report.rejected_total), (14, 6, 0));
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    let events = [
        (50, "name N9"),
        (50, "post N9 Some(\"Nine\") Some(\"Nobody\")"),
        (50, "name U2"),
        (50, "name N4"),
        (50, "post N4 Some(\"Four\") None"),
        (50, "name N5"),
        (50, "post N5"),
        (50, "2 U2 sees N4 N5"),
        (50, "U2 clicks N5"),
        (100, "name U1"),
        (98, "name N1"),
        (98, "post N1"),
        (98, "U1 clicks N1"),
        (99, "name N2"),
        (99, "post N2 Some(\"Two\") Some(\"Both \\\"here\\\"\")"),
        (99, "U1 clicks N2"),
        (100, "name N3"),
        (100, "post N3"),
        (100, "1 U1 sees N3 N4"),
        (100, "U1 clicks N4"),
        (200, "3 U1 sees N2 N5"),
        (200, "U1 clicks N2"),
    ];
    assert_eq!(shorts(&log), expected(&events));
}

#[test]
fn an_article_of_a_later_history_is_as_old_as_that_history_says() {
    let rows = [(1, "U1", 100, "", "N1-0 N2-1"), (2, "U2", 101, "N2 N3 N4", "N1-1")];
    let log = MemoryLog::default();
    import_set("mind", set_of(&rows, &ARTICLES).path(), &log).unwrap();
    let posts: Vec<_> = shorts(&log).into_iter().filter(|(_, what)| what.starts_with("post ")).collect();
    // N2 is shown at 100, but clicked three seconds before 101 already; the news that nobody meets exist from then on.
    let expected_posts = [
        (98, "post N9 Some(\"Nine\") Some(\"Nobody\")"),
        (100, "post N1"),
        (98, "post N2 Some(\"Two\") Some(\"Both \\\"here\\\"\")"),
        (99, "post N3"),
        (100, "post N4 Some(\"Four\") None"),
    ];
    assert_eq!(posts, expected(&expected_posts));
}

#[test]
fn a_history_that_changed_is_counted_and_only_what_is_new_in_it_added() {
    let rows = [
        (1, "U1", 100, "N1 N2 N1", "N3-0 N4-1"),
        (2, "U1", 200, "N1 N2 N1", "N5-0"),
        (3, "U1", 300, "N4 N1 N6 N6", "N5-1"),
        (4, "U1", 400, "N4 N1 N6 N6", "N5-0"),
        (5, "U1", 500, "", "N5-0"),
    ];
    let log = MemoryLog::default();
    let report = import_set("mind", set_of(&rows, &ARTICLES).path(), &log).unwrap();
    assert_eq!(report.skipped, BTreeMap::from([("rows_with_another_history".to_owned(), 2)]));
    let clicks: Vec<_> = shorts(&log).into_iter().filter(|(_, what)| what.contains("clicks")).collect();
    let clicked = [
        (97, "U1 clicks N1"),
        (98, "U1 clicks N2"),
        (99, "U1 clicks N1"),
        (100, "U1 clicks N4"),
        (298, "U1 clicks N6"),
        (299, "U1 clicks N6"),
        (300, "U1 clicks N5"),
    ];
    assert_eq!(clicks, expected(&clicked));
}

#[test]
fn the_profile_has_impressions_strings_and_one_head() {
    let set = set_of(&ROWS, &ARTICLES);
    let importer = open("mind", set.path(), None).unwrap();
    let profile = importer.profile();
    assert_eq!((profile.clock, profile.limits.max_post_age_seconds), (ClockKind::Log, 7 * 86_400));
    assert_eq!(profile.has, [Has::Impressions]);
    assert!(profile.acted_is_seen);
    assert_eq!((profile.ids.users, profile.ids.posts), (IdForm::Dictionary, IdForm::Dictionary));
    assert_eq!(profile.action_set.actions.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["click"]);
    assert_eq!(profile.check(), Ok(()));
}

#[test]
fn bad_rows_of_both_files_are_counted_and_listed_with_their_line() {
    let set = Set::new();
    let mut bad = behaviors(&ROWS[..1]).into_bytes();
    bad.extend_from_slice(b"2\tU1\t9/11/2019 25:00\tN1\tN2-1\n");
    bad.extend_from_slice(b"3\tU1\t11/9/2019 1:00:00 AM\tN1 N2-1\n");
    bad.extend_from_slice(b"4\tU1\t11/9/2019 1:00:00 AM\tN1\tN2 N3-1\n");
    bad.extend_from_slice(b"5\tU1\t11/9/2019 1:00:00 AM\tN1\t \n");
    bad.extend_from_slice(b"6\t\t11/9/2019 1:00:00 AM\tN1\tN2-0\n");
    bad.extend_from_slice(b"7\tU\xff\t11/9/2019 1:00:00 AM\tN1\tN2-0\n");
    bad.extend_from_slice(format!("8\tU1\t11/9/2019 1:00:00 AM\t{}\tN2-0\n", "N".repeat(1_025)).as_bytes());
    fs::write(set.file("behaviors.tsv"), bad).unwrap();
    fs::write(set.file("news.tsv"), b"N1\ta\tb\tTitle\tText\turl\t[]\n\ta\tb\tTitle\tText\turl\t[]\t[]\nN\xff\n")
        .unwrap();
    let log = MemoryLog::default();
    let report = import_set("mind", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.imported.impressions, report.rejected_total), (11, 1, 10));
    let mut listed: Vec<_> = report.rejected.iter().map(|r| (r.file.as_str(), r.line, r.reason.as_str())).collect();
    listed.sort_unstable();
    let reasons = [
        ("behaviors.tsv", 2, "time \"9/11/2019 25:00\" does not have the form 11/15/2019 8:55:22 AM"),
        ("behaviors.tsv", 3, "4 columns instead of 5: \"3\\tU1\\t11/9/2019 1:00:00 AM\\tN1 N2-1\""),
        ("behaviors.tsv", 4, "shown article \"N2\" has neither -1 (clicked) nor -0"),
        ("behaviors.tsv", 5, "the shown list is empty"),
        ("behaviors.tsv", 6, "user is empty"),
        ("behaviors.tsv", 7, "the row is not UTF-8 text"),
        ("behaviors.tsv", 8, "article of the history has 1025 bytes, but an id may have at most 1024"),
        ("news.tsv", 1, "7 columns instead of 8: \"N1\\ta\\tb\\tTitle\\tText\\turl\\t[]\""),
        ("news.tsv", 2, "article is empty"),
        ("news.tsv", 3, "the row is not UTF-8 text"),
    ];
    assert_eq!(listed, reasons);
    // Nothing of a bad row is in the log: not its user, not its articles.
    assert!(log.id_of(Namespace::Posts, "N3").is_none());
    assert_eq!(report.imported.posts, 3, "N1, N2, N5 of the sound row");
}

#[test]
fn both_files_may_grow() {
    let set = set_of(&ROWS, &ARTICLES);
    let log = MemoryLog::default();
    import_set("mind", set.path(), &log).unwrap();
    let again = import_set("mind", set.path(), &log).unwrap();
    assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 6));
    let before = shorts(&log);

    let mut rows = ROWS.to_vec();
    // An earlier row of a known person, an article that nobody met before, one that comes with its text, a new person.
    rows.extend([(4, "U1", 20, "N1 N2", "N9-1 N7-0"), (5, "U3", 30, "N8", "N1-1")]);
    let mut articles = ARTICLES.to_vec();
    articles.extend([("N8", "Eight", "New"), ("N5", "Five", "Too late"), ("N10", "Ten", "Alone"), ("N8", "Again", "")]);
    set.write(BEHAVIORS, &behaviors(&rows));
    set.write(NEWS, &news(&articles));
    let report = import_set("mind", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rows_already_there), (6, 6));
    assert_eq!(report.skipped, BTreeMap::from([("described_again".to_owned(), 2)]));
    let mut all = before;
    all.extend(expected(&[
        (18, "name N10"),
        (18, "post N10 Some(\"Ten\") Some(\"Alone\")"),
        (20, "name N7"),
        (20, "post N7"),
        (20, "4 U1 sees N9 N7"),
        (20, "U1 clicks N9"),
        (30, "name U3"),
        (29, "name N8"),
        (29, "post N8 Some(\"Eight\") Some(\"New\")"),
        (29, "U3 clicks N8"),
        (30, "5 U3 sees N1"),
        (30, "U3 clicks N1"),
    ]));
    assert_eq!(shorts(&log), all);
}

#[test]
fn a_missing_file_and_a_set_of_another_kind_are_named() {
    let set = Set::new().with(BEHAVIORS, &behaviors(&ROWS));
    let error = import_set("mind", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("news.tsv is missing"), "{error}");
    let error = import_set("higgs", set_of(&ROWS, &ARTICLES).path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().ends_with("it looks like a set of kind mind"), "{error}");
}

fn many(rows: usize) -> (String, String) {
    let behaviors = lines(0..rows, |i| {
        let (a, b) = (i * 7_919 % 10_007, i * 104_729 % 10_007);
        format!("{i}\tU{}\t{}\tN{b}\tN{a}-1 N{b}-0", i * 31 % 2_003, clock(i as i64 % 86_400))
    });
    (behaviors, lines(0..rows, |i| format!("N{}\ta\tb\tTitle {i}\tText {}\turl\t[]\t[]", i * 2, i * 7_919 % 100_003)))
}

#[test]
fn a_truncated_file_keeps_the_whole_batches_before_the_fault() {
    let (behaviors, news) = many(20_000);
    let set = Set::new().with(BEHAVIORS, &behaviors).with(NEWS, &news);
    faults::cut_and_repair("mind", &set, NEWS, 0.6);

    let undisturbed = MemoryLog::default();
    let expected = import_set("mind", set.path(), &undisturbed).unwrap();
    let whole = fs::read(set.file(BEHAVIORS)).unwrap();
    fs::write(set.file(BEHAVIORS), &whole[..whole.len() / 2]).unwrap();
    let log = MemoryLog::default();
    let error = import_set("mind", set.path(), &log).unwrap_err();
    let ImportError::Fault { file, line, rows, report, .. } = &error else { panic!("{error}") };
    assert_eq!((file.as_str(), report.rows), (BEHAVIORS, *rows), "no news");
    assert!(*rows > 0 && *rows < 20_000 && rows % 3 == 0 && (rows + 1..=rows + 3).contains(line), "{error}");
    assert_eq!(report.imported.impressions, *rows);
    fs::write(set.file(BEHAVIORS), &whole).unwrap();
    let rest = import_set("mind", set.path(), &log).unwrap();
    assert_eq!(rest.rows + report.rows, expected.rows);
    assert_eq!(rest.imported.posts + report.imported.posts, expected.imported.posts);
    assert_eq!(rest.imported.impressions + report.imported.impressions, expected.imported.impressions);
}

#[test]
fn after_a_damage_to_the_behaviours_the_posts_are_as_without_it() {
    let (behaviors, news) = many(20_000);
    let set = Set::new().with(BEHAVIORS, &behaviors).with(NEWS, &news);
    let posts = |log: &MemoryLog| {
        let posts = shorts(log).into_iter().filter(|(_, what)| what.starts_with("post "));
        posts.collect::<BTreeSet<_>>()
    };
    let [undisturbed, repaired] = faults::cut_and_repair("mind", &set, BEHAVIORS, 0.25);
    assert!(posts(&undisturbed).iter().any(|(at, _)| *at > 7_000));
    assert_eq!(posts(&repaired), posts(&undisturbed));
}

#[test]
fn news_wait_for_the_first_sound_row() {
    let set = Set::new().with(BEHAVIORS, "1\tU1\tyesterday\tN1\tN2-1\n").with(NEWS, &news(&ARTICLES));
    let log = MemoryLog::default();
    let error = import_set("mind", set.path(), &log).unwrap_err();
    let report = error.report().unwrap();
    assert_eq!((report.rows, report.rejected_total, report.imported.total()), (1, 1, 0), "{error}");
    set.write(BEHAVIORS, &("1\tU1\tyesterday\tN1\tN2-1\n".to_owned() + &behaviors(&ROWS)));
    let report = import_set("mind", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.imported.posts), (6, 6));
    assert_eq!(shorts(&log)[1], (50, "post N9 Some(\"Nine\") Some(\"Nobody\")".to_owned()));
}

#[test]
fn a_batch_is_bounded_by_its_events_too() {
    let history = (0..8_000).map(|i| format!("N{i}")).collect::<Vec<_>>().join(" ");
    let rows = lines(0..12, |i| format!("{i}\tU{i}\t{}\t{history}\tN1-0", clock(40_000 + i)));
    let set = Set::new().with(BEHAVIORS, &rows).with(NEWS, &news(&[("N1", "One", "")]));
    let importer = open("mind", set.path(), None).unwrap();
    let (log, one_by_one) = (MemoryLog::default(), MemoryLog::default());
    let mut told = Vec::new();
    let options = ImportOptions {
        batch_rows: 1_000,
        on_progress: &mut |status| {
            told.push(status.rows);
            ControlFlow::Continue(())
        },
    };
    import(&importer, &LogSink(&log), options).unwrap();
    // The news; then 24,003 events of the first row (names and posts among them) and 8,003 of every other one.
    assert_eq!(told, [1, 8, 13]);
    run_into(&importer, &LogSink(&one_by_one), 1).unwrap();
    assert!(events_of(&log) == events_of(&one_by_one));
    interrupt_everywhere(&importer, 1_000);
}

/// A row of numbers: person, second, history, shown with clicks.
type Numbers = (u8, i64, Vec<u8>, Vec<(u8, bool)>);

fn any_behaviors() -> impl Strategy<Value = Vec<Numbers>> {
    let list = |most| prop::collection::vec(0u8..9, 0..most);
    let shown = prop::collection::vec((0u8..9, any::<bool>()), 0..5);
    prop::collection::vec((0u8..4, 20i64..60, list(5), shown), 1..16)
}

fn any_news() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0u8..14, 1..10)
}

/// The files; a row that shows nothing is a bad one.
fn text_of(rows: &[Numbers], articles: &[u8]) -> (String, String) {
    let shown = |shown: &[(u8, bool)]| {
        shown.iter().map(|(a, clicked)| format!("N{a}-{}", u8::from(*clicked))).collect::<Vec<_>>().join(" ")
    };
    let behaviors = lines(rows, |(user, at, history, list)| {
        let history: Vec<_> = history.iter().map(|a| format!("N{a}")).collect();
        format!("1\tU{user}\t{}\t{}\t{}", clock(*at), history.join(" "), shown(list))
    });
    (behaviors, lines(articles, |a| format!("N{a}\ta\tb\tTitle {a}\t\turl\t[]\t[]")))
}

fn set_of_text((behaviors, news): &(String, String)) -> Set {
    Set::new().with("behaviors.tsv", behaviors).with("news.tsv", news)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_interrupted_import_ends_as_an_undisturbed_one(
        rows in any_behaviors(), articles in any_news(), batch_rows in 1usize..6, run_rows in 1usize..8,
    ) {
        let set = set_of_text(&text_of(&rows, &articles));
        interrupt_everywhere(&Mind::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows)), batch_rows);
    }

    #[test]
    fn every_article_is_one_post_from_its_first_meeting_and_every_click_is_there(
        rows in any_behaviors(), articles in any_news(), run_rows in 1usize..8,
    ) {
        let set = set_of_text(&text_of(&rows, &articles));
        let log = MemoryLog::default();
        let importer = Mind::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows));
        if taken(run_into(&importer, &LogSink(&log), 4)).is_none() {
            return Ok(());
        }

        // The rules once more, plainly.
        let mut sound: Vec<_> = rows.iter().filter(|row| !row.3.is_empty()).collect();
        sound.sort_by_key(|row| row.1);
        let (mut met, mut clicks) = (BTreeMap::<u8, i64>::new(), Vec::new());
        let mut clicked: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
        for (user, at, history, shown) in sound {
            let known = clicked.get(user).cloned();
            for (i, article) in history.iter().enumerate() {
                let at = at - (history.len() - i) as i64;
                met.entry(*article).and_modify(|first| *first = at.min(*first)).or_insert(at);
                if known.as_ref().is_none_or(|known| !known.contains(article)) {
                    clicks.push((at, *user, *article));
                }
            }
            for (article, is_clicked) in shown {
                met.entry(*article).and_modify(|first| *first = (*at).min(*first)).or_insert(*at);
                if *is_clicked {
                    clicks.push((*at, *user, *article));
                }
            }
            let new = history.iter().chain(shown.iter().filter(|s| s.1).map(|s| &s.0));
            clicked.entry(*user).or_default().extend(new);
        }
        let first = met.values().min().copied();
        if let Some(first) = first {
            for article in &articles {
                met.entry(*article).or_insert(first);
            }
        }

        let events = shorts(&log);
        let mut found = Vec::new();
        let mut posts = BTreeMap::new();
        for (at, what) in &events {
            let words: Vec<_> = what.split(' ').collect();
            match words.as_slice() {
                ["post", article, title @ ..] => {
                    let article: u8 = article[1..].parse().unwrap();
                    prop_assert!(posts.insert(article, *at).is_none(), "two posts of {}", article);
                    prop_assert_eq!(!title.is_empty(), articles.contains(&article), "{}", what);
                }
                [user, "clicks", article] => {
                    let (user, article) = (user[1..].parse().unwrap(), article[1..].parse().unwrap());
                    prop_assert!(posts.get(&article).is_some_and(|created| created <= at), "{}", what);
                    found.push((*at, user, article));
                }
                _ => {}
            }
        }
        found.sort_unstable();
        clicks.sort_unstable();
        prop_assert_eq!(found, clicks);
        prop_assert_eq!(posts, met);
        let shown: Vec<_> = events.iter().filter(|e| e.1.contains(" sees ")).map(|e| e.0).collect();
        prop_assert!(shown.is_sorted());
    }

    #[test]
    fn files_that_grew_while_an_import_was_interrupted_lose_nothing(
        rows in any_behaviors(), more in any_behaviors(), articles in any_news(), more_articles in any_news(),
        batches in 0usize..8,
    ) {
        let set = set_of_text(&text_of(&rows, &articles));
        let log = MemoryLog::default();
        let importer = Mind::open(set.path(), None).unwrap();
        let _ = run_into(&importer, &Interrupted { log: &log, batches_left: Cell::new(batches) }, 3);
        let rows: Vec<_> = rows.into_iter().chain(more).collect();
        let articles: Vec<_> = articles.into_iter().chain(more_articles).collect();
        let (behaviors, news) = text_of(&rows, &articles);
        set.write("behaviors.tsv", &behaviors);
        set.write("news.tsv", &news);
        run_into(&importer, &LogSink(&log), 3).unwrap();
        prop_assert_eq!(run_into(&importer, &LogSink(&log), 3).unwrap().rows, 0);

        let events = shorts(&log);
        let count = |what: &str| events.iter().filter(|e| e.1.contains(what)).count();
        prop_assert_eq!(count(" sees "), rows.iter().filter(|row| !row.3.is_empty()).count());
        let posts: Vec<_> = events.iter().filter_map(|e| e.1.strip_prefix("post ")).collect();
        let distinct: BTreeSet<_> = posts.iter().map(|p| p.split(' ').next().unwrap().to_owned()).collect();
        prop_assert_eq!(posts.len(), distinct.len(), "{:?}", posts);
        let sound = rows.iter().filter(|row| !row.3.is_empty());
        let met: BTreeSet<_> =
            sound.flat_map(|r| r.2.iter().chain(r.3.iter().map(|s| &s.0))).map(|a| format!("N{a}")).collect();
        prop_assert!(met.is_subset(&distinct), "{:?} {:?}", met, distinct);
    }
}
