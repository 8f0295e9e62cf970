//! `foryou phoenix check`: compares the trainer's model and the engine with reference files. `foryou phoenix serve`: serves ranking
//! and retrieval alone.

use std::path::{Path, PathBuf};

use anyhow::Context;
use comfy_table::{Table, presets};
use foryou_proto::phoenix::v1::{ranking_service_server, retrieval_service_server};
use phoenix::golden::{Agreement, Golden};
use phoenix_engine::grpc::{ranking_server, retrieval_server};
use serde::Serialize;
use server::Services;

use crate::config::Config;
use crate::folder::DataFolder;
use crate::listen::Listen;
use crate::models::Phoenix;
use crate::output::Output;
use crate::parts::{Life, Parts};
use crate::service::{Service, Startup};

/// What `check` found.
#[derive(Debug, Serialize)]
struct CheckReport {
    results: Vec<CheckResult>,
    ok: bool,
}

#[derive(Debug, Serialize)]
struct CheckResult {
    file: String,
    /// `train` or `engine`.
    implementation: &'static str,
    #[serde(flatten)]
    agreement: Agreement,
}

/// Compares both implementations with every file; fails where one disagrees.
pub(super) fn check(files: &[PathBuf], output: Output) -> anyhow::Result<()> {
    let mut results = Vec::new();
    for file in files {
        results.extend(check_file(file)?);
    }
    let ok = results.iter().all(|r| r.agreement.ok);
    let report = CheckReport { results, ok };
    output.print(&report, || describe(&report))?;
    anyhow::ensure!(ok, "an implementation disagrees with a reference file");
    Ok(())
}

fn check_file(file: &Path) -> anyhow::Result<Vec<CheckResult>> {
    let golden = Golden::load(file)?;
    let named = |implementation: &'static str| {
        move |agreement| CheckResult { file: file.display().to_string(), implementation, agreement }
    };
    let trainer = phoenix_train::check(&golden).with_context(|| file.display().to_string())?;
    let engine = phoenix_engine::check(&golden).with_context(|| file.display().to_string())?;
    Ok(trainer.into_iter().map(named("train")).chain(engine.into_iter().map(named("engine"))).collect())
}

fn describe(report: &CheckReport) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "file",
        "implementation",
        "model",
        "what",
        "max |diff|",
        "tolerance",
        "",
    ]);
    for CheckResult { file, implementation, agreement } in &report.results {
        table.add_row([
            Path::new(file).file_name().map_or_else(|| file.clone(), |n| n.to_string_lossy().into_owned()),
            (*implementation).to_owned(),
            agreement.model.name().to_owned(),
            agreement.what.clone(),
            format!("{:.2e}", agreement.max_abs_diff),
            format!("{:.0e}", agreement.tolerance),
            if agreement.ok { "agrees" } else { "DISAGREES" }.to_owned(),
        ]);
    }
    format!("{table}\n{}\n", if report.ok { "all agree (f32)" } else { "NOT all agree" })
}

/// The gRPC services of `phoenix serve`.
const NAMES: [&str; 2] = [ranking_service_server::SERVICE_NAME, retrieval_service_server::SERVICE_NAME];

/// Serves ranking and retrieval of the folder until Ctrl-C.
pub(super) async fn serve(
    config: &Config,
    listen: Option<&Listen>,
    insecure: bool,
    output: Output,
) -> anyhow::Result<()> {
    let mut folder = DataFolder::open(&config.data)?.ours(&config.data)?;
    let mut config = config.clone();
    config.server.door.insecure |= insecure;
    let listen = listen.unwrap_or(&config.server.listen);
    let mut service = Service::start(&config.server.door, listen, &NAMES, output).await?;
    let address = service.address();
    folder.announce(Some(address.to_string()))?;
    let startup = Startup::new(service.readiness());
    // It has neither Thunder nor feeds.
    startup.thunder.finish();
    startup.warm_up.finish();
    let settings = config.clone();
    let open = move || {
        let parts = Parts::open_watched(folder, &settings, &startup)?;
        let phoenix = Phoenix::start(&parts, &settings, Life::Serving, &startup)?;
        phoenix.follower().context("phoenix.ranking_address and phoenix.retrieval_address both name other services: there is nothing to serve here")?;
        Ok((phoenix, parts))
    };
    // The parts hold the folder: they stay until the service has ended.
    let Some((phoenix, _parts)) = service.opened(open).await? else { return Ok(()) };
    let services = Services::default()
        .with(ranking_server(phoenix.ranking.clone()))
        .with(retrieval_server(phoenix.retrieval.clone()));
    service.let_in(services, None);
    output.say(format!(
        "serving ranking and retrieval of {} on http://{address} (gRPC); Ctrl-C stops",
        config.data.display()
    ));
    service.ended().await?;
    output.say("stopped");
    Ok(())
}
