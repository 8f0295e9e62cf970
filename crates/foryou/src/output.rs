//! What goes to stdout: one JSON document with `--json`, else text for people. Logs and progress go to stderr.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use experiments::Watcher;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::exit::WrongUse;

/// Whether this process has printed its one JSON document.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// How a command prints.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON document instead of text.
    pub json: bool,
    /// Times in JSON as RFC 3339.
    pub human: bool,
}

/// An error and its causes, outermost first. A cause that the message before it already ends with is not said twice.
fn with_causes(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.ends_with(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

impl Output {
    /// Prints the result of a command: `value` with `--json`, else `text()`.
    pub fn print<T: Serialize>(&self, value: &T, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let rendered = if self.json {
            let mut value = serde_json::to_value(value).context("rendering the answer as JSON")?;
            if self.human {
                readable_times(&mut value);
            }
            serde_json::to_string_pretty(&value).context("rendering the answer as JSON")?
        } else {
            text()
        };
        self.write(rendered)
    }

    /// Prints why the command failed: on stderr, and with `--json` also as the one document on stdout, unless the command has
    /// printed its own (`doctor` prints what it found and then fails).
    pub fn fail(&self, error: &anyhow::Error) {
        let message = with_causes(error);
        self.say(format!("foryou: {message}"));
        if !self.json || PRINTED.load(Ordering::Relaxed) {
            return;
        }
        let kind = if error.is::<WrongUse>() { "wrong_use" } else { "failed" };
        let document = serde_json::json!({ "error": { "kind": kind, "message": message } });
        // stdout is closed; stderr has the message.
        self.write(format!("{document:#}")).ok();
    }

    fn write(&self, mut rendered: String) -> anyhow::Result<()> {
        if !rendered.ends_with('\n') {
            rendered.push('\n');
        }
        PRINTED.store(true, Ordering::Relaxed);
        let rendered = if self.json { json_safe(&rendered) } else { terminal_safe(&rendered) };
        match io::stdout().lock().write_all(rendered.as_bytes()) {
            // `foryou feed | head` closes the pipe: this is not a failure.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("writing to stdout"),
        }
    }

    /// Prints a line on stderr while the command runs.
    #[expect(clippy::print_stderr, reason = "the one place that talks to people while a command runs")]
    pub fn say(&self, line: impl AsRef<str>) {
        eprintln!("{}", terminal_safe(line.as_ref()));
    }

    /// A progress bar on a terminal, nothing otherwise.
    pub fn progress(&self, total: Option<u64>, what: &'static str) -> ProgressBar {
        if !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = if total.is_some() {
            "{msg:12} [{bar:32}] {human_pos}/{human_len} {per_sec} ETA {eta}"
        } else {
            "{msg:12} {spinner} {human_pos} {per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        bar
    }
}

/// An experiment's progress: lines on stderr, and a bar on a terminal.
pub struct Watching {
    output: Output,
    bar: RefCell<Option<ProgressBar>>,
}

impl Watching {
    /// Shows nothing yet.
    pub const fn new(output: Output) -> Self {
        Self { output, bar: RefCell::new(None) }
    }
}

impl Watcher for Watching {
    fn say(&self, line: &str) {
        self.output.say(line);
    }

    fn reached(&self, what: &'static str, done: u64, total: u64) {
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| self.output.progress(Some(total), what));
        bar.set_length(total);
        bar.set_position(done);
    }

    fn finished(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Text of unknown origin as one line for a terminal. Characters that would move the cursor, change colours or the title, or turn
/// the direction of the following text are written as escapes (`\u{1b}`), and so are line breaks and tabs.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, commands_terminal, |c, out| out.extend(c.escape_default()))
}

/// As [`one_line`], with line breaks kept: for text that was put together here. Parts from elsewhere should have gone through
/// [`one_line`] before; this is the last safeguard.
fn terminal_safe(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && commands_terminal(c), |c, out| out.extend(c.escape_default()))
}

/// JSON with the same meaning that cannot control a terminal. Outside of strings it has none of these characters but line breaks.
fn json_safe(json: &str) -> Cow<'_, str> {
    let escape = |c: char, out: &mut String| {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
    };
    escaped(json, |c| c != '\n' && commands_terminal(c), escape)
}

/// Controls (C0, DEL, C1), the characters of `Bidi_Control`, and the line and paragraph separators.
fn commands_terminal(c: char) -> bool {
    let bidi = matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || bidi || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) { escape(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Keys whose integers are Unix milliseconds.
const TIMES: [&str; 4] = ["now", "created_at", "at", "newest_imported"];

fn readable_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match value.as_i64() {
                    Some(ms) if TIMES.contains(&key.as_str()) => {
                        *value = foryou_types::TimeMs(ms).to_rfc3339().into();
                    }
                    _ => readable_times(value),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(readable_times),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_commands_a_terminal(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(commands_terminal));
            prop_assert_eq!(one_line(&line), &*line);
            let value = serde_json::json!({ &text: &text });
            let safe = json_safe(&value.to_string()).into_owned();
            prop_assert!(!safe.chars().any(commands_terminal));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }

    #[test]
    fn a_cause_is_said_once() {
        let inner = std::io::Error::other("the disk is gone");
        let error = anyhow::Error::new(inner).context("reading a: the disk is gone").context("importing a");
        assert_eq!(with_causes(&error), "importing a: reading a: the disk is gone");
        assert_eq!(with_causes(&anyhow::anyhow!("b").context("a")), "a: b");
    }

    #[test]
    fn text_of_others_commands_no_terminal() {
        for (text, line) in [
            ("plain é 東京 👨\u{200D}👩", "plain é 東京 👨\u{200D}👩"),
            ("\u{1B}[31mred\u{1B}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("\u{1B}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9B}2J\u{7F}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("a\u{202E}b\u{2066}\u{61C}", "a\\u{202e}b\\u{2066}\\u{61c}"),
            ("two\nlines\r\tand\u{2028}more", "two\\nlines\\r\\tand\\u{2028}more"),
        ] {
            assert_eq!(one_line(text), line);
            assert_eq!(terminal_safe(&format!("{text}\n")).replace('\n', ""), line.replace("\\n", ""));
        }
        assert_eq!(terminal_safe("a\nb\n"), "a\nb\n");
    }

    #[test]
    fn json_means_the_same_and_commands_no_terminal() {
        let value = serde_json::json!({ "text": "\u{1B}]0;t\u{7}\u{9B}\u{7F}\u{202E}\u{2029} é\n" });
        let rendered = serde_json::to_string_pretty(&value).unwrap();
        let safe = json_safe(&rendered);
        assert!(!safe.chars().any(|c| c != '\n' && commands_terminal(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
