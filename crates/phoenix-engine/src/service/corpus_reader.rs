//! From the event log to the corpus.
//!
//! The corpus is in memory and holds every post ever made (a history may refer to old ones), so [`CorpusReader`] reads
//! [`Topic::Posts`] from its first offset. [`CorpusReader::catch_up`] reads to the log's present end; [`CorpusReader::follow`] then
//! continues in a thread of its own. Posts are applied one by one as they are read, so there is no batch that could wait for more.
//!
//! No error stops it: a record that cannot be read or applied is counted, logged with its offset and skipped. A panic is caught and
//! counted. If the log cannot be reached, it is tried again until it can.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use event_log::{EventBody, EventLog, LogError, Record, Topic};
use foryou_types::PostId;
use parking_lot::{Condvar, Mutex};
use phoenix::{Corpus, PostInfo, post_info};
use rustc_hash::FxHashSet;
use tokio::sync::watch;

/// How often the follower looks at the log, so there is no signal that could be missed.
const POLL: Duration = Duration::from_millis(200);

/// Is told of every post that comes or goes, after the corpus has it or has lost it. Called from one thread at a time; what it
/// does is done before the position of the reader moves.
pub trait CorpusListener: Send + Sync {
    /// A post was created, or replaced.
    fn created(&self, post: PostId, info: &PostInfo);
    /// A post was deleted.
    fn deleted(&self, post: PostId);
}

/// What was read from the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderStats {
    /// Every event with `seq <` this is applied.
    pub position: u64,
    /// Posts read.
    pub posts: u64,
    /// Deletes read.
    pub deletes: u64,
    /// Records that could not be read or applied, skipped.
    pub skipped: u64,
    /// Times the log could not be reached.
    pub read_errors: u64,
}

/// Reads a log into a corpus.
pub struct CorpusReader {
    log: Arc<dyn EventLog>,
    corpus: Arc<Corpus>,
    /// Per partition, the next offset.
    next: Vec<u64>,
    /// A post stays deleted, also where the delete came before the post.
    deleted: FxHashSet<PostId>,
    shared: Arc<Shared>,
}

/// What reader and follower share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    position: Mutex<u64>,
    moved: Condvar,
    /// The position, for tasks; `None` until the end was reached once.
    watch: watch::Sender<Option<u64>>,
    posts: AtomicU64,
    deletes: AtomicU64,
    skipped: AtomicU64,
    read_errors: AtomicU64,
}

impl Shared {
    fn publish(&self, next_seq: u64) {
        let mut position = self.position.lock();
        *position = next_seq.max(*position);
        self.watch.send_replace(Some(*position));
        self.moved.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(SeqCst)
    }

    fn stats(&self) -> ReaderStats {
        ReaderStats {
            position: *self.position.lock(),
            posts: self.posts.load(Relaxed),
            deletes: self.deletes.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            read_errors: self.read_errors.load(Relaxed),
        }
    }
}

impl CorpusReader {
    /// A reader at the log's start. Nothing is read yet.
    pub fn new(log: Arc<dyn EventLog>, corpus: Arc<Corpus>) -> Self {
        let next = vec![0; usize::from(log.partitions(Topic::Posts))];
        Self { log, corpus, next, deleted: FxHashSet::default(), shared: Arc::default() }
    }

    /// Reads to the log's present end and returns; fails where the log cannot be read.
    ///
    /// Load models after it and call [`Self::follow`] last: an index is filled faster whole than post by post.
    pub fn catch_up(&mut self) -> Result<ReaderStats, LogError> {
        self.round(None)?;
        Ok(self.shared.stats())
    }

    /// Continues reading in a thread, until the follower is shut down or dropped. The listener is told of everything that was not
    /// read before. It fails where no thread can be started.
    pub fn follow(mut self, listener: Option<Arc<dyn CorpusListener>>) -> io::Result<CorpusFollower> {
        let shared = Arc::clone(&self.shared);
        let thread =
            thread::Builder::new().name("phoenix-corpus".to_owned()).spawn(move || self.run(listener.as_deref()))?;
        Ok(CorpusFollower { shared, thread: Some(thread) })
    }

    fn run(&mut self, listener: Option<&dyn CorpusListener>) {
        while !self.shared.is_stopped() {
            match catch_unwind(AssertUnwindSafe(|| self.round(listener))) {
                Ok(Ok(end)) => {
                    self.log.wait_past(end, POLL);
                    continue;
                }
                Ok(Err(error)) => {
                    self.shared.read_errors.fetch_add(1, Relaxed);
                    metrics::counter!("phoenix_corpus_read_errors_total").increment(1);
                    tracing::warn!(%error, "phoenix cannot read the log; trying again");
                }
                Err(_) => tracing::error!("phoenix's reader of the log panicked; trying again"),
            }
            thread::sleep(POLL);
        }
    }

    /// Reads everything there is; gives the position reached.
    fn round(&mut self, listener: Option<&dyn CorpusListener>) -> Result<u64, LogError> {
        // Taken before the scan: what is appended meanwhile may be missed by it.
        let end = self.log.head().position.next_seq;
        for partition in 0..self.next.len() {
            self.read(partition, listener)?;
        }
        if !self.shared.is_stopped() {
            self.shared.publish(end);
            metrics::gauge!("phoenix_corpus_posts").set(self.corpus.len() as f64);
        }
        Ok(end)
    }

    /// Reads a partition up to the end it has now.
    fn read(&mut self, partition: usize, listener: Option<&dyn CorpusListener>) -> Result<(), LogError> {
        let log = Arc::clone(&self.log);
        let shared = Arc::clone(&self.shared);
        let number = partition as u16;
        let end = log.end_offset(Topic::Posts, number);
        while self.next[partition] < end && !shared.is_stopped() {
            let before = self.next[partition];
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                log.read_partition(Topic::Posts, number, before, &mut |record| {
                    self.next[partition] = record.offset + 1;
                    self.apply(&record, listener);
                    record.offset + 1 < end && !shared.is_stopped()
                })
            }));
            match outcome {
                Ok(Ok(())) if self.next[partition] > before => {}
                Ok(Ok(())) => self.skip(partition, "the log has an end past it but does not give it"),
                Ok(Err(error @ LogError::Corrupt { .. })) => self.skip(partition, &error.to_string()),
                Ok(Err(error)) => return Err(error),
                // The place has moved past a record whose processing panicked, but not past one that cannot be read.
                Err(_) if self.next[partition] > before => {
                    self.count_skipped(partition, self.next[partition] - 1, "applying it panicked");
                }
                Err(_) => self.skip(partition, "reading it panicked"),
            }
        }
        Ok(())
    }

    /// Leaves out the record a partition's reader stands at.
    fn skip(&mut self, partition: usize, why: &str) {
        self.count_skipped(partition, self.next[partition], why);
        self.next[partition] += 1;
    }

    fn count_skipped(&self, partition: usize, offset: u64, why: &str) {
        let skipped = self.shared.skipped.fetch_add(1, Relaxed);
        metrics::counter!("phoenix_corpus_skipped_total").increment(1);
        // A damaged file can hold a million of them.
        if skipped < 10 || skipped.is_multiple_of(1_000) {
            tracing::warn!(partition, offset, why, skipped = skipped + 1, "phoenix skips a record");
        }
    }

    fn apply(&mut self, record: &Record, listener: Option<&dyn CorpusListener>) {
        match &record.event.body {
            EventBody::Post(post) => {
                self.shared.posts.fetch_add(1, Relaxed);
                // As everywhere else, a post known twice keeps its first creation.
                if self.deleted.contains(&post.post_id) || self.corpus.get(post.post_id).is_some() {
                    return;
                }
                let info = post_info(record.event.at, post);
                self.corpus.insert(post.post_id, info.clone());
                if let Some(listener) = listener {
                    listener.created(post.post_id, &info);
                }
            }
            EventBody::Delete { post_id } => {
                self.shared.deletes.fetch_add(1, Relaxed);
                self.deleted.insert(*post_id);
                self.corpus.remove(*post_id);
                if let Some(listener) = listener {
                    listener.deleted(*post_id);
                }
            }
            _ => {}
        }
    }
}

/// The thread that keeps a corpus up to date.
#[derive(Debug)]
pub struct CorpusFollower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl CorpusFollower {
    /// Every post and delete of the log with `seq < position()` is applied, in the corpus and by the listener.
    pub fn position(&self) -> u64 {
        *self.shared.position.lock()
    }

    /// Waits in a plain thread until every event with `seq < next_seq` is applied, at most `timeout`; says whether it is.
    pub fn wait_applied(&self, next_seq: u64, timeout: Duration) -> bool {
        let mut position = self.shared.position.lock();
        self.shared.moved.wait_while_for(&mut position, |position| *position < next_seq, timeout);
        *position >= next_seq
    }

    /// Waits until every event with `seq < next_seq` is applied.
    pub async fn applied(&self, next_seq: u64) {
        // The error says that the sender is gone; it lives as long as `self`.
        let _ = self.shared.watch.subscribe().wait_for(|position| *position >= Some(next_seq)).await;
    }

    /// Whether the end of the log was reached once.
    pub fn is_caught_up(&self) -> bool {
        self.shared.watch.borrow().is_some()
    }

    /// Is over when the end of the log was reached once.
    pub fn caught_up(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut watch = self.shared.watch.subscribe();
        async move {
            // A reader that ended before never will be: whoever waits for it is going down with it.
            if watch.wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What was read so far.
    pub fn stats(&self) -> ReaderStats {
        self.shared.stats()
    }

    /// Stops the thread and waits for it; what it was applying is applied.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            // Panics are caught inside; one that was not was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for CorpusFollower {
    fn drop(&mut self) {
        self.stop();
    }
}
