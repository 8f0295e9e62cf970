//! What the settings must satisfy, each by itself and together.

use home_mixer::params::MAX_RESULT_SIZE;

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
    within("mixer.result_size", mixer.result_size as u64, 1, MAX_RESULT_SIZE as u64)?;
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
    config.server.door.check().map_err(|e| broken(&[&format!("server.{}", e.key)], e.problem))?;
    config.phoenix.serving.check().map_err(|e| broken(&[&format!("phoenix.serving.{}", e.key)], e.problem))?;
    config.thunder.check().map_err(|e| broken(&[&format!("thunder.{}", e.key)], e.problem.to_owned()))?;
    together(config)
}

/// Rules about two settings.
fn together(config: &Config) -> Result<(), Broken> {
    let (mixer, store) = (&config.mixer, &config.thunder.store);
    not_above(
        ("mixer.thunder_max_results", mixer.thunder_max_results),
        ("thunder.store.max_results", store.max_results),
        "Thunder never answers with more",
    )?;
    not_above(
        ("thunder.store.max_originals_per_author", store.max_originals_per_author),
        ("thunder.store.max_scanned_per_timeline", store.max_scanned_per_timeline),
        "a lookup sees no more of an author",
    )?;
    not_above(
        ("thunder.store.max_scanned_per_timeline", store.max_scanned_per_timeline),
        ("thunder.store.max_timeline_entries", store.max_timeline_entries),
        "a timeline holds no more",
    )
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

fn not_above(lower: (&str, usize), upper: (&str, usize), why: &str) -> Result<(), Broken> {
    if lower.1 <= upper.1 {
        return Ok(());
    }
    Err(broken(&[lower.0, upper.0], format!("the first must not be greater than the second: {why}")))
}

fn broken(keys: &[&str], demand: String) -> Broken {
    Broken { keys: keys.iter().map(|&key| key.to_owned()).collect(), demand }
}
