//! Retrieval by trained models: the posts whose vectors are closest to the viewer's.

use std::sync::{Arc, Weak};
use std::time::Instant;

use async_trait::async_trait;
use foryou_io::Admission;
use foryou_types::seams::{Retrieval, RetrievalRequest, RetrievalResponse, Retrieved, SeamError};
use foryou_types::{Clock, PostId, TimeMs};
use parking_lot::Mutex;
use phoenix::{Corpus, PostInfo};
use rustc_hash::FxHashSet;

use super::admission;
use super::config::ServingConfig;
use super::corpus_reader::CorpusListener;
use super::fleet::{Fleet, Loaded, Serving};
use super::inputs::{history_items, tower_item};
use super::ranking::outcome;
use super::recent_posts::RecentPosts;
use crate::served::ServedRetrieval;

/// Number of posts that are embedded at a time when an index is filled.
const FILL_BATCH: usize = 1_024;
/// Posts that are too old leave the indexes this often, by the clock passed in.
const EXPIRE_EVERY_MS: i64 = 60_000;

/// A retrieval model of any family, with its index.
pub struct AnyRetrieval {
    model: Box<dyn ServedRetrieval>,
    posts: RecentPosts,
}

impl AnyRetrieval {
    /// Number of posts in its index.
    pub fn indexed(&self) -> usize {
        self.posts.len()
    }

    fn retrieve(&self, request: &RetrievalRequest, corpus: &Corpus) -> Result<Vec<Retrieved>, SeamError> {
        let model = &self.model;
        let history = history_items(&request.history, model.history_len(), model.action_set().len(), corpus)?;
        let user = self.model.user_vector(request.user_id, &history);
        let excluded: FxHashSet<PostId> = request.exclude_post_ids.iter().copied().collect();
        let viewer = request.user_id;
        let found = self.posts.search(&user, request.max_results, request.not_before, |post, author| {
            excluded.contains(&post) || (author.is_some() && author == viewer)
        });
        Ok(found.into_iter().map(|(post_id, author_id, score)| Retrieved { post_id, author_id, score }).collect())
    }

    /// Adds a post to the index where it belongs there: originals created at or after `oldest`.
    fn add(&self, post: PostId, info: &PostInfo, oldest: TimeMs) {
        if let Some(created_at) = indexable(info, oldest) {
            let vector = self.model.post_vectors(&[tower_item(post, info)]);
            self.posts.insert(post, info.author, created_at, &vector);
        }
    }

    /// Adds the recent posts of a corpus. The corpus may change meanwhile, as long as the changes come to this index too.
    fn fill(&self, corpus: &Corpus, oldest: TimeMs) {
        let mut recent = Vec::new();
        corpus.for_each(|post, info| {
            if let Some(created_at) = indexable(info, oldest) {
                recent.push((post, created_at, info.clone()));
            }
        });
        // The order of a hash map would make the order of equal scores differ between two runs.
        recent.sort_unstable_by_key(|(post, created_at, _)| (*created_at, *post));
        for batch in recent.chunks(FILL_BATCH) {
            let items: Vec<_> = batch.iter().map(|(post, _, info)| tower_item(*post, info)).collect();
            let vectors = self.model.post_vectors(&items);
            let width = vectors.len() / items.len();
            for ((post, created_at, info), vector) in batch.iter().zip(vectors.chunks_exact(width)) {
                self.posts.insert(*post, info.author, *created_at, vector);
            }
            // A post that was deleted or replaced after it was copied above was changed in the index before it was put there;
            // the corpus is changed first, so it knows.
            for (post, _, info) in batch {
                match corpus.get(*post) {
                    Some(now) if now == *info => {}
                    Some(now) => self.add(*post, &now, oldest),
                    None => self.posts.remove(*post),
                }
            }
        }
    }
}

/// When a post was created, if it is an original not older than `oldest`.
fn indexable(info: &PostInfo, oldest: TimeMs) -> Option<TimeMs> {
    info.created_at.filter(|at| info.source.is_none() && *at >= oldest)
}

/// [`Retrieval`] by the models that [`Self::exchange`] was given; without one it is unavailable.
///
/// As a [`CorpusListener`] it keeps every index up to date, also one that is still being filled: a new post is in it before the
/// reader's position moves, a deleted one out of it.
pub struct PhoenixRetrieval {
    corpus: Arc<Corpus>,
    clock: Arc<dyn Clock>,
    max_post_age_ms: i64,
    models: Serving<AnyRetrieval>,
    /// Every model that may serve, those that are being filled among them.
    indexes: Mutex<Vec<Weak<Loaded<AnyRetrieval>>>>,
    expired_at: Mutex<TimeMs>,
    admission: Admission,
}

impl PhoenixRetrieval {
    /// Without a model, over the posts of a corpus whose age by the clock is at most `max_post_age_ms`.
    pub fn new(corpus: Arc<Corpus>, clock: Arc<dyn Clock>, max_post_age_ms: i64, config: &ServingConfig) -> Self {
        Self {
            corpus,
            clock,
            max_post_age_ms,
            models: Serving::default(),
            indexes: Mutex::new(Vec::new()),
            expired_at: Mutex::new(TimeMs(i64::MIN)),
            admission: admission::places(config),
        }
    }

    /// Fills the index of a model with the recent posts; [`Self::exchange`] lets it serve. Takes about 0.1 ms of a core per recent post.
    pub fn load(&self, version: &str, model: Box<dyn ServedRetrieval>) -> Arc<Loaded<AnyRetrieval>> {
        let posts = RecentPosts::new(model.width());
        let loaded = Arc::new(Loaded::new(version, AnyRetrieval { model, posts }));
        // First the changes, then what there is: between the two nothing is lost.
        self.indexes.lock().push(Arc::downgrade(&loaded));
        let start = Instant::now();
        loaded.model().fill(&self.corpus, self.oldest());
        let posts = loaded.model().indexed();
        tracing::info!(version, posts, seconds = start.elapsed().as_secs_f64(), "index filled");
        loaded
    }

    /// Lets models serve from the next request on, as [`Serving::exchange`]; the indexes of those that serve no more are let go.
    pub fn exchange(&self, fleet: Option<Fleet<AnyRetrieval>>) {
        self.models.exchange(fleet);
        self.indexes.lock().retain(|index| index.strong_count() > 0);
    }

    /// The models that serve. They are exchanged by [`Self::exchange`].
    pub fn models(&self) -> &Serving<AnyRetrieval> {
        &self.models
    }

    /// The answer of one model.
    pub(super) async fn retrieve_by(
        &self,
        model: Arc<Loaded<AnyRetrieval>>,
        request: RetrievalRequest,
    ) -> Result<RetrievalResponse, SeamError> {
        let start = Instant::now();
        let corpus = Arc::clone(&self.corpus);
        let work = move || {
            let posts = model.model().retrieve(&request, &corpus)?;
            Ok(RetrievalResponse { posts, model: Some(Arc::clone(model.version())) })
        };
        let answer = admission::run(&self.admission, "retrieval", work).await;
        metrics::counter!("phoenix_retrieval_requests_total", "outcome" => outcome(&answer)).increment(1);
        metrics::histogram!("phoenix_retrieval_seconds").record(start.elapsed().as_secs_f64());
        answer
    }

    /// Removes posts past the age limit from the indexes. Runs once a minute while posts come in.
    pub fn drop_expired(&self) {
        let oldest = self.oldest();
        for index in self.indexes() {
            index.model().posts.drop_older(oldest);
        }
        if let Some(fleet) = self.models.fleet() {
            metrics::gauge!("phoenix_index_posts").set(fleet.champion().model().indexed() as f64);
        }
    }

    fn indexes(&self) -> Vec<Arc<Loaded<AnyRetrieval>>> {
        self.indexes.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn oldest(&self) -> TimeMs {
        self.clock.now() - self.max_post_age_ms
    }
}

impl CorpusListener for PhoenixRetrieval {
    fn created(&self, post: PostId, info: &PostInfo) {
        let oldest = self.oldest();
        for index in self.indexes() {
            index.model().add(post, info, oldest);
        }
        let now = self.clock.now();
        let mut expired_at = self.expired_at.lock();
        if now.since(*expired_at) >= EXPIRE_EVERY_MS {
            *expired_at = now;
            drop(expired_at);
            self.drop_expired();
        }
    }

    fn deleted(&self, post: PostId) {
        for index in self.indexes() {
            index.model().posts.remove(post);
        }
    }
}

#[async_trait]
impl Retrieval for PhoenixRetrieval {
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        match self.models.model_of(request.user_id) {
            Some(model) => self.retrieve_by(model, request).await,
            None => Err(SeamError::Unavailable("no retrieval model is loaded".to_owned())),
        }
    }
}
