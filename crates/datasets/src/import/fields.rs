//! Numbers and times in the columns of a row.

use foryou_types::TimeMs;

/// The last second of the year 9999. A larger number is not in seconds: milliseconds by mistake are beyond it.
const MAX_SECONDS: i64 = 253_402_300_799;

/// The last millisecond of the year 9999.
const MAX_MILLIS: i64 = MAX_SECONDS * 1_000 + 999;

/// Splits a row into exactly `N` columns.
pub(super) fn split<'a, const N: usize>(
    row: &str,
    mut columns: impl Iterator<Item = &'a str>,
) -> Result<[&'a str; N], String> {
    let mut out = [""; N];
    let wrong = |found: usize| format!("{found} columns instead of {N}: {}", shown(row));
    for (i, slot) in out.iter_mut().enumerate() {
        *slot = columns.next().ok_or_else(|| wrong(i))?;
    }
    match columns.count() {
        0 => Ok(out),
        more => Err(wrong(N + more)),
    }
}

/// An id that is printed as an unsigned number; 0 means no id.
pub(super) fn unsigned_id(name: &str, text: &str) -> Result<u64, String> {
    match unsigned_number(name, text)? {
        0 => Err(format!("{name} must not be 0")),
        id => Ok(id),
    }
}

/// An unsigned number, 0 too: an id of a set whose ids are kept in the dictionary.
pub(super) fn unsigned_number(name: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{name} {} is not an unsigned 64-bit number", shown(text)))
}

/// An id that is printed as a signed number; 0 means no id.
pub(super) fn signed_id(name: &str, text: &str) -> Result<u64, String> {
    match text.parse::<i64>() {
        Ok(0) => Err(format!("{name} must not be 0")),
        Ok(id) => Ok(id.cast_unsigned()),
        Err(_) => Err(format!("{name} {} is not a signed 64-bit number", shown(text))),
    }
}

/// A time in Unix seconds, from 1970 to 9999.
pub(super) fn unix_seconds(text: &str) -> Result<TimeMs, String> {
    match text.parse::<i64>() {
        Ok(seconds) if (0..=MAX_SECONDS).contains(&seconds) => Ok(TimeMs::from_secs(seconds)),
        _ => Err(format!("timestamp {} is not a time in Unix seconds", shown(text))),
    }
}

/// The first time that is taken as milliseconds, in March 1973: what is smaller is a count of seconds in practice.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// A time in Unix milliseconds, from 1973 to 9999.
pub(super) fn unix_millis(text: &str) -> Result<TimeMs, String> {
    match text.parse::<i64>() {
        Ok(millis) if (FIRST_MILLIS..=MAX_MILLIS).contains(&millis) => Ok(TimeMs(millis)),
        Ok(millis) if (1..FIRST_MILLIS).contains(&millis) => Err(format!(
            "timestamp {} would be {} in Unix milliseconds, in which this set has its times: is it in seconds?",
            shown(text),
            TimeMs(millis)
        )),
        _ => Err(format!("timestamp {} is not a time in Unix milliseconds", shown(text))),
    }
}

/// A text of a file, quoted and shortened for a message.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{:?}", start + "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_exactly_its_columns() {
        assert_eq!(split::<3>("a b c", "a b c".split(' ')), Ok(["a", "b", "c"]));
        assert_eq!(split::<3>("a b", "a b".split(' ')).unwrap_err(), "2 columns instead of 3: \"a b\"");
        assert_eq!(split::<1>("a b", "a b".split(' ')).unwrap_err(), "2 columns instead of 1: \"a b\"");
    }

    #[test]
    fn ids_keep_their_bits() {
        assert_eq!(signed_id("user", "-1"), Ok(u64::MAX));
        assert_eq!(unsigned_id("user", "18446744073709551615"), Ok(u64::MAX));
        assert!(unsigned_id("user", "-1").unwrap_err().contains("unsigned"));
        assert!(signed_id("user", "9223372036854775808").unwrap_err().contains("signed"));
        assert_eq!(signed_id("user", "0").unwrap_err(), "user must not be 0");
        assert_eq!(unsigned_id("user", "0").unwrap_err(), "user must not be 0");
        assert_eq!(unsigned_number("user", "0"), Ok(0));
        assert!(unsigned_number("user", "-0").is_err());
    }

    #[test]
    fn times_are_seconds_of_our_era() {
        assert_eq!(unix_seconds("1341100972"), Ok(TimeMs(1_341_100_972_000)));
        for bad in ["", "x", "1.5", "-1", "1341100972000"] {
            assert!(unix_seconds(bad).is_err(), "{bad}");
        }
        assert!(unix_seconds(&"9".repeat(500)).unwrap_err().len() < 150);
    }

    #[test]
    fn times_are_milliseconds_of_our_era() {
        assert_eq!(unix_millis("1506826828020"), Ok(TimeMs(1_506_826_828_020)));
        assert!(unix_millis("1506826828").unwrap_err().contains("1970-01-18") && unix_millis("5").is_err());
        assert_eq!(unix_millis("253402300799999"), Ok(TimeMs(253_402_300_799_999)));
        for bad in ["", "x", "1.5", "-1", "0", "253402300800000", "1506826828020000"] {
            let reason = unix_millis(bad).unwrap_err();
            assert_eq!(reason, format!("timestamp {bad:?} is not a time in Unix milliseconds"));
        }
    }
}
