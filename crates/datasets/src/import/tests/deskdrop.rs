//! Deskdrop on invented rows: the order of time, first events, both forms of the file, windows and runs.

use event_log::{ActionEvent, EventSource, ImportLedger};
use foryou_types::{ClockKind, IdForm, TimeMs};
use proptest::prelude::*;

use super::*;
use crate::import::deskdrop::Deskdrop;

const ZIP: &str = "users_interactions.csv.zip";
const SLIM: &str = "interactions_slim.tsv.zst";

/// time, event type, article, person, session.
type Line = (i64, &'static str, i64, i64, i64);

fn zip_text(rows: &[Line]) -> String {
    let header = "timestamp,eventType,contentId,personId,sessionId,userAgent,userRegion,userCountry\n";
    header.to_owned()
        + &lines(rows, |(t, event, article, person, session)| {
            format!("{t},{event},{article},{person},{session},\"Agent (a, \"\"b\"\")\",SP,BR")
        })
}

fn slim_text(rows: &[Line]) -> String {
    let row = |(t, event, article, person, session): &Line| format!("{t}\t{event}\t{article}\t{person}\t{session}");
    "timestamp\teventType\tcontentId\tpersonId\tsessionId\n".to_owned() + &lines(rows, row)
}

const ROWS: [Line; 6] = [
    (500, "VIEW", -7, 1, 90),
    (100, "LIKE", -7, -2, 91),
    (300, "COMMENT CREATED", 8, 1, 90),
    (300, "BOOKMARK", 8, -2, 91),
    (300, "BOOKMARK", 8, -2, 91),
    (200, "FOLLOW", i64::MIN, 1, 92),
];

/// An event in short: time in seconds, and `post` or person and action, and the article.
fn short(event: &Event) -> (i64, String, i64) {
    let set = Deskdrop::default_profile().action_set;
    match &event.body {
        EventBody::Post(post) => (event.at.as_secs(), "post".to_owned(), post.post_id.as_i64()),
        EventBody::Action(ActionEvent { user_id, post_id, action, .. }) => {
            (event.at.as_secs(), format!("{} {}", user_id.as_i64(), set.name(*action)), post_id.as_i64())
        }
        other => panic!("{other:?}"),
    }
}

fn shorts(log: &MemoryLog) -> Vec<(i64, String, i64)> {
    events_of(log).iter().map(short).collect()
}

#[test]
fn rows_are_imported_in_the_order_of_time() {
    let log = MemoryLog::default();
    let set = Set::new().with(ZIP, &zip_text(&ROWS));
    let report = import_set("deskdrop", set.path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.imported.actions, report.rows), (3, 6, 6));
    let expected = [
        (100, "post", -7),
        (100, "-2 like", -7),
        (200, "post", i64::MIN),
        (200, "1 follow", i64::MIN),
        (300, "post", 8),
        (300, "1 comment", 8),
        (300, "-2 bookmark", 8),
        (300, "-2 bookmark", 8),
        (500, "1 view", -7),
    ]
    .map(|(t, what, article)| (t, what.to_owned(), article));
    assert_eq!(shorts(&log), expected);
}

#[test]
fn the_profile_has_the_five_heads_and_no_authors() {
    let set = Set::new().with(ZIP, &zip_text(&ROWS));
    let importer = open("deskdrop", set.path(), None).unwrap();
    let profile = importer.profile();
    assert_eq!((profile.clock, profile.limits.max_post_age_seconds), (ClockKind::Log, 30 * 86_400));
    assert!(profile.has.is_empty() && profile.acted_is_seen);
    assert_eq!((profile.ids.users, profile.ids.posts), (IdForm::Signed, IdForm::Signed));
    let heads: Vec<_> = profile.action_set.actions.iter().map(|a| (a.name.as_str(), a.weight)).collect();
    assert_eq!(heads, [("view", 1.0), ("like", 3.0), ("bookmark", 4.0), ("comment", 5.0), ("follow", 8.0)]);
    assert_eq!(profile.check(), Ok(()));
}

#[test]
fn both_forms_of_the_file_are_the_same_rows() {
    let set = Set::new().with(ZIP, &zip_text(&ROWS)).with(SLIM, &slim_text(&ROWS));
    let importer = open("deskdrop", set.path(), None).unwrap();
    assert_eq!(
        importer.files().iter().map(SetFile::name).collect::<Vec<_>>(),
        [ZIP],
        "one file per role, the published one"
    );
    let (from_zip, from_slim) = (MemoryLog::default(), MemoryLog::default());
    import_set("deskdrop", &set.file(ZIP), &from_zip).unwrap();
    import_set("deskdrop", &set.file(SLIM), &from_slim).unwrap();
    assert_eq!(events_of(&from_zip), events_of(&from_slim));
    let again = import_set("deskdrop", &set.file(SLIM), &from_zip).unwrap();
    assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 6));
}

#[test]
fn a_post_keeps_its_creation_when_earlier_rows_are_appended() {
    let set = Set::new().with(SLIM, &slim_text(&ROWS));
    let log = MemoryLog::default();
    import_set("deskdrop", set.path(), &log).unwrap();
    let before = shorts(&log);
    let mut rows = ROWS.to_vec();
    rows.extend([(60, "VIEW", 9, 3, 1), (50, "VIEW", -7, 3, 1), (40, "VIEW", 9, 4, 1)]);
    set.write(SLIM, &slim_text(&rows));
    let report = import_set("deskdrop", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.imported.posts, report.imported.actions), (3, 1, 3));
    let mut expected = before;
    expected.extend([
        (40, "post".to_owned(), 9),
        (40, "4 view".to_owned(), 9),
        (50, "3 view".to_owned(), -7),
        (60, "3 view".to_owned(), 9),
    ]);
    assert_eq!(shorts(&log), expected);
}

#[test]
fn bad_rows_are_counted_and_listed_with_their_line() {
    let text = format!(
        "{}200,VIEW,1,2\n300,SHARE,1,2,3,,,\n400,VIEW,9223372036854775808,2,3,,,\n1465413032000,VIEW,1,2,3,,,\n500,VIEW,1,0,3,,,\n",
        zip_text(&[(100, "VIEW", 1, 2, 3)])
    );
    let set = Set::new().with("users_interactions.csv", &text);
    let report = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap();
    assert_eq!((report.rows, report.imported.actions, report.imported.posts), (6, 1, 1));
    let mut listed: Vec<_> = report.rejected.iter().map(|r| (r.line, r.reason.as_str())).collect();
    listed.sort_unstable();
    assert_eq!(
        listed,
        [
            (3, "the row has another number of columns than the file's first line"),
            (4, "unknown event type \"SHARE\""),
            (5, "contentId \"9223372036854775808\" is not a signed 64-bit number"),
            (6, "timestamp \"1465413032000\" is not a time in Unix seconds"),
            (7, "personId must not be 0"),
        ]
    );
}

#[test]
fn a_file_without_its_columns_is_refused() {
    let set = Set::new().with(SLIM, "timestamp\teventType\tcontentId\tpersonId\n1\tVIEW\t1\t1\n");
    let error = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("interactions_slim.tsv.zst:1: the first line has no column \"sessionId\""),
        "{error}"
    );
}

#[test]
fn marks_of_many_rows_are_cut_and_join_again() {
    let rows: Vec<Line> = (0..70_000).map(|i| (i * 7_919 % 100_003, "VIEW", 1 + i % 97, 1 + i % 53, i)).collect();
    let set = Set::new().with(SLIM, &slim_text(&rows));
    let log = MemoryLog::default();
    let importer = Deskdrop::open(set.path(), None).unwrap().with_sorting(runs_of(9_000));
    let interrupted = run_into(&importer, &Interrupted { log: &log, batches_left: Cell::new(5) }, 4_096);
    assert!(interrupted.is_err());
    let marks = |role: &str| log.import_progress("deskdrop", role).unwrap().len();
    assert_eq!((marks("interactions/planned"), marks("interactions/ordered")), (70_000, 5 * 4_096));
    assert_eq!(marks("interactions"), 0);
    let rest = run_into(&importer, &LogSink(&log), 4_096).unwrap();
    assert_eq!((rest.rows, rest.rows_already_there), (70_000 - 5 * 4_096, 5 * 4_096));
    let in_file = log.import_progress("deskdrop", "interactions").unwrap();
    assert_eq!(in_file, log.import_progress("deskdrop", "interactions/planned").unwrap());
    assert_eq!((in_file.len(), marks("interactions/ordered")), (70_000, 70_000));
    let actions: Vec<_> = shorts(&log).into_iter().filter(|e| e.1 != "post").collect();
    assert!(actions.len() == 70_000 && actions.is_sorted_by_key(|a| a.0));
}

#[test]
fn rows_that_cannot_be_sorted_are_not_imported() {
    let set = Set::new().with(SLIM, &slim_text(&ROWS));
    let log = MemoryLog::default();
    let sorting = Sorting { folder: set.file("nowhere"), ..runs_of(4) };
    let importer = Deskdrop::open(set.path(), None).unwrap().with_sorting(sorting);
    let error = run_into(&importer, &LogSink(&log), 3).unwrap_err();
    let start = format!("cannot sort rows with a temporary file in {}: ", set.file("nowhere").display());
    assert!(
        error.to_string().starts_with(&start) && error.to_string().contains("No such file or directory"),
        "{error}"
    );
    assert!(!error.is_usage() && log.head().position.events() == 0, "nothing was added");
    fs::create_dir(set.file("nowhere")).unwrap();
    assert_eq!(run_into(&importer, &LogSink(&log), 3).unwrap().rows, 6);
}

fn any_rows() -> impl Strategy<Value = Vec<Line>> {
    let event = prop::sample::select(vec!["VIEW", "LIKE", "FOLLOW", "NOTHING"]);
    // At least one row that is taken: an import of nothing fails.
    prop::collection::vec((0i64..50, event, 1i64..6, 1i64..4, 0i64..2), 1..30)
        .prop_filter("nothing is taken", |rows| rows.iter().any(|row| row.1 != "NOTHING"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_interrupted_import_ends_as_an_undisturbed_one(
        rows in any_rows(), batch_rows in 1usize..8, run_rows in 1usize..20,
    ) {
        let set = Set::new().with(SLIM, &slim_text(&rows));
        interrupt_everywhere(&Deskdrop::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows)), batch_rows);
    }

    #[test]
    fn rows_are_sorted_and_posts_are_as_old_as_their_first_event(rows in any_rows(), run_rows in 1usize..40) {
        let set = Set::new().with(SLIM, &slim_text(&rows));
        let log = MemoryLog::default();
        run_into(&Deskdrop::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows)), &LogSink(&log), 4).unwrap();
        let sound: Vec<_> = rows.iter().filter(|r| r.1 != "NOTHING").collect();
        let events = shorts(&log);
        for (t, what, article) in &events {
            if what == "post" {
                prop_assert_eq!(Some(*t), sound.iter().filter(|r| r.2 == *article).map(|r| r.0).min());
            }
        }
        let actions: Vec<_> = events.iter().filter(|e| e.1 != "post").collect();
        prop_assert_eq!(actions.len(), sound.len());
        prop_assert!(actions.is_sorted_by_key(|a| a.0));
        let mut posted: Vec<_> = events.iter().filter(|e| e.1 == "post").map(|e| e.2).collect();
        let posts = posted.len();
        posted.sort_unstable();
        posted.dedup();
        prop_assert_eq!(posts, posted.len());
    }

    #[test]
    fn a_file_that_grew_while_an_import_was_interrupted_is_as_one_that_grew_after_it(
        rows in any_rows(), more in any_rows(), batches in 0usize..6, run_rows in 1usize..20,
    ) {
        let set = Set::new().with(SLIM, &slim_text(&rows));
        let log = MemoryLog::default();
        let importer = Deskdrop::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows));
        let _ = run_into(&importer, &Interrupted { log: &log, batches_left: Cell::new(batches) }, 3);
        let grown = more.len();
        let all: Vec<Line> = rows.into_iter().chain(more).collect();
        set.write(SLIM, &slim_text(&all));
        run_into(&importer, &LogSink(&log), 3).unwrap();
        let actions: Vec<_> = shorts(&log).into_iter().filter(|e| e.1 != "post").map(|e| (e.0, e.2)).collect();
        // The rows that were there when the first batch was written are a window, sorted by itself.
        let first_window = if batches == 0 { 0 } else { all.len() - grown };
        let (first, second) = all.split_at(first_window);
        let expected: Vec<_> = [first, second].into_iter().flat_map(|window| {
            let mut rows: Vec<_> = window.iter().filter(|r| r.1 != "NOTHING").map(|r| (r.0, r.2)).collect();
            rows.sort_by_key(|row| row.0);
            rows
        }).collect();
        prop_assert_eq!(actions, expected);
        prop_assert!(events_of(&log).iter().all(|e| e.at >= TimeMs(0)));
    }
}
