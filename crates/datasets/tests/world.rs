//! The synthetic world as a whole, on the demo's 1,000 users (the default's 10,000 in the ignored test).

use std::fs;
use std::sync::OnceLock;

use datasets::world::{World, WorldConfig, WorldError, read_manifest, read_slates};
use event_log::{Event, EventBody, Origin};
use foryou_types::{Has, Profile, SplitMix64, Surface};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::Xxh3;

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
    serde_json::json!({ "at": event.at.0 })
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

/// About ten seconds in release, minutes without optimisation.
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
