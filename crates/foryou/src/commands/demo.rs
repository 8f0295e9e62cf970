//! `foryou demo`: makes a small world if there is none yet, and serves its feed.

use std::sync::atomic::Ordering;

use anyhow::{Context, bail};
use datasets::world::{World, WorldManifest, read_manifest};
use for_you_feed::FeedRequest;
use phoenix::ModelKind;
use phoenix_train::Recipe;

use super::source::Source;
use super::train::Job;
use super::train_recipe::Plan;
use super::{evaluate, feed, import, train, up, world};
use crate::cli::DemoArgs;
use crate::config::Config;
use crate::engine::Engine;
use crate::exit::wrong_use;
use crate::folder::DataFolder;
use crate::models::registry;
use crate::output::Output;
use crate::parts::{Life, Parts};
use crate::service::Startup;
use crate::stop::stop_flag;

pub(super) async fn run(config: &Config, args: &DemoArgs, output: Output) -> anyhow::Result<()> {
    let listen = args.port.map_or_else(|| config.server.listen.clone(), |port| config.server.listen.with_port(port));
    // The port comes first: it may be in use, and world and training take minutes.
    let service = if args.once { None } else { Some(up::open_port(config, &listen, output).await?) };
    let mut folder = DataFolder::open_or_create(&config.data, &World::profile())?.ours(&config.data)?;
    let making = service.as_ref().map(|service| service.readiness().step("world and models of the demo", ""));
    if let Some(service) = &service {
        folder.announce(Some(service.address().to_string()))?;
    }
    let files = config.data.join("world");
    let parts = Parts::open(folder, config)?;
    if !files.join("events.jsonl").is_file() && parts.state.position().events() > 0 {
        wrong_use!(
            "{} holds a world that the demo did not make: serve it with `foryou up`, or give another folder with --data",
            config.data.display()
        );
    }
    let manifest = world_of(config, args, &files, output)?;
    // An interrupted import continues here; a complete one adds nothing.
    let importer = datasets::import::open("world", &files, Some(&parts.profile))?;
    let report = import::import(&parts, &importer, stop_flag(), output)?;
    if report.imported.total() > 0 {
        output.say(format!("imported {} events in {:.1} s", report.imported.total(), report.seconds));
    }
    // Training computes for tens of seconds: not on a thread of the runtime.
    tokio::task::block_in_place(|| train_missing(&parts, config, output))?;
    if stop_flag().load(Ordering::Relaxed) {
        bail!("stopped");
    }
    let viewer = manifest
        .demo_viewers
        .first()
        .context("the world is too small to have a viewer with a full feed; use more --users")?
        .clone();
    if let Some(service) = service {
        output.say(format!("viewers to look at: {}", manifest.demo_viewers.join(" ")));
        let startup = Startup::new(service.readiness());
        startup.log.finish();
        startup.state.finish();
        if let Some(making) = making {
            making.finish();
        }
        return up::serve(service, startup, config, output, move || Ok(parts)).await;
    }
    let engine = Engine::start(parts, config, Life::Once)?;
    let request = FeedRequest { user_id: viewer.into(), record: Some(false), ..FeedRequest::default() };
    let answer = engine.app.feed(&engine.for_you, request, None).await.map_err(feed::problem)?;
    output.print(&answer, || feed::describe(&answer))
}

/// Trains each model that has no serving version yet, with the small recipes, and prints how good it is.
fn train_missing(parts: &Parts, config: &Config, output: Output) -> anyhow::Result<()> {
    let registry = registry(&config.data)?;
    let source = Source::of(parts);
    let mut trained = false;
    for kind in ModelKind::ALL {
        // A model that did not pass its gate is not trained again at every start.
        if registry.list()?.iter().any(|version| version.kind.name() == kind.name()) {
            continue;
        }
        output.say(format!("training the {} ...", kind.name()));
        let job = Job {
            kind,
            recipe: Plan::Fixed(Box::new(Recipe::small(kind))),
            from: None,
            since: None,
            until: None,
            run: train::run_folder(&config.data, kind),
            resume: false,
            promote: true,
            again: "`foryou demo` trains it again",
        };
        let report = train::train(&source, config, &job, output)?;
        output.say(format!("trained {} in {:.1} s", report.version, report.seconds));
        if !report.promoted {
            let reasons = report.gate.reasons.join("; ");
            output.say(format!("{} did not pass its gate and does not serve: {reasons}", report.version));
        }
        trained |= report.promoted;
    }
    if trained {
        let evaluation = evaluate::evaluate(&source, config, &[], output)?;
        output.say(evaluation.summary());
    }
    Ok(())
}

/// The world of the folder. If it is missing or incomplete, it is made.
fn world_of(
    config: &Config,
    args: &DemoArgs,
    files: &std::path::Path,
    output: Output,
) -> anyhow::Result<WorldManifest> {
    if files.join("world.json").is_file() {
        let manifest = read_manifest(files)?;
        if manifest.config.users != args.users || manifest.config.seed != config.seed {
            output.say(format!(
                "using the world of the folder ({} users, seed {}), not a new one of {} users with seed {}",
                manifest.config.users, manifest.config.seed, args.users, config.seed
            ));
        }
        return Ok(manifest);
    }
    output.say(format!("making a world of {} users ...", args.users));
    let started = std::time::Instant::now();
    let manifest = world::make(args.users, config.seed, files)?;
    output.say(format!("made {} events in {:.1} s", manifest.events, started.elapsed().as_secs_f64()));
    Ok(manifest)
}
