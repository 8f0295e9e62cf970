//! A line of a dump with its checksum: `{"check":"0123456789abcdef","line":{...}}`.
//!
//! The checksum covers the line's number and its content, so a line that was changed, left out or repeated is detected and named. To
//! edit a line on purpose, keep only the `{...}`: a line without a check is taken as it is.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3Default;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checked<'a> {
    check: String,
    #[serde(borrow)]
    line: &'a RawValue,
}

fn check(number: u64, content: &str) -> String {
    let mut hash = Xxh3Default::new();
    hash.update(&number.to_le_bytes());
    hash.update(content.as_bytes());
    format!("{:016x}", hash.digest())
}

/// Writes line `number` (from 1).
pub(super) fn write(file: &mut impl Write, number: u64, value: &impl Serialize) -> io::Result<()> {
    let line = serde_json::value::to_raw_value(value)?;
    serde_json::to_writer(&mut *file, &Checked { check: check(number, line.get()), line: &line })?;
    file.write_all(b"\n")
}

/// The content of line `number`, or what is wrong with it.
pub(super) fn read(number: u64, text: &str) -> Result<&str, String> {
    #[derive(Deserialize)]
    struct Any<'a> {
        #[serde(borrow)]
        line: Option<&'a RawValue>,
    }
    let any: Any<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if any.line.is_none() {
        return Ok(text);
    }
    let checked: Checked<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let content = checked.line.get();
    if checked.check == check(number, content) {
        return Ok(content);
    }
    Err("its checksum does not fit: the line was changed or damaged, or a line before it is missing or there twice"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_read_at_its_own_place_only(number in any::<u64>(), other in any::<u64>(), text in any::<String>()) {
            let mut bytes = Vec::new();
            write(&mut bytes, number, &text).unwrap();
            let whole = String::from_utf8(bytes).unwrap();
            let content = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(read(number, &whole), Ok(content.as_str()));
            prop_assert_eq!(read(other, &whole).is_ok(), number == other);
        }

        #[test]
        fn any_text_is_a_line_or_refused(number in any::<u64>(), text in any::<String>()) {
            // A line without a check is taken as it is.
            prop_assert!(read(number, &text).is_err() || read(number, &text) == Ok(&text));
        }
    }

    #[test]
    fn a_changed_byte_a_missing_line_and_a_repeated_one_are_found() {
        let mut bytes = Vec::new();
        write(&mut bytes, 3, &serde_json::json!({"id": 17, "text": "é \" \\ \u{1f980}"})).unwrap();
        let whole = String::from_utf8(bytes).unwrap();
        let content = read(3, &whole).unwrap();
        assert!(content.starts_with(r#"{"id":17,"#), "{content}");
        assert!(read(2, &whole).is_err() && read(4, &whole).is_err());
        for place in 0..whole.len() - 1 {
            for bit in 0..8 {
                let mut bytes = whole.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                // A line whose check was destroyed is not an event either.
                let found = read(3, &text);
                assert!(found.is_err() || found == Ok(&text) && !text.contains("\"line\""), "{text}");
            }
        }
        assert_eq!(read(9, r#"{"id":18}"#).unwrap(), r#"{"id":18}"#, "edited on purpose");
    }
}
