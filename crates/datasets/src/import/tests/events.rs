//! Events in JSONL: every type, ids of every form, duplicates, bad rows, profiles.

use foryou_types::{IdForm, Namespace, TimeMs, UserId};
use proptest::prelude::*;

use super::*;

const ALL: &str = r#"{"type": "post", "at": 1700000001000, "post_id": "18446744073709551615", "author_id": 5, "text": "a"}
{"type": "follow", "at": "2023-11-14T22:13:22Z", "user_id": 7, "target_id": 5}
{"type": "mute_keyword", "at": 1700000003000, "user_id": 7, "keyword": "spoiler"}
{"type": "profile", "at": 1700000004000, "user_id": 5, "screen_name": "five"}

{"type": "action", "at": 1700000005000, "id": "e-1", "user_id": 7, "post_id": "18446744073709551615", "action": "favorite"}
{"type": "impression", "at": 1700000006000, "user_id": 7, "post_ids": ["18446744073709551615"]}
{"type": "label", "at": 1700000007000, "user_id": 5, "label": "spam"}
{"type": "action", "at": 1700000008000, "id": "e-1", "user_id": 7, "post_id": "18446744073709551615", "action": "reply"}
{"type": "delete", "at": 1700000009000, "post_id": "18446744073709551615"}
"#;

fn jsonl(text: &str) -> Set {
    Set::new().with("events.jsonl", text)
}

#[test]
fn every_event_is_counted_as_what_it_is() {
    let log = MemoryLog::default();
    let report = import_set("events", jsonl(ALL).path(), &log).unwrap();
    let expected = Imported {
        posts: 1,
        deletes: 1,
        edges: 1,
        keywords: 1,
        profiles: 1,
        actions: 1,
        impressions: 1,
        labels: 1,
        ..Imported::default()
    };
    assert_eq!(report.imported, expected);
    assert_eq!((report.rows, report.duplicates, report.rejected_total), (10, 1, 0));
    assert_eq!(report.skipped["blank_lines"], 1);
    let events = events_of(&log);
    assert_eq!(
        events.iter().map(|e| e.at.0).collect::<Vec<_>>(),
        [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 9_000].map(|ms| 1_700_000_000_000 + ms)
    );
    assert_eq!(log.head().imported.newest(), Some(TimeMs(1_700_000_009_000)));
}

#[test]
fn bad_rows_name_their_line_and_do_not_stop_the_others() {
    let text = concat!(
        "{\"type\": \"follow\", \"at\": 1700000000001, \"user_id\": 1, \"target_id\": 2}\n",
        "{\"type\": \"follow\", \"at\": 1700000000001, \"user_id\": 1\n",
        "{\"type\": \"follow\", \"at\": 1700000000001, \"user_id\": 1, \"target_id\": 1}\n",
        "{\"type\": \"action\", \"at\": 1700000000001, \"user_id\": 1, \"post_id\": 2, \"action\": \"yawn\"}\n",
        "{\"type\": \"follow\", \"user_id\": 1, \"target_id\": 2}\n",
        "{\"type\": \"follow\", \"at\": 1700000000001, \"user_id\": -1, \"target_id\": 2}\n",
        "{\"type\": \"follow\", \"at\": 1700000000001, \"user_id\": 3, \"target_id\": 2}",
    );
    let set = jsonl(text);
    let mut bytes = fs::read(set.file("events.jsonl")).unwrap();
    bytes.extend_from_slice(b"\n\"\xff\"\n");
    fs::write(set.file("events.jsonl"), bytes).unwrap();
    let report = import_set("events", set.path(), &MemoryLog::default()).unwrap();
    assert_eq!((report.imported.edges, report.imported.total()), (2, 2));
    let listed: Vec<_> = report.rejected.iter().map(|r| r.line).collect();
    assert_eq!(listed, [2, 3, 4, 5, 6, 8]);
    let reason = |line| report.rejected.iter().find(|r| r.line == line).unwrap().reason.as_str();
    assert!(reason(3).starts_with("target_id"), "{}", reason(3));
    assert!(reason(4).contains("\"yawn\" is not in this folder's action set"), "{}", reason(4));
    assert!(reason(5).starts_with("at"), "{}", reason(5));
    assert_eq!(reason(8), "the row is not UTF-8 text");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["imported"]["edges"], 2);
    assert_eq!(json["rejected"][1]["line"], 3);
    assert!(json["rejected"][1]["reason"].is_string() && json["seconds"].is_number());
}

fn dictionary() -> Profile {
    let mut profile = Profile { name: "portal".to_owned(), ..Profile::live() };
    profile.ids.users = IdForm::Dictionary;
    profile.ids.posts = IdForm::Dictionary;
    profile
}

#[test]
fn string_ids_get_their_names_in_front_of_their_first_use() {
    let text = lines(0..10, |i| {
        let user = i % 4;
        format!(
            r#"{{"type": "action", "at": 17000000000{i:02}, "user_id": "u{user}", "post_id": "p/é", "action": "click"}}"#
        )
    });
    let set = jsonl(&text).with("profile.toml", &dictionary().to_toml());
    let log = MemoryLog::default();
    let report = import_set("events", set.path(), &log).unwrap();
    assert_eq!((report.imported.actions, report.imported.total(), report.rejected_total), (10, 10, 0));
    let mut known = std::collections::BTreeSet::new();
    let mut names = 0;
    for event in events_of(&log) {
        match event.body {
            EventBody::Name { namespace, id, .. } => {
                names += 1;
                known.insert((namespace == Namespace::Posts, id));
            }
            EventBody::Action(action) => {
                assert!(known.contains(&(false, action.user_id.0)) && known.contains(&(true, action.post_id.0)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names, 5);
    let u2 = log.id_of(Namespace::Users, "u2").unwrap();
    assert_eq!(log.name_of(Namespace::Users, u2).as_deref(), Some("u2"));
    let with_u2 =
        events_of(&log).iter().filter(|e| matches!(&e.body, EventBody::Action(a) if a.user_id == UserId(u2))).count();
    assert_eq!(with_u2, 2);
}

#[test]
fn the_profile_is_the_folders_then_the_one_beside_then_the_live_one() {
    let plain = jsonl(ALL);
    assert_eq!(open("events", plain.path(), None).unwrap().profile(), &Events::default_profile());
    assert_eq!(open("events", plain.path(), Some(&dictionary())).unwrap().profile(), &dictionary());
    let own = jsonl(ALL).with("profile.toml", &dictionary().to_toml());
    assert_eq!(open("events", own.path(), None).unwrap().profile(), &dictionary());
    // The folder's copy may have been tuned; a folder of another name is another folder.
    let tuned = Profile { oon_factor: 0.5, ..dictionary() };
    assert_eq!(open("events", own.path(), Some(&tuned)).unwrap().profile(), &tuned);
    let error = open("events", own.path(), Some(&Profile::live())).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("holds \"live\" data"), "{error}");
    own.write("profile.toml", "name = 3\n");
    let error = open("events", own.path(), None).err().unwrap();
    assert!(matches!(&error, ImportError::Profile { path, .. } if path.ends_with("profile.toml")), "{error}");
}

#[test]
fn a_world_is_a_folder_of_events_and_a_profile() {
    let world = Profile { name: "world".to_owned(), ..Profile::live() };
    let set = jsonl(ALL).with("profile.toml", &world.to_toml());
    let log = MemoryLog::default();
    let report = import_set("world", set.path(), &log).unwrap();
    assert_eq!((report.kind.as_str(), report.rows), ("world", 10));
    assert_eq!(open("world", set.path(), None).unwrap().profile(), &world);
    let bare = jsonl(ALL);
    let error = import_set("world", bare.path(), &log).unwrap_err();
    assert!(error.to_string().contains("profile.toml is missing; it looks like a set of kind events"), "{error}");
}

#[test]
fn one_file_of_any_name_can_be_imported_packed_or_not() {
    for name in ["day.jsonl", "day.jsonl.gz", "day.jsonl.zst", "day.jsonl.zip"] {
        let set = Set::new().with(name, ALL);
        let log = MemoryLog::default();
        assert_eq!(import_set("events", &set.file(name), &log).unwrap().imported.total(), 8, "{name}");
        assert_eq!(import_set("events", &set.file(name), &log).unwrap().rows, 0);
    }
}

#[test]
fn an_appended_tail_is_added_and_a_changed_row_is_refused() {
    let set = jsonl(ALL);
    let log = MemoryLog::default();
    import_set("events", set.path(), &log).unwrap();
    set.write(
        "events.jsonl",
        &format!("{ALL}{{\"type\": \"unfollow\", \"at\": 1700000009500, \"user_id\": 7, \"target_id\": 5}}\n"),
    );
    let report = import_set("events", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rows_already_there, report.imported.edges), (1, 10, 1));
    set.write("events.jsonl", &ALL.replace("spoiler", "spoilers"));
    let error = import_set("events", set.path(), &log).unwrap_err();
    assert!(error.to_string().starts_with("events.jsonl:3: row 3 differs"), "{error}");
}

const GROWING: [&str; 5] = [
    r#"{"type": "follow", "at": 1785000000000, "user_id": "1", "target_id": "2"}"#,
    r#"{"type": "post", "at": 1785000000000, "post_id": "10", "author_id": "2", "text": "a"}"#,
    r#"{"type": "post", "at": 1785000000001, "post_id": "11", "author_id": "2", "text": "b"}"#,
    r#"{"type": "post", "at": 1785000000002, "post_id": "12", "author_id": "2", "text": "c"}"#,
    r#"{"type": "post", "at": 1785000000003, "post_id": "13", "author_id": "2", "text": "d"}"#,
];

#[test]
fn a_file_that_broke_off_in_a_row_goes_on_wherever_it_was_cut() {
    let whole = lines(GROWING, str::to_owned);
    let undisturbed = MemoryLog::default();
    import_set("events", jsonl(&whole).path(), &undisturbed).unwrap();
    let first = GROWING[0].len();
    for cut in first..whole.len() {
        let set = jsonl(&whole[..cut]);
        let log = MemoryLog::default();
        let report = import_set("events", set.path(), &log).unwrap();
        assert_eq!(report.rejected_total, 0, "cut at {cut}: {:?}", report.rejected);
        set.write("events.jsonl", &whole);
        let rest = import_set("events", set.path(), &log).unwrap();
        assert_eq!(report.imported.total() + rest.imported.total(), 5, "cut at {cut}");
        assert_eq!(events_of(&log), events_of(&undisturbed), "cut at {cut}");
        assert_eq!(import_set("events", set.path(), &log).unwrap().rows, 0);
    }
}

#[test]
fn a_refused_row_is_tried_again_and_may_be_put_right() {
    let mut rows = GROWING.to_vec();
    rows[2] = r#"{"type": "post", "at": 1785000000001, "post_id": 0}"#;
    rows[4] = "nonsense";
    let set = jsonl(&lines(rows.clone(), str::to_owned));
    let log = MemoryLog::default();
    for run in 0..3 {
        let report = import_set("events", set.path(), &log).unwrap();
        assert_eq!((report.imported.total(), report.rejected_total), (if run == 0 { 3 } else { 0 }, 2));
        assert_eq!(report.rows_refused_again, if run == 0 { 0 } else { 2 });
    }
    // Cut off behind the last row that was taken, and put right one after the other.
    set.write("events.jsonl", &lines(&rows[..4], |row| (*row).to_owned()));
    assert_eq!(import_set("events", set.path(), &log).unwrap().rejected_total, 1);
    rows[4] = GROWING[4];
    set.write("events.jsonl", &lines(rows.clone(), str::to_owned));
    let report = import_set("events", set.path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.rejected_total, report.rows), (1, 1, 1));
    set.write("events.jsonl", &lines(GROWING, str::to_owned));
    let report = import_set("events", set.path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.rejected_total, report.rows_already_there), (1, 0, 4));
    // Put right, they are as any other row.
    set.write("events.jsonl", &lines(GROWING, str::to_owned).replace("\"b\"", "\"changed\""));
    let error = import_set("events", set.path(), &log).unwrap_err().to_string();
    assert!(error.starts_with("events.jsonl:3: row 3 differs"), "{error}");
}

fn import_files(set: &Set, names: &[&str], log: &MemoryLog) -> Result<ImportReport, ImportError> {
    let paths: Vec<_> = names.iter().map(|name| set.file(name)).collect();
    run_into(&Events::open(&paths, None, None)?, &LogSink(log), 3)
}

fn posts(ids: std::ops::Range<u32>) -> String {
    lines(ids, |i| {
        format!(r#"{{"type": "post", "at": {}, "post_id": "{i}", "text": "t"}}"#, 1_785_000_000_000_i64 + i64::from(i))
    })
}

#[test]
fn each_of_several_files_has_marks_of_its_own() {
    let set =
        Set::new().with("a.jsonl", &posts(1..6)).with("b.jsonl.gz", &posts(11..14)).with("c.jsonl.zst", &posts(21..23));
    let log = MemoryLog::default();
    assert_eq!(import_files(&set, &["a.jsonl", "b.jsonl.gz"], &log).unwrap().imported.posts, 8);
    // In another order, alone, with one more: nothing comes twice.
    let report = import_files(&set, &["c.jsonl.zst", "b.jsonl.gz", "a.jsonl"], &log).unwrap();
    assert_eq!((report.imported.posts, report.rows_already_there), (2, 8));
    // Under another name, packed in another way, grown.
    let set = set.with("renamed.jsonl", &posts(11..20));
    let report = import_files(&set, &["renamed.jsonl"], &log).unwrap();
    assert_eq!((report.imported.posts, report.rows_already_there), (6, 3));
    // Changed: under its own name, and as a changed copy.
    set.write("a.jsonl", &posts(1..6).replace("\"3\"", "\"33\""));
    set.write("copy.jsonl", &posts(1..6).replace("\"2\"", "\"22\""));
    for (name, line) in [("a.jsonl", 3), ("copy.jsonl", 2)] {
        let error = import_files(&set, &[name], &log).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}:{line}: row {line} differs")), "{error}");
    }
    // A new day's file of the same name that shares nothing with the one before is a file of its own.
    set.write("a.jsonl", &posts(101..105));
    assert_eq!(import_files(&set, &["a.jsonl"], &log).unwrap().imported.posts, 4);
    assert!(import_files(&set, &["a.jsonl", "a.jsonl"], &log).unwrap_err().is_usage());
}

#[test]
fn a_file_of_which_nothing_is_taken_fails_and_keeps_the_others() {
    let set = Set::new().with("a.jsonl", &posts(1..6)).with("b.jsonl", "nonsense\nmore of it\n");
    let log = MemoryLog::default();
    let error = import_files(&set, &["a.jsonl", "b.jsonl"], &log).unwrap_err();
    assert_eq!(error.report().unwrap().imported.posts, 5);
    assert!(error.to_string().starts_with("nothing of b.jsonl could be imported (line 1: "), "{error}");
    set.write("b.jsonl", &posts(7..9));
    assert_eq!(import_files(&set, &["b.jsonl"], &log).unwrap().imported.posts, 2);
}

#[test]
fn tables_become_events_by_their_columns_or_by_a_map() {
    let plain =
        "type,at,user_id,post_id,action,text\npost,1785000000,,10,,\"two\nlines\"\naction,1785000009,7,10,favorite,\n";
    let set = Set::new().with("plain.csv", plain);
    let log = MemoryLog::default();
    let report = import_files(&set, &["plain.csv"], &log).unwrap();
    assert_eq!((report.imported.posts, report.imported.actions, report.rejected_total), (1, 1, 0));
    let events = events_of(&log);
    assert!(matches!(&events[0].body, EventBody::Post(post) if post.text.as_deref() == Some("two\nlines")));
    assert_eq!(events[1].at, TimeMs(1_785_000_009_000), "seconds, as all times of the file");

    let map = "[columns]\nuser_id = \"uid\"\npost_id = \"item\"\naction = \"what\"\nat = \"when\"\n\
               [constants]\ntype = \"action\"\n[values.action]\nlike = \"favorite\"\n";
    let table =
        "uid;item;what;when\n7;10;like;2026-08-01T00:00:00Z\n8;10;reply;1785542400000\n9;10;yawn;1785542400001\n";
    let set = set.with("log.csv.gz", table).with("map.toml", map);
    let open = |map: &str| Events::open(&[set.file("log.csv.gz")], Some(&set.file(map)), None);
    let report = run_into(&open("map.toml").unwrap(), &LogSink(&log), 3).unwrap();
    assert_eq!((report.imported.actions, report.rejected_total, report.rejected[0].line), (2, 1, 4));
    assert!(report.rejected[0].reason.contains("\"yawn\" is not in this folder's action set"), "{:?}", report.rejected);
    assert_eq!(run_into(&open("map.toml").unwrap(), &LogSink(&log), 3).unwrap().rows, 0);
    set.write("map.toml", &map.replace("\"uid\"", "\"person\""));
    let error = open("map.toml").err().unwrap().to_string();
    assert!(error.contains("the table has no column \"person\""), "{error}");
    let error = import_files(&set, &["log.csv.gz"], &MemoryLog::default()).unwrap_err().to_string();
    assert!(error.contains("a table of 4 columns separated by semicolons") && error.contains("--map"), "{error}");
}

#[test]
fn a_table_with_a_wrong_column_is_refused_with_one_error() {
    let refused = |header: &str| {
        let set = Set::new().with("a.csv", &format!("{header}\npost,1785000000000,1,2,x\n"));
        let error = import_files(&set, &["a.csv"], &MemoryLog::default()).unwrap_err();
        assert!(matches!(error, ImportError::Header { .. }), "{error}");
        error.to_string()
    };
    let unknown = refused("type,at,post_id,author_id,foo");
    assert!(unknown.starts_with("a.csv:1: the first line names column \"foo\"") && unknown.contains("author_id, "));
    assert!(refused("type,at,post_id,Author_ID,text").contains("\"Author_ID\", which must be written \"author_id\""));
    assert!(refused("type,at,post_id,text,text").contains("names column \"text\" twice"));
    assert!(refused("text,at,post_id,author_id,title").contains("type is missing"));
}

#[cfg(unix)]
#[test]
fn what_comes_through_a_pipe_is_whole_without_its_last_line_end() {
    let set = Set::new();
    let pipe = set.file("pipe");
    let table = "type,at,post_id,author_id\npost,1785000000000,1,2\npost,1785000000001,3,2";
    for text in [table, "{\"type\": \"post\", \"at\": 1785000000000, \"post_id\": 1}\n{\"type\": \"post\""] {
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let log = MemoryLog::default();
        let report = std::thread::scope(|scope| {
            scope.spawn(|| fs::write(&pipe, text).unwrap());
            import_files(&set, &["pipe"], &log).unwrap()
        });
        let is_table = text == table;
        assert_eq!((report.imported.posts, report.rejected_total), if is_table { (2, 0) } else { (1, 1) });
        assert_eq!(
            report.rejected.iter().map(|row| row.line).collect::<Vec<_>>(),
            if is_table { vec![] } else { vec![2] }
        );
        fs::remove_file(&pipe).unwrap();
    }
}

#[test]
fn an_unsorted_file_is_imported_and_said_to_be_unsorted() {
    let rows: Vec<String> = posts(1..6).lines().rev().map(|line| line.to_owned() + "\n").collect();
    let set = jsonl(&rows.concat());
    let report = import_set("events", set.path(), &MemoryLog::default()).unwrap();
    assert_eq!(report.imported.posts, 5);
    assert_eq!(
        report.notes,
        [
            "events.jsonl: the events are not in the order of time; this makes no difference, because the time of each event decides"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_interrupted_import_ends_as_an_undisturbed_one(
        rows in prop::collection::vec((0u8..4, 0u8..6, 0u8..6), 1..30), batch_rows in 1usize..8,
    ) {
        let text: String = rows
            .iter()
            .enumerate()
            .map(|(i, (what, a, b))| match what {
                0 => format!("{{\"type\": \"post\", \"at\": 17000000000{i:02}, \"post_id\": \"p{a}\", \"author_id\": \"u{b}\"}}\n"),
                1 => format!("{{\"type\": \"follow\", \"at\": 17000000000{i:02}, \"user_id\": \"u{a}\", \"target_id\": \"u{b}\"}}\n"),
                2 => format!("{{\"type\": \"delete\", \"at\": 17000000000{i:02}, \"id\": \"e{a}\", \"post_id\": \"p{b}\"}}\n"),
                _ => "nonsense\n".to_owned(),
            })
            .collect();
        // Without any sound row, an interruption would leave no event that could be compared.
        let text = format!("{{\"type\": \"post\", \"at\": 0, \"post_id\": \"p\", \"author_id\": \"u\"}}\n{text}");
        let set = jsonl(&text).with("profile.toml", &dictionary().to_toml());
        interrupt_everywhere(&open("events", set.path(), None).unwrap(), batch_rows);
    }
}
