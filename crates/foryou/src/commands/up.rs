//! `foryou up`: the folder as a service, gRPC and REST on one port.

use anyhow::Context;
use foryou_proto::thunder::v1::in_network_posts_service_server::InNetworkPostsServiceServer;
use foryou_types::Profile;
use phoenix_engine::grpc::{ranking_server, report_health, retrieval_server};
use serde::Serialize;
use thunder::grpc::ThunderGrpc;
use tokio::net::TcpListener;

use crate::cli::{UpArgs, UpKind};
use crate::config::Config;
use crate::engine::{Engine, Life, Parts};
use crate::folder::{DataFolder, Found, look};
use crate::listen::Listen;
use crate::output::Output;

pub(super) async fn run(config: &Config, args: &UpArgs, output: Output) -> anyhow::Result<()> {
    let folder = open(config, args.kind, output)?;
    let config = &Config { clock: args.clock.unwrap_or(config.clock), ..config.clone() };
    let parts = Parts::open(folder, config)?;
    serve(parts, config, args.listen.as_ref().unwrap_or(&config.server.listen), output).await
}

/// Opens the folder; a missing or empty one becomes a live one.
fn open(config: &Config, kind: Option<UpKind>, output: Output) -> anyhow::Result<DataFolder> {
    let path = &config.data;
    if look(path)? == Found::Nothing {
        output.say(format!("{} holds no data yet: starting a live folder, on the machine's clock", path.display()));
        return DataFolder::open_or_create(path, &Profile::live())?.ours(path);
    }
    match kind {
        // Refused where the folder is of another kind.
        Some(UpKind::Live) => DataFolder::open_or_create(path, &Profile::live())?.ours(path),
        None => DataFolder::open(path)?.ours(path),
    }
}

/// Serves an open folder until Ctrl-C.
pub(super) async fn serve(parts: Parts, config: &Config, listen: &Listen, output: Output) -> anyhow::Result<()> {
    // The port first: a port in use is found before Thunder has read the log.
    let listener = bind(listen).await?;
    let address = listener.local_addr().context("the service's address")?;
    let mut engine = Engine::start(parts, config, Life::Serving)?;
    engine.announce(address.to_string())?;
    let thunder = InNetworkPostsServiceServer::new(ThunderGrpc::new(engine.thunder.clone()));
    let readiness = engine.thunder.readiness().clone();
    let phoenix = &engine.phoenix;
    let (ranking, retrieval) = (ranking_server(phoenix.ranking.clone()), retrieval_server(phoenix.retrieval.clone()));
    let (router, health) = server::router(engine.app.clone(), readiness, |routes| {
        routes.add_service(thunder).add_service(ranking).add_service(retrieval)
    })
    .await
    .context("building the service")?;
    let posts_known = phoenix.posts().map(|posts| posts.caught_up());
    tokio::spawn(async move {
        let ready = async {
            if let Some(known) = posts_known {
                known.await;
            }
        };
        report_health(health, ready).await;
    });
    let serving = Serving { listening: format!("http://{address}"), data: config.data.display().to_string() };
    if output.json {
        output.print(&serving, String::new)?;
    }
    output.say(format!("serving {} on {} (gRPC and REST); Ctrl-C stops", serving.data, serving.listening));
    server::serve(listener, router, stopped()).await.context("serving")?;
    engine.app.mixer.side_effects_idle().await;
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

/// A listener on an address, or why there is none.
pub(super) async fn bind(listen: &Listen) -> anyhow::Result<TcpListener> {
    let addresses = tokio::task::block_in_place(|| listen.resolve())?;
    TcpListener::bind(&*addresses).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{listen} is in use by another process: choose another with --listen (demo: --port)")
        }
        _ => anyhow::anyhow!("listening on {listen}: {e}"),
    })
}

/// Ctrl-C, or the system's request to end.
pub(super) async fn stopped() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
