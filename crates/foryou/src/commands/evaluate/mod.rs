//! `foryou evaluate`: model versions on the held-out slates of a synthetic world, compared with random, popularity, recency, the informed
//! ceiling and the oracle.

mod held_out;
mod ranking;
mod report;
mod retrieval;

use anyhow::bail;
use datasets::world::read_manifest;
use foryou_types::{ActionSet, TimeMs};
use phoenix::{Checkpoint, ModelKind, Registry};

use super::source::Source;
use crate::cli::EvaluateArgs;
use crate::config::Config;
use crate::exit::WrongUse;
use crate::output::Output;

pub(super) use report::{WorldEvaluation, describe, summary};

pub(super) fn run(config: &Config, args: &EvaluateArgs, output: Output) -> anyhow::Result<()> {
    let source = Source::open(config)?;
    let evaluation = evaluate(&source, config, &args.versions, output)?;
    output.print(&evaluation, || describe(&evaluation))
}

/// Measures versions; without names, those that serve.
pub(super) fn evaluate(
    source: &Source,
    config: &Config,
    versions: &[String],
    output: Output,
) -> anyhow::Result<WorldEvaluation> {
    let world = config.data.join("world");
    if !world.join("world.json").is_file() {
        bail!(
            "{} has no held-out slates: only a synthetic world has them (`foryou import world`, `foryou demo`)",
            config.data.display()
        );
    }
    let manifest = read_manifest(&world)?;
    let (rankers, retrievals) = load(config, versions)?;
    for (name, checkpoint) in rankers.iter().chain(&retrievals) {
        check(name, checkpoint, &source.profile.action_set, manifest.cut)?;
    }
    // Versions may have histories of different lengths; each gets its own.
    let lengths = rankers.iter().chain(&retrievals).map(|(_, model)| model.config.model.history_seq_len).collect();
    let held_out = held_out::HeldOut::read(source, &world, &manifest, lengths, output)?;
    let ranking = ranking::evaluate(&held_out, &rankers, &manifest, config.seed)?;
    let retrieval = retrieval::evaluate(&held_out, &retrievals, config.seed)?;
    Ok(report::WorldEvaluation::new(&manifest, &held_out, ranking, retrieval, config.seed))
}

/// Refuses a version that learned from the held-out part or predicts other actions.
fn check(name: &str, checkpoint: &Checkpoint, actions: &ActionSet, cut: TimeMs) -> anyhow::Result<()> {
    if checkpoint.config.trained_until.is_none_or(|until| until > cut) {
        bail!("{name} learned from events after {cut}, where the held-out slates begin: train it again");
    }
    let names = |set: &ActionSet| set.actions.iter().map(|a| (a.name.clone(), a.kind)).collect::<Vec<_>>();
    if names(&checkpoint.config.action_set) != names(actions) {
        bail!("{name} was trained for other actions than those of the folder's profile");
    }
    Ok(())
}

/// A version's name and model.
type Named = (String, Checkpoint);

/// The checkpoints of versions, by kind.
fn load(config: &Config, versions: &[String]) -> anyhow::Result<(Vec<Named>, Vec<Named>)> {
    let registry = Registry::open(&config.data.join("models"))?;
    let known = registry.list()?;
    let wanted: Vec<String> = if versions.is_empty() {
        known.iter().filter(|v| v.promoted).map(|v| v.name.clone()).collect()
    } else {
        versions.to_vec()
    };
    if wanted.is_empty() {
        bail!("no version serves: train one with `foryou train ranker` or `foryou train retrieval`");
    }
    let mut by_kind = (Vec::new(), Vec::new());
    for name in wanted {
        let version = registry.version(&name).map_err(|e| WrongUse(e.to_string()))?;
        let checkpoint = Checkpoint::load(&version.folder)?;
        match checkpoint.config.kind {
            ModelKind::Ranker => by_kind.0.push((name, checkpoint)),
            ModelKind::Retrieval => by_kind.1.push((name, checkpoint)),
        }
    }
    Ok(by_kind)
}
