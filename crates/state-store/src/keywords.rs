//! Muted keywords.
//!
//! Two spellings are one keyword if matching treats them as equal ([`foryou_types::keyword::fold`]): a person who muted `Election` and
//! unmutes `election` has unmuted it. The event with the latest time decides; of two at one moment, the later in the log.

use std::sync::Arc;

use foryou_types::{TimeMs, UserId, keyword};
use xxhash_rust::xxh3::xxh3_128;

use crate::apply::Applier;
use crate::bytes::Decoder;
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::read_cache::Cached;
use crate::store::StateStore;

/// One person's list.
pub(crate) struct KeywordList(Arc<[String]>);

impl Cached for KeywordList {
    fn bytes(&self) -> u64 {
        self.0.iter().map(|keyword| (size_of::<String>() + keyword.len()) as u64).sum()
    }
}

/// Keys have a bounded length, keywords do not. So the key holds the hash of the folded keyword.
fn key(user: UserId, keyword: &str) -> Key {
    Key::of(Table::Keywords).user(user).raw(&xxh3_128(keyword::fold(keyword).as_bytes()).to_be_bytes())
}

/// The time of the last event and, while it is muted, the keyword as that event spelled it.
fn decode(mut value: Decoder<'_>) -> Option<(TimeMs, Option<&str>)> {
    let at = value.time()?;
    let keyword = if value.flag()? { Some(value.text()?) } else { None };
    value.end((at, keyword))
}

impl StateStore {
    /// The words and phrases that a person muted, as last sent, in alphabetical order.
    pub fn muted_keywords(&self, user: UserId) -> Result<Arc<[String]>, StateError> {
        let known = self.keyword_cache.get(user, || self.read_keywords(user).map(Some))?;
        Ok(known.map_or_else(Arc::default, |known| Arc::clone(&known.0)))
    }

    fn read_keywords(&self, user: UserId) -> Result<KeywordList, StateError> {
        let mut keywords = Vec::new();
        for pair in self.storage.scan(&Key::of(Table::Keywords).user(user))? {
            let (_, value) = pair?;
            let Some((_, keyword)) = decode(Decoder(&value)) else {
                return Err(self.storage.corrupt(Table::Keywords, "a keyword cannot be read"));
            };
            keywords.extend(keyword.map(str::to_owned));
        }
        keywords.sort_unstable();
        Ok(KeywordList(keywords.into()))
    }
}

impl Applier<'_, '_> {
    /// Returns whether this muted or unmuted the keyword.
    pub(crate) fn mute_keyword(
        &mut self,
        at: TimeMs,
        user: UserId,
        keyword: &str,
        muted: bool,
    ) -> Result<bool, StateError> {
        let key = key(user, keyword);
        let known = self.tx.read(&key, |value| decode(value).map(|(at, keyword)| (at, keyword.is_some())))?;
        if known.is_some_and(|(latest, _)| at < latest) {
            return Ok(false);
        }
        self.tx.put(key, |out| {
            out.time(at).flag(muted);
            if muted {
                out.text(keyword);
            }
        });
        Ok(known.is_some_and(|(_, was_muted)| was_muted) != muted)
    }
}
