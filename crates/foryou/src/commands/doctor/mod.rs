//! `foryou doctor`: is the folder whole, and do the index, the projections and the models agree with its log?
//!
//! Without `--rebuild` and `--repair` it changes nothing in the log and works beside a service.

mod derived;
mod log;
mod machine;
mod models;
mod repair;

use std::collections::BTreeMap;

use anyhow::Context;
use event_log::{Examination, Topic, examine};
use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::config::Config;
use crate::exit::wrong_use;
use crate::folder::{DataFolder, Opened, read_profile};
use crate::output::Output;
use crate::parts::Parts;

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
    log: LogFacts,
    state: StateFacts,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<repair::RepairReport>,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

impl Check {
    fn of(name: &'static str, result: Result<String, String>) -> Self {
        let ok = result.is_ok();
        Self { name, ok, detail: result.unwrap_or_else(|problem| problem) }
    }
}

/// What the log holds.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct LogFacts {
    events: BTreeMap<&'static str, u64>,
    newest_imported: Option<i64>,
}

/// What the projections hold. Equal logs give equal hashes. Empty if they were not checked.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct StateFacts {
    hash: String,
    entries: u64,
}

pub(super) fn run(config: &Config, args: &DoctorArgs, output: Output) -> anyhow::Result<()> {
    if args.rebuild && args.repair {
        wrong_use!("--rebuild and --repair cannot be combined; --repair rebuilds what it needs to");
    }
    let profile = read_profile(&config.data)?;
    let mut opened = DataFolder::open(&config.data)?;
    let mut repaired = None;
    if args.repair {
        let folder = opened.ours(&config.data)?;
        let (report, folder) = repair::run(folder, config)?;
        repaired = Some(report);
        opened = Opened::Ours(folder);
    } else if args.rebuild {
        let folder = opened.ours(&config.data)?;
        derived::forget_index(&config.data)?;
        drop(Parts::rebuild(folder, config)?);
        opened = DataFolder::open(&config.data)?;
    }

    let mut checks = vec![
        Check::of("profile", Ok(format!("{} data, {:?} clock", profile.name, profile.clock).to_lowercase())),
        machine::version(),
        machine::cpu(),
    ];
    let log_folder = config.data.join("log");
    let found = match examine(&log_folder, &mut |_| Ok(())) {
        Ok(found) => found,
        Err(error) => {
            checks.push(Check::of("log", Err(error.to_string())));
            Examination { description: Some(error.to_string()), ..Examination::default() }
        }
    };
    let beside = !matches!(opened, Opened::Ours(_));
    checks.extend(log::checks(&found, &profile, beside));
    let state = derived::checks(&opened, config, &profile, &found, &mut checks).context("reading the projections")?;
    checks.extend(models::checks(&config.data));
    checks.push(machine::disk(&config.data, found.bytes));
    checks.push(machine::port(config, &opened));
    drop(opened);

    let events =
        Topic::ALL.into_iter().map(|topic| (topic.name(), found.events.get(&topic).copied().unwrap_or(0))).collect();
    let report = Report {
        checks,
        log: LogFacts { events, newest_imported: found.newest_imported.map(|t| t.0) },
        state,
        repair: repaired,
    };
    output.print(&report, || describe(&report))?;
    // A port in use is worth reporting, but is not a fault of the folder.
    anyhow::ensure!(report.checks.iter().all(|c| c.ok || c.name == "port"), "the folder has faults; see above");
    Ok(())
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    if let Some(repair) = &report.repair {
        text.push_str(&repair.describe());
    }
    for check in &report.checks {
        text.push_str(&format!("{} {:12} {}\n", if check.ok { "ok  " } else { "FAIL" }, check.name, check.detail));
    }
    for (topic, n) in report.log.events.iter().filter(|(_, n)| **n > 0) {
        text.push_str(&format!("{n:>12}  events in {topic}\n"));
    }
    if !report.state.hash.is_empty() {
        let StateFacts { hash, entries } = &report.state;
        text.push_str(&format!("{entries:>12}  entries in the projections, hash {hash}\n"));
    }
    text
}
