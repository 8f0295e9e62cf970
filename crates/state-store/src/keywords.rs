//! Muted keywords.

use foryou_types::UserId;
use xxhash_rust::xxh3::xxh3_128;

use crate::apply::Applier;
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::store::StateStore;

/// Keys have a bounded length and keywords have not: the key holds the keyword's hash, the value the keyword.
fn key(user: UserId, keyword: &str) -> Key {
    Key::of(Table::Keywords).user(user).raw(&xxh3_128(keyword.as_bytes()).to_be_bytes())
}

impl StateStore {
    /// The words and phrases a person muted, as they were sent, in alphabetical order.
    pub fn muted_keywords(&self, user: UserId) -> Result<Vec<String>, StateError> {
        let mut keywords = Vec::new();
        for pair in self.storage.scan(&Key::of(Table::Keywords).user(user)) {
            let (_, value) = pair?;
            let Ok(keyword) = std::str::from_utf8(&value) else {
                return Err(self.storage.corrupt(Table::Keywords, "a keyword cannot be read"));
            };
            keywords.push(keyword.to_owned());
        }
        keywords.sort_unstable();
        Ok(keywords)
    }
}

impl Applier<'_, '_> {
    pub(crate) fn mute_keyword(&mut self, user: UserId, keyword: &str, muted: bool) {
        let key = key(user, keyword);
        if muted {
            self.tx.put(key, |out| out.0.extend_from_slice(keyword.as_bytes()));
        } else {
            self.tx.delete(key);
        }
    }
}
