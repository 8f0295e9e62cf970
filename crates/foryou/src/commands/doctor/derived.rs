//! What is computed from the log: index and projections. Each is compared with the log, and the log with them.

use std::path::Path;

use anyhow::Context;
use event_log::{EventSource, Examination, LogError, ReadOnlyLog, check_index};
use foryou_types::{ClockKind, Profile};
use state_store::{StateError, StateStore};

use super::{Check, StateFacts};
use crate::config::Config;
use crate::folder::Opened;

/// Checks index and projections, if this process has the folder and the log is whole.
pub(super) fn checks(
    opened: &Opened,
    config: &Config,
    profile: &Profile,
    found: &Examination,
    checks: &mut Vec<Check>,
) -> anyhow::Result<StateFacts> {
    let unseen = match opened {
        Opened::Ours(_) if found.is_damaged() => Some(Err("not checked: the log must be repaired first".to_owned())),
        Opened::Ours(_) => None,
        Opened::Held(holder) => Some(Ok(format!("not checked: {holder} has them open"))),
        Opened::ReadOnly(error) => Some(Ok(format!("not checked: {error}"))),
    };
    if let Some(detail) = unseen {
        checks.push(Check::of("index", detail.clone()));
        checks.push(Check::of("projections", detail));
        return Ok(StateFacts::default());
    }
    let log_folder = config.data.join("log");
    let log = std::sync::Arc::new(ReadOnlyLog::open(&log_folder)?);
    checks.push(Check::of("index", index(&log_folder, &log)));
    checks.push(Check::of("clock", clock(&log, &config.clock.apply(profile)).map_err(|e| e.to_string())));

    let state = match StateStore::open(&config.data.join("state"), log.clone(), profile) {
        Ok(state) => state,
        Err(error) => {
            let problem = match &error {
                StateError::Ahead { covered, held, .. } => format!(
                    "{} acknowledged events are missing: the projections cover {covered} events, and the log holds {held}; put \
                     the log back from a copy, or: `foryou doctor --repair` goes on without them",
                    covered - held
                ),
                error => format!("{error}; `foryou doctor --rebuild` computes them again"),
            };
            checks.push(Check::of("projections", Err(problem)));
            return Ok(StateFacts::default());
        }
    };
    let (covered, held) = (state.position(), log.head().position);
    let mut entries = 0;
    let hash = state.for_each(&mut |_, _| entries += 1).and_then(|()| state.dump_hash());
    let (result, facts) = match hash {
        Ok(hash) => {
            let detail = format!("cover {} of {} events", covered.events(), held.events());
            let result = if covered == held { Ok(detail) } else { Err(detail) };
            (result, StateFacts { hash: format!("{hash:016x}"), entries })
        }
        Err(error) => (Err(format!("{error}; `foryou doctor --rebuild` computes them again")), StateFacts::default()),
    };
    checks.push(Check::of("projections", result));
    Ok(facts)
}

/// The folder's now, and on a log's clock the event that set it.
fn clock(log: &ReadOnlyLog, profile: &Profile) -> Result<String, LogError> {
    let mut detail = match (profile.clock, log.head().imported.now()) {
        (ClockKind::Log, Some(now)) => {
            format!("now is {now}, set by {}", event_log::made_now(log, log, profile)?.unwrap_or_default())
        }
        _ => "now is the machine's time".to_owned(),
    };
    if let Some(event) = event_log::ahead_of_now(log, log, profile)? {
        detail.push_str(&format!("; more than an hour ahead of all others and therefore ignored: {event}"));
    }
    Ok(detail)
}

fn index(folder: &Path, log: &ReadOnlyLog) -> Result<String, String> {
    let remedy = "`foryou doctor --rebuild` builds it again";
    match check_index(folder, log) {
        Err(error) => Err(format!("{error}; {remedy}")),
        Ok(None) => Ok("missing: it is built when the log is next written to".to_owned()),
        Ok(Some(found)) if found.wrong > 0 => {
            Err(format!("{} of {} entries differ from the log; {remedy}", found.wrong, found.entries))
        }
        Ok(Some(found)) => Ok(format!("covers {} events, {} entries agree with the log", found.covers, found.entries)),
    }
}

/// Deletes the index: it is built again when the log is opened.
pub(super) fn forget_index(data: &Path) -> anyhow::Result<()> {
    let path = data.join("log/index");
    match std::fs::remove_dir_all(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
