//! A text as muted keywords are compared with it: folded, and its words.

use foryou_types::keyword;
use unicode_normalization::char::is_combining_mark;

/// The folded form of one text, and its words. Reused from text to text, so that a request allocates once.
///
/// Folded by [`keyword::fold_into`]. A word is a run of letters, digits, marks and underscores, so an apostrophe or a full stop ends
/// it: `Rust's` is `rust`, `s`.
#[derive(Debug, Default)]
pub(super) struct WordScan {
    folded: String,
}

/// A word with the signs directly around it that may belong to a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'t> {
    /// The word itself.
    pub(super) text: &'t str,
    /// `#`, `@` or `$` before it, unless that stands in the middle of something (`bob@example`).
    pub(super) sigil: Option<char>,
    /// The run of `+` and `#` after it: `++` of `C++`.
    pub(super) suffix: &'t str,
}

impl WordScan {
    /// Reads a text in the place of the one before.
    pub(super) fn read(&mut self, text: &str) {
        self.folded.clear();
        keyword::fold_into(text, &mut self.folded);
    }

    /// The folded text.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether a place of the folded text is a word: letters from its start to its end, and none around it.
    pub(super) fn is_word(&self, start: usize, end: usize) -> bool {
        let (before, after) = (&self.folded[..start], &self.folded[end..]);
        !before.chars().next_back().is_some_and(is_word_char) && !after.chars().next().is_some_and(is_word_char)
    }

    /// The words that begin at `at` or later, in order.
    pub(super) fn words_from(&self, mut at: usize) -> impl Iterator<Item = Word<'_>> {
        std::iter::from_fn(move || {
            let start = at + self.folded[at..].find(is_word_char)?;
            let length = self.folded[start..].find(|c| !is_word_char(c));
            at = length.map_or(self.folded.len(), |length| start + length);
            Some(self.word(start, at))
        })
    }

    fn word(&self, start: usize, end: usize) -> Word<'_> {
        let mut before = self.folded[..start].chars().rev();
        let sigil = before.next().filter(|c| matches!(c, '#' | '@' | '$'));
        let after = &self.folded[end..];
        Word {
            text: &self.folded[start..end],
            sigil: sigil.filter(|_| !before.next().is_some_and(is_word_char)),
            suffix: &after[..after.len() - after.trim_start_matches(['+', '#']).len()],
        }
    }
}

/// Whether a character is part of a word.
pub(super) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || (!c.is_ascii() && is_combining_mark(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(text: &str) -> WordScan {
        let mut scan = WordScan::default();
        scan.read(text);
        scan
    }

    fn words(text: &str) -> Vec<String> {
        scan(text).words_from(0).map(|w| w.text.to_owned()).collect()
    }

    #[test]
    fn words_are_runs_of_letters_digits_marks_and_underscores() {
        assert_eq!(
            words("Don't  panic:\tsee example.com/rust_lang, 3.14!"),
            ["don", "t", "panic", "see", "example", "com", "rust_lang", "3", "14"]
        );
        assert_eq!(words("क्या हाल"), ["क्या", "हाल"]);
        assert_eq!(words(" ,!🔥 "), [""; 0]);
    }

    #[test]
    fn signs_around_a_word_are_told() {
        let all: Vec<_> = ["#rust", "@bob", "$TSLA", "＃rust", "C++", "C#", "x@y", "a#b"]
            .iter()
            .map(|text| {
                let scan = scan(text);
                let word = scan.words_from(0).last().unwrap();
                (word.text.to_owned(), word.sigil, word.suffix.to_owned())
            })
            .collect();
        let expected = [
            ("rust", Some('#'), ""),
            ("bob", Some('@'), ""),
            ("tsla", Some('$'), ""),
            ("rust", Some('#'), ""),
            ("c", None, "++"),
            ("c", None, "#"),
            ("y", None, ""),
            ("b", None, ""),
        ];
        assert_eq!(all, expected.map(|(word, sigil, suffix)| (word.to_owned(), sigil, suffix.to_owned())));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC*") {
            let scan = scan(&text);
            for word in scan.words_from(0) {
                prop_assert!(!word.text.is_empty() && word.text.chars().all(is_word_char));
                let start = word.text.as_ptr().addr() - scan.folded().as_ptr().addr();
                prop_assert!(scan.is_word(start, start + word.text.len()));
                prop_assert_eq!(scan.words_from(start).next(), Some(word));
            }
        }
    }
}
