//! The event that sets "now" on a log's clock.

use foryou_types::{Dictionary, Profile, TimeMs};

use crate::error::LogError;
use crate::event::{Origin, Topic};
use crate::json::event_to_json;
use crate::source::EventSource;

/// Characters of an event that are shown.
const SHOWN: usize = 200;

/// The imported event that sets the log's clock, for people: its number and its JSON form. `None` while nothing was imported.
pub fn made_now(log: &dyn EventSource, names: &dyn Dictionary, profile: &Profile) -> Result<Option<String>, LogError> {
    log.head().imported.now().map_or(Ok(None), |now| imported_at(log, names, profile, now))
}

/// The imported event that is far ahead of all others and so does not move the log's clock, for people.
pub fn ahead_of_now(
    log: &dyn EventSource,
    names: &dyn Dictionary,
    profile: &Profile,
) -> Result<Option<String>, LogError> {
    log.head().imported.ahead().map_or(Ok(None), |at| imported_at(log, names, profile, at))
}

/// The first imported event at a moment.
fn imported_at(
    log: &dyn EventSource,
    names: &dyn Dictionary,
    profile: &Profile,
    at: TimeMs,
) -> Result<Option<String>, LogError> {
    let mut first = None;
    for topic in Topic::ALL.into_iter().filter(|&topic| topic != Topic::Meta) {
        for partition in 0..log.partitions(topic) {
            let from = log.offset_for_time(topic, partition, at)?;
            log.read_partition(topic, partition, from, &mut |record| {
                let is_it = record.event.origin == Origin::Import && record.event.at == at;
                if is_it && first.as_ref().is_none_or(|(seq, _)| record.seq < *seq) {
                    first = Some((record.seq, record.event));
                }
                !is_it
            })?;
        }
    }
    Ok(first.map(|(seq, event)| {
        let json = event_to_json(&event, profile, names).to_string();
        let shown: String = json.chars().take(SHOWN).collect();
        let more = if shown.len() < json.len() { " ..." } else { "" };
        format!("event {seq} of {at}: {shown}{more}")
    }))
}

#[cfg(test)]
mod tests {
    use foryou_types::{NoNames, PostId};

    use super::*;
    use crate::event::{Event, EventBody};
    use crate::memory::MemoryLog;
    use crate::sink::EventSink;

    #[test]
    fn the_event_that_made_now_is_named_and_so_is_one_ahead_of_it() {
        let log = MemoryLog::default();
        let profile = Profile::live();
        assert_eq!(made_now(&log, &NoNames, &profile).unwrap(), None);
        let event = |at, id, origin| {
            let body = EventBody::Delete { post_id: PostId(id) };
            Event { at: TimeMs(at), id: None, origin, body }
        };
        let t = 1_785_000_000_000;
        log.append(vec![event(t - 9, 1, Origin::Import), event(t, 2, Origin::Live), event(t, 3, Origin::Import)])
            .unwrap();
        let now = made_now(&log, &NoNames, &profile).unwrap().unwrap();
        assert!(now.starts_with("event 2 of 2026-07-25T17:20:00Z: {\"at\":1785000000000,\"post_id\":\"3\""), "{now}");
        assert_eq!(ahead_of_now(&log, &NoNames, &profile).unwrap(), None);
        log.append(vec![event(t + 86_400_000, 4, Origin::Import)]).unwrap();
        assert_eq!(made_now(&log, &NoNames, &profile).unwrap().unwrap(), now);
        let ahead = ahead_of_now(&log, &NoNames, &profile).unwrap().unwrap();
        assert!(ahead.starts_with("event 3 of 2026-07-26T17:20:00Z"), "{ahead}");
    }
}
