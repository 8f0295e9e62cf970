//! One file per command.

mod bench;
mod config;
mod demo;
mod doctor;
mod dump;
mod dump_line;
mod evaluate;
mod feed;
mod import;
mod init;
mod models;
mod openapi;
mod phoenix;
mod reference;
mod restore;
mod source;
mod stream;
mod train;
mod train_from;
mod train_previous;
mod train_recipe;
mod up;
mod world;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::cli::{Cli, Command, PhoenixCommand};
use crate::config::Effective;
use crate::exit;
use crate::output::Output;

/// Parses and runs a command line.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.collect();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => run(cli),
        Err(error) if error.use_stderr() && asks_for_json(&arguments) => {
            let message = error.render().to_string();
            Output { json: true, human: false }.fail(&exit::WrongUse(message.trim_end().to_owned()).into());
            ExitCode::from(2)
        }
        // Help, the version, or a mistake that a person reads.
        Err(error) => error.exit(),
    }
}

/// Whether `--json` is among the arguments. Only used if they cannot be parsed.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// Runs a command line; returns the exit code.
pub fn run(cli: Cli) -> ExitCode {
    trace_to_stderr(cli.global.verbose);
    let output = Output { json: cli.global.json, human: cli.global.human };
    match dispatch(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.fail(&error);
            exit::code(&error)
        }
    }
}

fn dispatch(cli: Cli, output: Output) -> anyhow::Result<()> {
    let effective = Effective::load(&cli.global, std::env::vars_os())?;
    let config = &effective.config;
    if config.threads > 0 {
        // Fails if it was set before (tests run several commands in one process); the first setting stays.
        rayon::ThreadPoolBuilder::new().num_threads(config.threads).build_global().ok();
    }
    match cli.command {
        Command::Demo(args) => runtime(config.threads)?.block_on(demo::run(config, &args, output)),
        Command::Up(args) => runtime(config.threads)?.block_on(up::run(config, &args, output)),
        Command::Init(args) => init::run(config, &args, output),
        Command::Import(args) => import::run(config, &args, output),
        Command::World(args) => world::run(config, &args, output),
        Command::Feed(args) => runtime(config.threads)?.block_on(feed::run(config, &args, output)),
        Command::Train(args) => train::run(config, &args, output),
        Command::Stream(args) => stream::run(config, &args, output),
        Command::Evaluate(args) => evaluate::run(config, &args, output),
        Command::Models(command) => models::run(config, &command, output),
        Command::Phoenix(PhoenixCommand::Check { files }) => phoenix::check(&files, output),
        Command::Phoenix(PhoenixCommand::Serve { listen, insecure }) => {
            runtime(config.threads)?.block_on(phoenix::serve(config, listen.as_ref(), insecure, output))
        }
        Command::Doctor(args) => doctor::run(config, &args, output),
        Command::Dump(args) => dump::run(config, &args, output),
        Command::Restore(args) => restore::run(config, &args, output),
        Command::Bench(command) => bench::run(config, &command, output),
        Command::Config => config::run(&effective, output),
        Command::Openapi => openapi::run(config, output),
        Command::Reference(args) => reference::run(config, &args, output),
    }
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
