//! Finds the marks of a file in the log, for sets with several files of one role.
//!
//! The first file of a role has the marks of the role itself, the others those of `ROLE/2`, `ROLE/3` and so on. A file is recognised
//! by its first rows ([`HEAD_ROWS`]), whatever its name and even if it has grown. If most rows agree, or one row and the name (which the
//! log keeps in `ROLE/name`), it is the same file with changes, and is refused. Any other file is a new one.

use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_64;

use super::{
    ImportError,
    files::{Meter, RowOrder, SetFile},
    marks::{Ledger, planned},
    rows::for_each_row,
    run::Run,
};

/// Rows by which a file is known.
const HEAD_ROWS: usize = 1_000;

impl Run<'_> {
    /// The role under which the log keeps the marks of a file.
    pub(super) fn role(&self, file: &SetFile) -> String {
        let assigned = self.assigned.iter().find(|(path, _)| *path == file.path);
        assigned.map_or_else(|| file.role.to_owned(), |(_, role)| role.clone())
    }

    /// The marks of the rows of a file that were dealt with.
    pub(super) fn ledger(&self, file: &SetFile, role: &str) -> Result<Ledger, ImportError> {
        match file.order {
            RowOrder::File => Ledger::read(|role| self.progress(role), role, role),
            RowOrder::Time => Ledger::read(|role| self.progress(role), &planned(role), role),
        }
    }

    /// Finds the marks of a file that may be one of several. A file that is given twice is an error of the caller's.
    pub(super) fn assign(&mut self, file: &SetFile) -> Result<(), ImportError> {
        if !file.is_one_of_many {
            return Ok(());
        }
        let mut head = Vec::new();
        for_each_row(file, &Meter::default(), &mut |row| {
            head.push(row.hash);
            Ok(if head.len() < HEAD_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let name = file.label.is_none().then(|| name_words(&file.name()));
        for place in 1u64.. {
            let role = if place == 1 { file.role.to_owned() } else { format!("{}/{place}", file.role) };
            if self.assigned.iter().any(|(_, other)| *other == role) {
                continue;
            }
            let ledger = self.ledger(file, &role)?;
            let kept = self.progress(&name_role(&role))?;
            if ledger.is_empty() || is_of(&ledger, &head, name.as_deref(), &kept) {
                if let (true, Some(name)) = (kept.is_empty(), name) {
                    self.pin_role(&name_role(&role), &name);
                }
                self.assigned.push((file.path.clone(), role));
                break;
            }
        }
        Ok(())
    }
}

/// Whether a file with these first rows is the one of these marks.
fn is_of(ledger: &Ledger, head: &[u32], name: Option<&[u32]>, kept: &[u32]) -> bool {
    let rows = (0..).zip(head).filter_map(|(row, &hash)| ledger.is_unchanged(row, hash));
    let (compared, same) = rows.fold((0, 0), |(compared, same), is_same| (compared + 1, same + usize::from(is_same)));
    // Marks from before names were kept.
    let is_named = !kept.is_empty();
    let same_name = is_named && name == Some(kept);
    if compared == 0 {
        return same_name || !is_named;
    }
    let is_shorter = head.len() < HEAD_ROWS && (head.len() as u64) < ledger.needed_rows();
    let first_is_same = (0..).zip(head).find_map(|(row, &hash)| ledger.is_unchanged(row, hash)) == Some(true);
    match (same_name, is_named) {
        (true, _) => same > 0,
        (false, false) if first_is_same => true,
        _ => same == compared && !is_shorter || (same < compared && 2 * same > compared),
    }
}

fn name_role(role: &str) -> String {
    format!("{role}/name")
}

/// A file's name, as two words of a mark.
fn name_words(name: &str) -> Vec<u32> {
    let hash = xxh3_64(name.as_bytes());
    vec![hash as u32, (hash >> 32) as u32]
}
