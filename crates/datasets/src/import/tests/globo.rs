//! Globo on invented rows: the order of time, posts, the dictionary of users, apps, bad rows, what is left after a fault.

use std::collections::BTreeMap;

use event_log::{ActionEvent, Origin};
use foryou_types::{ActionKind, ClockKind, IdForm, Namespace, Surface, TimeMs};
use proptest::prelude::*;

use super::*;
use crate::import::{deskdrop::Deskdrop, globo::Globo};

const FILE: &str = "clicks.csv.zst";
const HEADER: &str = "user_id,session_id,session_start,session_size,click_article_id,click_timestamp,click_environment,\
                      click_deviceGroup,click_os,click_country,click_region,click_referrer_type\n";

/// A moment of the set's first day, in ms.
const T: i64 = 1_506_830_000_000;

/// user, article, time after [`T`] in ms.
type Click = (u64, u64, i64);

fn line((user, article, at): Click) -> String {
    format!("{user},77{user},{T},2,{article},{},4,3,20,1,20,2", T + at)
}

fn text(rows: &[Click]) -> String {
    HEADER.to_owned() + &lines(rows, |&row| line(row))
}

const ROWS: [Click; 6] = [(0, 40, 500), (7, 30, 100), (0, 30, 300), (12, 40, 300), (7, 40, 300), (12, 30, 900)];

/// An event in short: time after [`T`], and what it is: `post`, `name` or a click's user, and of what.
fn short(log: &MemoryLog, event: &Event) -> (i64, String) {
    let what = match &event.body {
        EventBody::Post(post) => format!("post {}", post.post_id.0),
        EventBody::Name { namespace: Namespace::Users, name, .. } => format!("name {name}"),
        EventBody::Action(ActionEvent { user_id, post_id, action: 0, .. }) => {
            format!("{} clicks {}", log.name_of(Namespace::Users, user_id.0).unwrap(), post_id.0)
        }
        other => panic!("{other:?}"),
    };
    (event.at.0 - T, what)
}

fn shorts(log: &MemoryLog) -> Vec<(i64, String)> {
    events_of(log).iter().map(|event| short(log, event)).collect()
}

#[test]
fn clicks_are_imported_in_the_order_of_time_each_after_its_user_and_article() {
    let log = MemoryLog::default();
    let set = Set::new().with(FILE, &text(&ROWS));
    let report = import_set("globo", set.path(), &log).unwrap();
    assert_eq!((report.imported.posts, report.imported.actions, report.rows), (2, 6, 6));
    assert_eq!(report.imported.total(), 8);
    let expected = [
        (100, "name 7"),
        (100, "post 30"),
        (100, "7 clicks 30"),
        (300, "name 0"),
        (300, "0 clicks 30"),
        (300, "name 12"),
        (300, "post 40"),
        (300, "12 clicks 40"),
        (300, "7 clicks 40"),
        (500, "0 clicks 40"),
        (900, "12 clicks 30"),
    ]
    .map(|(at, what)| (at, what.to_owned()));
    assert_eq!(shorts(&log), expected);
}

#[test]
fn user_0_is_a_person_as_any_other() {
    let log = MemoryLog::default();
    let set = Set::new().with(FILE, &text(&ROWS));
    import_set("globo", set.path(), &log).unwrap();
    let number = log.id_of(Namespace::Users, "0").unwrap();
    assert_ne!(number, 0);
    assert_eq!(IdForm::Dictionary.parse(Namespace::Users, "0", &log), Ok(number));
    assert_eq!(log.id_of(Namespace::Posts, "30"), None, "articles are numbers");
}

#[test]
fn the_profile_has_one_action_and_a_month() {
    let set = Set::new().with(FILE, &text(&ROWS));
    let importer = open("globo", set.path(), None).unwrap();
    let profile = importer.profile();
    assert_eq!((profile.name.as_str(), profile.clock), ("globo", ClockKind::Log));
    assert!(profile.has.is_empty() && profile.acted_is_seen);
    assert_eq!(profile.limits.max_post_age_seconds, 30 * 86_400);
    assert_eq!((profile.ids.users, profile.ids.posts), (IdForm::Dictionary, IdForm::Unsigned));
    let heads: Vec<_> = profile.action_set.actions.iter().map(|a| (a.name.as_str(), a.weight)).collect();
    assert_eq!(heads, [("click", 1.0)]);
    assert_eq!(profile.action_set.actions[0].kind, ActionKind::Discrete);
    assert_eq!(profile.check(), Ok(()));
}

#[test]
fn the_app_is_device_group_and_system_and_the_surface_is_not_known() {
    let log = MemoryLog::default();
    let row = format!("5,1,{T},1,9,{T},2,3,20,1,20,2\n");
    let set = Set::new().with("clicks.csv", &(HEADER.to_owned() + &row));
    import_set("globo", &set.file("clicks.csv"), &log).unwrap();
    let events = events_of(&log);
    assert!(events.iter().all(|event| event.origin == Origin::Import && event.at == TimeMs(T)));
    let Some(EventBody::Action(click)) = events.last().map(|event| &event.body) else { panic!("{events:?}") };
    assert_eq!(
        (click.client_app, click.surface, click.dwell_ms, click.undo),
        (0x0003_0014, Surface::Unknown, None, false)
    );
}

#[test]
fn every_packing_is_found_in_a_folder_and_by_itself() {
    for name in ["clicks.csv.zst", "clicks.csv", "clicks.csv.gz", "clicks.csv.zip"] {
        let set = Set::new().with(name, &text(&ROWS));
        for path in [set.path(), &set.file(name)] {
            assert_eq!(import_set("globo", path, &MemoryLog::default()).unwrap().rows, 6, "{name}");
        }
    }
    let set = Set::new().with(FILE, &text(&ROWS));
    let error = import_set("higgs", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().ends_with("it looks like a set of kind globo"), "{error}");
    let error = open("globo", set.path(), Some(&Deskdrop::default_profile())).err().unwrap();
    assert!(error.is_usage(), "{error}");
}

#[test]
fn bad_rows_are_counted_and_listed_with_their_line() {
    let mut bytes = text(&ROWS[..1]).into_bytes();
    let bad: [&[u8]; 9] = [
        b"0,1,1,2,40,1506830000,4,3,20,1,20",
        b"0,1,1,2,40,yesterday,4,3,20,1,20,2",
        b"0,1,1,2,40,-1506830000000,4,3,20,1,20,2",
        b"0,1,1,2,40,1506830000000000,4,3,20,1,20,2",
        b"-1,1,1,2,40,1506830000000,4,3,20,1,20,2",
        b"0,1,1,2,40a,1506830000000,4,3,20,1,20,2",
        b"0,1,1,2,0,1506830000000,4,3,20,1,20,2",
        b"0,1,1,2,40,1506830000000,4,mobile,20,1,20,2",
        b"\xff,1,1,2,40,1506830000000,4,3,20,1,20,2",
    ];
    for row in bad {
        bytes.extend_from_slice(row);
        bytes.push(b'\n');
    }
    bytes.extend_from_slice((line((3, 40, 0)) + "\n").as_bytes());
    let set = Set::new();
    fs::write(set.file("clicks.csv"), &bytes).unwrap();
    let log = MemoryLog::default();
    let report = import_set("globo", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rejected_total, report.imported.actions, report.imported.posts), (11, 9, 2, 1));
    let listed: Vec<_> = report.rejected.iter().map(|r| (r.file.as_str(), r.line, r.reason.as_str())).collect();
    let expected = [
        (3, "the row has another number of columns than the file's first line"),
        (4, "timestamp \"yesterday\" is not a time in Unix milliseconds"),
        (5, "timestamp \"-1506830000000\" is not a time in Unix milliseconds"),
        (6, "timestamp \"1506830000000000\" is not a time in Unix milliseconds"),
        (7, "user_id \"-1\" is not an unsigned 64-bit number"),
        (8, "click_article_id \"40a\" is not an unsigned 64-bit number"),
        (9, "click_article_id must not be 0"),
        (10, "click_deviceGroup \"mobile\" is not a code from 0 to 65535"),
        (11, "the row is not UTF-8 text"),
    ]
    .map(|(line, reason)| ("clicks.csv", line, reason));
    assert_eq!(listed, expected);
    assert_eq!(run_into(&open("globo", set.path(), None).unwrap(), &LogSink(&log), 3).unwrap().rows, 0);
}

#[test]
fn a_truncated_file_keeps_whole_batches_and_names_file_and_line() {
    let rows: Vec<Click> =
        (0..30_000).map(|i| (i * 7_919 % 1_009, 1 + i % 97, (i * 104_729 % 1_000_003) as i64)).collect();
    let set = Set::new().with(FILE, &text(&rows));
    let importer = Globo::open(set.path(), None).unwrap().with_sorting(runs_of(2_500));
    let whole = fs::read(set.file(FILE)).unwrap();
    let undisturbed = MemoryLog::default();
    run_into(&importer, &LogSink(&undisturbed), 100).unwrap();

    fs::write(set.file(FILE), &whole[..whole.len() * 3 / 5]).unwrap();
    let log = MemoryLog::default();
    let error = run_into(&importer, &LogSink(&log), 100).unwrap_err();
    let ImportError::Fault { file, line, rows: kept, report, .. } = &error else { panic!("{error}") };
    assert_eq!((file.as_str(), *kept), (FILE, report.rows));
    assert!(*kept > 0 && *kept < 30_000 && *kept % 100 == 0, "{error}");
    // The header is line 1, and less than a batch of sound rows before the fault is left out.
    assert!((*kept + 2..=*kept + 101).contains(line), "{error}");
    assert!(error.to_string().starts_with(&format!("{FILE}:{line}: the file is damaged here")), "{error}");
    let actions = |log: &MemoryLog| {
        let clicks = shorts(log).into_iter().filter(|e| e.1.contains("clicks"));
        clicks.fold(BTreeMap::<_, u32>::new(), |mut counts, click| {
            *counts.entry(click).or_default() += 1;
            counts
        })
    };
    assert_eq!(actions(&log).values().sum::<u32>(), *kept as u32);

    fs::write(set.file(FILE), &whole).unwrap();
    let rest = run_into(&importer, &LogSink(&log), 100).unwrap();
    assert_eq!((rest.rows, rest.rows_already_there), (30_000 - kept, *kept));
    assert_eq!(actions(&log), actions(&undisturbed));
}

fn any_rows() -> impl Strategy<Value = Vec<Click>> {
    prop::collection::vec((0u64..5, 1u64..5, 0i64..40), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_interrupted_import_ends_as_an_undisturbed_one(
        rows in any_rows(), batch_rows in 1usize..8, run_rows in 1usize..10,
    ) {
        let set = Set::new().with("clicks.csv", &text(&rows));
        interrupt_everywhere(&Globo::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows)), batch_rows);
    }

    #[test]
    fn times_never_fall_and_whoever_is_met_was_named(rows in any_rows(), run_rows in 1usize..10) {
        let set = Set::new().with("clicks.csv", &text(&rows));
        let log = MemoryLog::default();
        run_into(&Globo::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows)), &LogSink(&log), 4).unwrap();
        let events = shorts(&log);
        prop_assert!(events.is_sorted_by_key(|event| event.0));
        let mut sorted = rows.clone();
        sorted.sort_by_key(|row| row.2);
        let clicks: Vec<_> = events.iter().filter(|e| e.1.contains("clicks")).cloned().collect();
        let expected: Vec<_> = sorted.iter().map(|(user, article, at)| (*at, format!("{user} clicks {article}"))).collect();
        prop_assert_eq!(clicks, expected);
        let mut met = std::collections::BTreeSet::new();
        for (_, what) in &events {
            match what.split_once(" clicks ") {
                Some((user, article)) => {
                    let (user, article) = (format!("name {user}"), format!("post {article}"));
                    prop_assert!(met.contains(&user) && met.contains(&article));
                }
                None => prop_assert!(met.insert(what.clone()), "{} twice", what),
            }
        }
    }
}
