//! One file per command.

mod config;
mod demo;
mod doctor;
mod evaluate;
mod feed;
mod import;
mod models;
mod openapi;
mod phoenix;
mod stream;
mod train;
mod train_from;
mod up;
mod vectors;
mod world;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::{Cli, Command, PhoenixCommand};
use crate::config::Effective;
use crate::exit;
use crate::output::Output;

/// Runs a command line and says how it went.
pub fn run(cli: Cli) -> ExitCode {
    trace_to_stderr(cli.global.verbose);
    let output = Output { json: cli.global.json, human: cli.global.human };
    match dispatch(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.say(format!("foryou: {error:#}"));
            exit::code(&error)
        }
    }
}

fn dispatch(cli: Cli, output: Output) -> anyhow::Result<()> {
    let effective = Effective::load(&cli.global, variables()?.into_iter())?;
    let config = &effective.config;
    if config.threads > 0 {
        // Fails where it was set before (tests run several commands in one process): the first stays.
        rayon::ThreadPoolBuilder::new().num_threads(config.threads).build_global().ok();
    }
    match cli.command {
        Command::Demo(args) => runtime(config.threads)?.block_on(demo::run(config, &args, output)),
        Command::Up(args) => runtime(config.threads)?.block_on(up::run(config, &args, output)),
        Command::Import(args) => import::run(config, &args, output),
        Command::World(args) => world::run(config, &args, output),
        Command::Feed(args) => runtime(config.threads)?.block_on(feed::run(config, &args, output)),
        Command::Train(args) => train::run(config, &args, output),
        Command::Stream(args) => stream::run(config, &args, output),
        Command::Evaluate(args) => evaluate::run(config, &args, output),
        Command::Models(command) => models::run(config, &command, output),
        Command::Phoenix(PhoenixCommand::Check { files }) => phoenix::check(&files, output),
        Command::Phoenix(PhoenixCommand::Serve { listen }) => {
            runtime(config.threads)?.block_on(phoenix::serve(config, listen, output))
        }
        Command::Doctor(args) => doctor::run(config, &args, output),
        Command::Config => config::run(&effective, output),
        Command::Openapi => openapi::run(output),
    }
}

/// The process's variables that are settings. Others may hold anything, also what is no UTF-8.
fn variables() -> anyhow::Result<Vec<(String, String)>> {
    let settings = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FORYOU_"));
    settings
        .map(|(name, value)| match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            (name, _) => Err(exit::WrongUse(format!("{name:?}: the name or value is no UTF-8")).into()),
        })
        .collect()
}

fn runtime(threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("starting the runtime")
}

fn trace_to_stderr(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("RUST_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A second initialisation (tests run several commands in one process) keeps the first.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).try_init().ok();
}
