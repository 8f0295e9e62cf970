//! The published counts, on the published files, where they are there: `TEST_SHARED_DATA`, or `shared/data` beside the workspace.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use foryou_types::{NoNames, TimeMs};

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
    people: BTreeSet<u64>,
    names: u64,
    first: i64,
    times_fall: u64,
    newest: i64,
}

#[derive(Default)]
struct CountingSink(RefCell<Counts>);

impl ImportSink for CountingSink {
    fn submit(&self, events: Vec<Event>, _: Marks<'_>) -> Result<SinkOutcome, SinkError> {
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
                    counts.people.insert(action.user_id.0);
                    if counts.actions == 0 {
                        counts.first = event.at.0;
                    }
                    counts.actions += 1;
                }
                EventBody::Edge(_) => counts.follows += 1,
                EventBody::Name { .. } => counts.names += 1,
                _ => {}
            }
        }
        Ok(SinkOutcome { accepted, ..SinkOutcome::default() })
    }

    fn progress(&self, _: &str, _: &str) -> Result<Vec<u32>, SinkError> {
        Ok(Vec::new())
    }

    fn names(&self) -> &dyn Dictionary {
        &NoNames
    }
}

#[test]
fn higgs_has_its_published_counts() {
    let Some(folder) = published("higgs") else { return };
    let importer = open("higgs", &folder, None).unwrap();
    let sink = CountingSink::default();
    let report = run_into(&importer, &sink, DEFAULT_BATCH_ROWS).unwrap();
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
    let report = run_into(&importer, &LogSink(&log), DEFAULT_BATCH_ROWS).unwrap();
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

#[test]
fn globo_has_its_published_counts_in_the_order_of_time() {
    let Some(folder) = published("globo-news") else { return };
    let importer = open("globo", &folder, None).unwrap();
    let sink = CountingSink::default();
    let report = run_into(&importer, &sink, DEFAULT_BATCH_ROWS).unwrap();
    let counts = sink.0.into_inner();
    assert_eq!((report.rows, report.rejected_total), (2_988_181, 0));
    assert!(report.skipped.is_empty());
    assert_eq!((report.imported.actions, counts.actions), (2_988_181, 2_988_181));
    assert_eq!((counts.people.len(), counts.names), (322_897, 322_897));
    assert_eq!((report.imported.posts, counts.ids.len()), (46_033, 46_033));
    assert_eq!(counts.times_fall, 0);
    let day = |at: i64| TimeMs(at).to_string()[..10].to_owned();
    assert_eq!((day(counts.first).as_str(), day(counts.newest).as_str()), ("2017-10-01", "2017-11-13"));
}

/// The unpacked text of a published file.
fn unpacked(folder: &Path, name: &str) -> String {
    let packed = fs::File::open(folder.join(name)).unwrap();
    String::from_utf8(zstd::stream::decode_all(packed).unwrap()).unwrap()
}

/// Actions by name.
fn actions_of(importer: &Importer, events: &[Event]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for event in events {
        if let EventBody::Action(action) = &event.body {
            let name = importer.profile().action_set.name(action.action).to_owned();
            *found.entry(name).or_default() += 1;
        }
    }
    found
}

/// Everyone who did or saw something.
fn people_of(events: &[Event]) -> usize {
    let person = |event: &Event| match &event.body {
        EventBody::Action(action) => Some(action.user_id.0),
        EventBody::Impression(shown) => Some(shown.user_id.0),
        _ => None,
    };
    events.iter().filter_map(person).collect::<BTreeSet<_>>().len()
}

/// Creation by post; no post occurs twice, and none after something that refers to it.
fn created_in(events: &[Event]) -> BTreeMap<u64, i64> {
    let mut created = BTreeMap::new();
    for event in events {
        let met = |post: u64| assert!(created.get(&post).is_some_and(|created| *created <= event.at.0), "{post}");
        match &event.body {
            EventBody::Action(action) => met(action.post_id.0),
            EventBody::Impression(shown) => shown.post_ids.iter().for_each(|post| met(post.0)),
            EventBody::Post(post) => assert!(created.insert(post.post_id.0, event.at.0).is_none()),
            _ => {}
        }
    }
    created
}

#[test]
fn mind_has_its_published_counts() {
    let Some(folder) = published("mind-sample") else { return };
    let log = MemoryLog::default();
    let importer = open("mind", &folder, None).unwrap();
    let report = run_into(&importer, &LogSink(&log), DEFAULT_BATCH_ROWS).unwrap();
    assert_eq!((report.rows, report.rejected_total, report.imported.impressions), (7_000, 0, 5_000));
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);

    // Read again with nothing of the importer.
    let (behaviors, news) = (unpacked(&folder, "behaviors.tsv.zst"), unpacked(&folder, "news.tsv.zst"));
    let (mut histories, mut articles, mut clicked) = (BTreeMap::new(), BTreeSet::new(), 0);
    for line in behaviors.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let history: Vec<&str> = columns[3].split_whitespace().collect();
        articles.extend(history.iter().copied());
        assert_eq!(histories.entry(columns[1]).or_insert_with(|| history.clone()), &history, "one history a person");
        articles.extend(columns[4].split(' ').map(|item| item.split_once('-').unwrap().0));
        clicked += columns[4].split(' ').filter(|item| item.ends_with("-1")).count() as u64;
    }
    let before: u64 = histories.values().map(|history| history.len() as u64).sum();
    articles.extend(news.lines().map(|line| line.split('\t').next().unwrap()));
    assert_eq!((histories.len(), clicked), (4_637, 7_542));

    let events = events_of(&log);
    let mut shown = 0;
    let mut last = 0;
    let mut with_text = 0;
    for event in &events {
        match &event.body {
            EventBody::Impression(list) => {
                assert!(event.at.0 >= last, "the order of time");
                last = event.at.0;
                shown += list.post_ids.len();
            }
            EventBody::Post(post) => with_text += u64::from(post.title.is_some()),
            _ => {}
        }
    }
    assert_eq!((shown, people_of(&events)), (189_359, 4_637));
    assert_eq!(actions_of(&importer, &events), BTreeMap::from([("click".to_owned(), clicked + before)]));
    assert_eq!(created_in(&events).len(), articles.len());
    assert_eq!((report.imported.posts, with_text), (articles.len() as u64, 2_000));

    let again = import_set("mind", &folder, &log).unwrap();
    assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 7_000));
}

#[test]
fn kuairand_has_its_published_counts() {
    let Some(folder) = published("kuairand") else { return };
    let log = MemoryLog::default();
    let importer = open("kuairand", &folder, None).unwrap();
    let report = run_into(&importer, &LogSink(&log), DEFAULT_BATCH_ROWS).unwrap();
    assert_eq!((report.rows, report.rejected_total, report.imported.impressions), (41_828, 0, 0));
    let events = events_of(&log);
    let actions = actions_of(&importer, &events);
    let published = [
        ("like", 33_745),
        ("hate", 8_083),
        ("click", 27_484),
        ("follow", 304),
        ("comment", 1_258),
        ("forward", 326),
        ("long_view", 19_320),
        ("profile_enter", 2_214),
    ];
    for (name, count) in published {
        assert_eq!(actions[name], count, "{name}");
    }
    // Play time: of every row that played at all.
    let text = unpacked(&folder, "kuairand27k_like_hate_kcore15.tsv.zst");
    let column = |name| text.lines().next().unwrap().split('\t').position(|column| column == name).unwrap();
    let play = column("play_time_ms");
    let played: Vec<u64> =
        text.lines().skip(1).map(|row| row.split('\t').nth(play).unwrap().parse().unwrap()).collect();
    assert_eq!(actions["dwell_time"], played.iter().filter(|ms| **ms > 0).count() as u64);
    let dwell_ms: u64 = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Action(action) => action.dwell_ms.map(u64::from),
            _ => None,
        })
        .sum();
    assert_eq!(dwell_ms, played.iter().sum::<u64>());
    assert_eq!((people_of(&events), created_in(&events).len()), (664, 9_359));
    assert_eq!(actions.values().sum::<u64>(), report.imported.actions);
    assert!(events.is_sorted_by_key(|event| event.at));

    let again = import_set("kuairand", &folder, &log).unwrap();
    assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 41_828));
}

#[test]
fn movielens_100k_has_its_published_counts() {
    let Some(folder) = published("ml-100k") else { return };
    let log = MemoryLog::default();
    let importer = open("recbole", &folder, None).unwrap();
    let report = run_into(&importer, &LogSink(&log), DEFAULT_BATCH_ROWS).unwrap();
    assert_eq!((report.rows, report.rejected_total), (101_682, 0));
    let text = unpacked(&folder, "ml-100k.inter.zst");
    let stars = |of: &[&str]| text.lines().filter(|row| of.contains(&row.split('\t').nth(2).unwrap())).count() as u64;
    let events = events_of(&log);
    let expected = [("interact", 100_000), ("like", stars(&["4", "5"])), ("dislike", stars(&["1", "2"]))];
    assert_eq!(actions_of(&importer, &events), expected.map(|(name, n)| (name.to_owned(), n)).into());
    assert_eq!((people_of(&events), created_in(&events).len()), (943, 1_682));
    assert_eq!(report.imported.posts, 1_682);
    assert!(events.is_sorted_by_key(|event| event.at));

    let again = import_set("recbole", &folder, &log).unwrap();
    assert_eq!((again.rows, again.imported.total(), again.rows_already_there), (0, 0, 101_682));
}
