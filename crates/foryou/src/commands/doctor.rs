//! `foryou doctor`: is the folder whole, and do its projections say what its log says?

use std::collections::BTreeMap;

use anyhow::Context;
use event_log::{EventLog, Topic};
use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::config::Config;
use crate::engine::Parts;
use crate::folder::DataFolder;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
    log: LogFacts,
    state: StateFacts,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

/// What the log holds.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct LogFacts {
    events: BTreeMap<&'static str, u64>,
    newest_imported: Option<i64>,
}

/// What the projections hold. Equal logs give equal hashes.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct StateFacts {
    hash: String,
    entries: u64,
}

pub(super) fn run(config: &Config, args: &DoctorArgs, output: Output) -> anyhow::Result<()> {
    let folder = DataFolder::open(&config.data)?.ours(&config.data)?;
    let parts = if args.rebuild { Parts::rebuild(folder, config)? } else { Parts::open(folder, config)? };
    let mut checks = vec![Check {
        name: "profile",
        ok: true,
        detail: format!("{} data, {:?} clock", parts.profile.name, parts.profile.clock).to_lowercase(),
    }];

    checks.push(Check {
        name: "version",
        ok: true,
        detail: format!("foryou {}, events of schema {}", env!("CARGO_PKG_VERSION"), event_log::codec::VERSION),
    });
    checks.push(Check { name: "cpu", ok: true, detail: cpu() });
    let damaged = damaged_segments(&parts).context("looking at the log's segments")?;
    checks.push(Check {
        name: "log",
        ok: damaged.is_empty(),
        detail: if damaged.is_empty() {
            opening(parts.log.recovery())
        } else {
            format!("events were lost: damaged bytes were cut off and kept as {}", damaged.join(", "))
        },
    });
    let head = parts.log.head();
    let events = Topic::ALL
        .into_iter()
        .map(|topic| {
            let n = (0..parts.log.partitions(topic)).map(|p| parts.log.end_offset(topic, p)).sum();
            (topic.name(), n)
        })
        .collect();
    // Reading every event checks every checksum.
    let mut read = 0u64;
    parts
        .log
        .read_from(0, &mut |batch, _| {
            read += batch.len() as u64;
            true
        })
        .context("reading the whole log")?;
    checks.push(Check {
        name: "events",
        ok: read == head.position.next_seq,
        detail: format!("{read} of {} events read and checked", head.position.next_seq),
    });

    let position = parts.state.position();
    checks.push(Check {
        name: "projections",
        ok: position == head.position,
        detail: format!(
            "{} {} of {} events",
            if args.rebuild { "rebuilt from" } else { "cover" },
            position.next_seq,
            head.position.next_seq
        ),
    });
    let mut entries = 0;
    parts.state.for_each(&mut |_, _| entries += 1).context("reading the projections")?;
    let hash = format!("{:016x}", parts.state.dump_hash().context("reading the projections")?);
    let free = fs4::available_space(&config.data).unwrap_or_default();
    checks.push(Check {
        name: "disk",
        ok: free > 100 << 20,
        detail: format!("{} MiB free, {} MiB of log", free >> 20, parts.log.bytes() >> 20),
    });
    let listen = &config.server.listen;
    let port = listen.resolve().and_then(|addresses| Ok(std::net::TcpListener::bind(&*addresses)?));
    checks.push(Check {
        name: "port",
        ok: port.is_ok(),
        detail: port.map_or_else(|e| format!("{listen}: {e}"), |_| format!("{listen} is free")),
    });

    let report = Report {
        checks,
        log: LogFacts { events, newest_imported: head.imported.newest().map(|t| t.0) },
        state: StateFacts { hash, entries },
    };
    output.print(&report, || describe(&report))?;
    // A taken port is worth saying, not a fault of the folder.
    anyhow::ensure!(report.checks.iter().all(|c| c.ok || c.name == "port"), "the folder has faults, see above");
    Ok(())
}

/// The vector instructions that engines may use here.
fn cpu() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("avx512f", std::is_x86_feature_detected!("avx512f")),
            ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
        ];
        let present: Vec<_> = features.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        format!("x86_64 {}", present.join(" "))
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH.to_owned()
}

/// What earlier openings cut off the log because it was damaged, and kept.
fn damaged_segments(parts: &Parts) -> std::io::Result<Vec<String>> {
    let mut damaged = Vec::new();
    for entry in std::fs::read_dir(parts.log.path().join("segments"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.contains(".damaged") {
            damaged.push(name);
        }
    }
    damaged.sort();
    Ok(damaged)
}

/// What opening the log found. An unfinished batch was never acknowledged: cutting it is no fault.
fn opening(recovery: &event_log::Recovery) -> String {
    let mut text = match (recovery.cut_bytes, &recovery.kept_as) {
        (0, _) => "opened as it was left".to_owned(),
        (bytes, None) => format!("{bytes} bytes of an unfinished batch were cut off"),
        (bytes, Some(path)) => format!("{bytes} damaged bytes were cut off and kept as {}", path.display()),
    };
    if let Some(why) = &recovery.index_rebuilt {
        text.push_str(&format!("; the index was rebuilt: {why}"));
    }
    text
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    for check in &report.checks {
        text.push_str(&format!("{} {:12} {}\n", if check.ok { "ok  " } else { "FAIL" }, check.name, check.detail));
    }
    for (topic, n) in report.log.events.iter().filter(|(_, n)| **n > 0) {
        text.push_str(&format!("{n:>12}  events in {topic}\n"));
    }
    text.push_str(&format!("{:>12}  entries in the projections, hash {}\n", report.state.entries, report.state.hash));
    text
}
