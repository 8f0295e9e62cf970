//! What goes to stdout: one JSON document with `--json`, else text for people. Logs and progress go to stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
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
        Self::write(rendered)
    }

    /// Says why the command failed: on stderr, and with `--json` as the one document on stdout, unless the command has printed
    /// its own (`doctor` prints what it found and then fails).
    pub fn fail(&self, error: &anyhow::Error) {
        self.say(format!("foryou: {error:#}"));
        if !self.json || PRINTED.load(Ordering::Relaxed) {
            return;
        }
        let kind = if error.is::<WrongUse>() { "wrong_use" } else { "failed" };
        let document = serde_json::json!({ "error": { "kind": kind, "message": format!("{error:#}") } });
        // stdout is gone: stderr has been told.
        Self::write(format!("{document:#}")).ok();
    }

    fn write(mut rendered: String) -> anyhow::Result<()> {
        if !rendered.ends_with('\n') {
            rendered.push('\n');
        }
        PRINTED.store(true, Ordering::Relaxed);
        match io::stdout().lock().write_all(rendered.as_bytes()) {
            // `foryou feed | head` closes the pipe: not our failure.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("writing to stdout"),
        }
    }

    /// Says something on stderr while the command runs.
    #[expect(clippy::print_stderr, reason = "the one place that talks to people while a command runs")]
    pub fn say(&self, line: impl AsRef<str>) {
        eprintln!("{}", line.as_ref());
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
