//! Text files of a data folder.

use std::path::Path;

use anyhow::Context;
use foryou_io::replace_file;

/// Writes a file so that it exists whole or not at all.
pub(crate) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    replace_file(path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}
