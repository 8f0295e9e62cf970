//! A text as muted keywords are compared with it: folded, and cut into words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The folded form of one text and where its words are. Reused from text to text, so that a request allocates once.
///
/// Folded: Unicode compatibility composition (NFKC), case and final sigma gone, invisible characters gone, curly apostrophes
/// straight, white space a single space. A word is a run of letters, digits, marks and underscores, so an apostrophe or a full
/// stop ends it: `Rust's` is `rust`, `s`.
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
        if text.is_ascii() {
            text.chars().for_each(|c| push(&mut self.folded, c.to_ascii_lowercase()));
        } else {
            for c in text.nfkc() {
                fold(c, &mut |folded| push(&mut self.folded, folded));
            }
        }
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

fn push(folded: &mut String, c: char) {
    if !c.is_whitespace() {
        folded.push(c);
    } else if !folded.is_empty() && !folded.ends_with(' ') {
        folded.push(' ');
    }
}

fn fold(c: char, give: &mut impl FnMut(char)) {
    match c {
        // Soft hyphen, grapheme joiner, zero-width space and joiners, direction marks, word joiner, variation selectors, BOM:
        // nobody sees them, and who writes a word in spite of others puts them into it.
        '\u{AD}'
        | '\u{34F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2060}'..='\u{2064}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' => {}
        '\u{2018}' | '\u{2019}' | '\u{2BC}' => give('\''),
        // Its full folding is i and a dot, which no Turkish keyword typed in small letters has.
        'İ' => give('i'),
        // Upper case first: only so do ß and SS, σ and ς meet.
        _ => c.to_uppercase().flat_map(char::to_lowercase).for_each(give),
    }
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
    fn spellings_of_one_word_fold_to_one() {
        for (a, b) in [
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("cafe\u{301}", "CAFÉ"),
            ("ＲＵＳＴ", "rust"),
            ("ru\u{200B}s\u{AD}t", "Rust"),
            ("ﬁlm", "FILM"),
            ("İSTANBUL", "istanbul"),
            ("ISPARTA", "ısparta"),
            ("don\u{2019}t", "DON'T"),
            ("❤\u{FE0F}", "❤"),
        ] {
            assert_eq!(scan(a).folded(), scan(b).folded(), "{a} {b}");
        }
        assert_ne!(scan("resume").folded(), scan("résumé").folded());
        assert_eq!(scan("  a \n\u{3000} b ").folded(), "a b ");
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
        fn any_text_is_read_and_ascii_needs_no_path_of_its_own(text in "\\PC*", ascii in "[ -~\t\n]*") {
            let read = scan(&text);
            for word in read.words() {
                prop_assert!(!word.text.is_empty() && word.text.chars().all(is_word_char));
            }
            // A character outside ASCII behind the text sends it through the long path.
            let (short, long) = (scan(&ascii), scan(&format!("{ascii}é")));
            prop_assert_eq!(format!("{}é", short.folded()), long.folded());
        }
    }
}
