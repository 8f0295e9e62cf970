//! `foryou bench`: how long things take on this machine, beside what the machine is.

mod describe;
mod feed;

use std::thread::available_parallelism;

use benchmarks::{BenchError, Machine, pipeline, ranker, retrieval, thunder, train};
use foryou_io::SystemMonotonic;
use serde::Serialize;

use super::runtime;
use crate::bench_cli::BenchCommand;
use crate::config::Config;
use crate::exit::WrongUse;
use crate::output::Output;

/// What was measured, where.
#[derive(Debug, Serialize)]
struct Bench {
    /// The subcommand.
    what: &'static str,
    machine: Machine,
    #[serde(flatten)]
    report: Report,
}

/// One of the reports.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Report {
    Ranker(ranker::Report),
    Retrieval(retrieval::Report),
    Train(train::Report),
    Thunder(thunder::Report),
    Pipeline(pipeline::Report),
    Feed(feed::Report),
}

pub(super) fn run(config: &Config, command: &BenchCommand, output: Output) -> anyhow::Result<()> {
    let threads = if config.threads > 0 { config.threads } else { available_parallelism().map_or(1, usize::from) };
    let clock = SystemMonotonic::new();
    let machine = Machine::look(&clock, threads)?;
    if !output.json {
        // Measured first, and seen first: everything below is read against it.
        output.say(describe::machine(&machine));
    }
    let (what, report) = match command {
        BenchCommand::Ranker(args) => {
            let sizes = ranker::Sizes {
                dim: args.dim,
                layers: args.layers,
                history: args.history,
                candidates: args.candidates,
                threads,
                cap: !args.no_cap,
                cached: args.cached,
                precision: args.precision.into(),
            };
            ("ranker", Report::Ranker(ranker::measure(&clock, sizes, args.runs).map_err(of_bench)?))
        }
        BenchCommand::Retrieval(args) => {
            let sizes = retrieval::Sizes { posts: args.posts, dim: args.dim, k: args.k, threads };
            ("retrieval", Report::Retrieval(retrieval::measure(&clock, sizes, args.runs).map_err(of_bench)?))
        }
        BenchCommand::Train(args) => {
            let sizes = train::Sizes {
                batch: args.batch,
                history: args.history,
                candidates: args.candidates,
                rows: args.rows,
                threads,
            };
            ("train", Report::Train(train::measure(&clock, sizes, args.runs).map_err(of_bench)?))
        }
        BenchCommand::Thunder(args) => {
            let sizes = thunder::Sizes { posts: args.posts, followed: args.followed };
            ("thunder", Report::Thunder(thunder::measure(&clock, sizes, args.runs).map_err(of_bench)?))
        }
        BenchCommand::Pipeline(args) => {
            ("pipeline", Report::Pipeline(pipeline::measure(&clock, args.runs).map_err(of_bench)?))
        }
        BenchCommand::Feed(args) => {
            let report = runtime(config.threads)?.block_on(feed::measure(config, &clock, args))?;
            ("feed", Report::Feed(report))
        }
    };
    let bench = Bench { what, machine, report };
    output.print(&bench, || describe::report(&bench))
}

/// Wrong use where the sizes do not make anything to measure.
fn of_bench(error: BenchError) -> anyhow::Error {
    match error {
        BenchError::Sizes(text) => WrongUse(text).into(),
        error => error.into(),
    }
}
