//! `foryou restore`: a new data folder from a dump.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use event_log::Event;
use serde::Serialize;

use super::dump::{End, Head, VERSION};
use super::dump_line;
use crate::cli::RestoreArgs;
use crate::config::Config;
use crate::exit::wrong_use;
use crate::folder::{DataFolder, Found, look};
use crate::output::Output;
use crate::parts::Parts;

/// Events appended in one batch.
const BATCH: usize = 5_000;

/// What `restore` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// Events restored.
    events: u64,
}

pub(super) fn run(config: &Config, args: &RestoreArgs, output: Output) -> anyhow::Result<()> {
    if look(&config.data)? == Found::DataFolder {
        wrong_use!("--data {}: holds data already; a dump is restored into a new folder", config.data.display());
    }
    let reader: Box<dyn BufRead> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file).with_context(|| format!("opening {}", args.file.display()))?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let mut lines = Lines { path: &args.file, reader, number: 0, text: Vec::new() };
    let head: Head = lines.next()?.context("the dump is empty")?;
    if head.foryou_dump != VERSION {
        bail!(
            "{}: the dump has version {}, which this program does not know; use a newer one",
            args.file.display(),
            head.foryou_dump
        );
    }
    head.profile.check().with_context(|| format!("{}, line 1", args.file.display()))?;
    let folder = DataFolder::open_or_create(&config.data, &head.profile)?.ours(&config.data)?;
    let parts = Parts::open(folder, config)?;
    match fill(&parts, &mut lines) {
        Ok(events) => {
            parts.state.catch_up().context("computing the projections")?;
            let report = Report { events };
            output.print(&report, || format!("{events} events restored into {}\n", config.data.display()))
        }
        Err(error) => {
            parts.discard()?;
            Err(error)
        }
    }
}

fn fill(parts: &Parts, lines: &mut Lines<'_>) -> anyhow::Result<u64> {
    let (mut events, mut batch) = (0, Vec::with_capacity(BATCH));
    loop {
        let Some(line): Option<serde_json::Value> = lines.next()? else {
            bail!("{}: the dump was cut after line {}", lines.path.display(), lines.number);
        };
        let is_end = line.get("foryou_dump_events").is_some();
        if is_end || batch.len() == BATCH {
            let sent = batch.len();
            let appended = parts.log.append(std::mem::take(&mut batch)).context("writing the log")?;
            ensure!(
                appended.accepted == sent,
                "{}: holds an event twice before line {}",
                lines.path.display(),
                lines.number
            );
            events += sent as u64;
        }
        let (path, number) = (lines.path, lines.number);
        let at = || format!("{}, line {number}", path.display());
        if is_end {
            let end: End = serde_json::from_value(line).with_context(at)?;
            let dumped = end.foryou_dump_events;
            ensure!(dumped == events, "{}: the dump should hold {dumped} events, but holds {events}", at());
            ensure!(
                lines.next::<serde_json::Value>()?.is_none(),
                "{}: must be the last line, but more lines follow",
                at()
            );
            return Ok(events);
        }
        batch.push(serde_json::from_value::<Event>(line).with_context(at)?);
    }
}

/// The lines of a dump.
struct Lines<'a> {
    path: &'a Path,
    reader: Box<dyn BufRead>,
    number: u64,
    text: Vec<u8>,
}

impl Lines<'_> {
    fn next<T: serde::de::DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        self.text.clear();
        let n = self.reader.read_until(b'\n', &mut self.text);
        let n = n.with_context(|| format!("reading {}", self.path.display()))?;
        self.number += u64::from(n > 0);
        if n == 0 {
            return Ok(None);
        }
        let at = || format!("{}, line {}", self.path.display(), self.number);
        let text = std::str::from_utf8(&self.text).with_context(at)?;
        let content = dump_line::read(self.number, text).map_err(anyhow::Error::msg).with_context(at)?;
        serde_json::from_str(content).map(Some).with_context(at)
    }
}
