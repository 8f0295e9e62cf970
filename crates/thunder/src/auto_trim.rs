//! Trimming in the background.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foryou_io::{Background, Signal};
use foryou_types::Clock;

use crate::store::PostStore;

/// Ticks a round is spread over: one a second at the default interval.
const TICKS: u32 = 120;

/// Work of a tick at least, so that small stores are done in a few.
const MIN_WORK: usize = 1_024;

impl PostStore {
    /// Starts a thread that trims the store by `clock`: a round every `trim_interval_seconds`, spread over it in small ticks,
    /// until it is dropped. It fails where no thread can be started.
    pub fn start_auto_trim(self: &Arc<Self>, clock: Arc<dyn Clock>) -> io::Result<Background> {
        let interval = Duration::from_secs(self.config().trim_interval_seconds);
        self.start_auto_trim_every(interval, clock)
    }

    fn start_auto_trim_every(self: &Arc<Self>, interval: Duration, clock: Arc<dyn Clock>) -> io::Result<Background> {
        let store = Arc::clone(self);
        Background::start("thunder-trim", move |signal| run(&store, &*clock, interval, signal))
    }
}

fn run(store: &PostStore, clock: &dyn Clock, interval: Duration, signal: &Signal) {
    let tick = interval / TICKS;
    let mut next_round = Instant::now();
    let mut budget = None;
    while signal.sleep(tick) {
        if budget.is_none() && Instant::now() < next_round {
            continue;
        }
        let work = *budget.get_or_insert_with(|| {
            next_round = Instant::now() + interval;
            (store.trim_work() / TICKS as usize).max(MIN_WORK)
        });
        let report = store.trim_old_posts(clock.now(), work);
        metrics::counter!("thunder_trimmed_posts_total").increment(report.posts as u64);
        if report.round_finished {
            budget = None;
            let stats = store.stats();
            metrics::gauge!("thunder_posts").set(stats.posts as f64);
            metrics::gauge!("thunder_authors").set(stats.authors as f64);
            metrics::gauge!("thunder_remembered_deletes").set(stats.deletes as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::seams::LightPost;
    use foryou_types::{ManualClock, PostId, TimeMs, UserId};

    use super::*;
    use crate::config::StoreConfig;

    #[test]
    fn the_clock_passed_in_decides_what_is_trimmed() {
        let store = Arc::new(PostStore::new(StoreConfig::default()));
        let start = TimeMs::from_secs(1_000_000);
        for id in 1..=5_000u64 {
            let post = LightPost {
                post_id: PostId(id),
                author_id: UserId(id % 7 + 1),
                created_at: start,
                ..LightPost::default()
            };
            store.insert(post, start);
        }
        let clock = Arc::new(ManualClock::new(start));
        let trim = store.start_auto_trim_every(Duration::from_millis(60), clock.clone()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(store.stats().posts, 5_000);
        clock.advance(172_800_001);
        let waited = Instant::now();
        while store.stats().posts > 0 {
            assert!(waited.elapsed() < Duration::from_secs(20), "not trimmed");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(store.stats().authors, 0);
        drop(trim);
    }
}
