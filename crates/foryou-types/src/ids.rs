//! Opaque 64-bit ids and the forms in which a data set prints them.
//!
//! The engine treats an id as a bit pattern: `-1` and `2^64 - 1` are the same id. Which of the two is printed, or whether the
//! id stands for a string, is said once per namespace by the profile ([`IdForm`]).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::TimeMs;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// No id at all.
            pub const NONE: Self = Self(0);

            /// Whether this is an id (not 0).
            #[inline]
            pub const fn is_some(self) -> bool {
                self.0 != 0
            }

            /// Whether this is [`Self::NONE`].
            #[inline]
            pub const fn is_none(self) -> bool {
                self.0 == 0
            }

            /// `Some(self)` for an id, `None` for 0.
            #[inline]
            pub const fn some(self) -> Option<Self> {
                if self.0 == 0 { None } else { Some(self) }
            }

            /// The id of an option, [`Self::NONE`] for `None`.
            #[inline]
            pub fn from_option(id: Option<Self>) -> Self {
                id.unwrap_or(Self::NONE)
            }

            /// The same bits as a signed number, as some of the documents' messages carry it.
            #[inline]
            pub const fn as_i64(self) -> i64 {
                self.0.cast_signed()
            }

            /// The id with the bits of a signed number.
            #[inline]
            pub const fn from_i64(bits: i64) -> Self {
                Self(bits.cast_unsigned())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }
    };
}

id_type! {
    /// A person (or account): viewer, author, target of an edge.
    UserId
}
id_type! {
    /// A post, article, video: whatever the data set's feed is made of.
    PostId
}

/// The two kinds of id a data set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// [`UserId`]s.
    Users,
    /// [`PostId`]s.
    Posts,
}

impl Namespace {
    /// `users` or `posts`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Posts => "posts",
        }
    }
}

/// The moment that snowflake ids count from: 2010-11-04T01:42:54.657Z, in Unix milliseconds.
pub const SNOWFLAKE_EPOCH_MS: i64 = 1_288_834_974_657;

/// Worker and sequence bits below a snowflake's milliseconds.
const SNOWFLAKE_SHIFT: u32 = 22;

impl PostId {
    /// The snowflake of a moment, which must not be before [`SNOWFLAKE_EPOCH_MS`]; `sequence` gives its 22 lowest bits.
    pub const fn snowflake(at: TimeMs, sequence: u64) -> Self {
        let sequence = sequence & ((1 << SNOWFLAKE_SHIFT) - 1);
        Self(((at.0 - SNOWFLAKE_EPOCH_MS) as u64) << SNOWFLAKE_SHIFT | sequence)
    }

    /// The moment in a snowflake id; `None` for an id too small to hold one.
    ///
    /// Any larger id gives some moment, also a random or hashed one. Of those, about 1 in 25,000 falls within two days.
    pub fn snowflake_time(self) -> Option<TimeMs> {
        let ms = (self.0 >> SNOWFLAKE_SHIFT) as i64;
        (ms > 0).then(|| TimeMs(SNOWFLAKE_EPOCH_MS + ms))
    }
}

/// How the ids of one namespace are read and printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdForm {
    /// Decimal `0 ..= 2^64 - 1`.
    #[default]
    Unsigned,
    /// Decimal `-2^63 ..= 2^63 - 1`.
    Signed,
    /// Any string, kept in the log's dictionary ([`Dictionary`]).
    Dictionary,
}

/// An id that cannot be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum IdError {
    /// Not a number of the form the profile names.
    #[error("id {text:?} is not {} 64-bit number", if *.signed { "a signed" } else { "an unsigned" })]
    NotANumber {
        /// The text as given.
        text: String,
        /// Whether the profile's form is signed.
        signed: bool,
    },
    /// A string id that the dictionary does not hold.
    #[error("{} has no id {text:?} in its dictionary", .namespace.as_str())]
    Unknown {
        /// Users or posts.
        namespace: Namespace,
        /// The text as given.
        text: String,
    },
}

/// The dictionary of string ids, as the event log keeps it.
pub trait Dictionary: Send + Sync {
    /// The id of a string, if it has one.
    fn id_of(&self, namespace: Namespace, name: &str) -> Option<u64>;
    /// The string of an id, if it has one.
    fn name_of(&self, namespace: Namespace, id: u64) -> Option<String>;
}

/// A dictionary that holds nothing: for data sets whose ids are numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Dictionary for NoNames {
    fn id_of(&self, _: Namespace, _: &str) -> Option<u64> {
        None
    }
    fn name_of(&self, _: Namespace, _: u64) -> Option<String> {
        None
    }
}

impl IdForm {
    /// Reads an id printed in this form. The empty string is not an id; `0` is [`UserId::NONE`] in the numeric forms.
    pub fn parse(self, namespace: Namespace, text: &str, names: &dyn Dictionary) -> Result<u64, IdError> {
        let not_a_number = |signed| IdError::NotANumber { text: text.to_owned(), signed };
        match self {
            Self::Unsigned => text.parse::<u64>().map_err(|_| not_a_number(false)),
            Self::Signed => text.parse::<i64>().map(i64::cast_unsigned).map_err(|_| not_a_number(true)),
            Self::Dictionary => {
                names.id_of(namespace, text).ok_or_else(|| IdError::Unknown { namespace, text: text.to_owned() })
            }
        }
    }

    /// Prints an id in this form. A dictionary id without a string (a corrupt or foreign one) prints as `#<number>`.
    pub fn print(self, namespace: Namespace, id: u64, names: &dyn Dictionary) -> String {
        match self {
            Self::Unsigned => id.to_string(),
            Self::Signed => id.cast_signed().to_string(),
            Self::Dictionary => names.name_of(namespace, id).unwrap_or_else(|| format!("#{id}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn snowflakes_hold_the_time_that_twitter_put_in() {
        // Twitter's own example: 1541815603606036480 was posted on 28 June 2022 at 16:07:40.105 UTC.
        assert_eq!(PostId(1_541_815_603_606_036_480).snowflake_time(), Some(TimeMs(1_656_432_460_105)));
        assert_eq!(PostId((1 << 22) - 1).snowflake_time(), None);
    }

    proptest! {
        #[test]
        fn a_snowflake_is_of_its_moment_and_number(ms in 1..1i64 << 41, numbers in prop::array::uniform2(0..1u64 << 22)) {
            let at = TimeMs(SNOWFLAKE_EPOCH_MS + ms);
            let ids = numbers.map(|number| PostId::snowflake(at, number));
            prop_assert!(ids.iter().all(|id| id.snowflake_time() == Some(at)));
            prop_assert_eq!(ids[0] == ids[1], numbers[0] == numbers[1]);
        }
    }

    #[test]
    fn the_same_bits_have_two_numeric_forms() {
        let minus_one = IdForm::Signed.parse(Namespace::Users, "-1", &NoNames).unwrap();
        assert_eq!(minus_one, u64::MAX);
        assert_eq!(IdForm::Unsigned.print(Namespace::Users, minus_one, &NoNames), "18446744073709551615");
        assert_eq!(IdForm::Signed.print(Namespace::Users, minus_one, &NoNames), "-1");
        assert_eq!(UserId::from_i64(-1).as_i64(), -1);
    }

    #[test]
    fn a_form_refuses_what_it_cannot_hold() {
        for (form, text) in [
            (IdForm::Unsigned, "-1"),
            (IdForm::Signed, "9223372036854775808"),
            (IdForm::Signed, ""),
            (IdForm::Unsigned, "1.0"),
        ] {
            assert!(matches!(form.parse(Namespace::Posts, text, &NoNames), Err(IdError::NotANumber { .. })), "{text}");
        }
        let error = IdForm::Dictionary.parse(Namespace::Posts, "N1", &NoNames).unwrap_err();
        assert_eq!(error.to_string(), "posts has no id \"N1\" in its dictionary");
    }
}
