//! `foryou import`: brings a data set into the folder's log and projections.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use datasets::import::{DEFAULT_BATCH_ROWS, Events, ImportError, ImportOptions, ImportReport, Importer, SetKind};
use serde::Serialize;

use crate::cli::ImportArgs;
use crate::config::Config;
use crate::exit::{WrongUse, wrong_use};
use crate::folder::{DataFolder, Found, Opened, look};
use crate::output::{Output, one_line};
use crate::parts::Parts;
use crate::sink::FolderSink;
use crate::stop::stop_flag;

pub(super) fn run(config: &Config, args: &ImportArgs, output: Output) -> anyhow::Result<()> {
    let mut config = config.clone();
    if args.allow_gaps {
        config.log.max_gap_days = 0;
    }
    let set = open(&config, args.kind, &args.paths, args.map.as_deref())?;
    let report = bring(set, output)?.0;
    output.print(&report, || describe(&report))
}

/// A set that was found, and the data folder for it.
pub(super) struct FoundSet {
    pub(super) importer: Importer,
    parts: Parts,
    /// The folder was made a data folder for it.
    fresh: bool,
    /// The folder, if it did not exist before.
    made: Option<PathBuf>,
}

/// Finds a set, and opens or makes the data folder for it.
pub(super) fn open(config: &Config, kind: &SetKind, paths: &[PathBuf], map: Option<&Path>) -> anyhow::Result<FoundSet> {
    let existing = match look(&config.data)? {
        Found::Nothing => None,
        Found::DataFolder => Some(held(DataFolder::open(&config.data)?, &config.data)?),
    };
    let profile = existing.as_ref().map(|folder| &**folder.profile());
    let importer = match paths {
        paths if kind.is_events() => Events::open(paths, map, profile).map_err(usage)?,
        _ if map.is_some() => wrong_use!("--map: works only with `import events`"),
        [path] => kind.open(path, profile).map_err(usage)?,
        paths => {
            wrong_use!("{}: takes one path, not {}; only `import events` takes several files", kind.name, paths.len())
        }
    };
    let fresh = existing.is_none();
    let made = (!config.data.exists()).then(|| config.data.clone());
    let folder = match existing {
        Some(folder) => folder,
        None => held(DataFolder::open_or_create(&config.data, importer.profile())?, &config.data)?,
    };
    let mut config = config.clone();
    if kind.has_long_gaps {
        config.log.max_gap_days = 0;
    }
    let parts = Parts::open(folder, &config)?;
    if let (true, [path]) = (kind.is_world(), paths) {
        // Before the events: a training in the middle of an import must know what is held out.
        keep_truth(path, &config.data)?;
    }
    Ok(FoundSet { importer, parts, fresh, made })
}

/// The folder, opened for writing.
fn held(opened: Opened, path: &Path) -> anyhow::Result<DataFolder> {
    if let Opened::Held(holder) = &opened
        && let Some(address) = &holder.address
    {
        bail!(
            "{} is served by {holder} on {address}, and an import needs the folder for itself: stop the service, import, and \
             start it again (or send the events to the service: POST /v1/events)",
            path.display()
        );
    }
    opened.ours(path)
}

/// Imports a set into its folder. If the folder was made for it and nothing was imported, it is removed again.
pub(super) fn bring(set: FoundSet, output: Output) -> anyhow::Result<(ImportReport, Parts)> {
    let FoundSet { importer, parts, fresh, made } = set;
    match import(&parts, &importer, stop_flag(), output) {
        Ok(report) => Ok((report, parts)),
        Err(error) => {
            // Marks of refused rows alone count as nothing.
            let is_nothing = matches!(
                error.downcast_ref::<ImportError>(),
                Some(ImportError::NothingTaken { report, .. }) if report.imported.total() == 0
            );
            if fresh && (is_nothing || parts.log.head().position.events() == 0) {
                // Nothing was imported: the folder must not keep this kind.
                parts.discard()?;
                if let Some(path) = made {
                    // Files that somebody else put there in the meantime stay.
                    std::fs::remove_dir(&path).ok();
                }
            }
            Err(error)
        }
    }
}

/// Copies a world's held-out slates into the data folder: `train` must not learn from them, and `evaluate` measures on them.
fn keep_truth(world: &Path, data: &Path) -> anyhow::Result<()> {
    let kept = data.join("world");
    if world.join("world.json").is_file() && !kept.join("world.json").is_file() {
        datasets::world::keep_truth(world, &kept).context("keeping the world's held-out slates")?;
    }
    Ok(())
}

/// Imports a set into an open folder, with a progress bar.
pub(super) fn import(
    parts: &Parts,
    importer: &Importer,
    stop: &AtomicBool,
    output: Output,
) -> anyhow::Result<ImportReport> {
    let started = Instant::now();
    let bar = output.progress(Some(0), "importing");
    let sink = FolderSink::new(parts.log.clone(), parts.log.clone(), parts.ingestor.clone());
    let mut on_progress = |status: &datasets::import::ImportStatus<'_>| {
        bar.set_length(status.bytes_total);
        bar.set_position(status.bytes_read);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ImportOptions { batch_rows: DEFAULT_BATCH_ROWS, on_progress: &mut on_progress };
    let result = datasets::import::import(importer, &sink, options);
    bar.finish_and_clear();
    match result {
        Ok(mut report) => {
            report.seconds = started.elapsed().as_secs_f64();
            Ok(report)
        }
        Err(ImportError::Stopped(mut report)) => {
            report.seconds = started.elapsed().as_secs_f64();
            output.say(format!("{}stopped; the same command continues from here", describe(&report)));
            Err(anyhow::anyhow!("stopped"))
        }
        Err(error) => {
            if let Some(report) = error.report() {
                // What was imported before the fault.
                let message = ErrorText { kind: "failed", message: error.to_string() };
                output.print(&Failed { error: message, report }, || describe(report))?;
            }
            Err(usage(error))
        }
    }
}

/// A failed import, and what it imported before.
#[derive(Serialize)]
struct Failed<'a> {
    error: ErrorText,
    #[serde(flatten)]
    report: &'a ImportReport,
}

#[derive(Serialize)]
struct ErrorText {
    kind: &'static str,
    message: String,
}

/// A missing set, or another kind of data than the folder's, is wrong use; everything else is a failure.
fn usage(error: ImportError) -> anyhow::Error {
    if error.is_usage() { WrongUse(error.to_string()).into() } else { error.into() }
}

pub(super) fn describe(report: &ImportReport) -> String {
    let mut text = String::new();
    let mut line = |name: &str, n: u64| {
        if n > 0 {
            text.push_str(&format!("{n:>12}  {name}\n"));
        }
    };
    let imported = &report.imported;
    line("posts", imported.posts);
    line("deletes", imported.deletes);
    line("edges", imported.edges);
    line("keywords", imported.keywords);
    line("profiles", imported.profiles);
    line("actions", imported.actions);
    line("impressions", imported.impressions);
    line("served feeds", imported.served);
    line("labels", imported.labels);
    line("duplicates", report.duplicates);
    line("rows already imported", report.rows_already_there);
    for (name, n) in &report.skipped {
        line(&format!("{} (skipped by the rules of the set)", one_line(name)), *n);
    }
    for (reason, n) in &report.rejected_reasons {
        line(&format!("rejected: {}", one_line(reason)), *n);
    }
    for rejection in report.rejected.iter().take(10) {
        text.push_str(&format!(
            "  {}:{}: {}\n",
            one_line(&rejection.file),
            rejection.line,
            one_line(&rejection.reason)
        ));
    }
    if report.rejected_total > 10 {
        text.push_str(&format!(
            "  ... {} rejected rows; --json lists the first {}\n",
            report.rejected_total,
            datasets::import::MAX_LISTED
        ));
    }
    for note in &report.notes {
        text.push_str(&format!("  {}\n", one_line(note)));
    }
    text.push_str(&format!("{} in {:.1} s\n", report.kind, report.seconds));
    text
}
