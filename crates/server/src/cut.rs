//! Texts of bounded length.

/// A text of at most `most` bytes: itself, or its beginning and an ellipsis.
pub fn cut(text: &str, most: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo…");
        assert_eq!(cut("üüüü", 6), "ü…");
        assert!(cut(&"大".repeat(10_000), 12_288).len() <= 12_288);
    }
}
