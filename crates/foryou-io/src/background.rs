//! A named thread that lives until it is dropped.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A running thread. Dropped, it is told to stop and waited for.
#[derive(Debug)]
pub struct Background {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

/// What a background thread is told.
#[derive(Debug, Default)]
pub struct Signal {
    stopped: AtomicBool,
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Background {
    /// Starts a thread that works until `work` returns; `work` must return soon after the signal says stop. It fails where no
    /// thread can be started.
    pub fn start(name: &str, work: impl FnOnce(&Signal) + Send + 'static) -> io::Result<Self> {
        let signal: Arc<Signal> = Arc::default();
        let told = Arc::clone(&signal);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&told))?;
        Ok(Self { signal, thread: Some(thread) })
    }

    /// Starts a thread that does `task` at once and then again and again, with `pause` in between. A task that panics is done
    /// again like any other.
    pub fn repeat(name: &str, pause: Duration, mut task: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let called = name.to_owned();
        Self::start(name, move |signal| {
            loop {
                if catch_unwind(AssertUnwindSafe(&mut task)).is_err() {
                    tracing::error!(thread = called, "a task in the background panicked; it will be tried again");
                }
                if !signal.sleep(pause) {
                    return;
                }
            }
        })
    }

    /// Ends a wait of the thread early.
    pub fn wake(&self) {
        self.signal.wake();
    }

    /// Tells the thread to stop, without waiting for it.
    pub fn stop(&self) {
        self.signal.stop();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.signal.stop();
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Signal {
    /// Whether the thread is to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(SeqCst)
    }

    /// Waits for `time`, or until the thread is to stop; says whether it is to go on.
    pub fn sleep(&self, time: Duration) -> bool {
        let mut woken = self.woken.lock();
        let end = Instant::now().checked_add(time);
        while !self.is_stopped() && !self.wait_until(&mut woken, end) {}
        !self.is_stopped()
    }

    /// Waits until the thread is woken, at most for `time` if one is given; says whether it is to go on. A wake that came before
    /// the wait ends it at once.
    pub fn wait(&self, time: Option<Duration>) -> bool {
        let mut woken = self.woken.lock();
        let end = time.and_then(|time| Instant::now().checked_add(time));
        while !self.is_stopped() && !*woken && !self.wait_until(&mut woken, end) {}
        *woken = false;
        !self.is_stopped()
    }

    /// One wait for a change; whether `end` is over. Without an end there is all the time there is.
    fn wait_until(&self, woken: &mut parking_lot::MutexGuard<'_, bool>, end: Option<Instant>) -> bool {
        if let Some(end) = end {
            return self.changed.wait_until(woken, end).timed_out();
        }
        self.changed.wait(woken);
        false
    }

    fn wake(&self) {
        *self.woken.lock() = true;
        self.changed.notify_all();
    }

    fn stop(&self) {
        // Under the lock, so that a thread between its check and its wait is not missed.
        let _woken = self.woken.lock();
        self.stopped.store(true, SeqCst);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn counted(counter: &Arc<AtomicUsize>) -> impl FnMut() + use<> {
        let counter = Arc::clone(counter);
        move || {
            counter.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_task_is_repeated_until_it_is_dropped_and_the_drop_does_not_wait_for_the_pause() {
        let done = Arc::new(AtomicUsize::new(0));
        let quick = Background::repeat("quick", Duration::from_millis(1), counted(&done)).unwrap();
        while done.load(SeqCst) < 5 {
            thread::yield_now();
        }
        drop(quick);
        let after = done.load(SeqCst);
        thread::sleep(Duration::from_millis(20));
        assert_eq!(done.load(SeqCst), after);
        drop(Background::repeat("slow", LONG, counted(&done)).unwrap());
        assert_eq!(done.load(SeqCst), after + 1);
    }

    #[test]
    fn a_task_that_panics_is_done_again() {
        let done = Arc::new(AtomicUsize::new(0));
        let (mut first, mut count) = (true, counted(&done));
        let task = move || {
            assert!(!std::mem::take(&mut first), "a bug");
            count();
        };
        let _panics = Background::repeat("panics", Duration::from_millis(1), task).unwrap();
        while done.load(SeqCst) == 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn a_wake_ends_a_wait_also_when_it_came_first_but_not_a_sleep() {
        let (say, said) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let thread = Background::start("woken", move |signal| {
            wait.recv().unwrap();
            // Woken before it waited.
            assert!(signal.wait(None));
            say.send("woken").unwrap();
            assert!(signal.wait(Some(Duration::from_millis(1))));
            say.send("time is over").unwrap();
            assert!(!signal.sleep(LONG) && !signal.wait(None) && signal.is_stopped());
            say.send("stopped").unwrap();
        })
        .unwrap();
        thread.wake();
        go.send(()).unwrap();
        assert_eq!(said.recv().unwrap(), "woken");
        assert_eq!(said.recv().unwrap(), "time is over");
        thread.wake();
        assert!(said.recv_timeout(Duration::from_millis(30)).is_err());
        thread.stop();
        assert_eq!(said.recv().unwrap(), "stopped");
    }
}
