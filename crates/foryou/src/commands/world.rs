//! `foryou world`: a synthetic world as files, with its planted truths.

use std::path::Path;

use anyhow::Context;
use datasets::world::{World, WorldConfig, WorldError, WorldManifest};
use event_log::event_to_json;
use foryou_types::NoNames;

use crate::cli::WorldArgs;
use crate::config::Config;
use crate::exit::{WrongUse, wrong_use};
use crate::output::Output;

pub(super) fn run(config: &Config, args: &WorldArgs, output: Output) -> anyhow::Result<()> {
    match std::fs::read_dir(&args.out).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => wrong_use!("--out {}: is not empty; give a new or an empty folder", args.out.display()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => wrong_use!("--out {}: {e}", args.out.display()),
    }
    let manifest = make(args.users, config.seed, &args.out)?;
    output.print(&manifest, || format!("{}\nwritten to {}\n", manifest.report, args.out.display()))
}

/// Makes a world and writes it.
pub(super) fn make(users: u32, seed: u64, dir: &Path) -> anyhow::Result<WorldManifest> {
    let config = WorldConfig { seed, ..WorldConfig::scaled(users) };
    let world = World::generate(&config).map_err(|error| match error {
        WorldError::Config { .. } => anyhow::Error::new(WrongUse(error.to_string())),
        other => other.into(),
    })?;
    world
        .write(dir, |event| event_to_json(event, &world.profile, &NoNames))
        .with_context(|| format!("writing the world to {}", dir.display()))
}
