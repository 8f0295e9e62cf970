//! The first line of a table: how its columns are separated, and where the columns stand that are read.

use super::{
    cells::{Cells, Separator},
    fields::shown,
};

/// What the first line of a table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) separator: Separator,
    /// The names of all columns.
    pub(super) names: Vec<String>,
    /// Where the columns stand that are read, in their order.
    pub(super) places: Vec<usize>,
}

impl Header {
    /// Finds these columns.
    pub(super) fn find(line: &[u8], columns: &[&str]) -> Result<Self, String> {
        let mut best: Option<(usize, Separator, Vec<String>)> = None;
        for separator in Separator::ALL {
            let names = names(line, separator);
            let found = columns.iter().filter(|column| names.iter().any(|name| name == *column)).count();
            if best.as_ref().is_none_or(|(most, ..)| found > *most) {
                best = Some((found, separator, names));
            }
        }
        let (found, separator, names) = best.unwrap_or_else(|| (0, Separator(b','), Vec::new()));
        let wanted = columns.join(", ");
        if found == 0 {
            return Err(format!(
                "the first line must name the columns ({wanted}), but is {}",
                shown(&String::from_utf8_lossy(line))
            ));
        }
        let place = |column: &&str| {
            let mut places = names.iter().enumerate().filter(|(_, name)| name == column).map(|(place, _)| place);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (Some(_), Some(_)) => Err(format!("the first line names column {column:?} twice")),
                (None, _) => Err(format!(
                    "the first line has no column {column:?} (wanted: {wanted}; found, separated by {}: {})",
                    separator.name(),
                    shown(&names.join(", "))
                )),
            }
        };
        let places = columns.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { separator, names, places })
    }

    /// Takes all columns.
    pub(super) fn all(line: &[u8]) -> Result<Self, String> {
        let (names, separator) = Self::columns(line);
        if let Some(twice) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
            return Err(format!("the first line names column {:?} twice", twice.1));
        }
        Ok(Self { separator, places: (0..names.len()).collect(), names })
    }

    /// The names of all columns, and the separator that makes most of them.
    pub(super) fn columns(line: &[u8]) -> (Vec<String>, Separator) {
        let separators = Separator::ALL.map(|separator| (names(line, separator), separator));
        // Of equally many the first: a single column has no separator at all.
        let most = separators.iter().map(|(names, _)| names.len()).max().unwrap_or_default();
        let found = separators.into_iter().find(|(names, _)| names.len() == most);
        found.unwrap_or_else(|| (Vec::new(), Separator(b',')))
    }
}

/// The names of the columns, without white space around them.
fn names(line: &[u8], separator: Separator) -> Vec<String> {
    let mut cells = Cells::new(separator);
    if !cells.add(line) {
        return Vec::new();
    }
    cells.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(line: &str) -> Result<(u8, Vec<usize>), String> {
        Header::find(line.as_bytes(), &["user", "at"]).map(|header| (header.separator.0, header.places))
    }

    #[test]
    fn the_separator_is_the_one_that_finds_the_columns() {
        for separator in Separator::ALL {
            let line = ["x", "at", "user"].join(&char::from(separator.0).to_string());
            assert_eq!(find(&line), Ok((separator.0, vec![2, 1])), "{}", separator.name());
        }
        assert_eq!(find("\"user\",\"at\""), Ok((b',', vec![0, 1])));
        assert_eq!(find("user , at"), Ok((b',', vec![0, 1])));
    }

    #[test]
    fn a_header_that_does_not_fit_says_what_it_is() {
        assert_eq!(find("user,user,at").unwrap_err(), "the first line names column \"user\" twice");
        assert_eq!(
            find("user;time").unwrap_err(),
            "the first line has no column \"at\" (wanted: user, at; found, separated by semicolons: \"user, time\")"
        );
        assert_eq!(find("1,2").unwrap_err(), "the first line must name the columns (user, at), but is \"1,2\"");
        assert!(Header::all(b"a,b,a").unwrap_err().contains("\"a\" twice"));
        let all = Header::all(b"a b\tc").unwrap();
        assert_eq!((all.separator, all.names.len()), (Separator(b'\t'), 2));
    }
}
