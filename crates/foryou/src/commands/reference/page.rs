//! A page of a reference: sections with tables of keys, as Markdown or JSON.

use std::fmt;

use serde::Serialize;

/// A page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// Its title.
    pub(super) title: &'static str,
    /// What it is about, as Markdown.
    pub(super) about: String,
    /// Its sections.
    pub(super) sections: Vec<Section>,
}

/// A section of a page.
#[derive(Debug, Default, Serialize)]
pub(super) struct Section {
    /// Its title.
    pub(super) title: String,
    /// What it is about, as Markdown.
    pub(super) about: String,
    /// The names of the columns.
    pub(super) columns: Vec<&'static str>,
    /// The rows; as many cells as columns.
    pub(super) rows: Vec<Vec<String>>,
    /// An example, and the language that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) example: Option<(&'static str, String)>,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "# {}\n\n{}\n", self.title, self.about)?;
        for section in &self.sections {
            write!(f, "\n{section}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}", self.title)?;
        if !self.about.is_empty() {
            write!(f, "\n{}\n", self.about)?;
        }
        if !self.rows.is_empty() {
            write!(f, "\n| {} |\n|{}\n", self.columns.join(" | "), "---|".repeat(self.columns.len()))?;
            for row in &self.rows {
                let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
                writeln!(f, "| {} |", cells.join(" | "))?;
            }
        }
        match &self.example {
            Some((language, text)) => write!(f, "\n```{language}\n{}\n```\n", text.trim_end()),
            None => Ok(()),
        }
    }
}

/// Something as code.
pub(super) fn code(text: impl fmt::Display) -> String {
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_markdown() {
        let section = Section {
            title: "Keys".to_owned(),
            about: "What there is.".to_owned(),
            columns: vec!["key", "value"],
            rows: vec![vec![code("a"), "1 | 2".to_owned()]],
            example: Some(("toml", "a = 1\n".to_owned())),
        };
        let page = Page { title: "All", about: "Everything.".to_owned(), sections: vec![section] };
        let expected = "# All\n\nEverything.\n\n## Keys\n\nWhat there is.\n\n| key | value |\n|---|---|\n| `a` | 1 \\| 2 |\n\n\
                        ```toml\na = 1\n```\n";
        assert_eq!(page.to_string(), expected);
    }
}
