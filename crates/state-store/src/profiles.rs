//! People's profiles. An event replaces the fields that it gives. For each field the event with the latest time decides; of two at one
//! moment, the later in the log.

use event_log::{EdgeKind, ProfileEvent};
use foryou_types::{TimeMs, UserId};

use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::read_cache::Cached;
use crate::store::StateStore;

/// A person's profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredProfile {
    /// The person.
    pub user_id: UserId,
    /// The name shown.
    pub screen_name: Option<String>,
    /// Followers: as the platform counts them if that is known, else followers in the graph.
    pub followers: u64,
    /// Verified.
    pub verified: bool,
    /// Only followers see this person's posts.
    pub protected: bool,
    /// Suspended by the platform.
    pub suspended: bool,
    /// Country, as ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Language, as a BCP 47 tag.
    pub language: Option<String>,
    /// When the account was made.
    pub created_at: Option<TimeMs>,
}

/// A person without a profile is remembered, too.
impl Cached for Option<StoredProfile> {
    fn bytes(&self) -> u64 {
        let text = |field: &Option<String>| field.as_ref().map_or(0, String::len);
        let texts = self.as_ref().map_or(0, |p| text(&p.screen_name) + text(&p.country) + text(&p.language));
        (size_of::<Self>() + texts) as u64
    }
}

fn key(user: UserId) -> Key {
    Key::of(Table::Profiles).user(user)
}

impl StateStore {
    /// A person's profile; `None` if the person has neither profile events nor followers. A person who is only known from the graph has
    /// a profile with just the number of followers.
    pub fn profile(&self, user: UserId) -> Result<Option<StoredProfile>, StateError> {
        let known = self.profile_cache.get(user, || self.read_profile(user).map(Some))?;
        Ok(known.and_then(|known| known.as_ref().clone()))
    }

    fn read_profile(&self, user: UserId) -> Result<Option<StoredProfile>, StateError> {
        let key = key(user);
        let Some(value) = self.storage.get(&key)? else {
            let followers = self.source_count(EdgeKind::Follow, user)?;
            return Ok((followers > 0).then(|| StoredProfile { user_id: user, followers, ..StoredProfile::default() }));
        };
        let Some(known) = decode(Decoder(&value)) else {
            return Err(self.storage.corrupt(key.table(), "a profile cannot be read"));
        };
        let followers = match known.followers {
            Some((_, followers)) => followers,
            None => self.source_count(EdgeKind::Follow, user)?,
        };
        Ok(Some(StoredProfile {
            user_id: user,
            screen_name: value_of(known.screen_name),
            followers,
            verified: value_of(known.verified).unwrap_or_default(),
            protected: value_of(known.protected).unwrap_or_default(),
            suspended: value_of(known.suspended).unwrap_or_default(),
            country: value_of(known.country),
            language: value_of(known.language),
            created_at: value_of(known.created_at),
        }))
    }

    /// Profiles, in the order of `users`.
    pub fn profiles(&self, users: &[UserId]) -> Result<Vec<Option<StoredProfile>>, StateError> {
        users.iter().map(|&user| self.profile(user)).collect()
    }
}

/// A field and the time of the event that gave it.
type Dated<T> = Option<(TimeMs, T)>;

fn value_of<T>(field: Dated<T>) -> Option<T> {
    field.map(|(_, value)| value)
}

/// A profile's fields with their times.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    screen_name: Dated<String>,
    country: Dated<String>,
    language: Dated<String>,
    followers: Dated<u64>,
    created_at: Dated<TimeMs>,
    verified: Dated<bool>,
    protected: Dated<bool>,
    suspended: Dated<bool>,
}

/// Takes over a value that is given and not older; returns whether the field changed.
fn take<T: Clone + PartialEq>(field: &mut Dated<T>, at: TimeMs, given: Option<&T>) -> bool {
    let Some(given) = given else { return false };
    if field.as_ref().is_some_and(|(latest, _)| at < *latest) {
        return false;
    }
    let changed = field.as_ref().is_none_or(|(_, known)| known != given);
    *field = Some((at, given.clone()));
    changed
}

impl Known {
    fn take(&mut self, at: TimeMs, event: &ProfileEvent) -> bool {
        [
            take(&mut self.screen_name, at, event.screen_name.as_ref()),
            take(&mut self.country, at, event.country.as_ref()),
            take(&mut self.language, at, event.language.as_ref()),
            take(&mut self.followers, at, event.followers.as_ref()),
            take(&mut self.created_at, at, event.created_at.as_ref()),
            take(&mut self.verified, at, event.verified.as_ref()),
            take(&mut self.protected, at, event.protected.as_ref()),
            take(&mut self.suspended, at, event.suspended.as_ref()),
        ]
        .contains(&true)
    }
}

impl Applier<'_, '_> {
    /// Returns whether any field changed.
    pub(crate) fn profile(&mut self, at: TimeMs, event: &ProfileEvent) -> Result<bool, StateError> {
        let key = key(event.user_id);
        let mut known = self.tx.read(&key, decode)?.unwrap_or_default();
        let changed = known.take(at, event);
        self.tx.put(key, |out| encode(&known, out));
        Ok(changed)
    }
}

fn encode(profile: &Known, out: &mut Encoder) {
    fn put<T>(out: &mut Encoder, field: Option<&(TimeMs, T)>, value: impl FnOnce(&mut Encoder, &T)) {
        out.maybe_time(field.map(|(at, _)| *at));
        if let Some((_, given)) = field {
            value(out, given);
        }
    }
    for text in [&profile.screen_name, &profile.country, &profile.language] {
        put(out, text.as_ref(), |out, text| {
            out.text(text);
        });
    }
    put(out, profile.followers.as_ref(), |out, &followers| {
        out.number(followers);
    });
    put(out, profile.created_at.as_ref(), |out, &at| {
        out.time(at);
    });
    for flag in [&profile.verified, &profile.protected, &profile.suspended] {
        put(out, flag.as_ref(), |out, &flag| {
            out.flag(flag);
        });
    }
}

fn decode(mut value: Decoder<'_>) -> Option<Known> {
    fn get<'a, T>(value: &mut Decoder<'a>, read: impl FnOnce(&mut Decoder<'a>) -> Option<T>) -> Option<Dated<T>> {
        match value.maybe_time()? {
            None => Some(None),
            Some(at) => Some(Some((at, read(value)?))),
        }
    }
    let text = |value: &mut Decoder<'_>| get(value, |value| value.text().map(str::to_owned));
    let known = Known {
        screen_name: text(&mut value)?,
        country: text(&mut value)?,
        language: text(&mut value)?,
        followers: get(&mut value, Decoder::number)?,
        created_at: get(&mut value, Decoder::time)?,
        verified: get(&mut value, Decoder::flag)?,
        protected: get(&mut value, Decoder::flag)?,
        suspended: get(&mut value, Decoder::flag)?,
    };
    value.end(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option::of;
    use proptest::prelude::*;

    fn events() -> impl Strategy<Value = ProfileEvent> {
        (
            proptest::array::uniform3(of(".{0,9}")),
            proptest::array::uniform3(of(any::<bool>())),
            of(any::<u64>()),
            of(any::<i64>()),
        )
            .prop_map(|([screen_name, country, language], [verified, protected, suspended], followers, at)| {
                ProfileEvent {
                    user_id: UserId(3),
                    screen_name,
                    followers,
                    verified,
                    protected,
                    suspended,
                    country,
                    language,
                    created_at: at.map(TimeMs),
                }
            })
    }

    proptest! {
        #[test]
        fn a_profile_survives_its_bytes_and_a_late_event_changes_only_what_is_older(
            late in events(), newer in events(), at in 0i64..1_000,
        ) {
            let (mut in_order, mut reversed) = (Known::default(), Known::default());
            in_order.take(TimeMs(at), &late);
            in_order.take(TimeMs(at + 1), &newer);
            reversed.take(TimeMs(at + 1), &newer);
            reversed.take(TimeMs(at), &late);
            prop_assert_eq!(&in_order, &reversed);
            prop_assert!(!reversed.take(TimeMs(at), &late));

            let mut out = Encoder::default();
            encode(&in_order, &mut out);
            prop_assert_eq!(decode(Decoder(&out.0)), Some(in_order));
        }
    }
}
