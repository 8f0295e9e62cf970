//! A load generator: closed-loop clients on a running service.
//!
//! ```text
//! cargo run --release --example load -- --address 127.0.0.1:8080 --pid $(pgrep -x foryou) --clients 8 --seconds 10
//! cargo run --release --example load -- --address 127.0.0.1:8080 --pid $(pgrep -x foryou) --matrix
//! ```
//!
//! The service must hold data with ids that are numbers, as the demo's. It runs on the same machine, so each line says how much
//! processor time went to the service and how much to the generator itself.
#![expect(clippy::print_stdout, reason = "a command line tool")]

mod run;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use run::{Load, Report};

/// Puts a load on a running service and says how it was answered.
#[derive(Debug, Parser)]
struct Args {
    /// Where the service listens
    #[arg(long, default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// The service's process, for memory and processor time
    #[arg(long)]
    pid: Option<u32>,
    /// Clients; each asks again when it is answered
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// Seconds of a load
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Share of requests that write
    #[arg(long, default_value_t = 0.0)]
    writes: f64,
    /// Feeds over gRPC
    #[arg(long)]
    grpc: bool,
    /// Viewers are 1 to this
    #[arg(long, default_value_t = 1_000)]
    users: u64,
    /// Milliseconds that a refused client waits
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// Connections that are idle meanwhile
    #[arg(long, default_value_t = 0)]
    idle: usize,
    /// Connections that dribble meanwhile
    #[arg(long, default_value_t = 0)]
    slow: usize,
    /// All of it: 1 to 64 clients, reads alone and with 10 % writes, gRPC, refused clients that wait, slow and idle connections,
    /// recovery, and a long run for memory
    #[arg(long)]
    matrix: bool,
    /// Seconds of the matrix's long run
    #[arg(long, default_value_t = 300.0)]
    long_seconds: f64,
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    // One thread: what the generator takes is taken from the service.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let load = Load {
            address: args.address,
            pid: args.pid,
            clients: args.clients,
            time: Duration::from_secs_f64(args.seconds),
            writes: args.writes,
            grpc: args.grpc,
            users: args.users,
            pause: Duration::from_millis(args.pause_ms),
            idle: args.idle,
            slow: args.slow,
        };
        println!("{HEADER}");
        if args.matrix {
            matrix(&load, Duration::from_secs_f64(args.long_seconds)).await;
        } else {
            println!("{}", line("load", &load, &run::run(load.clone()).await));
        }
    });
    Ok(())
}

async fn matrix(base: &Load, long: Duration) {
    let show = async |name: &str, load: Load| {
        let report = run::run(load.clone()).await;
        println!("{}", line(name, &load, &report));
        report
    };
    // The first load meets cold caches: it is not counted.
    run::run(Load { clients: 4, ..base.clone() }).await;
    for writes in [0.0, 0.1] {
        for clients in [1, 2, 4, 8, 16, 64] {
            show(if writes > 0.0 { "reads and writes" } else { "reads" }, Load { clients, writes, ..base.clone() })
                .await;
        }
    }
    for clients in [1, 4, 64] {
        show("reads", Load { clients, grpc: true, ..base.clone() }).await;
    }
    for clients in [64, 256] {
        show("polite when refused", Load { clients, pause: Duration::from_millis(100), ..base.clone() }).await;
    }
    show("hostile", Load { clients: 512, ..base.clone() }).await;
    let alone = show("after that", Load { clients: 4, ..base.clone() }).await;
    let crowded = show("crowded", Load { clients: 4, slow: 50, idle: 2_000, ..base.clone() }).await;
    let change = |share| (crowded.percentile(share) / alone.percentile(share) - 1.0) * 100.0;
    println!("50 slow and 2,000 idle connections: p50 {:+.1} %, p99 {:+.1} %", change(0.5), change(0.99));
    show("long", Load { clients: 4, writes: 0.1, time: long, ..base.clone() }).await;
}

const HEADER: &str = "load                 clients writes  via   feeds/s  p50 ms  p99 ms  max ms  writes/s  refused/s  slowest refusal ms  failed  without model  degraded  posts/feed (fewest)  MB after 1/5, end, most  cores: service, generator";

fn line(name: &str, load: &Load, report: &Report) -> String {
    let per_second = |n: u64| n as f64 / report.seconds;
    let feeds = report.feeds.len() as u64;
    format!(
        "{name:20} {:7} {:6} {:>4} {:9.1} {:7.2} {:7.2} {:7.1} {:9.1} {:10.1} {:19.1} {:7} {:14} {:9} {:13.1} ({:4})  {:7.1} {:7.1} {:7.1}  {:5.2} {:5.2}",
        load.clients,
        load.writes,
        if load.grpc { "gRPC" } else { "REST" },
        per_second(feeds),
        report.percentile(0.5),
        report.percentile(0.99),
        report.percentile(1.0),
        per_second(report.writes),
        per_second(report.refused),
        report.slowest_refusal,
        report.failed,
        report.without_model,
        report.degraded,
        report.posts as f64 / feeds.max(1) as f64,
        report.fewest,
        report.memory[0],
        report.memory[1],
        report.memory[2],
        report.processor[0] / report.seconds,
        report.processor[1] / report.seconds,
    )
}
