//! How muted keywords and the texts they are looked for in are folded: spellings that look alike become one.
//!
//! The store uses [`fold`] to tell whether two keywords are the same; the muted keyword filter uses [`fold_into`] on every text. Both
//! must agree: a keyword that is muted in one spelling is unmuted by every other.

use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory, Script};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed};
use unicode_normalization::UnicodeNormalization;

const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();
const BIDI: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<BidiControl>();
const CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();
const SCRIPT: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::new();

/// Combining enclosing keycap: with a digit before it, a sign of its own (`1⃣`).
const KEYCAP: char = '\u{20E3}';
/// Black flag, the only base of valid emoji tag sequences (UTS #51).
const TAG_BASE: char = '\u{1F3F4}';
const TAG_END: char = '\u{E007F}';

/// The folded form of a keyword, without spaces around it: the same for two keywords exactly if they count as one. Empty for a
/// keyword of which nothing can be seen, which would match nothing.
pub fn fold(keyword: &str) -> String {
    let mut folded = String::with_capacity(keyword.len());
    fold_into(keyword, &mut folded);
    folded.truncate(folded.trim_end().len());
    folded
}

/// Appends the folded form of a text to an empty string.
///
/// * Invisible characters are dropped ([`is_invisible`]), except in a flag made of tags (Scotland's).
/// * Compatibility forms become plain ones (NFKC): full-width letters, ligatures, decomposed accents.
/// * Case goes: `İ`, `I` and `ı` become `i`, `ẞ` and `ß` become `ss`, final sigma becomes sigma.
/// * Marks that are no part of a letter go: strokes through letters, and vowel signs that Arabic may leave out. An accent that
///   makes another letter (`é`) stays.
/// * Apostrophes become straight, white space becomes a single space, and is removed at the start.
pub fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        fold_ascii(text, folded);
        return;
    }
    let visible = without_invisible(text);
    let mut last = '\0';
    let spelled = visible.nfkc().flat_map(without_case).nfc().filter(move |&c| {
        let part_of_sign = c == KEYCAP && matches!(last, '0'..='9' | '#' | '*');
        last = c;
        part_of_sign || !is_added_mark(c)
    });
    // What stood on both sides of a dropped mark may be one character.
    spelled.nfc().for_each(|c| push(folded, if is_apostrophe(c) { '\'' } else { c }));
}

/// As [`fold_into`], for most texts: what needs no change is copied in runs.
fn fold_ascii(text: &str, folded: &mut String) {
    let start = folded.len();
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().position(|b| b <= b' ' || b == 0x7F).unwrap_or(rest.len());
        folded.push_str(&rest[..plain]);
        if let Some(&next) = rest.as_bytes().get(plain)
            && !is_invisible(char::from(next))
        {
            push(folded, ' ');
        }
        rest = rest.get(plain + 1..).unwrap_or_default();
    }
    folded[start..].make_ascii_lowercase();
}

/// Whether nobody sees a character: of `Default_Ignorable_Code_Point`, `Bidi_Control`, or the general categories control (Cc) and
/// format (Cf). White space among the controls (line breaks, tabs) can be seen.
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() && !c.is_whitespace();
    }
    !c.is_whitespace()
        && (IGNORABLE.contains(c)
            || BIDI.contains(c)
            || matches!(CATEGORY.get(c), GeneralCategory::Control | GeneralCategory::Format))
}

fn without_invisible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if !is_invisible(c) {
            visible.push(c);
        }
        if c == TAG_BASE {
            let (tags, behind) = rest.split_at(tag_sequence(rest));
            visible.push_str(tags);
            rest = behind;
        }
    }
    visible
}

/// The bytes of the tags that make the flag before them a region's, 0 where there are none: three to six letters or digits, and
/// the end tag.
fn tag_sequence(text: &str) -> usize {
    let is_tag = |c: &char| matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}');
    let tags = text.chars().take_while(is_tag).count();
    if (3..=6).contains(&tags) && text.chars().nth(tags) == Some(TAG_END) { (tags + 1) * TAG_END.len_utf8() } else { 0 }
}

/// Lower, upper and lower case in this order, so that letters meet which have only one of them in common: `ẞ`, `ß` and `SS`; `σ` and
/// `ς`; `ı` and `I`.
fn without_case(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Whether a mark is of no script of its own and so may stand on any letter. After composition (NFC) such a mark makes no letter.
fn is_added_mark(c: char) -> bool {
    !c.is_ascii()
        && matches!(CATEGORY.get(c), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
        && SCRIPT.get(c) == Script::Inherited
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2BB}' | '\u{2BC}' | '\u{2032}' | '\u{A78C}')
}

fn push(folded: &mut String, c: char) {
    if !c.is_whitespace() {
        folded.push(c);
    } else if !folded.is_empty() && !folded.ends_with(' ') {
        folded.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_word_fold_to_one() {
        for (a, b) in [
            ("STRASSE", "straße"),
            ("STRAẞE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{390}", "\u{3AA}\u{301}"),
            ("cafe\u{301}", "CAFÉ"),
            ("ＲＵＳＴ", "rust"),
            ("𝐒𝐏𝐎𝐈𝐋𝐄𝐑", "spoiler"),
            ("ﬁlm", "FILM"),
            ("İSTANBUL", "istanbul"),
            ("i\u{307}stanbul", "istanbul"),
            ("ISPARTA", "ısparta"),
            ("don\u{2019}t", "DON'T"),
            ("❤\u{FE0F}", "❤"),
            ("s\u{336}p\u{336}o\u{336}iler", "spoiler"),
            ("\u{20DD}s\u{20DE}poiler", "spoiler"),
            ("مُحَمَّد", "محمد"),
            ("か\u{3099}", "が"),
            ("  New \n York ", "new york"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        for (a, b) in [("resume", "résumé"), ("1\u{FE0F}\u{20E3}", "1"), ("कि", "का"), ("a b", "ab")] {
            assert_ne!(fold(a), fold(b), "{a} {b}");
        }
    }

    #[test]
    fn invisible_characters_are_told_by_the_tables() {
        for c in [
            '\0',
            '\u{1B}',
            '\u{7F}',
            '\u{9B}',
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{115F}',
            '\u{180E}',
            '\u{200B}',
            '\u{200D}',
            '\u{202E}',
            '\u{2060}',
            '\u{2066}',
            '\u{206F}',
            '\u{3164}',
            '\u{FE0F}',
            '\u{FEFF}',
            '\u{FFA0}',
            '\u{FFF9}',
            '\u{1BCA0}',
            '\u{1D173}',
            '\u{E0001}',
            '\u{E0061}',
            '\u{E01EF}',
        ] {
            assert!(is_invisible(c), "U+{:04X}", u32::from(c));
            assert_eq!(fold(&format!("spo{c}iler")), "spoiler", "U+{:04X}", u32::from(c));
            assert_eq!(fold(&format!("cafe{c}\u{301}")), "café", "U+{:04X}", u32::from(c));
        }
        for c in [' ', '\n', '\t', '\u{85}', '\u{A0}', '\u{2028}', '\u{3000}', 'a', '.', '\u{301}', '🔥'] {
            assert!(!is_invisible(c), "U+{:04X}", u32::from(c));
        }
        assert_eq!(fold(" \u{200B}\u{2066} "), "");
    }

    #[test]
    fn a_flag_made_of_tags_is_a_flag_and_other_tags_are_invisible() {
        let (scotland, wales) = (
            "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
            "🏴\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
        );
        assert_eq!(fold(scotland), scotland);
        assert_ne!(fold(scotland), fold(wales));
        assert_eq!(fold("🏴\u{E0067}\u{E0062}"), "🏴", "without its end it is no flag");
        assert_eq!(fold("🔥\u{E0067}\u{E0062}\u{E0073}\u{E007F}"), "🔥");
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC*", marks in "[a-z\u{300}-\u{36F}\u{1100}-\u{11FF} ]*") {
            for text in [text, marks] {
                prop_assert_eq!(fold(&fold(&text)), fold(&text));
            }
        }

        #[test]
        fn an_invisible_character_anywhere_changes_nothing(
            text in "[a-zA-Zé\u{301}ßσが🔥 ]{0,12}",
            at in 0usize..12,
            c in prop::sample::select(('\0'..=char::MAX).filter(|&c| is_invisible(c)).collect::<Vec<_>>()),
        ) {
            let at = text.char_indices().map(|(i, _)| i).nth(at).unwrap_or(text.len());
            let hidden = format!("{}{c}{}", &text[..at], &text[at..]);
            prop_assert_eq!(fold(&hidden), fold(&text));
        }

        #[test]
        fn ascii_needs_no_path_of_its_own(ascii in "[ -~\t\n\u{1}\u{1B}]*") {
            // A character outside ASCII behind the text sends it through the long path.
            let (mut short, mut long) = (String::new(), String::new());
            fold_into(&ascii, &mut short);
            fold_into(&format!("{ascii}é"), &mut long);
            prop_assert_eq!(format!("{short}é"), long);
        }
    }
}
