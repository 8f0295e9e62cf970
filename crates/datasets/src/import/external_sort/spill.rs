//! Values that can leave memory and come back, for [`super::ExternalSort`]. The form is for one process: nothing of it outlives
//! the import, so it has no version.

/// A value that can leave memory and come back.
pub(in super::super) trait Spill: Sized {
    /// Appends the value's bytes.
    fn spill(&self, out: &mut Vec<u8>);

    /// Takes the value off the front of `bytes`; `None` where they cannot be read as one.
    fn restore(bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! spill_numbers {
    ($($number:ty),+) => {$(
        impl Spill for $number {
            fn spill(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn restore(bytes: &mut &[u8]) -> Option<Self> {
                let (value, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(Self::from_le_bytes(*value))
            }
        }
    )+};
}

spill_numbers!(u8, u32, u64);

/// A length (below 2^32: a row has at most a MiB), then the bytes.
impl Spill for Box<str> {
    fn spill(&self, out: &mut Vec<u8>) {
        (self.len() as u32).spill(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let length = u32::restore(bytes)? as usize;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        std::str::from_utf8(text).ok().map(Self::from)
    }
}

/// A byte that says whether there is one, then the value.
impl<T: Spill> Spill for Option<T> {
    fn spill(&self, out: &mut Vec<u8>) {
        u8::from(self.is_some()).spill(out);
        if let Some(value) = self {
            value.spill(out);
        }
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        match u8::restore(bytes)? {
            0 => Some(None),
            1 => T::restore(bytes).map(Some),
            _ => None,
        }
    }
}

/// A byte that says which, then the value.
impl<T: Spill, E: Spill> Spill for Result<T, E> {
    fn spill(&self, out: &mut Vec<u8>) {
        u8::from(self.is_ok()).spill(out);
        match self {
            Ok(value) => value.spill(out),
            Err(error) => error.spill(out),
        }
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        match u8::restore(bytes)? {
            0 => E::restore(bytes).map(Err),
            1 => T::restore(bytes).map(Ok),
            _ => None,
        }
    }
}

/// Implements [`Spill`] for a struct by its fields, one after the other: `spill_fields!(Row { user, post });`.
macro_rules! spill_fields {
    ($row:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::import::external_sort::Spill for $row {
            fn spill(&self, out: &mut Vec<u8>) {
                $($crate::import::external_sort::Spill::spill(&self.$field, out);)+
            }

            fn restore(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::import::external_sort::Spill::restore(bytes)?),+ })
            }
        }
    };
}

pub(in super::super) use spill_fields;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Row {
        user: u64,
        kind: u8,
        dwell: Option<u32>,
        text: Result<u64, Box<str>>,
    }

    spill_fields!(Row { user, kind, dwell, text });

    fn any_row() -> impl Strategy<Value = Row> {
        let text = prop_oneof![any::<u64>().prop_map(Ok), ".*".prop_map(|text: String| Err(text.into_boxed_str()))];
        (any::<u64>(), any::<u8>(), any::<Option<u32>>(), text).prop_map(|(user, kind, dwell, text)| Row {
            user,
            kind,
            dwell,
            text,
        })
    }

    proptest! {
        #[test]
        fn a_value_comes_back_and_takes_only_its_own_bytes(row in any_row(), other in any_row()) {
            let mut bytes = Vec::new();
            row.spill(&mut bytes);
            let length = bytes.len();
            other.spill(&mut bytes);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(Row::restore(&mut rest), Some(row));
            prop_assert_eq!(Row::restore(&mut rest), Some(other));
            prop_assert!(rest.is_empty());
            for cut in 0..length {
                prop_assert_eq!(Row::restore(&mut &bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn bytes_of_something_else_are_no_value() {
        assert_eq!(<Option<u8>>::restore(&mut &[2, 0][..]), None);
        assert_eq!(<Result<u8, u8>>::restore(&mut &[2, 0][..]), None);
        assert_eq!(<Box<str>>::restore(&mut &[1, 0, 0, 0, 0xff][..]), None);
        assert_eq!(<Box<str>>::restore(&mut &[0xff, 0xff, 0xff, 0xff][..]), None);
    }
}
