//! The compact layout of stored values: LEB128 numbers, length-prefixed strings, little-endian sums.
//!
//! Values carry no version of their own: the store has one schema version, and a store of another one is rebuilt.

use foryou_types::TimeMs;

/// Appends values to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Encoder(pub(crate) Vec<u8>);

impl Encoder {
    pub(crate) fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn number(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    /// Zigzag: times before 1970 stay short too.
    pub(crate) fn time(&mut self, at: TimeMs) -> &mut Self {
        self.number(((at.0 << 1) ^ (at.0 >> 63)).cast_unsigned())
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
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            // The tenth byte has room for one bit only.
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn time(&mut self) -> Option<TimeMs> {
        let zigzag = self.number()?;
        Some(TimeMs((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed())))
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

        #[test]
        fn noise_is_refused_and_never_read_past(noise: Vec<u8>) {
            let mut input = Decoder(&noise);
            while input.text().is_some() {}
            let mut input = Decoder(&noise);
            while input.number().is_some() {}
            prop_assert!(input.end(()).is_some() || !noise.is_empty());
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_none() {
        assert_eq!(Decoder(&[0xFF; 11]).number(), None);
        assert_eq!(Decoder(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]).number(), None);
    }
}
