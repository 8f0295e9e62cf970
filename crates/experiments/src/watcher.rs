//! Who is told how an experiment goes on.

/// Told how an experiment goes on; everything may be ignored. `()` ignores all of it.
pub trait Watcher {
    /// A line for people.
    fn say(&self, _line: &str) {}

    /// `what` (for example "reading") has reached event `done` of `total`.
    fn reached(&self, _what: &'static str, _done: u64, _total: u64) {}

    /// What was reported by [`Watcher::reached`] is done.
    fn finished(&self) {}

    /// A stream has refreshed its models, for the `refreshes`-th time; its progress is saved.
    fn refreshed(&self, _refreshes: u32) {}
}

impl Watcher for () {}
