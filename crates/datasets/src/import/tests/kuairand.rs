//! KuaiRand on invented rows: both forms of the log, actions by flag, play time, which log of several.

use std::collections::BTreeMap;

use event_log::{ActionEvent, MediaKind};
use foryou_types::{ActionKind, ClockKind, Has, IdForm, Namespace};
use proptest::prelude::*;

use super::*;
use crate::import::kuairand::KuaiRand;

const LABELLED: &str = "kuairand27k_like_hate_kcore15.tsv.zst";
const PUBLISHED: &str = "log_standard_4_08_to_4_21_pure.csv";

/// A moment of the set, in ms.
const T: i64 = 1_649_600_000_000;

/// user, video, ms after [`T`], click follow comment forward long_view profile_enter, like (else hate), played and length in ms.
type View = (u64, u64, i64, [u8; 6], bool, u32, u32);

fn labelled(rows: &[View]) -> String {
    let header = "user_id\tvideo_id\tdate\thourmin\ttime_ms\tis_click\tis_follow\tis_comment\tis_forward\tlong_view\t\
                  play_time_ms\tduration_ms\tcomment_stay_time\tis_profile_enter\tlabel\ttimestamp\n";
    header.to_owned()
        + &lines(rows, |(user, video, at, [click, follow, comment, forward, long, profile], like, played, length)| {
            let (at, like) = (T + at, u8::from(*like));
            format!(
                "{user}\t{video}\t20220410\t2200\t{at}\t{click}\t{follow}\t{comment}\t{forward}\t{long}\t{played}\t{length}\
                 \t0\t{profile}\t{like}\t2022-04-10 14:13:20"
            )
        })
}

/// As published: `like` is the flag, nobody hates.
fn published_log(rows: &[View]) -> String {
    let header = "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,\
                  long_view,play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab\n";
    header.to_owned()
        + &lines(rows, |(user, video, at, [click, follow, comment, forward, long, profile], like, played, length)| {
            let (at, like) = (T + at, u8::from(*like));
            format!(
                "{user},{video},20220410,2200,{at},{click},{like},{follow},{comment},{forward},0,{long},{played},{length},\
                 0,0,{profile},0,1"
            )
        })
}

const ROWS: [View; 4] = [
    (7, 50, 900, [1, 0, 0, 0, 1, 0], true, 12_000, 11_500),
    (0, 60, 300, [0, 0, 0, 0, 0, 0], false, 0, 0),
    (7, 60, 300, [1, 1, 1, 1, 1, 1], true, 45_000, 0),
    (0, 50, 400, [1, 0, 1, 0, 0, 0], false, 700, 11_500),
];

/// An event in short: ms after [`T`], and what it is.
fn short(log: &MemoryLog, event: &Event) -> (i64, String) {
    let user = |id| log.name_of(Namespace::Users, id).unwrap();
    let post = |id| log.name_of(Namespace::Posts, id).unwrap();
    let set = KuaiRand::default_profile().action_set;
    let what = match &event.body {
        EventBody::Name { namespace, name, .. } => format!("{} {name}", namespace.as_str()),
        EventBody::Post(p) => match p.media.as_slice() {
            [] => format!("post {}", post(p.post_id.0)),
            [media] if media.kind == MediaKind::Video => {
                format!("post {} {} ms", post(p.post_id.0), media.duration_ms.unwrap())
            }
            other => panic!("{other:?}"),
        },
        EventBody::Impression(shown) => {
            assert_eq!(shown.post_ids.len(), 1);
            format!("{} sees {}", user(shown.user_id.0), post(shown.post_ids[0].0))
        }
        EventBody::Action(ActionEvent { user_id, post_id, action, dwell_ms, .. }) => {
            let (name, played) = (set.name(*action), dwell_ms.map_or_else(String::new, |ms| format!(" {ms}")));
            assert_eq!(set.get(*action).unwrap().kind == ActionKind::Continuous, dwell_ms.is_some());
            format!("{} {name} {}{played}", user(user_id.0), post(post_id.0))
        }
        other => panic!("{other:?}"),
    };
    (event.at.0 - T, what)
}

fn shorts(log: &MemoryLog) -> Vec<(i64, String)> {
    events_of(log).iter().map(|event| short(log, event)).collect()
}

#[test]
fn every_flag_is_an_action_at_the_time_of_its_row() {
    let log = MemoryLog::default();
    let report = import_set("kuairand", Set::new().with(LABELLED, &labelled(&ROWS)).path(), &log).unwrap();
    assert_eq!((report.rows, report.imported.posts, report.imported.actions), (4, 2, 17));
    assert_eq!(report.imported.total(), 19, "no impressions: what was passed over is not in this log");
    let expected = [
        (300, "users 0"),
        (300, "posts 60"),
        (300, "post 60"),
        (300, "0 hate 60"),
        (300, "users 7"),
        (300, "7 click 60"),
        (300, "7 follow 60"),
        (300, "7 comment 60"),
        (300, "7 forward 60"),
        (300, "7 long_view 60"),
        (300, "7 profile_enter 60"),
        (300, "7 like 60"),
        (300, "7 dwell_time 60 45000"),
        (400, "posts 50"),
        (400, "post 50 11500 ms"),
        (400, "0 click 50"),
        (400, "0 comment 50"),
        (400, "0 hate 50"),
        (400, "0 dwell_time 50 700"),
        (900, "7 click 50"),
        (900, "7 long_view 50"),
        (900, "7 like 50"),
        (900, "7 dwell_time 50 12000"),
    ]
    .map(|(at, what)| (at, what.to_owned()));
    assert_eq!(shorts(&log), expected);
}

#[test]
fn a_published_log_has_an_impression_a_row() {
    let rows = [ROWS[0], (0, 60, 300, [0; 6], false, 0, 0), (7, 60, 300, [0; 6], false, 20, 0)];
    let set = Set::new().with(PUBLISHED, &published_log(&rows));
    let log = MemoryLog::default();
    let report = import_set("kuairand", set.path(), &log).unwrap();
    assert_eq!((report.imported.impressions, report.imported.posts, report.imported.actions), (3, 2, 5));
    let expected = [
        (300, "users 0"),
        (300, "posts 60"),
        (300, "post 60"),
        (300, "0 sees 60"),
        (300, "users 7"),
        (300, "7 sees 60"),
        (300, "7 dwell_time 60 20"),
        (900, "posts 50"),
        (900, "post 50 11500 ms"),
        (900, "7 sees 50"),
        (900, "7 click 50"),
        (900, "7 long_view 50"),
        (900, "7 like 50"),
        (900, "7 dwell_time 50 12000"),
    ]
    .map(|(at, what)| (at, what.to_owned()));
    assert_eq!(shorts(&log), expected);
    // The sixth flag from the time on is is_hate.
    let hate = published_log(&rows[1..2]).replace("1649600000300,0,0,0,0,0,0,", "1649600000300,0,0,0,0,0,1,");
    let log = MemoryLog::default();
    import_set("kuairand", Set::new().with(PUBLISHED, &hate).path(), &log).unwrap();
    assert_eq!(shorts(&log).last().unwrap().1, "0 hate 60");
}

#[test]
fn the_profile_says_whether_there_are_impressions() {
    let set = Set::new().with(LABELLED, &labelled(&ROWS));
    let importer = open("kuairand", set.path(), None).unwrap();
    let profile = importer.profile();
    assert_eq!((profile.clock, profile.limits.max_post_age_seconds), (ClockKind::Log, 31 * 86_400));
    assert_eq!(profile.has, [Has::Media]);
    assert_eq!((profile.ids.users, profile.ids.posts), (IdForm::Dictionary, IdForm::Dictionary));
    assert_eq!(profile.check(), Ok(()));
    let heads: Vec<_> = profile.action_set.actions.iter().map(|a| (a.name.as_str(), a.weight > 0.0)).collect();
    let names = ["click", "follow", "comment", "forward", "long_view", "profile_enter", "like", "hate", "dwell_time"];
    assert_eq!(heads, names.map(|name| (name, name != "hate")));
    assert_eq!(profile.action_set.dwell_time(), Some(8));
    let set = Set::new().with(PUBLISHED, &published_log(&ROWS));
    assert_eq!(open("kuairand", set.path(), None).unwrap().profile().has, [Has::Media, Has::Impressions]);
    let poor = Profile { action_set: foryou_types::ActionSet::discrete(1, &[("click", 1.0)]), ..profile.clone() };
    let error = open("kuairand", set.path(), Some(&poor)).err().unwrap();
    assert!(error.to_string().contains("no action \"follow\""), "{error}");
}

#[test]
fn one_log_is_imported_and_several_are_named() {
    let set = Set::new().with(PUBLISHED, &published_log(&ROWS)).with("log_random_4_22_to_5_08_pure.csv.gz", "");
    let error = import_set("kuairand", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.is_usage(), "{error}");
    let problem = "it holds 2 logs (log_standard_4_08_to_4_21_pure.csv, log_random_4_22_to_5_08_pure.csv.gz): give the path of one";
    assert!(error.to_string().contains(problem), "{error}");
    let report = import_set("kuairand", &set.file(PUBLISHED), &MemoryLog::default()).unwrap();
    assert_eq!(report.rows, 4);

    let side = Set::new().with("video_features_basic_pure.csv", "video_id,author_id\n1,2\n");
    let error = import_set("kuairand", side.path(), &MemoryLog::default()).unwrap_err();
    assert!(
        error.to_string().contains("kuairand27k_like_hate_kcore15.tsv is missing (or log_standard_4_08"),
        "{error}"
    );
    let error = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().ends_with("it looks like a set of kind kuairand"), "{error}");
}

#[test]
fn bad_rows_are_counted_and_listed_with_their_line() {
    let sound = labelled(&ROWS[..1]);
    let (header, row) = sound.trim_end().split_once('\n').unwrap();
    let columns: Vec<&str> = row.split('\t').collect();
    let with = |place: usize, text: &str| {
        let mut columns = columns.clone();
        columns[place] = text;
        columns.join("\t") + "\n"
    };
    let bad = [
        with(4, "yesterday"),
        with(4, "1649600000000000"),
        with(5, "2"),
        with(14, "-1"),
        with(10, "-5"),
        with(11, "1.5"),
        with(0, "u7"),
        with(1, ""),
        format!("{row}\t1\n"),
    ];
    let set = Set::new();
    let mut text = format!("{header}\n{row}\n{}", bad.concat()).into_bytes();
    text.extend_from_slice(with(0, "\u{0}").replace('\u{0}', "X").as_bytes());
    let last = text.iter().rposition(|&byte| byte == b'X').unwrap();
    text[last] = 0xff;
    fs::write(set.file("kuairand27k_like_hate_kcore15.tsv"), text).unwrap();
    let report = import_set("kuairand", set.path(), &MemoryLog::default()).unwrap();
    assert_eq!((report.rows, report.imported.posts, report.imported.actions), (11, 1, 4));
    let mut listed: Vec<_> = report.rejected.iter().map(|r| (r.line, r.reason.as_str())).collect();
    listed.sort_unstable();
    let reasons = [
        (3, "timestamp \"yesterday\" is not a time in Unix milliseconds"),
        (4, "timestamp \"1649600000000000\" is not a time in Unix milliseconds"),
        (5, "is_click \"2\" is neither 0 nor 1"),
        (6, "label \"-1\" is neither 0 nor 1"),
        (7, "play_time_ms \"-5\" is not a length in milliseconds"),
        (8, "duration_ms \"1.5\" is not a length in milliseconds"),
        (9, "user_id \"u7\" is not an unsigned 64-bit number"),
        (10, "video_id \"\" is not an unsigned 64-bit number"),
        (11, "the row has another number of columns than the file's first line"),
        (12, "the row is not UTF-8 text"),
    ];
    assert_eq!(listed, reasons);
}

#[test]
fn a_log_without_its_columns_is_refused() {
    let set = Set::new().with(LABELLED, &labelled(&ROWS).replace("\tlabel\t", "\tlabels\t"));
    let error = import_set("kuairand", set.path(), &MemoryLog::default()).unwrap_err();
    let expected = "kuairand27k_like_hate_kcore15.tsv.zst:1: the first line has no column \"label\"";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn a_truncated_log_keeps_the_whole_batches_before_the_fault() {
    let row = |i: u64| {
        let video = 1 + i * 7_919 % 10_007;
        let length = (video * 31 % 60_000) as u32;
        (i * 31 % 2_003, video, (i * 104_729 % 1_000_003) as i64, [1, 0, 0, 0, 1, 0], i % 3 == 1, i as u32, length)
    };
    let set = Set::new().with(LABELLED, &labelled(&(0..20_000).map(row).collect::<Vec<_>>()));
    faults::cut_and_repair("kuairand", &set, LABELLED, 0.6);
}

#[test]
fn a_log_that_grew_adds_its_tail() {
    let set = Set::new().with(LABELLED, &labelled(&ROWS));
    let log = MemoryLog::default();
    import_set("kuairand", set.path(), &log).unwrap();
    let before = shorts(&log);
    let mut rows = ROWS.to_vec();
    rows.extend([(7, 70, 200, [0; 6], true, 0, 9), (0, 50, 100, [0; 6], true, 0, 11_500)]);
    set.write(LABELLED, &labelled(&rows));
    let report = import_set("kuairand", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.rows_already_there), (2, 4));
    let mut expected = before;
    let tail = [(100, "0 like 50"), (200, "posts 70"), (200, "post 70 9 ms"), (200, "7 like 70")];
    expected.extend(tail.map(|(at, what)| (at, what.to_owned())));
    assert_eq!(shorts(&log), expected);
    let again = import_set("kuairand", set.path(), &log).unwrap();
    assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 6));
}

fn any_rows() -> impl Strategy<Value = Vec<View>> {
    let flags = prop::array::uniform6(0u8..3);
    prop::collection::vec((0u64..4, 0u64..6, 0i64..40, flags, any::<bool>(), 0u32..3, 0u32..2), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_interrupted_import_ends_as_an_undisturbed_one(
        rows in any_rows(), batch_rows in 1usize..6, run_rows in 1usize..8,
    ) {
        let set = Set::new().with(LABELLED, &labelled(&rows));
        interrupt_everywhere(&KuaiRand::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows)), batch_rows);
    }

    #[test]
    fn sums_of_the_columns_are_the_counts_of_the_actions(rows in any_rows(), run_rows in 1usize..8) {
        let set = Set::new().with(PUBLISHED, &published_log(&rows));
        let log = MemoryLog::default();
        let importer = KuaiRand::open(set.path(), None).unwrap().with_sorting(runs_of(run_rows));
        if taken(run_into(&importer, &LogSink(&log), 4)).is_none() {
            return Ok(());
        }
        let sound: Vec<_> = rows.iter().filter(|row| row.3.iter().all(|flag| *flag < 2)).collect();
        let mut expected = BTreeMap::<String, usize>::new();
        let mut first = BTreeMap::<String, i64>::new();
        for (user, video, at, flags, like, played, _) in &sound {
            let names = ["click", "follow", "comment", "forward", "long_view", "profile_enter"];
            let taken = names.into_iter().zip(flags).filter(|(_, flag)| **flag == 1).map(|(name, _)| name);
            let taken = taken.chain(like.then_some("like")).map(str::to_owned).chain(["sees".to_owned()]);
            for name in taken.chain((*played > 0).then(|| "dwell_time".to_owned())) {
                *expected.entry(format!("{at} {user} {name} {video}")).or_default() += 1;
            }
            first.entry(video.to_string()).and_modify(|first| *first = (*at).min(*first)).or_insert(*at);
        }
        let (mut found, mut created) = (BTreeMap::<String, usize>::new(), BTreeMap::new());
        let events = shorts(&log);
        for (at, what) in &events {
            match what.split(' ').collect::<Vec<_>>().as_slice() {
                ["post", video, ..] => prop_assert!(created.insert((*video).to_owned(), *at).is_none()),
                ["users" | "posts", _] => {}
                [user, name, video, ..] => *found.entry(format!("{at} {user} {name} {video}")).or_default() += 1,
                _ => prop_assert!(false, "{what}"),
            }
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(created, first);
        prop_assert!(events.is_sorted_by_key(|event| event.0));
    }
}
