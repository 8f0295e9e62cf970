//! The key that a folder's service seals its cursors with.

use std::fs;
use std::path::Path;

use foryou_io::replace_file;
use server::CursorKey;

const FILE: &str = "cursor.key";

/// The folder's key. If it is missing or damaged, a new one is made; then readers must start again at the first page. If the
/// folder is read-only, the key lasts as long as the process.
pub(crate) fn cursor_key(folder: &Path, ours: bool) -> anyhow::Result<CursorKey> {
    let path = folder.join(FILE);
    if let Ok(kept) = fs::read(&path)
        && let Ok(bytes) = kept.try_into()
    {
        return Ok(CursorKey::new(bytes));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("random bytes for the key of cursors: {e}"))?;
    if ours && let Err(error) = replace_file(&path, &bytes) {
        tracing::warn!(%error, path = %path.display(), "the key of cursors cannot be saved: after a restart, cursors are no longer valid");
    }
    Ok(CursorKey::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_and_a_damaged_one_replaced() {
        let dir = tempfile::tempdir().unwrap();
        cursor_key(dir.path(), false).unwrap();
        assert!(!dir.path().join(FILE).exists(), "a reader writes nothing");
        cursor_key(dir.path(), true).unwrap();
        let first = fs::read(dir.path().join(FILE)).unwrap();
        cursor_key(dir.path(), true).unwrap();
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), first);
        fs::write(dir.path().join(FILE), &first[..7]).unwrap();
        cursor_key(dir.path(), true).unwrap();
        let second = fs::read(dir.path().join(FILE)).unwrap();
        assert!(second.len() == 32 && second != first);
    }
}
