//! People's profiles: whole fields replaced where an event gives them.

use event_log::{EdgeKind, ProfileEvent};
use foryou_types::{TimeMs, UserId};

use crate::apply::Applier;
use crate::bytes::{Decoder, Encoder};
use crate::error::StateError;
use crate::keys::{Key, Table};
use crate::store::StateStore;

/// A person's profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredProfile {
    /// The person.
    pub user_id: UserId,
    /// The name shown.
    pub screen_name: Option<String>,
    /// Followers: as the platform counts them where it said so, else followers in the graph.
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

fn key(user: UserId) -> Key {
    Key::of(Table::Profiles).user(user)
}

impl StateStore {
    /// A person's profile. `None`: nothing was ever said of the person and nobody follows them. A person only known from the
    /// graph has a profile with nothing but the number of followers.
    pub fn profile(&self, user: UserId) -> Result<Option<StoredProfile>, StateError> {
        let key = key(user);
        let Some(value) = self.storage.get(&key)? else {
            let followers = self.source_count(EdgeKind::Follow, user)?;
            return Ok((followers > 0).then(|| StoredProfile { user_id: user, followers, ..StoredProfile::default() }));
        };
        let Some(known) = decode(user, Decoder(&value)) else {
            return Err(self.storage.corrupt(key.table(), "a profile cannot be read"));
        };
        let followers = match known.followers {
            Some(followers) => followers,
            None => self.source_count(EdgeKind::Follow, user)?,
        };
        Ok(Some(StoredProfile {
            user_id: user,
            screen_name: known.screen_name,
            followers,
            verified: known.verified.unwrap_or_default(),
            protected: known.protected.unwrap_or_default(),
            suspended: known.suspended.unwrap_or_default(),
            country: known.country,
            language: known.language,
            created_at: known.created_at,
        }))
    }

    /// Profiles, in the order of `users`.
    pub fn profiles(&self, users: &[UserId]) -> Result<Vec<Option<StoredProfile>>, StateError> {
        users.iter().map(|&user| self.profile(user)).collect()
    }
}

impl Applier<'_, '_> {
    pub(crate) fn profile(&mut self, event: &ProfileEvent) -> Result<(), StateError> {
        let key = key(event.user_id);
        let known = self.tx.read(&key, |value| decode(event.user_id, value))?.unwrap_or_default();
        let merged = ProfileEvent {
            user_id: event.user_id,
            screen_name: event.screen_name.clone().or(known.screen_name),
            followers: event.followers.or(known.followers),
            verified: event.verified.or(known.verified),
            protected: event.protected.or(known.protected),
            suspended: event.suspended.or(known.suspended),
            country: event.country.clone().or(known.country),
            language: event.language.clone().or(known.language),
            created_at: event.created_at.or(known.created_at),
        };
        self.tx.put(key, |out| encode(&merged, out));
        Ok(())
    }
}

/// Present fields as bits: 0-2 texts, 3 followers, 4 created at; then two bits (given, value) per flag.
fn encode(profile: &ProfileEvent, out: &mut Encoder) {
    let texts = [&profile.screen_name, &profile.country, &profile.language];
    let flags = [profile.verified, profile.protected, profile.suspended];
    let mut mask = 0u64;
    for (bit, text) in texts.iter().enumerate() {
        mask |= u64::from(text.is_some()) << bit;
    }
    mask |= u64::from(profile.followers.is_some()) << 3 | u64::from(profile.created_at.is_some()) << 4;
    for (n, flag) in flags.iter().enumerate() {
        mask |= (u64::from(flag.is_some()) | u64::from(*flag == Some(true)) << 1) << (5 + 2 * n);
    }
    out.number(mask);
    for text in texts.into_iter().flatten() {
        out.text(text);
    }
    if let Some(followers) = profile.followers {
        out.number(followers);
    }
    if let Some(at) = profile.created_at {
        out.time(at);
    }
}

fn decode(user: UserId, mut value: Decoder<'_>) -> Option<ProfileEvent> {
    let mask = value.number()?;
    let has = |bit: u32| mask >> bit & 1 == 1;
    let mut texts = [const { None }; 3];
    for (bit, field) in (0..).zip(&mut texts) {
        if has(bit) {
            *field = Some(value.text()?.to_owned());
        }
    }
    let followers = if has(3) { Some(value.number()?) } else { None };
    let created_at = if has(4) { Some(value.time()?) } else { None };
    let flag = |n: u32| has(5 + 2 * n).then(|| has(6 + 2 * n));
    let [screen_name, country, language] = texts;
    value.end(ProfileEvent {
        user_id: user,
        screen_name,
        followers,
        verified: flag(0),
        protected: flag(1),
        suspended: flag(2),
        country,
        language,
        created_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option::of;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_profile_survives_its_bytes(
            texts in proptest::array::uniform3(of(".{0,9}")),
            flags in proptest::array::uniform3(of(any::<bool>())),
            followers in of(any::<u64>()),
            at in of(any::<i64>()),
        ) {
            let [screen_name, country, language] = texts;
            let [verified, protected, suspended] = flags;
            let profile = ProfileEvent {
                user_id: UserId(3), screen_name, followers, verified, protected, suspended, country, language,
                created_at: at.map(TimeMs),
            };
            let mut out = Encoder::default();
            encode(&profile, &mut out);
            prop_assert_eq!(decode(UserId(3), Decoder(&out.0)), Some(profile));
        }
    }
}
