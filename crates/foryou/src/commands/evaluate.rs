//! `foryou evaluate`: measures model versions on the held-out slates of a synthetic world.

use experiments::evaluate::{World, WorldEvaluation};

use super::source::Source;
use crate::cli::EvaluateArgs;
use crate::config::Config;
use crate::exit::of_experiment;
use crate::models::{SERVED, registry};
use crate::output::{Output, Watching};

pub(super) fn run(config: &Config, args: &EvaluateArgs, output: Output) -> anyhow::Result<()> {
    let source = Source::open(config)?;
    let evaluation = evaluate(&source, config, &args.versions, output)?;
    output.print(&evaluation, || evaluation.describe())
}

/// Measures versions of the data folder; without names, those that serve.
pub(super) fn evaluate(
    source: &Source,
    config: &Config,
    versions: &[String],
    output: Output,
) -> anyhow::Result<WorldEvaluation> {
    let registry = registry(&config.data)?;
    let world = World {
        log: source.log.clone(),
        profile: &source.profile,
        truth: &config.data.join("world"),
        registry: &registry,
        families: SERVED,
        precision: config.phoenix.serving.precision,
        seed: config.seed,
        watcher: &Watching::new(output),
    };
    world.evaluate(versions).map_err(of_experiment)
}
