//! A text as muted keywords are compared with it: folded, and cut into words.

use foryou_types::keyword;
use unicode_normalization::char::is_combining_mark;

/// The folded form of one text and where its words are. Reused from text to text, so that a request allocates once.
///
/// Folded by [`keyword::fold_into`]. A word is a run of letters, digits, marks and underscores, so an apostrophe or a full stop ends
/// it: `Rust's` is `rust`, `s`.
#[derive(Debug, Default)]
pub(super) struct WordScan {
    folded: String,
    words: Vec<(usize, usize)>,
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
        self.words.clear();
        keyword::fold_into(text, &mut self.folded);
        let mut start = None;
        for (at, c) in self.folded.char_indices() {
            match (is_word_char(c), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    self.words.push((from, at));
                    start = None;
                }
                _ => {}
            }
        }
        if let Some(from) = start {
            self.words.push((from, self.folded.len()));
        }
    }

    /// The folded text.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// Number of words.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Word `i`, `None` beyond the last.
    pub(super) fn word(&self, i: usize) -> Option<Word<'_>> {
        let &(start, end) = self.words.get(i)?;
        let mut before = self.folded[..start].chars().rev();
        let sigil = before.next().filter(|c| matches!(c, '#' | '@' | '$'));
        let after = &self.folded[end..];
        Some(Word {
            text: &self.folded[start..end],
            sigil: sigil.filter(|_| !before.next().is_some_and(is_word_char)),
            suffix: &after[..after.len() - after.trim_start_matches(['+', '#']).len()],
        })
    }

    /// The words in order.
    pub(super) fn words(&self) -> impl Iterator<Item = Word<'_>> {
        (0..self.len()).map_while(|i| self.word(i))
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
        scan(text).words().map(|w| w.text.to_owned()).collect()
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
                let word = scan.words().last().unwrap();
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
            for word in scan(&text).words() {
                prop_assert!(!word.text.is_empty() && word.text.chars().all(is_word_char));
            }
        }
    }
}
