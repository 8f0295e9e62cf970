//! The log: every byte of it, how many events it is known to have held, and what its events mean.

use event_log::{Examination, Fit, Meaning};
use foryou_types::Profile;

use super::Check;

/// Damaged places listed one by one.
const LISTED: usize = 20;
/// The remedy.
const REPAIR: &str = "`foryou doctor --repair` keeps what is whole";

/// The checks of a log. `beside`: another process may be writing to it.
pub(super) fn checks(found: &Examination, profile: &Profile, beside: bool) -> Vec<Check> {
    vec![
        Check::of("log", damages(found, beside)),
        Check::of("events", missing(found)),
        Check::of("losses", losses(found)),
        Check::of("meaning", meaning(found, profile)),
    ]
}

fn damages(found: &Examination, beside: bool) -> Result<String, String> {
    let mut problems: Vec<_> = found.description.iter().cloned().collect();
    problems.extend(found.damages.iter().take(LISTED).map(ToString::to_string));
    if found.damages.len() > LISTED {
        problems.push(format!("and {} more damaged places", found.damages.len() - LISTED));
    }
    if !problems.is_empty() {
        return Err(format!("{}; {REPAIR}", problems.join("; ")));
    }
    Ok(match &found.unfinished {
        None => "every batch is whole".to_owned(),
        Some(_) if beside => "every batch is whole; one is being written".to_owned(),
        Some(end) => format!(
            "every batch is whole; {} bytes of an unfinished one at the end of {} are cut off when the log is next written to",
            end.bytes,
            end.path.display()
        ),
    })
}

fn missing(found: &Examination) -> Result<String, String> {
    let known = found.known.unwrap_or(found.next_seq);
    match found.missing() {
        0 => Ok(format!("{} of {known} events read and checked", found.read())),
        missing => Err(format!(
            "{missing} acknowledged events are missing: {} of {known} were read; restore the log from a copy, or: {REPAIR}",
            found.read()
        )),
    }
}

fn losses(found: &Examination) -> Result<String, String> {
    if found.losses.is_empty() {
        return Ok("no events were lost in a power cut".to_owned());
    }
    Err(format!("{}; `foryou doctor --repair` removes this notice", found.losses.join("; ")))
}

fn meaning(found: &Examination, profile: &Profile) -> Result<String, String> {
    let Some(then) = &found.meaning else { return Ok("recorded when the log is next written to".to_owned()) };
    match then.fit(&Meaning::of(profile)) {
        Fit::Same => Ok(format!("profile.toml and the log agree on {} actions", then.actions.len())),
        Fit::Extended => Ok("profile.toml has new actions at the end".to_owned()),
        Fit::Changed(changes) => Err(format!(
            "profile.toml would change the meaning of the log's events: {}; change it back (new actions go at the end)",
            changes.join("; ")
        )),
    }
}
