//! When a stream is judged, and when its models are refreshed.

use std::collections::BTreeMap;

use evaluation::{Day, DaySpan, pool_tail};
use event_log::{EventBody, EventSource, Position};
use foryou_types::{Has, Profile, TimeMs};

use crate::ExperimentError;
use crate::error::During;

/// If a day and all days after it have fewer events than this share of the fullest day, they become one row of the report and one
/// period of the models: some sets fade out for weeks.
const LEAST_SHARE_OF_A_DAY: f64 = 0.01;

/// What kind of set a log is for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It records what was shown: the shown lists are ranked.
    ShownLists,
    /// It records only actions: the whole catalogue is ranked.
    Catalogue,
}

impl Kind {
    /// If impressions show one post each (a player, not a list), there is no order to judge.
    pub(crate) fn of(log: &dyn EventSource, profile: &Profile) -> Result<Self, ExperimentError> {
        let mut lists = false;
        if profile.has(Has::Impressions) {
            log.read_from(&Position::default(), &mut |records, _| {
                let list = |body: &EventBody| matches!(body, EventBody::Impression(shown) if shown.post_ids.len() > 1);
                lists = records.iter().any(|record| list(&record.event.body));
                !lists
            })
            .during(|| "reading the log".to_owned())?;
        }
        Ok(if lists { Self::ShownLists } else { Self::Catalogue })
    }

    /// Whether models of that kind are asked: shown lists need nothing retrieved.
    pub(crate) fn asks(self, model: &model_registry::Kind) -> bool {
        match self {
            Self::ShownLists => *model == model_registry::Kind::RANKER,
            Self::Catalogue => true,
        }
    }

    /// Whether an event is judged.
    pub(crate) const fn judges(self, event: &EventBody) -> bool {
        match self {
            Self::ShownLists => matches!(event, EventBody::Impression(_)),
            Self::Catalogue => matches!(event, EventBody::Action(action) if !action.undo),
        }
    }
}

/// The schedule of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// From here on events are predicted before they are learned.
    pub(crate) judge_from: TimeMs,
    /// Time between two refreshes, in milliseconds; they are at its multiples.
    pub(crate) train_every_ms: i64,
    /// The rows of the report.
    rows: Vec<DaySpan>,
}

impl Plan {
    /// Makes the plan in one pass over the log: the last `share` of the judged events are predicted; events of one moment stay
    /// together.
    pub(crate) fn survey(
        log: &dyn EventSource,
        kind: Kind,
        share: f64,
        train_every_ms: i64,
    ) -> Result<Self, ExperimentError> {
        let mut times = Vec::new();
        log.read_from(&Position::default(), &mut |records, _| {
            let judged = records.iter().filter(|record| kind.judges(&record.event.body));
            times.extend(judged.map(|record| record.event.at));
            true
        })
        .during(|| "reading the log".to_owned())?;
        times.sort_unstable();
        let judged = (times.len() as f64 * share) as usize;
        let Some(judge_from) = times.len().checked_sub(judged.max(1)).and_then(|at| times.get(at)).copied() else {
            return Err(ExperimentError::Unfit(
                "the log has nothing to predict: it has neither impressions nor actions".to_owned(),
            ));
        };
        if times.first() == Some(&judge_from) {
            return Err(ExperimentError::Unfit(format!(
                "the log has no events before its last {:.0} %: there is nothing to learn from",
                100.0 * share
            )));
        }
        let mut counts: BTreeMap<Day, u64> = BTreeMap::new();
        for at in times.iter().filter(|at| **at >= judge_from) {
            *counts.entry(Day::of(at.0)).or_default() += 1;
        }
        let fullest = counts.values().copied().max().unwrap_or_default();
        let least = (fullest as f64 * LEAST_SHARE_OF_A_DAY).ceil() as u64;
        Ok(Self { judge_from, train_every_ms, rows: pool_tail(&counts, least) })
    }

    /// The latest refresh at or before `at`; the first one is at the beginning of the judged part.
    pub(crate) fn refresh_before(&self, at: TimeMs) -> TimeMs {
        let multiple = at.0.div_euclid(self.train_every_ms).saturating_mul(self.train_every_ms);
        let row = self.row(at);
        // Pooled days hold too little for refreshes of their own.
        let latest = if row.first() < row.last() { multiple.min(row.first().start_ms()) } else { multiple };
        self.judge_from.max(TimeMs(latest))
    }

    /// The row of the report that an event counts in.
    pub(crate) fn row(&self, at: TimeMs) -> DaySpan {
        let day = Day::of(at.0);
        self.rows.iter().copied().find(|row| row.contains(day)).unwrap_or_else(|| day.into())
    }
}

#[cfg(test)]
mod tests {
    use event_log::{ActionEvent, Event, EventSink, ImpressionEvent, MemoryLog, Origin};
    use foryou_types::{PostId, UserId};

    use super::*;

    fn log(times: &[i64]) -> MemoryLog {
        let log = MemoryLog::default();
        let action = ActionEvent { user_id: UserId(1), post_id: PostId(1), ..ActionEvent::default() };
        let body = || EventBody::Action(action.clone());
        let event = |at: &i64| Event { at: TimeMs(*at), id: None, origin: Origin::Import, body: body() };
        log.append(times.iter().map(event).collect()).unwrap();
        log
    }

    #[test]
    fn the_last_share_is_judged_and_a_moment_is_not_torn_apart() {
        let plan = |times: &[i64], share| Plan::survey(&log(times), Kind::Catalogue, share, 10).unwrap();
        assert_eq!(plan(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.2).judge_from, TimeMs(9));
        assert_eq!(plan(&[1, 2, 3, 4, 5, 6, 8, 8, 8, 8], 0.2).judge_from, TimeMs(8));
        // In whatever order they stand.
        assert_eq!(plan(&[10, 2, 3, 9, 5, 6, 7, 8, 4, 1], 0.2).judge_from, TimeMs(9));
    }

    #[test]
    fn refreshes_are_at_multiples_and_never_before_the_judged_part() {
        let plan = Plan::survey(&log(&[1, 2, 3, 4, 15, 36]), Kind::Catalogue, 0.34, 10).unwrap();
        assert_eq!(plan.judge_from, TimeMs(15));
        let before: Vec<i64> = [15, 19, 20, 29, 47].map(|at| plan.refresh_before(TimeMs(at)).0).into();
        assert_eq!(before, [15, 15, 20, 20, 40]);
    }

    #[test]
    fn rows_are_days_and_a_thin_tail_is_one() {
        let hour = 3_600_000;
        let plan = |times: &[i64], share| Plan::survey(&log(times), Kind::Catalogue, share, 24 * hour).unwrap();
        // Ten an hour, and then one a day.
        let times: Vec<i64> = (0..10_000).map(|i| i * hour / 10).chain((42..50).map(|day| day * 24 * hour)).collect();
        let thin = plan(&times, 0.1);
        assert_eq!(thin.row(TimeMs(44 * 24 * hour)).to_string(), "1970-02-12..1970-02-19");
        let pooled = TimeMs(42 * 24 * hour);
        assert_eq!(thin.refresh_before(TimeMs(47 * 24 * hour)), pooled, "one refresh for the pooled days");
        let full = plan(&(0..10_000).map(|i| i * hour / 10).collect::<Vec<_>>(), 0.1);
        assert_eq!(full.row(full.judge_from).to_string(), "1970-02-07");
        assert_eq!(full.row(full.judge_from + 24 * hour).to_string(), "1970-02-08");
    }

    #[test]
    fn a_log_without_a_past_or_a_future_is_refused() {
        let error = |times: &[i64]| Plan::survey(&log(times), Kind::Catalogue, 0.2, 10).unwrap_err().to_string();
        assert!(error(&[]).contains("nothing to predict"));
        assert!(error(&[5, 5, 5]).contains("nothing to learn from"));
        assert!(!Kind::Catalogue.judges(&EventBody::Impression(ImpressionEvent::default())));
        assert!(Kind::ShownLists.judges(&EventBody::Impression(ImpressionEvent::default())));
    }
}
