//! `foryou dump`: every event of the folder as JSON lines, also from a damaged folder.
//!
//! The first line says what the folder is, the last one how many events there were, and each line has a checksum. So a dump that was
//! cut short or changed is detected.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use event_log::{LogError, examine};
use foryou_types::Profile;
use serde::{Deserialize, Serialize};

use super::dump_line;
use crate::cli::DumpArgs;
use crate::config::Config;
use crate::exit::wrong_use;
use crate::folder::read_profile;
use crate::output::Output;

/// Version of the form of a dump.
pub(super) const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// Version of the form.
    pub(super) foryou_dump: u32,
    /// What the data is.
    pub(super) profile: Profile,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// Lines between the first and this one.
    pub(super) foryou_dump_events: u64,
}

/// What `dump` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// The file.
    path: PathBuf,
    /// Events written.
    events: u64,
    /// Events that are lost or cannot be read, as far as can be known.
    missing: u64,
    /// Damaged places of the log, one sentence each.
    damages: Vec<String>,
}

pub(super) fn run(config: &Config, args: &DumpArgs, output: Output) -> anyhow::Result<()> {
    let profile = read_profile(&config.data)?;
    let to_stdout = args.file.as_os_str() == "-";
    if to_stdout && output.json {
        wrong_use!("dump -: events and --json report would both go to stdout; give a file, or leave out --json");
    }
    let file: Box<dyn Write> = if to_stdout {
        Box::new(io::stdout().lock())
    } else {
        let file = File::create_new(&args.file).with_context(|| format!("making {}", args.file.display()))?;
        Box::new(file)
    };
    let report = write(config, args, &profile, file)?;
    let broken = report.missing > 0 || !report.damages.is_empty();
    if to_stdout {
        output.say(describe(&report));
    } else {
        output.print(&report, || describe(&report))?;
    }
    ensure!(!broken, "the log is damaged: {} events are not in the dump; see above", report.missing);
    Ok(())
}

fn write(config: &Config, args: &DumpArgs, profile: &Profile, file: Box<dyn Write>) -> anyhow::Result<Report> {
    let at = || format!("writing {}", args.file.display());
    let mut file = BufWriter::with_capacity(1 << 20, file);
    dump_line::write(&mut file, 1, &Head { foryou_dump: VERSION, profile: profile.clone() }).with_context(at)?;
    let mut events = 0;
    let examined = examine(&config.data.join("log"), &mut |batch| {
        for event in &batch {
            events += 1;
            dump_line::write(&mut file, 1 + events, event).map_err(|source| LogError::Io {
                what: "writing",
                path: args.file.display().to_string(),
                source,
            })?;
        }
        Ok(())
    })
    .with_context(|| format!("reading the log of {}", config.data.display()))?;
    dump_line::write(&mut file, 2 + events, &End { foryou_dump_events: events }).with_context(at)?;
    file.flush().with_context(at)?;
    let mut damages: Vec<_> = examined.damages.iter().map(ToString::to_string).collect();
    damages.extend(examined.description.clone());
    if let Some(known) = examined.known {
        damages.push(format!("the log ends after {} events, but had held {known}", examined.next_seq));
    }
    Ok(Report { path: args.file.clone(), events, missing: examined.missing(), damages })
}

fn describe(report: &Report) -> String {
    let mut text = format!("{} events written to {}\n", report.events, report.path.display());
    for damage in &report.damages {
        text.push_str(&format!("  damaged: {damage}\n"));
    }
    if report.missing > 0 {
        text.push_str(&format!("{} events are missing\n", report.missing));
    }
    text
}
