//! What the settings must satisfy, each by itself and together.

use foryou_types::ConfigError;
use server::limits;

use super::Config;

/// A rule that the settings break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The settings that the rule is about.
    pub(super) keys: Vec<String>,
    /// What it demands.
    pub(super) demand: String,
}

/// The first rule that the settings break. Rules about one setting come first.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    let mixer = &config.mixer;
    within("threads", config.threads as u64, 0, 1_024)?;
    within("log.partitions", config.log.partitions.into(), 1, 1_024)?;
    within("log.fsync_ms", config.log.fsync_ms, 1, 3_600_000)?;
    within("log.segment_bytes", config.log.segment_bytes, 1 << 16, 1 << 40)?;
    within("mixer.result_size", mixer.result_size as u64, 1, limits::FEED as u64)?;
    within("mixer.selection_size", mixer.selection_size as u64, 1, 10_000)?;
    within("mixer.thunder_max_results", mixer.thunder_max_results as u64, 0, 100_000)?;
    within("mixer.phoenix_max_results", mixer.phoenix_max_results as u64, 0, 100_000)?;
    within("mixer.popular_max_results", mixer.popular_max_results as u64, 0, 100_000)?;
    within("mixer.request_budget_ms", mixer.request_budget_ms, 1, 600_000)?;
    share("mixer.author_diversity_decay", mixer.author_diversity_decay)?;
    share("mixer.author_diversity_floor", mixer.author_diversity_floor)?;
    within("phoenix.remote_timeout_ms", config.phoenix.remote_timeout_ms, 1, 600_000)?;
    address("phoenix.ranking_address", &config.phoenix.ranking_address)?;
    address("phoenix.retrieval_address", &config.phoenix.retrieval_address)?;
    let of_part = |e: ConfigError| broken(&[e.key], e.problem);
    config.server.door.check().map_err(of_part)?;
    config.phoenix.serving.check().map_err(of_part)?;
    config.thunder.check().map_err(of_part)?;
    together(config)
}

/// Rules about settings that limit each other. A limit that another one keeps from ever being reached is a mistake.
fn together(config: &Config) -> Result<(), Broken> {
    let Config { server, thunder, mixer, phoenix, .. } = config;
    let (store, door) = (&thunder.store, &server.door);
    not_above(
        ("mixer.thunder_max_results", mixer.thunder_max_results),
        ("thunder.store.max_results", store.max_results),
        "Thunder never answers with more",
    )?;
    for (key, of_an_author) in [
        ("thunder.store.max_originals_per_author", store.max_originals_per_author),
        ("thunder.store.max_secondary_per_author", store.max_secondary_per_author),
        ("thunder.store.max_videos_per_author", store.max_videos_per_author),
    ] {
        let scanned = ("thunder.store.max_scanned_per_timeline", store.max_scanned_per_timeline);
        not_above((key, of_an_author), scanned, "a lookup sees no more of an author")?;
    }
    not_above(
        ("thunder.store.max_scanned_per_timeline", store.max_scanned_per_timeline),
        ("thunder.store.max_timeline_entries", store.max_timeline_entries),
        "a timeline holds no more",
    )?;
    not_above(
        ("thunder.ingest.max_concurrent_after_catch_up", thunder.ingest.max_concurrent_after_catch_up),
        ("thunder.ingest.consumer_threads", thunder.ingest.consumer_threads),
        "there are no more threads",
    )?;
    let sources = [
        ("mixer.thunder_max_results", mixer.thunder_max_results),
        ("mixer.phoenix_max_results", mixer.phoenix_max_results),
        ("mixer.popular_max_results", mixer.popular_max_results),
    ];
    if sources.iter().map(|(_, most)| most).sum::<usize>() < mixer.result_size {
        let keys = ["mixer.result_size"].into_iter().chain(sources.map(|(key, _)| key)).collect::<Vec<_>>();
        return Err(broken(
            &keys,
            "the first must not be greater than the sum of the others: posts come from there".to_owned(),
        ));
    }
    let budget = ("mixer.request_budget_ms", mixer.request_budget_ms);
    let timeout = ("server.request_timeout_ms", door.request_timeout_ms);
    not_above(budget, timeout, "a request is given up after that")?;
    not_above(("server.max_wait_ms", door.max_wait_ms), timeout, "a request is given up after that")?;
    not_above(
        ("thunder.service.lookup_deadline_ms", thunder.service.lookup_deadline_ms),
        budget,
        "a feed waits no longer for Thunder",
    )?;
    if !phoenix.ranking_address.is_empty() || !phoenix.retrieval_address.is_empty() {
        let call = ("phoenix.remote_timeout_ms", phoenix.remote_timeout_ms);
        not_above(call, budget, "a feed waits no longer for the other service")?;
    }
    let feeds = ("server.max_concurrent", door.max_concurrent);
    let lookups = ("thunder.service.max_concurrent_requests", thunder.service.max_concurrent_requests);
    not_above(feeds, lookups, "Thunder refuses further lookups, and each feed makes one")?;
    // 0 is one per core: at least one.
    let rankings = phoenix.serving.max_concurrent.max(1).saturating_add(phoenix.serving.max_waiting);
    if door.max_concurrent > rankings {
        let keys = ["server.max_concurrent", "phoenix.serving.max_concurrent", "phoenix.serving.max_waiting"];
        let demand = "the first must not be greater than the sum of the others: each feed asks for a ranking";
        return Err(broken(&keys, demand.to_owned()));
    }
    Ok(())
}

fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), Broken> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(broken(&[key], format!("must be between {least} and {most}")))
}

fn share(key: &str, value: f64) -> Result<(), Broken> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(broken(&[key], "must be between 0 and 1".to_owned())) }
}

fn address(key: &str, text: &str) -> Result<(), Broken> {
    let good = text.is_empty()
        || tonic::transport::Endpoint::from_shared(text.to_owned())
            .is_ok_and(|endpoint| endpoint.uri().scheme().is_some() && endpoint.uri().host().is_some());
    if good {
        return Ok(());
    }
    Err(broken(&[key], "must be empty or an address like http://127.0.0.1:8081".to_owned()))
}

fn not_above<T: PartialOrd>(lower: (&str, T), upper: (&str, T), why: &str) -> Result<(), Broken> {
    if lower.1 <= upper.1 {
        return Ok(());
    }
    Err(broken(&[lower.0, upper.0], format!("the first must not be greater than the second: {why}")))
}

fn broken(keys: &[&str], demand: String) -> Broken {
    Broken { keys: keys.iter().map(|&key| key.to_owned()).collect(), demand }
}
