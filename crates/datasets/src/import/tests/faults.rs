//! Files that changed, broke off, are missing or are something else.

use super::*;
use crate::import::{deskdrop::Deskdrop, higgs::Higgs};

const T: i64 = 1_341_100_800;
const ACTIVITY: &str = "higgs-activity_time.txt.gz";
const NETWORK: &str = "higgs-retweet_network.edgelist.gz";

fn activity(rows: usize) -> String {
    lines(0..rows, |i| format!("{} {} {} RT", 1_000 + i * 7_919 % 1_009, 3_000 + i * 104_729 % 1_013, T + i as i64))
}

fn slim(rows: usize) -> String {
    let row =
        |i| format!("{}\tVIEW\t{}\t{}\t{}", i * 7_919 % 100_000, 1 + i % 97, 1 + i * 31 % 53, i * 104_729 % 1_000_003);
    "timestamp\teventType\tcontentId\tpersonId\tsessionId\n".to_owned() + &lines(0..rows, row)
}

#[test]
fn a_changed_row_is_refused_by_file_and_line_before_anything_is_added() {
    let set = Set::new().with(ACTIVITY, &activity(10)).with(NETWORK, "1 2 1\n3 4 1\n");
    let log = MemoryLog::default();
    import_set("higgs", set.path(), &log).unwrap();
    let before = events_of(&log);
    // The activities grew soundly, the second edge changed: nothing of either is taken.
    set.write(ACTIVITY, &activity(20));
    set.write(NETWORK, "1 2 1\n3 4 2\n");
    let error = import_set("higgs", set.path(), &log).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("higgs-retweet_network.edgelist.gz:2: row 2 differs from the one that was imported"),
        "{error}"
    );
    assert_eq!(events_of(&log), before);

    set.write(NETWORK, "1 2 1\n");
    let error = import_set("higgs", set.path(), &log).unwrap_err();
    assert!(error.to_string().contains(".gz:2: the file ends after 1 rows, but 2 were imported"), "{error}");
}

#[test]
fn a_changed_row_of_an_interrupted_window_is_refused_by_its_line() {
    let set = Set::new().with("interactions_slim.tsv", &slim(10));
    let log = MemoryLog::default();
    let importer = open("deskdrop", set.path(), None).unwrap();
    let sink = Interrupted { log: &log, batches_left: Cell::new(1) };
    assert!(run_into(&importer, &sink, 3).is_err());
    set.write("interactions_slim.tsv", &slim(10).replace("\tVIEW\t10\t", "\tLIKE\t10\t"));
    let before = events_of(&log);
    let error = import_set("deskdrop", set.path(), &log).unwrap_err();
    assert!(error.to_string().starts_with("interactions_slim.tsv:11: row 10 differs"), "{error}");
    assert_eq!(events_of(&log), before);
}

/// Cuts a packed file, imports it, repairs it, imports it again. Gives the undisturbed log and the other one.
pub(super) fn cut_and_repair(kind: &str, set: &Set, name: &str, keep: f64) -> [MemoryLog; 2] {
    let whole = fs::read(set.file(name)).unwrap();
    let undisturbed = MemoryLog::default();
    let expected = import_set(kind, set.path(), &undisturbed).unwrap();

    fs::write(set.file(name), &whole[..(whole.len() as f64 * keep) as usize]).unwrap();
    let log = MemoryLog::default();
    let error = import_set(kind, set.path(), &log).unwrap_err();
    let ImportError::Fault { file, line, rows, report, .. } = &error else { panic!("{error}") };
    assert_eq!(file, name);
    assert!(report.rows > 0 && report.rows < expected.rows, "{error}");
    assert_eq!(report.rows, *rows);
    assert_eq!(report.rows % 3, 0, "whole batches");
    assert!(*line > report.rows && *line <= report.rows + 4, "line {line} after {} rows", report.rows);
    assert!(error.to_string().starts_with(&format!("{name}:{line}: the file is damaged here")), "{error}");
    let again = import_set(kind, set.path(), &log).unwrap_err();
    assert_eq!(again.report().unwrap().rows, 0);

    fs::write(set.file(name), &whole).unwrap();
    let rest = import_set(kind, set.path(), &log).unwrap();
    assert_eq!(rest.rows + report.rows, expected.rows);
    assert_eq!(rest.imported.total() + report.imported.total(), expected.imported.total());
    [undisturbed, log]
}

#[test]
fn a_truncated_file_keeps_the_whole_batches_before_the_fault() {
    let set = Set::new().with(ACTIVITY, &activity(30_000)).with(NETWORK, "1 2 1\n");
    cut_and_repair("higgs", &set, ACTIVITY, 0.6);
    let set = Set::new().with("higgs-activity_time.txt.zst", &activity(30_000)).with(NETWORK, "1 2 1\n");
    cut_and_repair("higgs", &set, "higgs-activity_time.txt.zst", 0.6);
    let set = Set::new().with("interactions_slim.tsv.zst", &slim(30_000));
    cut_and_repair("deskdrop", &set, "interactions_slim.tsv.zst", 0.6);
}

#[test]
fn a_damaged_prefix_of_an_imported_file_is_reported() {
    let set = Set::new().with(ACTIVITY, &activity(3_000)).with(NETWORK, "1 2 1\n");
    let log = MemoryLog::default();
    import_set("higgs", set.path(), &log).unwrap();
    let whole = fs::read(set.file(ACTIVITY)).unwrap();
    fs::write(set.file(ACTIVITY), &whole[..whole.len() / 2]).unwrap();
    let error = import_set("higgs", set.path(), &log).unwrap_err();
    assert!(matches!(error, ImportError::Fault { rows: 3_000, .. }), "{error}");
}

#[test]
fn a_quote_that_is_never_closed_costs_its_own_row_alone_and_can_be_put_right() {
    let csv = |rows| slim(rows).replace('\t', ",");
    let mut rows: Vec<String> = csv(1_000).lines().map(|line| line.to_owned() + "\n").collect();
    // The eleventh row, in line 12.
    rows[11].insert(0, '"');
    let set = Set::new().with("users_interactions.csv.zip", &rows.concat());
    let log = MemoryLog::default();
    let report = import_set("deskdrop", set.path(), &log).unwrap();
    assert_eq!((report.imported.actions, report.rejected_total), (999, 1));
    assert_eq!(report.rejected[0].line, 12);
    assert!(report.rejected[0].reason.contains("quote"), "{:?}", report.rejected);
    set.write("users_interactions.csv.zip", &csv(1_000));
    let report = import_set("deskdrop", set.path(), &log).unwrap();
    assert_eq!((report.rows, report.imported.actions, report.rows_already_there), (1, 1, 999));
    assert_eq!(import_set("deskdrop", set.path(), &log).unwrap().rows, 0);
}

#[test]
fn a_truncated_archive_says_so() {
    let set = Set::new().with("users_interactions.csv.zip", &slim(100).replace('\t', ","));
    let whole = fs::read(set.file("users_interactions.csv.zip")).unwrap();
    fs::write(set.file("users_interactions.csv.zip"), &whole[..whole.len() / 2]).unwrap();
    let error = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(matches!(error, ImportError::Fault { line: 1, rows: 0, .. }), "{error}");
}

#[test]
fn bytes_that_are_no_archive_are_a_fault() {
    for name in ["interactions_slim.tsv.zst", "interactions_slim.tsv.gz", "interactions_slim.tsv.zip"] {
        let set = Set::new();
        fs::write(set.file(name), b"this was never packed, whatever its name says").unwrap();
        let error = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap_err();
        assert!(matches!(error, ImportError::Fault { rows: 0, .. }), "{name}: {error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let set = Set::new().with(ACTIVITY, &activity(1));
    let error = import_set("higgs", set.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.is_usage());
    assert!(error.to_string().contains("higgs-retweet_network.edgelist.gz is missing"), "{error}");
    let error = import_set("higgs", &set.file("nowhere"), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().contains("the file or folder does not exist"), "{error}");
}

#[test]
fn an_empty_folder_and_a_folder_of_another_kind_say_what_they_are() {
    let empty = Set::new();
    for kind in KINDS.each_ref().map(|kind| kind.name) {
        let error = import_set(kind, empty.path(), &MemoryLog::default()).unwrap_err();
        assert!(matches!(&error, ImportError::NoSuchSet { kind: k, .. } if *k == kind), "{error}");
    }
    let deskdrop = Set::new().with("interactions_slim.tsv.zst", &slim(1));
    let error = import_set("higgs", deskdrop.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().ends_with("it looks like a set of kind deskdrop"), "{error}");
    let higgs = Set::new().with(ACTIVITY, &activity(1)).with(NETWORK, "1 2 1\n");
    let error = import_set("world", higgs.path(), &MemoryLog::default()).unwrap_err();
    assert!(error.to_string().ends_with("it looks like a set of kind higgs"), "{error}");
    let error = import_set("film", higgs.path(), &MemoryLog::default()).unwrap_err();
    let kinds = KINDS.each_ref().map(|kind| kind.name).join(", ");
    assert!(kinds.starts_with("events, world, higgs, deskdrop"), "{kinds}");
    assert_eq!(error.to_string(), format!("\"film\" is not a kind of data set: give one of {kinds}"));
}

#[test]
fn another_kind_into_a_used_folder_is_refused() {
    let set = Set::new().with("interactions_slim.tsv.zst", &slim(1));
    let error = open("deskdrop", set.path(), Some(&Higgs::default_profile())).err().unwrap();
    assert!(error.is_usage() && error.to_string().starts_with("the data folder holds \"higgs\" data, but "), "{error}");
    let mut poor = Deskdrop::default_profile();
    poor.action_set.actions.pop();
    let error = open("deskdrop", set.path(), Some(&poor)).err().unwrap();
    assert!(error.to_string().contains("no action \"follow\""), "{error}");
}

#[test]
fn empty_files_are_no_silent_success() {
    for name in ["interactions_slim.tsv", "interactions_slim.tsv.zst", "users_interactions.csv.zip"] {
        let set = Set::new().with(name, "");
        let error = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap_err();
        let expected = format!("{name} holds no rows: nothing to import; by its first bytes it is empty");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    let set = Set::new().with(ACTIVITY, &activity(5)).with(NETWORK, "");
    let log = MemoryLog::default();
    let error = import_set("higgs", set.path(), &log).unwrap_err();
    assert!(matches!(error, ImportError::NoRows { .. }), "{error}");
    assert!(events_of(&log).is_empty(), "the activities are not taken either");
}

#[test]
fn an_import_stops_where_it_is_asked_to() {
    let set = Set::new().with(ACTIVITY, &activity(10)).with(NETWORK, "1 2 1\n");
    let log = MemoryLog::default();
    let importer = open("higgs", set.path(), None).unwrap();
    let mut told = Vec::new();
    let options = ImportOptions {
        batch_rows: 3,
        on_progress: &mut |status| {
            told.push((status.file.to_owned(), status.rows));
            assert!(status.bytes_read <= status.bytes_total && status.bytes_total > 0);
            if told.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    };
    let error = import(&importer, &LogSink(&log), options).unwrap_err();
    assert_eq!(told, [(ACTIVITY.to_owned(), 3), (ACTIVITY.to_owned(), 6)]);
    assert_eq!(error.report().unwrap().rows, 6);
    let rest = import_set("higgs", set.path(), &log).unwrap();
    assert_eq!((rest.rows, rest.rows_already_there), (5, 6));
}

#[test]
fn files_of_something_else_leave_nothing_and_say_what_they_look_like() {
    let slim_lines = slim(20).replace("timestamp\t", "");
    let garbage: [(&str, &[u8]); 9] = [
        ("empty", b""),
        ("gzip", &pack("x.gz", slim_lines.as_bytes())[..30]),
        ("bzip2", b"BZh91AY&SY\x00\x01\x02"),
        ("UTF-16LE", b"\xff\xfet\0i\0m\0e\0\n\0"),
        ("Parquet", b"PAR1\x15\x04\x15\x10"),
        ("SQLite", b"SQLite format 3\0\x10\0\x01\x01"),
        ("HTML", b"<!doctype html>\n<title>Sign in</title>\n"),
        ("JSON array", b"[{\"timestamp\": 1}]\n"),
        ("binary", b"\x01\x02\x03\x04\x05\x06\x07\x08\n\x01\x02"),
    ];
    let files = [
        ("events", vec!["events.jsonl"]),
        ("deskdrop", vec!["interactions_slim.tsv"]),
        ("globo", vec!["clicks.csv"]),
        ("kuairand", vec!["log_standard_4_08_to_4_21_pure.csv"]),
        ("recbole", vec!["a.inter"]),
        ("mind", vec!["behaviors.tsv", "news.tsv"]),
        ("higgs", vec!["higgs-activity_time.txt", "higgs-retweet_network.edgelist"]),
    ];
    for (kind, names) in files {
        for (word, bytes) in garbage {
            let set = Set::new();
            for name in &names {
                fs::write(set.file(name), bytes).unwrap();
            }
            let log = MemoryLog::default();
            let error = import_set(kind, set.path(), &log).unwrap_err();
            let said = error.to_string();
            assert!(said.contains(word) || word == "gzip", "{kind}, {word}: {said}");
            assert!(names.iter().any(|name| said.contains(name)), "{kind}, {word}: {said}");
            assert!(events_of(&log).is_empty(), "{kind}, {word}");
            assert!(!error.is_usage(), "{kind}, {word}: {said}");
        }
    }
}

#[test]
fn packings_are_known_by_their_bytes_and_gzip_may_be_padded_or_in_parts() {
    let text = slim(40);
    let packed = |name: &str| pack(name, text.as_bytes());
    let (one, two) = text.split_at(text.len() / 2);
    let archive = |names: &[&str]| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.add_directory("folder", options).unwrap();
        for name in names {
            zip.start_file(*name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let sound = [
        packed("x.gz"),
        packed("x.zst"),
        [packed("x.gz"), vec![0; 1_000]].concat(),
        [pack("x.gz", one.as_bytes()), pack("x.gz", two.as_bytes())].concat(),
        [pack("x.gz", one.as_bytes()), vec![0; 7], pack("x.gz", two.as_bytes()), vec![0; 3]].concat(),
        archive(&["folder/rows.tsv"]),
        archive(&["folder/rows.tsv", "__MACOSX/folder/._rows.tsv"]),
    ];
    for (place, bytes) in sound.into_iter().enumerate() {
        let set = Set::new();
        fs::write(set.file("interactions_slim.tsv"), bytes).unwrap();
        let report = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap();
        assert_eq!((report.imported.actions, report.rejected_total), (40, 0), "{place}");
    }
    let broken = [
        (archive(&["a.tsv", "b.tsv"]), "holds 2 files (a.tsv, b.tsv)"),
        (archive(&[]), "is empty"),
        (pack("x.zip", &packed("x.gz")), "in the archive is compressed with gzip"),
        ([packed("x.gz"), b"tail".to_vec()].concat(), "bytes that are not gzip"),
        (pack("x.gz", &packed("x.gz")), "compressed with gzip"),
    ];
    for (bytes, words) in broken {
        let set = Set::new();
        fs::write(set.file("interactions_slim.tsv"), bytes).unwrap();
        let error = import_set("deskdrop", set.path(), &MemoryLog::default()).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn headers_that_do_not_fit_say_what_they_have() {
    let of = |header: &str| {
        let rows = lines(0..3, |i| format!("{i}\tVIEW\t1\t1\t1"));
        let set = Set::new().with("interactions_slim.tsv", &format!("{header}{rows}"));
        import_set("deskdrop", set.path(), &MemoryLog::default())
    };
    let header = "timestamp\teventType\tcontentId\tpersonId\tsessionId\n";
    assert_eq!(of(header).unwrap().imported.actions, 3);
    assert_eq!(of(&format!("\u{feff}{header}")).unwrap().imported.actions, 3);
    for (header, words) in [
        ("", "must name the columns (timestamp, "),
        (&header.replace("personId", "person"), "has no column \"personId\""),
        (&header.replace("personId", "contentId"), "names column \"contentId\" twice"),
    ] {
        let error = of(header).unwrap_err().to_string();
        assert!(error.starts_with("interactions_slim.tsv:1: ") && error.contains(words), "{error}");
    }
}

/// A sink that refuses some events, as a data folder does with an action on a deleted post.
struct Choosy<'a>(&'a MemoryLog);

impl ImportSink for Choosy<'_> {
    fn submit(&self, events: Vec<Event>, marks: Marks<'_>) -> Result<SinkOutcome, SinkError> {
        let (mut kept, mut places, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
        for (place, event) in events.into_iter().enumerate() {
            if matches!(&event.body, EventBody::Action(action) if action.user_id.0 == 1_002) {
                rejected.push((place, "post 5 was deleted".to_owned()));
            } else {
                kept.push(event);
                places.push(place);
            }
        }
        let refused: Vec<usize> = rejected.iter().map(|(place, _)| *place).collect();
        let outcome = LogSink(self.0).submit(kept, &mut |_| marks(&refused))?;
        let duplicates = outcome.duplicates.iter().map(|&i| places[i]).collect();
        Ok(SinkOutcome { accepted: outcome.accepted, duplicates, rejected })
    }

    fn progress(&self, kind: &str, role: &str) -> Result<Vec<u32>, SinkError> {
        LogSink(self.0).progress(kind, role)
    }

    fn names(&self) -> &dyn Dictionary {
        self.0
    }
}

#[test]
fn an_event_that_the_folder_refuses_is_listed_with_its_line() {
    let text = format!("1001 2 {T} RT\n1001 2 {T} RT\n1001 2 {T} RT\n1001 2 {T} RT\n1002 2 {T} RT\n1003 2 {T} RT\n");
    let set = Set::new().with(ACTIVITY, &text).with(NETWORK, "1 2 1\n");
    let log = MemoryLog::default();
    let importer = open("higgs", set.path(), None).unwrap();
    let report = run_into(&importer, &Choosy(&log), 3).unwrap();
    assert_eq!((report.imported.actions, report.imported.posts), (5, 7));
    assert_eq!(
        report.rejected,
        [Rejection { file: ACTIVITY.to_owned(), line: 5, reason: "post 5 was deleted".to_owned() }]
    );
}
