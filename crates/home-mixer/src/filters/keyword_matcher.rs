//! Muted keywords made ready for many texts.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, BuildError};
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
///
/// One automaton looks for all keywords at once (Aho and Corasick 1975), so a text is read once however many there are. Building it
/// is the expensive part.
pub(super) struct KeywordMatcher {
    keywords: Arc<[String]>,
    /// Finds what the keywords begin with; `None` without keywords.
    finder: Option<AhoCorasick>,
    /// Per pattern of the finder, the keywords that begin with it.
    begun: Vec<Begun>,
}

/// The keywords that begin with one text, by their places in the list.
#[derive(Debug, Default)]
struct Begun {
    /// The keyword that is this text and may stand anywhere.
    anywhere: Option<usize>,
    /// Those whose first word this is.
    phrases: Vec<Phrase>,
}

#[derive(Debug)]
struct Phrase {
    words: Box<[PhraseWord]>,
    keyword: usize,
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

impl Phrase {
    /// Whether the phrase begins with the word at `at`.
    fn stands_at(&self, at: usize, scan: &WordScan) -> bool {
        let mut words = scan.words_from(at);
        self.words.iter().all(|wanted| words.next().is_some_and(|word| wanted.matches(word)))
    }
}

impl KeywordMatcher {
    /// Reads keywords. Empty ones match nothing. Fails where there are more than an automaton can hold (2^31 bytes).
    pub(super) fn new(keywords: Arc<[String]>) -> Result<Self, BuildError> {
        let mut begun: Vec<Begun> = Vec::new();
        let mut places: FxHashMap<Box<str>, usize> = FxHashMap::default();
        let mut scan = WordScan::default();
        for (keyword, text) in keywords.iter().enumerate() {
            scan.read(text);
            let folded = scan.folded().trim_end();
            let words: Box<[PhraseWord]> = scan
                .words_from(0)
                .map(|w| PhraseWord { text: w.text.into(), sigil: w.sigil, suffix: w.suffix.into() })
                .collect();
            let anywhere = words.is_empty() || folded.chars().any(|c| is_sign(c) || is_unseparated(c));
            let begins_with = if anywhere { folded } else { &words[0].text };
            if begins_with.is_empty() {
                continue;
            }
            let place = *places.entry(begins_with.into()).or_insert_with(|| {
                begun.push(Begun::default());
                begun.len() - 1
            });
            if anywhere {
                begun[place].anywhere.get_or_insert(keyword);
            } else {
                begun[place].phrases.push(Phrase { words, keyword });
            }
        }
        let mut patterns = vec![Box::<str>::default(); begun.len()];
        for (text, place) in places {
            patterns[place] = text;
        }
        let finder = if patterns.is_empty() {
            None
        } else {
            Some(AhoCorasick::new(patterns.iter().map(|text| text.as_bytes()))?)
        };
        Ok(Self { keywords, finder, begun })
    }

    /// The keywords it was made of.
    pub(super) const fn keywords(&self) -> &Arc<[String]> {
        &self.keywords
    }

    /// Whether there is nothing to look for.
    pub(super) const fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        /// Of a keyword in addition to its text: its phrase, the phrase's words, their boxes.
        const PER_KEYWORD: usize = 160;
        let texts: usize = self.keywords.iter().map(|keyword| PER_KEYWORD + 2 * keyword.len()).sum();
        texts + self.finder.as_ref().map_or(0, AhoCorasick::memory_usage)
    }

    /// The keyword that a text contains, if any: the first of the list among those that may stand anywhere, else the one that
    /// stands first in the text. `scan` is overwritten.
    pub(super) fn find(&self, text: &str, scan: &mut WordScan) -> Option<&str> {
        let finder = self.finder.as_ref()?;
        scan.read(text);
        let (mut anywhere, mut phrase) = (None, None);
        for found in finder.find_overlapping_iter(scan.folded()) {
            let begun = &self.begun[found.pattern().as_usize()];
            if let Some(keyword) = begun.anywhere {
                anywhere = Some(anywhere.map_or(keyword, |known: usize| known.min(keyword)));
            }
            // Matches come by their ends, and whole words do not overlap: the first that fits stands first.
            if phrase.is_none() && !begun.phrases.is_empty() && scan.is_word(found.start(), found.end()) {
                let stands_here = |phrase: &&Phrase| phrase.stands_at(found.start(), scan);
                phrase = begun.phrases.iter().find(stands_here).map(|phrase| phrase.keyword);
            }
        }
        anywhere.or(phrase).map(|keyword| &*self.keywords[keyword])
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

    fn matcher(keywords: &[&str]) -> KeywordMatcher {
        KeywordMatcher::new(keywords.iter().map(|&keyword| keyword.to_owned()).collect()).unwrap()
    }

    /// What a matcher finds, by looking for each keyword on its own at every word.
    fn found_naively<'k>(keywords: &[&'k str], text: &str) -> Option<&'k str> {
        let read = |text: &str| {
            let mut scan = WordScan::default();
            scan.read(text);
            scan
        };
        let is_anywhere = |scan: &WordScan| {
            scan.words_from(0).next().is_none() || scan.folded().chars().any(|c| is_sign(c) || is_unseparated(c))
        };
        let scan = read(text);
        let scans: Vec<_> = keywords.iter().map(|&keyword| (keyword, read(keyword))).collect();
        let anywhere = scans.iter().find(|(_, keyword)| {
            let folded = keyword.folded().trim_end();
            !folded.is_empty() && is_anywhere(keyword) && scan.folded().contains(folded)
        });
        if let Some((keyword, _)) = anywhere {
            return Some(keyword);
        }
        let words: Vec<_> = scan.words_from(0).collect();
        (0..words.len()).find_map(|at| {
            let stands_here = |(_, keyword): &&(&'k str, WordScan)| {
                !is_anywhere(keyword)
                    && keyword.words_from(0).enumerate().all(|(n, wanted)| {
                        let word = words.get(at + n);
                        word.is_some_and(|word| {
                            word.text == wanted.text
                                && (wanted.sigil.is_none() || wanted.sigil == word.sigil)
                                && (wanted.suffix.is_empty() || wanted.suffix == word.suffix)
                        })
                    })
            };
            scans.iter().find(stands_here).map(|(keyword, _)| *keyword)
        })
    }

    fn matches(keyword: &str, text: &str) -> bool {
        matcher(&[keyword]).find(text, &mut WordScan::default()).is_some()
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
        let matcher = matcher(&["New York", "new", "寿司"]);
        let mut scan = WordScan::default();
        assert_eq!(matcher.find("in NEW YORK", &mut scan), Some("New York"));
        assert_eq!(matcher.find("brand new", &mut scan), Some("new"));
        assert_eq!(matcher.find("寿司と酒", &mut scan), Some("寿司"));
        assert_eq!(matcher.find("nothing", &mut scan), None);
        assert!(!matcher.is_empty() && self::matcher(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn it_finds_what_looking_for_each_keyword_finds(
            keywords in prop::collection::vec("[abé東🔥#@$+' ]{0,6}", 0..6),
            text in "[aAbBéÉ東🔥#@$+', ]{0,24}",
            words in prop::collection::vec(("[ #@$]{0,2}", prop::sample::select(vec!["a", "ab", "ba", "b", "é", "a+", "東"]), "[ +',]{0,2}"), 0..8),
        ) {
            let keywords: Vec<&str> = keywords.iter().map(String::as_str).collect();
            let matcher = matcher(&keywords);
            let words: String = words.into_iter().flat_map(|(before, word, after)| [before, word.to_owned(), after]).collect();
            for text in [text, words] {
                prop_assert_eq!(matcher.find(&text, &mut WordScan::default()), found_naively(&keywords, &text), "{:?}", text);
            }
        }

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
