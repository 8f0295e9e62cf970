//! `foryou up`: serves the folder, gRPC and REST on one port.

use for_you_feed::SERVICE_NAMES;
use foryou_proto::phoenix::v1::{ranking_service_server, retrieval_service_server};
use foryou_proto::thunder::v1::in_network_posts_service_server::{self, InNetworkPostsServiceServer};
use foryou_types::Profile;
use phoenix_engine::grpc::{ranking_server, retrieval_server};
use serde::Serialize;
use thunder::grpc::ThunderGrpc;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

use crate::cli::{UpArgs, UpKind};
use crate::config::Config;
use crate::engine::Engine;
use crate::folder::{DataFolder, Found, look};
use crate::listen::Listen;
use crate::output::Output;
use crate::parts::{Life, Parts};
use crate::service::{Service, Startup};
use crate::writes::Writes;

/// The gRPC services of a folder.
const NAMES: [&str; 5] = [
    SERVICE_NAMES[0],
    SERVICE_NAMES[1],
    in_network_posts_service_server::SERVICE_NAME,
    ranking_service_server::SERVICE_NAME,
    retrieval_service_server::SERVICE_NAME,
];

pub(super) async fn run(config: &Config, args: &UpArgs, output: Output) -> anyhow::Result<()> {
    let mut folder = open(config, args.kind, output)?;
    let mut config = Config { clock: args.clock.unwrap_or(config.clock), ..config.clone() };
    config.server.door.insecure |= args.insecure;
    let service = open_port(&config, args.listen.as_ref().unwrap_or(&config.server.listen), output).await?;
    folder.announce(Some(service.address().to_string()))?;
    let startup = Startup::new(service.readiness());
    let (steps, settings) = (startup.clone(), config.clone());
    serve(service, startup, &config, output, move || Parts::open_watched(folder, &settings, &steps)).await
}

/// Opens the folder; a missing or empty one becomes a live one.
fn open(config: &Config, kind: Option<UpKind>, output: Output) -> anyhow::Result<DataFolder> {
    let path = &config.data;
    if look(path)? == Found::Nothing {
        output.say(format!("{} holds no data yet: starting a live folder, on the machine's clock", path.display()));
        return DataFolder::open_or_create(path, &Profile::live())?.ours(path);
    }
    match kind {
        // Fails if the folder holds another kind of data.
        Some(UpKind::Live) => DataFolder::open_or_create(path, &Profile::live())?.ours(path),
        None => DataFolder::open(path)?.ours(path),
    }
}

/// Opens the port of a folder's service first, so that a port in use is reported before anything else is done.
pub(super) async fn open_port(config: &Config, listen: &Listen, output: Output) -> anyhow::Result<Service> {
    Service::start(&config.server.door, listen, &NAMES, output).await
}

/// Opens a folder's parts behind an open port and serves until Ctrl-C.
pub(super) async fn serve(
    mut service: Service,
    startup: Startup,
    config: &Config,
    output: Output,
    open: impl FnOnce() -> anyhow::Result<Parts> + Send + 'static,
) -> anyhow::Result<()> {
    let (steps, settings) = (startup.clone(), config.clone());
    let engine = service.opened(move || Engine::start_watched(open()?, &settings, Life::Serving, &steps)).await?;
    let Some(engine) = engine else { return Ok(()) };
    let _writes = Writes::watch(engine.app.ingestor(), service.readiness());
    engine.warm_up(&startup.warm_up).await;
    let thunder = InNetworkPostsServiceServer::new(ThunderGrpc::new(engine.thunder.clone()))
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd);
    let phoenix = &engine.phoenix;
    let services = for_you_feed::services(engine.app.clone(), engine.for_you.clone())
        .with(thunder)
        .with(ranking_server(phoenix.ranking.clone()))
        .with(retrieval_server(phoenix.retrieval.clone()));
    service.let_in(services, Some(engine.app.clone()));
    let serving =
        Serving { listening: format!("http://{}", service.address()), data: config.data.display().to_string() };
    if output.json {
        output.print(&serving, String::new)?;
    }
    output.say(format!("serving {} on {} (gRPC and REST); Ctrl-C stops", serving.data, serving.listening));
    service.ended().await?;
    engine.for_you.mixer().side_effects_idle().await;
    output.say("stopped");
    Ok(())
}

/// What `up` and `demo` print with `--json` once they serve.
#[derive(Serialize)]
struct Serving {
    /// Where, as a URL.
    listening: String,
    /// The data folder.
    data: String,
}
