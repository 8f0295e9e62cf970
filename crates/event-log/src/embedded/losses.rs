//! Events lost in power cuts: a list next to the segments, kept until `foryou doctor --repair` removes it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use crate::error::LogError;
use crate::segment::io_error;

/// The file in a log's folder: a line for each loss.
pub(crate) const LOSSES: &str = "losses";

/// Records that `lost` acknowledged events from `next_seq` on are lost.
pub(super) fn note(dir: &Path, next_seq: u64, lost: u64) -> Result<(), LogError> {
    let path = dir.join(LOSSES);
    let last = next_seq + lost - 1;
    let line = format!(
        "{lost} events ({next_seq} to {last}) were acknowledged, and not on the disk yet when the machine went down\n"
    );
    let write = || {
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    write().map_err(io_error("writing", &path))
}

/// The recorded losses.
pub(super) fn read(dir: &Path) -> Vec<String> {
    let bytes = std::fs::read(dir.join(LOSSES)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}
