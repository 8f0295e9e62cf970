//! `foryou models`: versions of the trained models, and which of them serves.

use comfy_table::{Table, presets};
use foryou_types::{Clock, TimeMs, WallClock};
use model_registry::{RegistryError, RolledBack, VersionInfo};
use serde::Serialize;

use crate::cli::ModelsCommand;
use crate::config::Config;
use crate::exit::WrongUse;
use crate::folder::{Found, look, read_profile};
use crate::models::registry;
use crate::output::{Output, one_line};

#[derive(Debug, Serialize)]
struct Versions {
    versions: Vec<VersionInfo>,
}

/// A running service notices changes, so these commands need no lock on the folder.
pub(super) fn run(config: &Config, command: &ModelsCommand, output: Output) -> anyhow::Result<()> {
    if look(&config.data)? == Found::Nothing {
        anyhow::bail!(
            "{} holds no data yet: `foryou demo` makes a world, `foryou import` brings a data set",
            config.data.display()
        );
    }
    let profile = read_profile(&config.data)?;
    let registry = registry(&config.data)?.for_actions(&profile.action_set);
    let now = WallClock.now();
    match command {
        ModelsCommand::List => {}
        ModelsCommand::Promote { name, share, force } => {
            let registry = if *force { registry.clone().ignoring_gates() } else { registry.clone() };
            match share {
                None => registry.promote(name, now),
                Some(share) => registry.promote_share(name, *share),
            }
            .map_err(usage)?;
        }
        ModelsCommand::Rollback { model } => {
            output.say(match registry.rollback(model, now).map_err(usage)? {
                RolledBack::Share { ended, serving } => {
                    format!("{ended} no longer has a share; {serving} serves everybody, as before")
                }
                RolledBack::Version { ended, serving } => format!("{serving} serves again, in place of {ended}"),
            });
        }
    }
    let report = Versions { versions: registry.list()? };
    output.print(&report, || describe(&report.versions))
}

fn usage(error: RegistryError) -> anyhow::Error {
    if error.is_usage() { WrongUse(error.to_string()).into() } else { error.into() }
}

fn describe(versions: &[VersionInfo]) -> String {
    if versions.is_empty() {
        return "no versions yet: train one with `foryou train ranker` or `foryou train retrieval`\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["version", "made", "serves", "parameters", "measured"]);
    for version in versions {
        let mut metrics: Vec<_> = version.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        metrics.truncate(4);
        table.add_row([
            one_line(&version.name).into_owned(),
            TimeMs(version.created_at.0).to_rfc3339(),
            if version.share > 0.0 { format!("{:.0} %", 100.0 * version.share) } else { "-".to_owned() },
            version.parameters.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            one_line(&match (&version.problem, &version.gate) {
                (Some(problem), _) => problem.clone(),
                (None, Some(gate)) if !gate.passed => format!("did not pass its gate: {}", gate.reasons.join("; ")),
                (None, _) => metrics.join(" · "),
            })
            .into_owned(),
        ]);
    }
    format!("{table}\n")
}
