//! Labels on posts and people. If a label is given again, the event with the latest time decides about its end; of two at one
//! moment, the later in the log. A label whose end has passed does not count.

use event_log::{LabelEvent, LabelTarget};
use foryou_types::{PostId, TimeMs, UserId};
use xxhash_rust::xxh3::xxh3_64;

use crate::apply::Applier;
use crate::bytes::Decoder;
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::store::StateStore;

fn target_key(target: LabelTarget) -> Key {
    match target {
        LabelTarget::Post(post) => Key::of(Table::Labels).raw(b"p").post(post),
        LabelTarget::User(user) => Key::of(Table::Labels).raw(b"u").user(user),
    }
}

/// A label as it is stored.
struct Label<'a> {
    /// The time of the event that gave it.
    at: TimeMs,
    /// When it ends; `None` for never.
    until: Option<TimeMs>,
    name: &'a str,
}

fn decode(mut value: Decoder<'_>) -> Option<Label<'_>> {
    let label = Label { at: value.time()?, until: value.maybe_time()?, name: value.text()? };
    value.end(label)
}

impl StateStore {
    /// The labels of a post that have not ended at `now`, in alphabetical order.
    pub fn labels_of_post(&self, post: PostId, now: TimeMs) -> Result<Vec<String>, StateError> {
        self.labels(LabelTarget::Post(post), now)
    }

    /// The labels of a person that have not ended at `now`, in alphabetical order.
    pub fn labels_of_user(&self, user: UserId, now: TimeMs) -> Result<Vec<String>, StateError> {
        self.labels(LabelTarget::User(user), now)
    }

    fn labels(&self, target: LabelTarget, now: TimeMs) -> Result<Vec<String>, StateError> {
        let mut labels = Vec::new();
        for pair in self.storage.scan(&target_key(target))? {
            let (_, value) = pair?;
            let Some(Label { until, name, .. }) = decode(Decoder(&value)) else {
                return Err(self.storage.corrupt(Table::Labels, "a label cannot be read"));
            };
            if until.is_none_or(|end| now < end) {
                labels.push(name.to_owned());
            }
        }
        labels.sort_unstable();
        Ok(labels)
    }
}

impl Applier<'_, '_> {
    /// Returns whether the label is new or ends at another time.
    pub(crate) fn label(&mut self, at: TimeMs, event: &LabelEvent) -> Result<bool, StateError> {
        let key = target_key(event.target).number(xxh3_64(event.label.as_bytes()));
        let known = self.tx.read(&key, |value| decode(value).map(|label| (label.at, label.until)))?;
        if known.is_some_and(|(latest, _)| at < latest) {
            return Ok(false);
        }
        self.tx.put(key, |out| {
            out.time(at).maybe_time(event.until).text(&event.label);
        });
        Ok(known.is_none_or(|(_, until)| until != event.until))
    }
}
