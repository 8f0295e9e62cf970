//! Muted keywords made ready for many texts.

use icu_properties::props::{LineBreak, Script};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};
use rustc_hash::FxHashMap;

use super::word_scan::{Word, WordScan, is_word_char};

/// A viewer's muted keywords, ready to be looked for.
///
/// * A keyword is matched as whole words in sequence, whatever stands between them: `machine learning` is in "Machine-learning!",
///   `art` is not in "party". See [`WordScan`] for what a word is and which spellings are one.
/// * A keyword without a sign mutes the hashtag, mention and cashtag, too: `rust` is in "#Rust". One with a sign needs it: `#rust`
///   is not in "rust", `C++` is not in "C".
/// * Where words are not separated (Chinese, Japanese, Thai, ...), and for emoji and other signs, a keyword is matched anywhere
///   in the text.
#[derive(Debug, Default)]
pub(super) struct KeywordMatcher<'k> {
    /// Word sequences by their first word.
    phrases: FxHashMap<Box<str>, Vec<Phrase<'k>>>,
    /// Folded texts to be found anywhere.
    anywhere: Vec<(Box<str>, &'k str)>,
}

#[derive(Debug)]
struct Phrase<'k> {
    words: Vec<PhraseWord>,
    keyword: &'k str,
}

#[derive(Debug)]
struct PhraseWord {
    text: Box<str>,
    sigil: Option<char>,
    suffix: Box<str>,
}

impl PhraseWord {
    fn matches(&self, word: Word<'_>) -> bool {
        *self.text == *word.text
            && (self.sigil.is_none() || self.sigil == word.sigil)
            && (self.suffix.is_empty() || *self.suffix == *word.suffix)
    }
}

impl<'k> KeywordMatcher<'k> {
    /// Reads keywords. Empty ones match nothing.
    pub(super) fn new(keywords: &'k [String]) -> Self {
        let mut matcher = Self::default();
        let mut scan = WordScan::default();
        for keyword in keywords {
            scan.read(keyword);
            let folded = scan.folded().trim_end();
            if folded.is_empty() {
                continue;
            }
            if scan.len() == 0 || folded.chars().any(|c| is_sign(c) || is_unseparated(c)) {
                matcher.anywhere.push((folded.into(), keyword));
                continue;
            }
            let words: Vec<_> = scan
                .words()
                .map(|w| PhraseWord { text: w.text.into(), sigil: w.sigil, suffix: w.suffix.into() })
                .collect();
            if let Some(first) = words.first() {
                matcher.phrases.entry(first.text.clone()).or_default().push(Phrase { words, keyword });
            }
        }
        matcher
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.phrases.is_empty() && self.anywhere.is_empty()
    }

    /// The keyword that a text contains, if any. `scan` is overwritten.
    pub(super) fn find(&self, text: &str, scan: &mut WordScan) -> Option<&'k str> {
        scan.read(text);
        if let Some((_, keyword)) = self.anywhere.iter().find(|(folded, _)| scan.folded().contains(&**folded)) {
            return Some(keyword);
        }
        if self.phrases.is_empty() {
            return None;
        }
        scan.words().enumerate().find_map(|(at, word)| {
            let phrases = self.phrases.get(word.text)?;
            let stands_here = |phrase: &&Phrase<'_>| {
                phrase.words.iter().enumerate().all(|(n, wanted)| scan.word(at + n).is_some_and(|w| wanted.matches(w)))
            };
            phrases.iter().find(stands_here).map(|phrase| phrase.keyword)
        })
    }
}

/// Whether a character is a sign with a meaning of its own, like an emoji: neither word nor space nor punctuation (of ASCII,
/// Latin-1, the general and the CJK block).
fn is_sign(c: char) -> bool {
    let punctuation = matches!(c, '\u{A0}'..='\u{BF}' | '\u{2000}'..='\u{206F}' | '\u{3000}'..='\u{303F}');
    !c.is_ascii() && !is_word_char(c) && !c.is_whitespace() && !punctuation
}

/// Whether a character belongs to a script that is written without spaces between words: those for which Unicode says that lines break
/// between characters, or only a dictionary knows where.
fn is_unseparated(c: char) -> bool {
    const SCRIPT: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::new();
    const LINE_BREAK: CodePointMapDataBorrowed<'static, LineBreak> = CodePointMapData::new();
    if c.is_ascii() {
        return false;
    }
    let by_line_break = matches!(
        LINE_BREAK.get(c),
        LineBreak::ComplexContext
            | LineBreak::Ideographic
            | LineBreak::ConditionalJapaneseStarter
            | LineBreak::Aksara
            | LineBreak::AksaraPrebase
            | LineBreak::AksaraStart
    );
    by_line_break
        || matches!(
            SCRIPT.get(c),
            Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Yi | Script::Tibetan
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(keyword: &str, text: &str) -> bool {
        let keywords = [keyword.to_owned()];
        KeywordMatcher::new(&keywords).find(text, &mut WordScan::default()).is_some()
    }

    #[test]
    fn words_match_whole_and_in_sequence() {
        for (keyword, text, expected) in [
            ("art", "Modern ART.", true),
            ("art", "a party", false),
            ("art", "start", false),
            ("Machine Learning", "on machine-learning, again", true),
            ("machine learning", "learning machine", false),
            ("machine learning", "machine vision learning", false),
            ("machine learning", "the machine", false),
            ("a b", "a a b", true),
            ("don't", "I DON\u{2019}T know", true),
            ("trump", "Trump's", true),
            ("example.com", "see https://example.com/x", true),
            ("  spaced   out ", "spaced out", true),
            ("straße", "STRASSE", true),
            ("", "anything", false),
            (" \u{200B} ", "anything", false),
        ] {
            assert_eq!(matches(keyword, text), expected, "{keyword:?} in {text:?}");
        }
    }

    #[test]
    fn a_sign_is_needed_only_where_the_keyword_has_it() {
        for (keyword, text, expected) in [
            ("rust", "#Rust is fun", true),
            ("#rust", "#Rust is fun", true),
            ("#rust", "rust is fun", false),
            ("#rust", "#rusty", false),
            ("bob", "hello @bob", true),
            ("@bob", "hello bob", false),
            ("@example", "mail bob@example.com", false),
            ("$TSLA", "buy $tsla", true),
            ("$TSLA", "tsla", false),
            ("c++", "Modern C++!", true),
            ("c++", "vitamin C", false),
            ("c", "Modern C++", true),
            ("c#", "C# and F#", true),
        ] {
            assert_eq!(matches(keyword, text), expected, "{keyword:?} in {text:?}");
        }
    }

    #[test]
    fn without_separators_a_keyword_may_stand_anywhere() {
        for (keyword, text, expected) in [
            ("東京", "明日は東京都へ", true),
            ("東京", "京東", false),
            ("カメラ", "デジタルｶﾒﾗ", true),
            ("iPhone手機", "新IPHONE手機", true),
            ("ร้าน", "ไปร้านอาหาร", true),
            ("ភាសា", "និយាយភាសាខ្មែរ", true),
            ("མི", "མིའི", true),
            ("ꦗꦮ", "ꦧꦱꦗꦮ", true),
            ("スポイラー", "映画のスポイラーです", true),
            ("🔥", "so🔥🔥", true),
            ("🔥 sale", "a sale", false),
            ("👍", "ok 👍🏽", true),
            (":)", "nice :)", true),
        ] {
            assert_eq!(matches(keyword, text), expected, "{keyword:?} in {text:?}");
        }
    }

    #[test]
    fn the_keyword_is_told_as_the_viewer_wrote_it() {
        let keywords = ["New York".to_owned(), "new".to_owned(), "寿司".to_owned()];
        let matcher = KeywordMatcher::new(&keywords);
        let mut scan = WordScan::default();
        assert_eq!(matcher.find("in NEW YORK", &mut scan), Some("New York"));
        assert_eq!(matcher.find("brand new", &mut scan), Some("new"));
        assert_eq!(matcher.find("寿司と酒", &mut scan), Some("寿司"));
        assert_eq!(matcher.find("nothing", &mut scan), None);
        assert!(!matcher.is_empty() && KeywordMatcher::new(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_keyword_is_found_in_any_text_that_has_it_between_spaces(
            keyword in "[a-zß-öé東🔥#@+' ]{1,12}",
            before in "\\PC{0,10}",
            after in "\\PC{0,10}",
        ) {
            let something = !keyword.trim().is_empty();
            prop_assert_eq!(matches(&keyword, &keyword), something);
            if something {
                let text = format!("{before} {keyword} {after}");
                prop_assert!(matches(&keyword, &text));
                prop_assert!(matches(&keyword.to_uppercase(), &text));
            }
        }
    }
}
