//! `foryou stream`: imports a set and lives through its log.

use experiments::stream::{Stream, StreamOptions};
use foryou_types::parse_duration_ms;

use super::import;
use super::train::threads;
use crate::cli::StreamArgs;
use crate::config::Config;
use crate::exit::{WrongUse, of_experiment};
use crate::output::{Output, Watching};
use crate::stop::stop_flag;

pub(super) fn run(config: &Config, args: &StreamArgs, output: Output) -> anyhow::Result<()> {
    let options = options(config, args)?;
    let set = import::open(config, args.kind, std::slice::from_ref(&args.path), None)?;
    let checksum = datasets::import::checksum(set.importer.files())?;
    let name = args.kind.name;
    let (imported, parts) = import::bring(set, output)?;
    output.say(import::describe(&imported).trim_end());
    let stream = Stream {
        log: &*parts.log,
        profile: &parts.profile,
        name,
        checksum: &checksum,
        folder: &config.data.join("stream"),
        options: &options,
        watcher: &Watching::new(output),
    };
    let report = stream.live(stop_flag()).map_err(of_experiment)?;
    if let Some(folder) = &args.report {
        report.write(folder)?;
    }
    output.print(&report, || report.describe())
}

fn options(config: &Config, args: &StreamArgs) -> anyhow::Result<StreamOptions> {
    let duration =
        |flag: &str, text: &str| parse_duration_ms(text).map_err(|error| WrongUse(format!("{flag} {error}")));
    let options = StreamOptions {
        share: args.test_share,
        every: args.every,
        train_every_ms: duration("--train-every", &args.train_every)?,
        learn_from_ms: args.learn_from.as_deref().map(|text| duration("--learn-from", text)).transpose()?,
        shortlist: args.shortlist as usize,
        speed: args.speed,
        settings: args.set.clone(),
        restart: args.restart,
        seed: config.seed,
        threads: threads(config),
    };
    // Before the set is imported, which may take minutes.
    options.check().map_err(of_experiment)?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::Effective;

    #[test]
    fn a_flag_out_of_range_is_wrong_use() {
        for (flag, value, said) in [
            ("--test-share", "1.5", "--test-share 1.5"),
            ("--train-every", "1y", "--train-every \"1y\""),
            ("--learn-from", "0d", "--learn-from \"0d\""),
            ("--speed", "0", "--speed 0"),
        ] {
            let cli = Cli::try_parse_from(["foryou", "stream", "deskdrop", "set", flag, value]).unwrap();
            let config = Effective::load(&cli.global, std::iter::empty()).unwrap().config;
            let Command::Stream(args) = cli.command else { panic!("not a stream") };
            let error = options(&config, &args).unwrap_err();
            assert!(error.is::<WrongUse>() && error.to_string().contains(said), "{error}");
        }
    }
}
