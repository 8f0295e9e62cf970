//! The synthetic world as a whole, on the demo's 1,000 users (the default's 10,000 in the ignored test).

use std::fs;
use std::sync::OnceLock;

use datasets::world::{World, WorldConfig, WorldError, check_files, read_manifest, read_slates};
use event_log::{Event, EventBody, EventDecoder, Origin, event_to_json};
use foryou_types::NoNames;
use foryou_types::{
    ActionMask, ActionSet, ClockKind, EngagementCounts, HalfLife, PopularityPrior, PostId, Profile, Surface, UserId,
};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::Xxh3;

#[expect(clippy::unwrap_used, reason = "a test helper")]
fn demo() -> &'static World {
    static DEMO: OnceLock<World> = OnceLock::new();
    DEMO.get_or_init(|| World::generate(&WorldConfig::demo()).unwrap())
}

fn small(seed: u64) -> WorldConfig {
    WorldConfig { seed, ..WorldConfig::scaled(200) }
}

fn hash(events: &[Event]) -> u64 {
    let mut hasher = Xxh3::new();
    for event in events {
        hasher.update(format!("{event:?}\n").as_bytes());
    }
    hasher.digest()
}

fn to_json(event: &Event) -> serde_json::Value {
    event_to_json(event, &World::profile(), &NoNames)
}

#[test]
fn the_demo_world_is_worth_learning() {
    let report = &demo().report;
    println!("{report}");
    assert!(report.is_worth_learning(), "{report}");
    assert!((report.ndcg("oracle").unwrap() - 1.0).abs() < 1e-9);
    let order = ["random", "popularity", "informed_ceiling", "oracle"].map(|r| report.ndcg(r).unwrap());
    assert!(order.is_sorted(), "{order:?}");
    assert!(report.slates > 300 && report.under_48_h > 0.9 && (0.2..0.8).contains(&report.in_network), "{report}");
}

/// Six seconds in release, minutes without optimisation.
#[test]
#[ignore = "slow without optimisation: cargo test --release -p datasets -- --ignored"]
fn the_default_world_is_worth_learning_and_every_head_is_there() {
    let report = World::generate(&WorldConfig::default()).unwrap().report;
    println!("{report}");
    assert!(report.is_worth_learning(), "{report}");
    for head in &report.positives {
        assert!(head.count >= 300, "{} has {} held-out positives", head.name, head.count);
    }
}

#[test]
fn a_seed_is_a_world() {
    let (a, b) = (World::generate(&small(7)).unwrap(), World::generate(&small(7)).unwrap());
    assert_eq!(hash(&a.events), hash(&b.events));
    assert_eq!(a.slates, b.slates);
    assert_eq!(a.report, b.report);
    assert_ne!(hash(&World::generate(&small(8)).unwrap().events), hash(&a.events));
}

/// The world is part of every number measured on it: whoever changes it must mean to.
#[test]
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    ignore = "exp and ln differ in the last bit elsewhere"
)]
fn the_demo_world_is_still_the_same() {
    let events = &demo().events;
    assert_eq!((events.len(), hash(events)), (135_754, 17_434_322_004_926_037_970));
}

#[test]
fn a_bad_configuration_is_refused() {
    let config = WorldConfig { days: 1, ..WorldConfig::demo() };
    assert!(matches!(World::generate(&config), Err(WorldError::Config { key: "days", .. })));
}

#[test]
fn the_least_worlds_do_not_break() {
    for (users, authors, posts, visits_per_day) in [(1, 2, 1, 0.0), (1, 2, 1, 50.0), (3, 2, 40, 5.0), (2, 50, 10, 1.0)]
    {
        let config = WorldConfig { users, authors, posts, visits_per_day, ..WorldConfig::default() };
        let world = World::generate(&config).unwrap();
        assert!(world.events.is_sorted_by_key(|e| e.at));
        world.report.to_string();
    }
}

#[test]
fn every_kind_of_event_is_there_in_time_order() {
    let world = demo();
    assert!(world.events.is_sorted_by_key(|e| e.at));
    assert!(world.events.iter().all(|e| e.origin == Origin::Import && e.at < world.config.end));
    let count = |name: &str| world.report.events.iter().find(|c| c.name == name).map_or(0, |c| c.count);
    for kind in [
        "post",
        "delete",
        "follow",
        "unfollow",
        "block",
        "unblock",
        "mute",
        "unmute",
        "subscribe",
        "unsubscribe",
        "mute_keyword",
        "unmute_keyword",
        "profile",
        "action",
        "impression",
        "label",
    ] {
        assert!(count(kind) > 0, "no {kind}: {}", world.report);
    }
    let mut actions = [0u64; 19];
    let mut undone = 0;
    let mut surfaces = FxHashSet::default();
    for event in &world.events {
        if let EventBody::Action(action) = &event.body {
            actions[action.action as usize] += 1;
            undone += u64::from(action.undo);
            surfaces.insert(action.surface);
            assert!(action.client_app > 0 && action.surface != Surface::Unknown);
        }
    }
    assert!(actions.iter().all(|n| *n > 0), "{actions:?}");
    assert!(undone > 0 && surfaces.len() >= 6, "{undone} {surfaces:?}");
}

#[test]
fn posts_are_of_every_form() {
    let world = demo();
    let posts: Vec<_> = world
        .events
        .iter()
        .filter_map(|e| match &e.body {
            EventBody::Post(post) => Some((e.at, post)),
            _ => None,
        })
        .collect();
    let ids: FxHashMap<PostId, usize> = posts.iter().enumerate().map(|(i, p)| (p.1.post_id, i)).collect();
    assert_eq!(ids.len(), posts.len(), "an id occurs twice");
    let n = |f: &dyn Fn(&event_log::PostEvent) -> bool| posts.iter().filter(|p| f(p.1)).count();
    for (what, count) in [
        ("replies", n(&|p| p.is_reply())),
        ("deep replies", n(&|p| p.is_reply() && p.conversation_id != p.in_reply_to_post_id)),
        ("reposts", n(&|p| p.is_repost())),
        ("quotes", n(&|p| p.quoted_post_id.is_some())),
        ("videos", n(&|p| p.has_video())),
        ("photos", n(&|p| p.media.len() > 1)),
        ("subscriber-only", n(&|p| p.subscription_author_id.is_some())),
    ] {
        assert!(count >= 20, "{count} {what}");
    }
    let languages: FxHashSet<_> = posts.iter().filter_map(|p| p.1.language.clone()).collect();
    assert_eq!(languages.len(), 5);
    for (at, post) in &posts {
        assert!(post.post_id.is_some() && post.author_id.0 > u64::from(world.config.users));
        assert!(post.text.as_ref().is_some_and(|t| !t.is_empty()));
        for (target, author) in [
            (post.in_reply_to_post_id, post.in_reply_to_user_id),
            (post.source_post_id, post.source_user_id),
            (post.quoted_post_id, post.quoted_user_id),
        ] {
            if target.is_some() {
                let (earlier, theirs) = posts[ids[&target]];
                assert!(earlier <= *at && theirs.author_id == author && !theirs.is_repost());
            }
        }
        if post.is_reply() {
            assert_eq!(posts[ids[&post.in_reply_to_post_id]].1.conversation_id, post.conversation_id);
        }
    }
}

/// What a feed must respect, the world's feeds respect: nobody is shown a deleted post, someone they block or mute, a post twice,
/// or a post sold to others; and nobody acts on what was not shown.
#[test]
fn the_log_is_consistent() {
    let world = demo();
    let mut author = FxHashMap::default();
    let mut sold = FxHashSet::default();
    let mut deleted = FxHashSet::default();
    let mut edges: FxHashSet<(event_log::EdgeKind, UserId, UserId)> = FxHashSet::default();
    let mut shown: FxHashSet<(UserId, PostId)> = FxHashSet::default();
    for event in &world.events {
        match &event.body {
            EventBody::Post(post) => {
                author.insert(post.post_id, post.author_id);
                if post.subscription_author_id.is_some() {
                    sold.insert(post.post_id);
                }
            }
            EventBody::Delete { post_id } => {
                assert!(author.contains_key(post_id));
                deleted.insert(*post_id);
            }
            EventBody::Edge(edge) => {
                let key = (edge.kind, edge.user_id, edge.target_id);
                assert_ne!(edge.user_id, edge.target_id);
                assert!(if edge.added { edges.insert(key) } else { edges.remove(&key) }, "{edge:?} changes nothing");
            }
            EventBody::Impression(impression) => {
                let viewer = impression.user_id;
                for post in &impression.post_ids {
                    let whose = author[post];
                    let has = |kind| edges.contains(&(kind, viewer, whose));
                    assert!(shown.insert((viewer, *post)), "{viewer:?} saw {post:?} twice");
                    assert!(!deleted.contains(post));
                    assert!(!has(event_log::EdgeKind::Block) && !has(event_log::EdgeKind::Mute));
                    assert!(!sold.contains(post) || has(event_log::EdgeKind::Subscribe));
                }
            }
            EventBody::Action(action) => assert!(shown.contains(&(action.user_id, action.post_id))),
            _ => {}
        }
    }
}

/// The slates' popularity, recomputed from the log alone, with nothing at or after the slate's moment.
#[test]
fn popularity_knows_the_past_and_only_the_past() {
    let world = demo();
    let set = ActionSet::for_you();
    let half = HalfLife::seconds(6 * 3_600);
    for slate in world.slates.iter().step_by(world.slates.len() / 6) {
        let mut total = EngagementCounts::default();
        let mut counts: FxHashMap<PostId, EngagementCounts> = FxHashMap::default();
        for event in world.events.iter().take_while(|e| e.at < slate.at) {
            match &event.body {
                EventBody::Impression(impression) => {
                    for post in &impression.post_ids {
                        total.add_impressions(1.0, event.at, half);
                        counts.entry(*post).or_default().add_impressions(1.0, event.at, half);
                    }
                }
                EventBody::Action(action) => {
                    for c in [&mut total, counts.entry(action.post_id).or_default()] {
                        if action.action != 18 {
                            c.add_action(action.action, if action.undo { -1.0 } else { 1.0 }, event.at, half);
                        }
                        if let Some(ms) = action.dwell_ms {
                            c.add_action(18, (f64::from(ms) / 1_000.0).min(30.0), event.at, half);
                        }
                    }
                }
                _ => {}
            }
        }
        let prior = PopularityPrior::new(&set, &total, counts.len(), None, slate.at, half);
        for post in &slate.posts {
            let heads = prior.heads(counts.get(&post.post_id));
            let score = datasets::world::behaviour::value(&set, heads, post.video_ms);
            assert!((score - f64::from(post.popularity)).abs() < 1e-4 * (1.0 + score.abs()), "{score} {post:?}");
        }
    }
}

/// A slate's `taken` is what the log says the viewer did, its posts are those of the impression.
#[test]
fn slates_agree_with_the_log() {
    let world = demo();
    let mut shown: FxHashMap<&str, &event_log::ImpressionEvent> = FxHashMap::default();
    let mut taken: FxHashMap<(UserId, PostId), (ActionMask, f32)> = FxHashMap::default();
    for event in &world.events {
        match &event.body {
            EventBody::Impression(impression) => {
                shown.extend(impression.request_id.as_deref().map(|id| (id, impression)));
            }
            EventBody::Action(action) if !action.undo => {
                let entry = taken.entry((action.user_id, action.post_id)).or_default();
                if action.action != 18 {
                    entry.0.insert(action.action);
                }
                entry.1 += action.dwell_ms.map_or(0.0, |ms| ms as f32 / 1_000.0);
            }
            _ => {}
        }
    }
    for slate in &world.slates {
        assert!(slate.at >= world.cut() && slate.surface == Surface::Home);
        let impression = shown[slate.request_id.as_str()];
        assert_eq!(impression.user_id, slate.viewer);
        assert_eq!(impression.post_ids, slate.posts.iter().map(|p| p.post_id).collect::<Vec<_>>());
        for post in &slate.posts {
            let (actions, seconds) = taken.get(&(slate.viewer, post.post_id)).copied().unwrap_or_default();
            assert_eq!(actions, post.taken);
            assert!((seconds - post.dwell_seconds).abs() < 1e-3);
        }
    }
}

/// Heads are calibrated: what was done in the held-out slates is as often as the true probabilities say.
#[test]
fn what_happened_agrees_with_what_was_true() {
    let world = demo();
    let posts: Vec<_> = world.slates.iter().flat_map(|s| &s.posts).collect();
    for head in 0..18u8 {
        let expected: f64 = posts.iter().map(|p| f64::from(p.p_true[head as usize])).sum();
        let variance: f64 = posts.iter().map(|p| f64::from(p.p_true[head as usize])).map(|p| p * (1.0 - p)).sum();
        let happened = posts.iter().filter(|p| p.taken.has(head)).count() as f64;
        assert!(
            (happened - expected).abs() < 4.5 * variance.sqrt() + 1.0,
            "head {head}: {happened}, expected {expected}"
        );
    }
    let expected: f64 = posts.iter().map(|p| f64::from(p.p_true[18])).sum();
    let looked: f64 = posts.iter().map(|p| f64::from(p.dwell_seconds).min(30.0)).sum();
    assert!((looked / expected - 1.0).abs() < 0.05, "{looked} {expected}");
}

/// Popularity feeds itself: what was engaged with is shown to more people, and few posts have most impressions.
#[test]
fn there_is_a_popularity_loop() {
    let mut posts: Vec<_> = demo().truth.posts.iter().filter(|p| p.impressions > 0).collect();
    posts.sort_by_key(|p| p.impressions);
    let quality =
        |posts: &[&datasets::world::PostTruth]| posts.iter().map(|p| p.quality).sum::<f64>() / posts.len() as f64;
    let tenth = posts.len() / 10;
    let (least, most) = (quality(&posts[..tenth]), quality(&posts[posts.len() - tenth..]));
    assert!(most > least + 0.2, "most shown {most:.2}, least shown {least:.2}");
    assert!(posts[posts.len() - 1].impressions > 5 * posts[posts.len() / 2].impressions);
}

#[test]
fn viewers_worth_showing_have_a_history() {
    let world = demo();
    let viewers = world.viewers_with_history(10);
    assert_eq!(viewers.len(), 10);
    assert!(viewers.iter().all(|v| (1..=1_000).contains(&v.0)));
    assert!(world.viewers_with_history(10_000).len() < 1_000);
}

#[test]
fn a_world_survives_its_files() {
    let world = World::generate(&small(3)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let written = world.write(dir.path(), to_json).unwrap();
    assert_eq!(read_manifest(dir.path()).unwrap(), written);
    assert_eq!(read_slates(dir.path()).unwrap(), world.slates);
    let profile = Profile::from_toml(&fs::read_to_string(dir.path().join("profile.toml")).unwrap()).unwrap();
    assert_eq!((profile.name.as_str(), profile.clock), ("world", ClockKind::Log));
    let events = fs::read_to_string(dir.path().join("events.jsonl")).unwrap();
    assert_eq!(events.lines().count() as u64, written.events);
    let mut decoder = EventDecoder::for_import(&profile, &NoNames, world.config.end);
    for (line, event) in events.lines().zip(&world.events) {
        assert_eq!(&decoder.decode(line).unwrap(), event);
    }
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let world = World::generate(&small(3)).unwrap();
    assert!(world.slates.len() > 3);
    let dir = tempfile::tempdir().unwrap();
    world.write(dir.path(), to_json).unwrap();
    assert_eq!(check_files(dir.path()).unwrap(), 4);
    let path = dir.path().join("truth").join("slates.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.replacen("\"at\":", "\"at\":1", 1)).unwrap();
    let changed = read_slates(dir.path()).unwrap_err().to_string();
    assert!(changed.contains("slates.jsonl: its checksum"), "{changed}");

    // As an earlier version wrote it, without checksums: what is wrong is seen by what is in it.
    fs::remove_file(dir.path().join("SHA256SUMS")).unwrap();
    let broken = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(&path, lines.join("\n")).unwrap();
        read_slates(dir.path()).unwrap_err().to_string()
    };
    let cut = broken(&|lines| {
        let half = lines[2].len() / 2;
        lines[2].truncate(half);
    });
    assert!(cut.contains("slates.jsonl:3: "), "{cut}");
    let empty = broken(&|lines| lines[1].clear());
    assert!(empty.contains("slates.jsonl:2: "), "{empty}");
    let viewer = broken(&|lines| {
        lines[0] = lines[0].replacen(&format!("\"viewer\":\"{}\"", world.slates[0].viewer.0), "\"viewer\":\"0\"", 1);
    });
    assert!(viewer.contains("slates.jsonl:1: viewer"), "{viewer}");
    let unknown = broken(&|lines| lines[0] = lines[0].replacen("\"at\"", "\"when\"", 1));
    assert!(unknown.contains("slates.jsonl:1: ") && unknown.contains("when"), "{unknown}");
    fs::remove_file(&path).unwrap();
    assert!(matches!(read_slates(dir.path()), Err(WorldError::Io { .. })));
    fs::write(dir.path().join("world.json"), "{\n  \"version\": 1,\n").unwrap();
    let manifest = read_manifest(dir.path()).unwrap_err().to_string();
    assert!(manifest.contains("world.json:"), "{manifest}");
}
