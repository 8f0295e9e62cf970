//! `doctor --repair`: a whole log of what can be read, projections computed from it, and a report of what was lost.

use std::path::PathBuf;

use anyhow::Context;
use event_log::{Meaning, repair};
use serde::Serialize;

use crate::config::Config;
use crate::folder::DataFolder;
use crate::parts::{Parts, log_options};

/// What was lost, and what was kept.
#[derive(Debug, Serialize)]
pub(super) struct RepairReport {
    /// Events in the log now.
    events: u64,
    /// Acknowledged events that were lost, as far as can be known.
    lost: u64,
    /// Damaged places, one sentence each: file, byte, events concerned.
    damages: Vec<String>,
    /// Where the damaged log is kept; `None`: the log was not damaged.
    kept_as: Option<PathBuf>,
}

/// Repairs the log of a folder and computes everything derived from it again. Returns the folder.
pub(super) fn run(folder: DataFolder, config: &Config) -> anyhow::Result<(RepairReport, DataFolder)> {
    let log = folder.path().join("log");
    let repaired = repair(&log, &Meaning::of(folder.profile()), log_options(config))
        .with_context(|| format!("repairing the log of {}", folder.path().display()))?;
    // Whatever is wrong with it, it is rebuilt.
    super::derived::forget_index(folder.path())?;
    let before = &repaired.before;
    let mut damages: Vec<_> = before.description.iter().cloned().collect();
    damages.extend(before.damages.iter().map(ToString::to_string));
    damages.extend(before.losses.iter().cloned());
    if let Some(known) = before.known {
        damages.push(format!("the log ended after {} events, but had held {known}", before.next_seq));
    }
    let report = RepairReport {
        events: repaired.position.events(),
        lost: before.missing(),
        damages,
        kept_as: repaired.kept_as.clone(),
    };
    let folder = Parts::rebuild(folder, config)?.into_folder().context("the folder was opened aside")?;
    Ok((report, folder))
}

impl RepairReport {
    pub(super) fn describe(&self) -> String {
        let mut text = format!("repaired: {} events are in the log, {} are lost\n", self.events, self.lost);
        for damage in &self.damages {
            text.push_str(&format!("  {damage}\n"));
        }
        if let Some(kept) = &self.kept_as {
            text.push_str(&format!("  the damaged log is kept in {}; it may be deleted\n", kept.display()));
        }
        text
    }
}
