//! What a post says, as a few hashed words.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use xxhash_rust::xxh3::xxh3_64;

/// Most words of a post, markers and bigrams included.
const MOST_WORDS: usize = 32;
/// A longer word counts as its first characters, so that a text without spaces costs no more than any other.
const LONGEST_WORD: usize = 64;
/// A longer video is a long one.
const LONG_VIDEO_MS: u32 = 10_000;

/// What the content words are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostText<'a> {
    /// The text.
    pub text: Option<&'a str>,
    /// The title, of what has one (articles, videos).
    pub title: Option<&'a str>,
    /// The language tag, e.g. `en`.
    pub language: Option<&'a str>,
    /// Number of photos.
    pub photos: usize,
    /// Duration of the longest video; `None` without a video.
    pub longest_video_ms: Option<u32>,
    /// Whether it answers another post.
    pub is_reply: bool,
    /// Whether it quotes another post.
    pub is_quote: bool,
}

/// The content words of a post, at most `MOST_WORDS` different ones, none 0: the low 32 bits of each word's XXH3.
///
/// First come markers of what the post is (`<photo>`, `<video>`, `<video:long>` above 10 s, `<reply>`, `<quote>`, `<lang:en>`), then the words
/// of title and text in order, then, where room is left, the bigrams of neighbouring words. Words are runs of letters and digits after
/// NFKC and lower-casing; `#` and `@` before a word make it another word; every Han, Hiragana, Katakana and Thai character is a word of
/// its own, as these scripts write no spaces.
pub fn content_words(post: &PostText<'_>) -> Arc<[u32]> {
    let mut found = Words::default();
    let video = post.longest_video_ms;
    for (is, marker) in [
        (post.photos > 0, "<photo>"),
        (video.is_some(), "<video>"),
        (video.is_some_and(|ms| ms > LONG_VIDEO_MS), "<video:long>"),
        (post.is_reply, "<reply>"),
        (post.is_quote, "<quote>"),
    ] {
        if is {
            found.add(marker);
        }
    }
    if let Some(language) = post.language.map(str::trim).filter(|tag| !tag.is_empty()) {
        found.add(&format!("<lang:{}>", language.to_lowercase()));
    }

    // Bigrams are wanted only if all words fit, so no more words than fit need to be kept.
    let mut parts = Vec::with_capacity(2);
    for text in [post.title, post.text].into_iter().flatten() {
        let mut words = Vec::new();
        split(text, |word| {
            found.add(&word);
            words.push(word);
            !found.is_full()
        });
        parts.push(words);
    }
    for pair in parts.iter().flat_map(|words| words.windows(2)) {
        if found.is_full() {
            break;
        }
        found.add(&format!("{} {}", pair[0], pair[1]));
    }
    found.0.into()
}

/// Different hashes in order of appearance.
#[derive(Default)]
struct Words(Vec<u32>);

impl Words {
    fn add(&mut self, word: &str) {
        let hash = (xxh3_64(word.as_bytes()) as u32).max(1);
        if !self.is_full() && !self.0.contains(&hash) {
            self.0.push(hash);
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() >= MOST_WORDS
    }
}

/// Calls `each` with the words of a text until it says stop (false).
fn split(text: &str, mut each: impl FnMut(String) -> bool) {
    let mut chars = text.nfkc().flat_map(char::to_lowercase).peekable();
    let mut word = String::new();
    let mut length = 0;
    while let Some(c) = chars.next() {
        let inside = !word.is_empty();
        // A tag runs on in every script; outside tags a character of a script without spaces neither continues a word nor is continued.
        let continues = if is_combining_mark(c) {
            inside
        } else if word.starts_with(['#', '@']) {
            c.is_alphanumeric() || c == '_'
        } else {
            inside && c.is_alphanumeric() && !writes_no_spaces(c) && !word.starts_with(writes_no_spaces)
        };
        if !continues {
            length = 0;
            if inside && !each(std::mem::take(&mut word)) {
                return;
            }
        }
        let opens_tag = matches!(c, '#' | '@') && !inside && chars.peek().is_some_and(|next| next.is_alphanumeric());
        if (continues || opens_tag || c.is_alphanumeric()) && length < LONGEST_WORD {
            word.push(c);
            length += 1;
        }
    }
    if !word.is_empty() {
        each(word);
    }
}

/// Whether the character is Han, Hiragana, Katakana or Thai (after NFKC, which leaves no half-width forms).
fn writes_no_spaces(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0E7F}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30FF}'
        | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        split(text, |word| {
            all.push(word);
            true
        });
        all
    }

    fn text(text: &str) -> Arc<[u32]> {
        content_words(&PostText { text: Some(text), ..PostText::default() })
    }

    fn hashes(words: &[&str]) -> Vec<u32> {
        words.iter().map(|word| xxh3_64(word.as_bytes()) as u32).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(words("Hello, World! 42"), ["hello", "world", "42"]);
        assert_eq!(words("  \n\t"), [""; 0]);
        assert_eq!(words("a-b_c"), ["a", "b", "c"]);
        // Full-width letters, a ligature and a decomposed accent are the same words as their plain forms.
        assert_eq!(words("ＦＯＯ ﬁne cafe\u{301}"), ["foo", "fine", "café"]);
        assert_eq!(words("İstanbul ΣΑΣ"), ["i\u{307}stanbul", "σασ"]);
        // Vowel signs and viramas belong to their word.
        assert_eq!(words("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
    }

    #[test]
    fn a_tag_is_another_word() {
        assert_eq!(words("#Rust rust @rust_lang"), ["#rust", "rust", "@rust_lang"]);
        assert_eq!(words("C# # @ ##x a@b.c #猫カフェ!"), ["c", "#x", "a", "b", "c", "#猫カフェ"]);
    }

    #[test]
    fn scripts_without_spaces_go_by_character() {
        assert_eq!(words("東京は rust が"), ["東", "京", "は", "rust", "が"]);
        assert_eq!(words("ｶﾞ夜x"), ["ガ", "夜", "x"]);
        // The tone mark stays with its consonant.
        assert_eq!(words("ก่ข"), ["ก่", "ข"]);
        assert_eq!(words("한국어 글"), ["한국어", "글"]);
    }

    #[test]
    fn markers_come_first_then_words_then_bigrams() {
        let post = PostText {
            text: Some("new cat"),
            title: Some("My day"),
            language: Some("EN"),
            photos: 2,
            longest_video_ms: Some(10_001),
            is_reply: true,
            is_quote: true,
        };
        let expected = hashes(&[
            "<photo>",
            "<video>",
            "<video:long>",
            "<reply>",
            "<quote>",
            "<lang:en>",
            "my",
            "day",
            "new",
            "cat",
            "my day",
            "new cat",
        ]);
        assert_eq!(*content_words(&post), expected);
        let short = PostText { longest_video_ms: Some(10_000), language: Some(" "), ..PostText::default() };
        assert_eq!(*content_words(&short), hashes(&["<video>"]));
    }

    #[test]
    fn nothing_gives_no_words() {
        assert!(content_words(&PostText::default()).is_empty());
        assert!(text("").is_empty());
        assert!(text("… 🙂 !").is_empty());
    }

    #[test]
    fn a_repeated_word_counts_once() {
        assert_eq!(*text("no no NO"), hashes(&["no", "no no"]));
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_end() {
        let long: Vec<String> = (0..100_000).map(|i| format!("w{i}")).collect();
        let long = long.join(" ");
        let all =
            content_words(&PostText { title: Some("the title"), text: Some(&long), photos: 1, ..PostText::default() });
        assert_eq!(all.len(), MOST_WORDS);
        assert_eq!(all[..4], hashes(&["<photo>", "the", "title", "w0"]));
        assert_eq!(all[31], hashes(&["w28"])[0]);
        // 20 words leave room for 12 of the 19 bigrams.
        let twenty: Vec<String> = (0..20).map(|i| format!("w{i}")).collect();
        let all = text(&twenty.join(" "));
        assert_eq!(all.len(), MOST_WORDS);
        assert_eq!(all[31], hashes(&["w11 w12"])[0]);
    }

    #[test]
    fn a_text_without_spaces_is_cut() {
        let endless = "a".repeat(1_000_000);
        assert_eq!(*text(&endless), hashes(&[&"a".repeat(LONGEST_WORD)]));
        assert_eq!(words(&format!("{endless} b")).last().unwrap(), "b");
    }

    proptest! {
        #[test]
        fn any_text_gives_few_different_words_none_zero(s in any::<String>(), t in any::<String>()) {
            let post = PostText { text: Some(&s), title: Some(&t), ..PostText::default() };
            let all = content_words(&post);
            prop_assert!(all.len() <= MOST_WORDS);
            prop_assert!(all.iter().all(|&w| w != 0));
            let different: std::collections::HashSet<_> = all.iter().collect();
            prop_assert_eq!(different.len(), all.len());
            prop_assert_eq!(&content_words(&post), &all);
        }
    }
}
