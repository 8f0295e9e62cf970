//! `foryou up`: the folder as a service, gRPC and REST on one port.

use std::net::SocketAddr;

use anyhow::Context;
use foryou_proto::thunder::v1::in_network_posts_service_server::InNetworkPostsServiceServer;
use phoenix_engine::grpc::{ranking_server, report_health, retrieval_server};
use thunder::grpc::ThunderGrpc;
use tokio::net::TcpListener;

use crate::cli::UpArgs;
use crate::config::Config;
use crate::engine::{Engine, Life, Parts};
use crate::folder::DataFolder;
use crate::output::Output;

pub(super) async fn run(config: &Config, args: &UpArgs, output: Output) -> anyhow::Result<()> {
    let folder = DataFolder::open(&config.data)?.ours(&config.data)?;
    let parts = Parts::open(folder, config)?;
    serve(parts, config, args.listen.unwrap_or(config.server.listen), output).await
}

/// Serves an open folder until Ctrl-C.
pub(super) async fn serve(parts: Parts, config: &Config, address: SocketAddr, output: Output) -> anyhow::Result<()> {
    // The port first: a port in use is found before Thunder has read the log.
    let listener = listen(address).await?;
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
    output.say(format!("serving {} on http://{address} (gRPC and REST); Ctrl-C stops", config.data.display()));
    server::serve(listener, router, stopped()).await.context("serving")?;
    engine.app.mixer.side_effects_idle().await;
    output.say("stopped");
    Ok(())
}

/// A listener on an address, or why there is none.
pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is in use by another process: choose another with --listen (demo: --port)")
        }
        _ => anyhow::anyhow!("listening on {address}: {e}"),
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
