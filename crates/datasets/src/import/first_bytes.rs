//! What a file looks like by its first bytes, for the message that nothing in it could be used.

use super::{
    cells::{Cells, Separator},
    fields::shown,
};

/// How much of a file is looked at.
pub(super) const HEAD_BYTES: usize = 4 * 1024;

/// How the description of a table begins.
pub(super) const TABLE: &str = "a table";

/// How the description of other text begins.
pub(super) const TEXT: &str = "text";

/// First bytes of formats that are not text, and what to say of them.
const MAGIC: [(&[u8], &str); 17] = [
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "compressed with bzip2: decompress it first (bunzip2)"),
    (b"\xfd7zXZ\x00", "compressed with xz: decompress it first (unxz)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"PAR1", "Parquet: convert it to CSV or JSON lines"),
    (b"ARROW1", "an Arrow file: convert it to CSV or JSON lines"),
    (b"Obj\x01", "Avro: convert it to JSON lines"),
    (b"ORC", "ORC: convert it to CSV or JSON lines"),
    (b"SQLite format 3\0", "an SQLite database: export the table as CSV or JSON lines"),
    (b"\x89HDF", "HDF5: convert it to CSV or JSON lines"),
    (b"%PDF", "a PDF document"),
    (b"\x80\x04\x95", "a Python pickle: convert it to CSV or JSON lines"),
    (b"\x93NUMPY", "a NumPy array: convert it to CSV or JSON lines"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself: fetch it (git lfs pull)"),
];

/// A file of another format than text, where the first bytes show it.
pub(super) fn foreign(head: &[u8]) -> Option<String> {
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some((*what).to_owned());
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive: unpack it first".to_owned());
    }
    unicode(head).map(|form| format!("{form} text: convert it to UTF-8 (iconv -f {form} -t UTF-8 FILE > NEW)"))
}

/// UTF-16 or UTF-32, by the byte-order mark, or by the zeros that Latin letters have in it.
fn unicode(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] => return Some("UTF-32LE"),
        [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32BE"),
        [0xff, 0xfe, ..] => return Some("UTF-16LE"),
        [0xfe, 0xff, ..] => return Some("UTF-16BE"),
        _ => {}
    }
    let zeros = |step: usize, place: usize| {
        let bytes = head.iter().skip(place).step_by(step);
        (bytes.clone().filter(|&&byte| byte == 0).count(), bytes.count())
    };
    // Nearly all of one half, and none of the other: digits, braces and most letters have the upper byte 0.
    let all = |(zeros, bytes): (usize, usize)| bytes >= 2 && zeros * 10 >= bytes * 9;
    let none = |(zeros, bytes): (usize, usize)| bytes >= 2 && zeros == 0;
    let four = [0, 1, 2, 3].map(|place| zeros(4, place));
    if head.len() >= 8 && none(four[0]) && four[1..].iter().all(|&half| all(half)) {
        return Some("UTF-32LE");
    }
    if head.len() >= 8 && none(four[3]) && four[..3].iter().all(|&half| all(half)) {
        return Some("UTF-32BE");
    }
    match (zeros(2, 0), zeros(2, 1)) {
        (low, high) if none(low) && all(high) => Some("UTF-16LE"),
        (high, low) if none(low) && all(high) => Some("UTF-16BE"),
        _ => None,
    }
}

/// What a file looks like.
pub(super) fn describe(head: &[u8]) -> String {
    if head.is_empty() {
        return "empty".to_owned();
    }
    if let Some(foreign) = foreign(head) {
        return foreign;
    }
    let text = String::from_utf8_lossy(head);
    // A character may be cut at the end of what was read.
    let replaced = text.trim_end_matches('\u{fffd}').chars().filter(|&c| c == '\u{fffd}').count();
    let controls = head.iter().filter(|&&byte| byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r')).count();
    if controls * 50 > head.len() {
        return "not text (binary data)".to_owned();
    }
    if replaced > 0 {
        return "text that is not UTF-8 (Latin-1 perhaps): convert it (iconv -f LATIN1 -t UTF-8 FILE > NEW)".to_owned();
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() {
        return "white space only".to_owned();
    }
    let lower: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return "a web page (HTML): perhaps that of the download, not the file".to_owned();
    }
    if lower.starts_with('<') {
        return "XML".to_owned();
    }
    let first = text.lines().next().unwrap_or_default();
    if text.starts_with('[') {
        return "one JSON array: write one event per line (jq -c '.[]' FILE > NEW)".to_owned();
    }
    if text.starts_with('{') {
        return object(text, first, head.len() >= HEAD_BYTES && !text.contains(['\n', '\r']));
    }
    let columns = |separator: Separator| {
        let mut cells = Cells::new(separator);
        if cells.add(first.as_bytes()) { cells.len() } else { 0 }
    };
    let most = Separator::ALL.into_iter().max_by_key(|&separator| columns(separator)).map(|s| (s, columns(s)));
    match most {
        Some((separator, columns)) if columns > 1 => format!(
            "{TABLE} of {columns} columns separated by {}, with the first line {}",
            separator.name(),
            shown(first)
        ),
        _ => format!("{TEXT} with the first line {}", shown(first)),
    }
}

/// What text looks like that begins with an object. The end of a first line that `is_cut` was not read.
fn object(text: &str, first: &str, is_cut: bool) -> String {
    let key = text[1..].trim_start();
    if key.starts_with("\"events\"") && !key.starts_with("\"events\":\"") {
        return "one JSON document with a list of events: write one event per line (jq -c '.events[]' FILE > NEW)"
            .to_owned();
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(first) {
        Err(error) if !error.is_eof() => {
            format!("JSON with a first line that cannot be parsed ({error}): {}", shown(first))
        }
        Err(_) if !is_cut => "JSON over several lines: write one event per line (jq -c . FILE > NEW)".to_owned(),
        _ => format!("JSON lines, the first of them {}", shown(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: bool) -> Vec<u8> {
        let text = if mark { format!("\u{feff}{text}") } else { text.to_owned() };
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        let line = "{\"type\": \"follow\", \"user_id\": \"1\"}\n";
        assert!(describe(&utf16(line, true)).starts_with("UTF-16LE text"));
        assert!(describe(&utf16(line, false)).starts_with("UTF-16LE text"));
        let swapped: Vec<u8> = utf16(line, false).chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        assert!(describe(&swapped).starts_with("UTF-16BE text"));
        let wide: Vec<u8> = line.chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        assert!(describe(&wide).starts_with("UTF-32LE text"));
        let sentences: [(&[u8], &str); 16] = [
            (b"", "empty"),
            (b" \n", "white space"),
            (b"\x1f\x8b\x08\x00", "compressed with gzip"),
            (b"PAR1\x15\x04", "Parquet"),
            (b"SQLite format 3\0\x10", "an SQLite"),
            (b"<!DOCTYPE HTML><html>", "a web page"),
            (b"<?xml version=\"1.0\"?>", "XML"),
            (b"[{\"type\": 1}]", "one JSON array"),
            (b"{\"events\": [\n", "one JSON document with a list"),
            (b"{\n  \"type\": 1\n}", "JSON over several lines"),
            (b"{\"type\": 1}\n{}", "JSON lines, the first of them"),
            (b"a;b;c\n1;2;3", "a table of 3 columns separated by semicolons"),
            (b"hello\nworld", "text with the first line \"hello\""),
            (b"caf\xe9 noir\n", "text that is not UTF-8"),
            (b"\x00\x01\x02\x03\x00\x07abc", "not text"),
            (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        ];
        for (head, sentence) in sentences {
            let said = describe(head);
            assert!(said.starts_with(sentence), "{}: {said}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn only_an_object_that_goes_on_behind_its_line_is_over_several_lines() {
        for line in ["{\"at\": NaN}", "{\"at\": 1,}", "{'at': 1}", "{\"at\": 1} {\"at\": 2}"] {
            for text in [format!("{line}\n{{}}\n"), line.to_owned()] {
                let said = describe(text.as_bytes());
                assert!(said.starts_with("JSON with a first line that cannot be parsed ("), "{said}");
                assert!(said.contains("column"), "{said}");
            }
        }
        let long = format!("{{\"type\": \"post\", \"text\": \"{}\"}}\n", "x".repeat(2 * HEAD_BYTES));
        assert!(describe(&long.as_bytes()[..HEAD_BYTES]).starts_with("JSON lines, the first of them"));
        assert!(describe(b"{\"a\": {\n}}\n").starts_with("JSON over several lines"));
    }

    #[test]
    fn text_of_any_script_is_not_taken_for_another_format() {
        for text in ["{\"type\": \"post\"}", "user,at\n", "Привет, мир", "日本語", "a\tb", "\u{feff}{}", "é"]
        {
            assert_eq!(foreign(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn big_endian_texts_and_archives_are_known() {
        let line = "{\"type\": \"follow\"}\n";
        let big: Vec<u8> = format!("\u{feff}{line}").encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(describe(&big).starts_with("UTF-16BE text"));
        let wide = |text: &str| text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect::<Vec<u8>>();
        assert!(describe(&wide(line)).starts_with("UTF-32BE text"));
        assert!(describe(&wide(&format!("\u{feff}{line}"))).starts_with("UTF-32BE text"));
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(describe(&tar).starts_with("a tar archive"));
    }
}
