//! The published counts, on the published files, where they are there: `TEST_SHARED_DATA`, or `shared/data` beside the workspace.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use foryou_types::ids::NoNames;

use super::*;

/// The folder of a published set, unless it is absent.
fn published(set: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TEST_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = root.join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: the published set {set} is absent ({})", folder.display());
    None
}

/// What a sink counts, for a set too large to keep.
#[derive(Default)]
struct Counts {
    reposts: u64,
    replies: u64,
    own_posts: u64,
    actions: u64,
    follows: u64,
    ids: BTreeSet<u64>,
    times_fall: u64,
    newest: i64,
}

#[derive(Default)]
struct CountingSink(RefCell<Counts>);

impl ImportSink for CountingSink {
    fn submit(&self, events: Vec<Event>) -> Result<SinkOutcome, SinkError> {
        let mut counts = self.0.borrow_mut();
        let accepted = events.len();
        for event in events {
            match event.body {
                EventBody::Post(post) => {
                    assert!(post.post_id.is_some() && counts.ids.insert(post.post_id.0), "an id twice");
                    match (post.is_repost(), post.is_reply()) {
                        (true, _) => counts.reposts += 1,
                        (_, true) => counts.replies += 1,
                        _ => counts.own_posts += 1,
                    }
                }
                EventBody::Action(action) => {
                    assert!(counts.ids.contains(&action.post_id.0), "an action before its post");
                    counts.times_fall += u64::from(event.at.0 < counts.newest);
                    counts.newest = event.at.0;
                    counts.actions += 1;
                }
                EventBody::Edge(_) => counts.follows += 1,
                _ => {}
            }
        }
        Ok(SinkOutcome { accepted, ..SinkOutcome::default() })
    }

    fn progress(&self, _: &str, _: &str) -> Result<Vec<u32>, SinkError> {
        Ok(Vec::new())
    }

    fn names(&self) -> &dyn Names {
        &NoNames
    }
}

#[test]
fn higgs_has_its_published_counts() {
    let Some(folder) = published("higgs") else { return };
    let importer = open("higgs", &folder, None).unwrap();
    let sink = CountingSink::default();
    let report = run_into(importer.as_ref(), &sink, DEFAULT_BATCH_ROWS).unwrap();
    let counts = sink.0.into_inner();

    // Read again with nothing of the importer: kinds, self-actions, (B, hour) pairs, edges.
    let mut text = String::new();
    let raw = fs::File::open(folder.join("higgs-activity_time.txt.gz")).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(raw), &mut text).unwrap();
    let (mut kinds, mut hours, mut own) = (BTreeMap::<&str, u64>::new(), BTreeSet::new(), BTreeMap::<&str, u64>::new());
    for line in text.lines() {
        let columns: Vec<&str> = line.split(' ').collect();
        *kinds.entry(columns[3]).or_default() += 1;
        if columns[0] == columns[1] {
            *own.entry(columns[3]).or_default() += 1;
        } else {
            hours.insert((columns[1], columns[2].parse::<i64>().unwrap() / 3_600));
        }
    }
    assert_eq!(kinds, BTreeMap::from([("RT", 354_930), ("MT", 171_237), ("RE", 36_902)]));
    assert_eq!(own.values().sum::<u64>(), 7_588);

    assert_eq!(report.rejected_total, 0);
    assert_eq!(report.skipped, BTreeMap::from([("self_actions".to_owned(), 7_588)]));
    assert_eq!(report.rows, 563_069 + 328_132);
    assert_eq!(counts.reposts, 354_930 - own.get("RT").unwrap_or(&0));
    assert_eq!(counts.replies, 36_902 - own["RE"]);
    assert_eq!(counts.own_posts, 171_237 - own["MT"] + hours.len() as u64);
    assert_eq!(counts.actions, counts.reposts + counts.replies);
    assert_eq!((counts.follows, report.imported.edges), (328_132, 328_132));
    assert_eq!(report.imported.posts, counts.ids.len() as u64);
    assert_eq!(counts.times_fall, 0);
}

#[test]
fn deskdrop_has_its_published_counts() {
    let Some(folder) = published("deskdrop") else { return };
    let log = MemoryLog::default();
    let importer = open("deskdrop", &folder, None).unwrap();
    let report = run_into(importer.as_ref(), &LogSink(&log), DEFAULT_BATCH_ROWS).unwrap();
    assert_eq!((report.rows, report.rejected_total), (72_312, 0));
    assert_eq!((report.imported.posts, report.imported.actions), (2_987, 72_312));

    let events = events_of(&log);
    let (mut kinds, mut people, mut first) = (BTreeMap::<&str, u64>::new(), BTreeSet::new(), BTreeMap::new());
    let mut created = BTreeMap::new();
    let mut last = 0;
    for event in &events {
        assert!(event.at.0 >= last, "the order of time");
        last = event.at.0;
        match &event.body {
            EventBody::Post(post) => assert!(created.insert(post.post_id.0, event.at).is_none()),
            EventBody::Action(action) => {
                *kinds.entry(importer.profile().action_set.name(action.action)).or_default() += 1;
                people.insert(action.user_id.0);
                first.entry(action.post_id.0).or_insert(event.at);
            }
            other => panic!("{other:?}"),
        }
    }
    let published = [("view", 61_086), ("like", 5_745), ("bookmark", 2_463), ("comment", 1_611), ("follow", 1_407)];
    assert_eq!(kinds, BTreeMap::from(published));
    assert_eq!((people.len(), created.len()), (1_895, 2_987));
    assert_eq!(created, first);

    for file in ["users_interactions.csv.zip", "interactions_slim.tsv.zst"] {
        let again = import_set("deskdrop", &folder.join(file), &log).unwrap();
        assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 72_312), "{file}");
    }
}
