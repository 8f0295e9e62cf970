//! The compact layout of stored values: LEB128 numbers, length-prefixed strings, little-endian sums.
//!
//! Values carry no version of their own: the store has one schema version, and a store of another one is rebuilt.

use event_log::varint;
use foryou_types::TimeMs;

/// Appends values to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Encoder(pub(crate) Vec<u8>);

impl Encoder {
    pub(crate) fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn number(&mut self, value: u64) -> &mut Self {
        varint::put(&mut self.0, value);
        self
    }

    /// Times before 1970 stay short too.
    pub(crate) fn time(&mut self, at: TimeMs) -> &mut Self {
        self.number(varint::zigzag(at.0))
    }

    pub(crate) fn maybe_time(&mut self, at: Option<TimeMs>) -> &mut Self {
        match at {
            None => self.byte(0),
            Some(at) => self.byte(1).time(at),
        }
    }

    pub(crate) fn flag(&mut self, value: bool) -> &mut Self {
        self.byte(u8::from(value))
    }

    pub(crate) fn wide(&mut self, value: u128) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.number(value.len() as u64);
        self.0.extend_from_slice(value.as_bytes());
        self
    }
}

/// Reads values from a buffer; `None` if the buffer does not hold such a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder<'a>(pub(crate) &'a [u8]);

impl<'a> Decoder<'a> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        varint::take(&mut self.0)
    }

    pub(crate) fn time(&mut self) -> Option<TimeMs> {
        self.number().map(varint::unzigzag).map(TimeMs)
    }

    pub(crate) fn wide(&mut self) -> Option<u128> {
        let (bytes, rest) = self.0.split_first_chunk::<16>()?;
        self.0 = rest;
        Some(u128::from_le_bytes(*bytes))
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(bytes).ok()
    }

    /// A time that may be absent: see [`Encoder::maybe_time`].
    #[expect(clippy::option_option, reason = "unreadable is not the same as absent")]
    pub(crate) fn maybe_time(&mut self) -> Option<Option<TimeMs>> {
        match self.byte()? {
            0 => Some(None),
            1 => Some(Some(self.time()?)),
            _ => None,
        }
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// `Some` if everything was read: a value with a tail was not written by this store.
    pub(crate) fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(n: u64, at: i64, x: u128, text: String) {
            let mut out = Encoder::default();
            out.number(n).time(TimeMs(at)).wide(x).text(&text).byte(7);
            let mut input = Decoder(&out.0);
            prop_assert_eq!(input.number(), Some(n));
            prop_assert_eq!(input.time(), Some(TimeMs(at)));
            prop_assert_eq!(input.wide(), Some(x));
            prop_assert_eq!(input.text(), Some(text.as_str()));
            prop_assert_eq!(input.byte(), Some(7));
            prop_assert_eq!(input.end(()), Some(()));
        }

        /// Whatever the bytes are, every value that is read leaves fewer of them, and what was read is what was there.
        #[test]
        fn noise_is_never_read_past(noise: Vec<u8>) {
            let mut input = Decoder(&noise);
            let mut texts = 0;
            while let Some(text) = input.text() {
                texts += text.len() + 1;
                prop_assert!(texts + input.0.len() <= noise.len());
            }
            let mut input = Decoder(&noise);
            let mut out = Encoder::default();
            while let Some(number) = input.number() {
                out.number(number);
            }
            prop_assert!(out.0.len() + input.0.len() <= noise.len());
            prop_assert_eq!(input.end(()).is_some(), input.0.is_empty());
        }
    }
}
