//! Waiting until a log has grown.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Wakes whoever waits for a log to grow.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    waiting: Mutex<()>,
    grown: Condvar,
}

impl Growth {
    /// Says that the log has grown; its head must be set before.
    pub(crate) fn announce(&self) {
        // Under the lock: whoever has looked and does not yet wait would miss it.
        let _waiting = self.waiting.lock();
        self.grown.notify_all();
    }

    /// Waits until `there` holds, at most for `timeout`; says whether it does.
    pub(crate) fn wait(&self, timeout: Duration, there: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        let mut waiting = self.waiting.lock();
        while !there() {
            if self.grown.wait_until(&mut waiting, deadline).timed_out() {
                return there();
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_wait_ends_with_the_news_or_with_its_time() {
        let (growth, there) = (Growth::default(), AtomicBool::new(false));
        let is_there = || there.load(Ordering::SeqCst);
        assert!(!growth.wait(Duration::from_millis(1), is_there));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| growth.wait(Duration::from_mins(1), is_there));
            there.store(true, Ordering::SeqCst);
            growth.announce();
            assert!(waits.join().unwrap());
        });
        assert!(growth.wait(Duration::ZERO, is_there), "what is there already is not waited for");
    }
}
