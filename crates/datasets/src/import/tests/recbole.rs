//! RecBole's atomic files on invented rows: columns by name and type, likes from ratings, items, times with fractions.

use std::collections::BTreeMap;

use event_log::ActionEvent;
use foryou_types::{ClockKind, IdForm, Namespace};
use proptest::prelude::*;

use super::*;
use crate::import::recbole::Recbole;

const INTER: &str = "films.inter.zst";
const ITEM: &str = "films.item.zst";

/// user, item, rating, time in seconds.
type Line = (&'static str, &'static str, &'static str, &'static str);

fn inter(rows: &[Line]) -> String {
    let row = |(user, item, rating, at): &Line| format!("{user}\t{item}\t{rating}\t{at}");
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n".to_owned() + &lines(rows, row)
}

fn item(rows: &[(&str, &str, &str)]) -> String {
    let row = |(item, title, class): &(&str, &str, &str)| format!("{item}\t{title}\t1995\t{class}");
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n".to_owned() + &lines(rows, row)
}

const ROWS: [Line; 5] = [
    ("u a", "m1", "5", "300"),
    ("b", "m2", "2.0", "100"),
    ("b", "m1", "3.5", "100.5"),
    ("b", "m1", "1", "300"),
    ("u a", "m2", "4", "200"),
];

const ITEMS: [(&str, &str, &str); 3] =
    [("m3", "Nobody's Film", "Drama"), ("m1", "First \"Film\"", "Comedy Crime"), ("m2", "", "")];

/// An event in short: ms, and what it is.
fn short(log: &MemoryLog, event: &Event) -> (i64, String) {
    let user = |id| log.name_of(Namespace::Users, id).unwrap();
    let post = |id| log.name_of(Namespace::Posts, id).unwrap();
    let set = Recbole::default_profile().action_set;
    let what = match &event.body {
        EventBody::Name { namespace, name, .. } => format!("{}: {name}", namespace.as_str()),
        EventBody::Post(p) => match (&p.title, &p.text) {
            (None, None) => format!("post {}", post(p.post_id.0)),
            (title, text) => format!("post {} {title:?} {text:?}", post(p.post_id.0)),
        },
        EventBody::Action(ActionEvent { user_id, post_id, action, dwell_ms: None, .. }) => {
            format!("{} {} {}", user(user_id.0), set.name(*action), post(post_id.0))
        }
        other => panic!("{other:?}"),
    };
    (event.at.0, what)
}

fn shorts(log: &MemoryLog) -> Vec<(i64, String)> {
    events_of(log).iter().map(|event| short(log, event)).collect()
}

fn expected(events: &[(i64, &str)]) -> Vec<(i64, String)> {
    events.iter().map(|(at, what)| (*at, (*what).to_owned())).collect()
}

#[test]
fn a_title_that_is_too_long_is_refused_in_its_own_row_and_the_post_comes_without_it() {
    let long = "x".repeat(1_001);
    let items = item(&[("m1", &long, "Comedy"), ("m3", &long, ""), ("m2", "Two", "")]);
    let set = Set::new().with("films.inter", &inter(&ROWS)).with("films.item", &items);
    let log = MemoryLog::default();
    let report = import_set("recbole", set.path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.imported.actions, report.rejected_total), (2, 9, 2));
    for (row, line) in report.rejected.iter().zip([2, 3]) {
        assert_eq!((row.file.as_str(), row.line), ("films.item", line));
        assert!(row.reason.starts_with("title: "), "{}", row.reason);
    }
    assert!(shorts(&log).contains(&(100_500, "post m1".to_owned())), "{:?}", shorts(&log));
    interrupt_everywhere(&open("recbole", set.path(), None).unwrap(), 2);
}

#[test]
fn interactions_come_in_the_order_of_time_with_likes_and_dislikes() {
    let set = Set::new().with(INTER, &inter(&ROWS)).with(ITEM, &item(&ITEMS)).with("films.user", "user_id:token\n1\n");
    let log = MemoryLog::default();
    let report = import_set("recbole", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.imported.posts, report.imported.actions), (8, 3, 9));
    let events = [
        (100_000, "posts: m3"),
        (100_000, "post m3 Some(\"Nobody's Film\") Some(\"Drama\")"),
        (100_000, "users: b"),
        (100_000, "posts: m2"),
        (100_000, "post m2"),
        (100_000, "b interact m2"),
        (100_000, "b dislike m2"),
        (100_500, "posts: m1"),
        (100_500, "post m1 Some(\"First \\\"Film\\\"\") Some(\"Comedy Crime\")"),
        (100_500, "b interact m1"),
        (200_000, "users: u a"),
        (200_000, "u a interact m2"),
        (200_000, "u a like m2"),
        (300_000, "u a interact m1"),
        (300_000, "u a like m1"),
        (300_000, "b interact m1"),
        (300_000, "b dislike m1"),
    ];
    assert_eq!(shorts(&log), expected(&events));
    let again = import_set("recbole", &set.file(INTER), &log).unwrap();
    assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 8));
}

#[test]
fn a_set_without_ratings_has_one_action_and_needs_no_items() {
    let text = "timestamp:float\titem_id:token\tuser_id:token\tquery:token\n9\ti\tu\tx\n7\ti\tv\tx\n";
    let set = Set::new().with("log.inter", text);
    let importer = open("recbole", set.path(), None).unwrap();
    let names: Vec<_> = importer.profile().action_set.actions.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["interact"]);
    let log = MemoryLog::default();
    import_set("recbole", set.path(), &log).unwrap();
    let events = [
        (7_000, "users: v"),
        (7_000, "posts: i"),
        (7_000, "post i"),
        (7_000, "v interact i"),
        (9_000, "users: u"),
        (9_000, "u interact i"),
    ];
    assert_eq!(shorts(&log), expected(&events));
}

#[test]
fn labels_are_likes_and_dislikes() {
    let text = "user_id:token\titem_id:token\tlabel:float\ttimestamp:float\nu\ti\t1.0\t1\nu\tj\t0\t2\nu\tk\t2\t3\n";
    let log = MemoryLog::default();
    let report = import_set("recbole", Set::new().with("log.inter", text).path(), &log).unwrap();
    let actions: Vec<_> =
        shorts(&log).into_iter().map(|e| e.1).filter(|w| w.starts_with("u ") && !w.contains("interact")).collect();
    assert_eq!(actions, ["u like i", "u dislike j"]);
    assert_eq!((report.rejected_total, report.rejected[0].line), (1, 4));
}

#[test]
fn the_profile_is_that_of_a_catalogue() {
    let set = Set::new().with(INTER, &inter(&ROWS));
    let importer = open("recbole", set.path(), None).unwrap();
    let profile = importer.profile();
    assert_eq!(profile, &Recbole::default_profile());
    assert_eq!((profile.clock, profile.has.len()), (ClockKind::Log, 0));
    assert_eq!((profile.ids.users, profile.ids.posts), (IdForm::Dictionary, IdForm::Dictionary));
    assert!(profile.limits.max_post_age_seconds > 90 * 365 * 86_400);
    assert_eq!(profile.check(), Ok(()));
    let heads: Vec<_> = profile.action_set.actions.iter().map(|a| (a.name.as_str(), a.weight)).collect();
    assert_eq!(heads, [("interact", 1.0), ("like", 1.0), ("dislike", -2.0)]);
}

#[test]
fn headers_are_read_by_name_and_type() {
    let refused = |inter: &str, item: &str| {
        let set = Set::new().with("a.inter", inter);
        if !item.is_empty() {
            set.write("a.item", item);
        }
        import_set("recbole", set.path(), &MemoryLog::default()).unwrap_err().to_string()
    };
    let sound = inter(&ROWS);
    assert_eq!(
        refused("user_id:token\titem_id:token\trating:float\n1\t2\t3\n", ""),
        "a.inter:1: the first line has no column timestamp:float: a feed needs the time of every interaction"
    );
    assert_eq!(
        refused(&sound.replace("rating:float", "rating:token"), ""),
        "a.inter:1: column rating has type \"token\", but must have type float"
    );
    assert_eq!(
        refused("user_id\titem_id\ttimestamp\n1\t2\t3\n", ""),
        "a.inter:1: column \"user_id\" has no type, as in user_id:token (columns are separated by tabs)"
    );
    assert_eq!(refused(&sound, "id:token\n1\n"), "a.item:1: the first line has no column item_id:token");
    assert!(refused("", "").starts_with("a.inter holds no rows: nothing to import; by its first bytes it is empty"));
    assert!(
        refused(&inter(&[]), "")
            .starts_with("a.inter holds no rows: nothing to import; by its first bytes it is a table")
    );
}

#[test]
fn one_file_of_interactions_is_imported_and_several_are_named() {
    let set = Set::new().with("b.train.inter", &inter(&ROWS)).with("a.valid.inter.zst", &inter(&ROWS));
    let error = import_set("recbole", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.is_usage(), "{error}");
    let problem = "it holds 2 files of interactions (a.valid.inter.zst, b.train.inter): give the path of one of them";
    assert!(error.to_string().ends_with(problem), "{error}");
    assert_eq!(import_set("recbole", &set.file("b.train.inter"), &MemoryLog::default()).unwrap().rows, 5);
    let error = import_set("recbole", Set::new().path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().ends_with("NAME.inter is missing"), "{error}");
    let one = Set::new().with("b.inter", &inter(&ROWS));
    let error = import_set("mind", one.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().ends_with("it looks like a set of kind recbole"), "{error}");
}

#[test]
fn bad_rows_of_both_files_are_counted_and_listed_with_their_line() {
    let rows = [
        ROWS[0],
        ("u", "m9", "5", "1465413032000"),
        ("u", "m9", "5", ""),
        ("u", "m9", "inf", "100"),
        ("u", "m9", "good", "100"),
        ("", "m9", "5", "100"),
        ("u", "m9", "5", "100\t1"),
        ("X", "m9", "5", "100"),
    ];
    let set = Set::new().with("a.item", &item(&[("m1", "One", ""), ("", "Two", ""), ("m2", "Three", "a\tb")]));
    let mut bytes = inter(&rows).into_bytes();
    let place = bytes.iter().position(|&byte| byte == b'X').unwrap();
    bytes[place] = 0xff;
    fs::write(set.file("a.inter"), bytes).unwrap();
    let log = MemoryLog::default();
    let report = import_set("recbole", set.path(), &log).unwrap();
    // All sound ratings are equal, so they say nothing of what was liked.
    assert_eq!((report.rows, report.imported.posts, report.imported.actions), (11, 1, 1));
    let mut listed: Vec<_> = report.rejected.iter().map(|r| (r.file.as_str(), r.line, r.reason.as_str())).collect();
    listed.sort_unstable();
    let columns = "the row has another number of columns than the file's first line";
    let reasons = [
        (
            "a.inter",
            3,
            "timestamp \"1465413032000\" is not a time in Unix seconds, as the other times of this file are: is it in milliseconds?",
        ),
        ("a.inter", 4, "timestamp \"\" is not a time in Unix seconds"),
        ("a.inter", 5, "rating \"inf\" is not a number"),
        ("a.inter", 6, "rating \"good\" is not a number"),
        ("a.inter", 7, "user_id is empty"),
        ("a.inter", 8, columns),
        ("a.inter", 9, "the row is not UTF-8 text"),
        ("a.item", 3, "item_id is empty"),
        ("a.item", 4, columns),
    ];
    assert_eq!(listed, reasons);
    assert!(log.id_of(Namespace::Posts, "m9").is_none());
}

#[test]
fn scale_unit_and_separator_are_decided_for_the_whole_file() {
    let imported = |text: &str| {
        let set = Set::new().with("a.inter", text);
        let log = MemoryLog::default();
        let report = import_set("recbole", set.path(), &log).unwrap();
        assert_eq!(report.rejected_total, 0, "{:?}", report.rejected);
        (shorts(&log).into_iter().filter(|(_, what)| what.contains("like")).collect::<Vec<_>>(), report.notes)
    };
    let header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    let tens = header.to_owned() + &lines(1..=10, |i| format!("u\tm{i}\t{i}\t{}", 1_465_413_032_000_i64 + i));
    let (opinions, notes) = imported(&tens);
    let expected = [1, 2, 3, 4, 8, 9, 10]
        .map(|i| (1_465_413_032_000 + i, format!("u {} m{i}", if i > 5 { "like" } else { "dislike" })));
    assert_eq!(opinions, expected);
    let expected = [
        "a.inter: the times are in milliseconds",
        "a.inter: the ratings are read on the scale from 0 to 10: 8 or more is a like, 4 or less is a dislike, 0 is not a rating",
    ];
    assert_eq!(notes, expected);
    for (separator, name) in [(",", "commas"), (" ", "spaces"), (";", "semicolons")] {
        let (same, notes) = imported(&tens.replace('\t', separator));
        assert_eq!(same, opinions);
        assert_eq!(notes[0], format!("a.inter: the columns are separated by {name}"));
    }
    let implicit = header.to_owned() + &lines(1..=3, |i| format!("u\tm{i}\t1\t{i}"));
    assert!(imported(&implicit).0.is_empty(), "a rating that all have says nothing");
}

#[test]
fn one_time_years_behind_all_others_is_refused() {
    let mut rows = ROWS.to_vec();
    rows.push(("b", "m3", "5", "4070908800"));
    let set = Set::new().with(INTER, &inter(&rows));
    let log = MemoryLog::default();
    let report = import_set("recbole", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rejected_total), (6, 1));
    assert!(report.rejected[0].reason.contains("days after all other rows"), "{:?}", report.rejected);
    assert!(shorts(&log).iter().all(|(at, _)| *at <= 300_000));
}

#[test]
fn what_was_decided_holds_for_the_rows_by_which_a_file_grows() {
    let header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    let set = Set::new().with("a.inter", &format!("{header}u\tm1\t5\t100\nu\tm2\t1\t200\n"));
    let log = MemoryLog::default();
    import_set("recbole", set.path(), &log).unwrap();
    set.write("a.inter", &format!("{header}u\tm1\t5\t100\nu\tm2\t1\t200\nu\tm3\t9\t300\nu\tm4\t4\t400\n"));
    let report = import_set("recbole", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rejected_total), (2, 1));
    assert!(report.rejected[0].reason.contains("scale, 0 to 5"), "{:?}", report.rejected);
    assert_eq!(shorts(&log).last().unwrap().1, "u like m4");
}

#[test]
fn truncated_files_keep_the_whole_batches_before_the_fault() {
    let rows = lines(0..30_000usize, |i| {
        format!("{}\t{}\t{}\t{}", i * 31 % 2_003, i * 7_919 % 10_007, i % 6, i * 104_729 % 1_000_003)
    });
    let header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    let set = Set::new().with(INTER, &format!("{header}{rows}"));
    faults::cut_and_repair("recbole", &set, INTER, 0.6);
    let items = lines(0..30_000usize, |i| format!("{i}\tFilm {}\t{}", i * 7_919 % 100_003, i * 104_729 % 1_000_003));
    set.write(ITEM, &format!("item_id:token\ttitle:token\ttags:token_seq\n{items}"));
    faults::cut_and_repair("recbole", &set, ITEM, 0.6);

    let whole = fs::read(set.file(INTER)).unwrap();
    fs::write(set.file(INTER), &whole[..10]).unwrap();
    let error = import_set("recbole", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().starts_with("films.inter.zst:1: "), "{error}");
}

#[test]
fn after_a_damage_to_the_interactions_the_posts_are_as_without_it() {
    let rows = lines(0..30_000usize, |i| format!("{}\t{}\t{}\t{i}", i * 31 % 2_003, i * 7_919 % 40_009, i % 6));
    let items = lines(0..30_000usize, |i| format!("{}\tFilm {i}\tTag", i * 2));
    let set = Set::new()
        .with(INTER, &format!("user_id:token\titem_id:token\trating:float\ttimestamp:float\n{rows}"))
        .with(ITEM, &format!("item_id:token\ttitle:token\ttags:token_seq\n{items}"));
    let posts = |log: &MemoryLog| {
        let mut posts: Vec<_> = shorts(log).into_iter().filter(|(_, what)| what.starts_with("post ")).collect();
        posts.sort_unstable();
        posts
    };
    let [undisturbed, repaired] = faults::cut_and_repair("recbole", &set, INTER, 0.6);
    assert!(posts(&undisturbed).iter().any(|(at, _)| *at > 20_000_000));
    assert!(posts(&repaired) == posts(&undisturbed));
}

#[test]
fn both_files_may_grow_and_items_may_come_later() {
    let set = Set::new().with(INTER, &inter(&ROWS));
    let log = MemoryLog::default();
    import_set("recbole", set.path(), &log).unwrap();
    let before = shorts(&log);
    let mut rows = ROWS.to_vec();
    rows.extend([("b", "m4", "5", "50"), ("c", "m1", "3", "60")]);
    set.write(INTER, &inter(&rows));
    set.write(ITEM, &item(&[ITEMS[0], ITEMS[1], ("m4", "Fourth", "War")]));
    let report = import_set("recbole", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rows_already_there), (5, 5));
    assert_eq!(report.skipped, BTreeMap::from([("described_again".to_owned(), 1)]));
    let mut all = before;
    all.extend(expected(&[
        (50_000, "posts: m3"),
        (50_000, "post m3 Some(\"Nobody's Film\") Some(\"Drama\")"),
        (50_000, "posts: m4"),
        (50_000, "post m4 Some(\"Fourth\") Some(\"War\")"),
        (50_000, "b interact m4"),
        (50_000, "b like m4"),
        (60_000, "users: c"),
        (60_000, "c interact m1"),
    ]));
    assert_eq!(shorts(&log), all);
}

/// user, item, rating in halves, time in ms. Two rows make it a scale to 5.
fn any_rows() -> impl Strategy<Value = Vec<(u8, u8, u8, u16)>> {
    prop::collection::vec((0u8..4, 0u8..7, 0u8..11, 0u16..5_000), 1..25).prop_map(|mut rows| {
        rows.extend([(0, 0, 10, 1), (0, 0, 3, 2)]);
        rows
    })
}

fn text_of(rows: &[(u8, u8, u8, u16)]) -> String {
    let row = |(user, item, halves, ms): &(u8, u8, u8, u16)| {
        format!("u{user}\tm{item}\t{}\t{}", f64::from(*halves) / 2.0, f64::from(*ms) / 1_000.0)
    };
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n".to_owned() + &lines(rows, row)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_interrupted_import_ends_as_an_undisturbed_one(
        rows in any_rows(), items in prop::collection::vec(0u8..12, 1..10), batch_rows in 1usize..6, run_rows in 1usize..8,
    ) {
        let items = lines(items, |i| format!("m{i}\tTitle {i}"));
        let set = Set::new().with("a.inter", &text_of(&rows)).with("a.item", &format!("item_id:token\tname:token\n{items}"));
        interrupt_everywhere(&Recbole::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows)), batch_rows);
    }

    #[test]
    fn it_is_the_stable_order_of_exact_times(rows in any_rows(), run_rows in 1usize..8) {
        let set = Set::new().with("a.inter", &text_of(&rows));
        let log = MemoryLog::default();
        let importer = Recbole::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows));
        run_into(&importer, &LogSink(&log), 4).unwrap();
        let mut sound: Vec<_> = rows.iter().collect();
        sound.sort_by_key(|row| row.3);
        let mut wanted = Vec::new();
        for (user, item, halves, ms) in sound {
            let mut push = |action| wanted.push((i64::from(*ms), format!("u{user} {action} m{item}")));
            push("interact");
            match halves {
                8.. => push("like"),
                ..=4 => push("dislike"),
                _ => {}
            }
        }
        let events = shorts(&log);
        prop_assert!(events.is_sorted_by_key(|event| event.0));
        let actions: Vec<_> = events.into_iter().filter(|event| event.1.starts_with('u') && !event.1.contains(':')).collect();
        prop_assert_eq!(actions, wanted);
    }
}
