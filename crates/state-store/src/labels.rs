//! Labels on posts and people. A label given again takes the new end; one whose end has passed is no label.

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

/// End (`None` for never) and name.
fn decode(mut value: Decoder<'_>) -> Option<(Option<TimeMs>, &str)> {
    let until = match value.byte()? {
        0 => None,
        _ => Some(value.time()?),
    };
    let label = value.text()?;
    value.end((until, label))
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
        for pair in self.storage.scan(&target_key(target)) {
            let (_, value) = pair?;
            let Some((until, label)) = decode(Decoder(&value)) else {
                return Err(self.storage.corrupt(Table::Labels, "a label cannot be read"));
            };
            if until.is_none_or(|end| now < end) {
                labels.push(label.to_owned());
            }
        }
        labels.sort_unstable();
        Ok(labels)
    }
}

impl Applier<'_, '_> {
    pub(crate) fn label(&mut self, event: &LabelEvent) {
        let key = target_key(event.target).number(xxh3_64(event.label.as_bytes()));
        self.tx.put(key, |out| {
            match event.until {
                None => out.byte(0),
                Some(end) => out.byte(1).time(end),
            };
            out.text(&event.label);
        });
    }
}
