//! From the event log to the corpus.
//!
//! The corpus is in memory and holds every post ever made (a history may refer to old ones), so [`Topic::Posts`] is read from its first
//! offset, by the follower that everything uses ([`event_log::follow`]).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use event_log::follow::{Apply, FollowOptions, FollowStats, Follower, Start, read_to_end};
use event_log::{EventBody, EventSource, LogError, Record, Topic};
use foryou_io::Step;
use foryou_types::{Creation, PostId, PostLife};
use parking_lot::Mutex;
use phoenix::{Corpus, PostInfo, post_info};
use rustc_hash::FxHashSet;

/// How often the follower looks at the log, so there is no signal that could be missed.
const POLL: Duration = Duration::from_millis(200);

/// Is told of every post that comes or goes, after the corpus has it or has lost it. Called from one thread at a time; what it
/// does is done before the position of the follower moves.
pub trait CorpusListener: Send + Sync {
    /// A post was created, or replaced.
    fn created(&self, post: PostId, info: &PostInfo);
    /// A post was deleted.
    fn deleted(&self, post: PostId);
}

/// Reads the posts of a log into a corpus, up to the log's present end. It fails where the log cannot be read.
pub fn read_posts(log: &dyn EventSource, corpus: &Arc<Corpus>) -> Result<FollowStats, LogError> {
    let intake = Intake { corpus: Arc::clone(corpus), listener: None, deleted: Mutex::default() };
    read_to_end(log, &intake, &options(&Step::new("phoenix corpus", "posts")))
}

/// Reads the posts of a log into a corpus and then follows the log until it is dropped. `ready` is finished when the log's end was
/// reached once. It fails where no thread can be started.
pub fn follow_posts(
    log: Arc<dyn EventSource>,
    corpus: &Arc<Corpus>,
    listener: Option<Arc<dyn CorpusListener>>,
    ready: &Step,
) -> io::Result<Follower> {
    let intake = Intake { corpus: Arc::clone(corpus), listener, deleted: Mutex::default() };
    Follower::start(log, Arc::new(intake), &options(ready))
}

fn options(ready: &Step) -> FollowOptions {
    FollowOptions {
        name: "phoenix",
        topics: &[Topic::Posts],
        start: Start::Beginning,
        threads: 1,
        at_once: 1,
        poll: POLL,
        caught_up: ready.clone(),
    }
}

/// What the events of posts do to a corpus.
struct Intake {
    corpus: Arc<Corpus>,
    listener: Option<Arc<dyn CorpusListener>>,
    /// A post stays deleted, also where the delete came before the post.
    deleted: Mutex<FxHashSet<PostId>>,
}

impl Apply for Intake {
    fn apply(&self, record: &Record) {
        match &record.event.body {
            EventBody::Post(post) => {
                let is_deleted = self.deleted.lock().contains(&post.post_id);
                let mut life = PostLife::new(self.corpus.get(post.post_id).is_some(), is_deleted);
                if life.create() != Creation::Born {
                    return;
                }
                let info = post_info(record.event.at, post);
                self.corpus.insert(post.post_id, info.clone());
                if let Some(listener) = &self.listener {
                    listener.created(post.post_id, &info);
                }
            }
            EventBody::Delete { post_id } => {
                self.deleted.lock().insert(*post_id);
                self.corpus.remove(*post_id);
                if let Some(listener) = &self.listener {
                    listener.deleted(*post_id);
                }
            }
            _ => {}
        }
    }

    fn report(&self, stats: &FollowStats) {
        metrics::gauge!("phoenix_corpus_posts").set(self.corpus.len() as f64);
        metrics::counter!("phoenix_corpus_skipped_total").absolute(stats.skipped);
        metrics::counter!("phoenix_corpus_read_errors_total").absolute(stats.read_errors);
    }
}
