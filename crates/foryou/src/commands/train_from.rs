//! Where a training starts: `--from` a checkpoint or a version, `--since` a moment or an event of the log.

use std::path::{Path, PathBuf};

use anyhow::Context;
use event_log::EventSource;
use foryou_types::TimeMs;

use crate::config::Config;
use crate::exit::{WrongUse, wrong_use};
use crate::models::registry;

/// The value of `--since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// A moment.
    At(TimeMs),
    /// The moment of an event of the log, by its number over all topics.
    Event(u64),
}

impl Since {
    /// Reads `--since`: Unix milliseconds, RFC 3339, or `@N` for event N.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let wrong = |problem: String| WrongUse(format!("--since: {problem}"));
        Ok(match text.strip_prefix('@') {
            Some(number) => {
                let problem = |_| wrong(format!("{text:?} is not an event: write @ and its number, for example @120"));
                Self::Event(number.parse().map_err(problem)?)
            }
            None => Self::At(TimeMs::parse(text).map_err(|e| wrong(format!("{e}, or @N for event N of the log")))?),
        })
    }

    /// The moment.
    pub(super) fn moment(self, log: &dyn EventSource) -> anyhow::Result<TimeMs> {
        let number = match self {
            Self::At(moment) => return Ok(moment),
            Self::Event(number) => number,
        };
        let mut moment = None;
        if let Some(before) = log.position_at(number)? {
            log.read_from(&before, &mut |records, _| {
                moment = records.first().map(|record| record.event.at);
                moment.is_none()
            })?;
        }
        let Some(moment) = moment else {
            wrong_use!("--since @{number}: the log has only {} events", log.head().position.events());
        };
        Ok(moment)
    }
}

/// The checkpoint that `--from` names: a checkpoint folder, a run folder (its last checkpoint), or a version of the registry
/// (`ranker-0003` or `ranker/3`).
pub(super) fn checkpoint(config: &Config, text: &str) -> anyhow::Result<PathBuf> {
    let folder = Path::new(text);
    if folder.is_dir() {
        let last = folder.join("checkpoint");
        return Ok(if last.is_dir() { last } else { folder.to_owned() });
    }
    let registry = registry(&config.data)?;
    match registry.version(&version_name(text)) {
        Ok(version) => Ok(version.folder),
        Err(e) if e.is_usage() => wrong_use!("--from {text}: is neither a folder nor a version: {e}"),
        Err(e) => Err(e).context("looking for the version"),
    }
}

/// `ranker/3` as the registry writes it.
fn version_name(text: &str) -> String {
    match text.split_once('/').map(|(kind, number)| (kind, number.parse::<u32>())) {
        Some((kind, Ok(number))) => format!("{kind}-{number:04}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use event_log::{Event, EventBody, EventSink, MemoryLog, Origin};
    use foryou_types::PostId;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_moment_or_refused_by_the_flag_s_name(text in any::<String>(), number in any::<u64>()) {
            if let Err(error) = Since::parse(&text) {
                prop_assert!(error.is::<WrongUse>() && error.to_string().starts_with("--since: "));
            }
            prop_assert_eq!(Since::parse(&format!("@{number}")).unwrap(), Since::Event(number));
        }
    }

    #[test]
    fn moments_and_events() {
        let log = MemoryLog::default();
        for at in [5, 9] {
            let delete = |id| EventBody::Delete { post_id: PostId(id) };
            let event = |at, id| Event { at: TimeMs(at), id: None, origin: Origin::Import, body: delete(id) };
            log.append(vec![event(at, 1), event(at + 1, 2)]).unwrap();
        }
        let moment = |text| Since::parse(text).and_then(|since| since.moment(&log)).map_err(|e| e.to_string());
        assert!(moment("1785000000").unwrap_err().contains("is it in seconds?"));
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(TimeMs(1_000)));
        assert_eq!(["@0", "@1", "@2", "@3"].map(moment), [5, 6, 9, 10].map(|at| Ok(TimeMs(at))));
        assert!(moment("@4").unwrap_err().contains("the log has only 4 events"));
        assert!(moment("@").unwrap_err().contains("--since"));
        assert!(moment("yesterday").unwrap_err().contains("yesterday"));
    }

    #[test]
    fn versions_have_two_ways_of_writing() {
        assert_eq!(
            ["ranker/3", "ranker-0003", "a/b", "retrieval/12345"].map(version_name),
            ["ranker-0003", "ranker-0003", "a/b", "retrieval-12345"]
        );
    }
}
