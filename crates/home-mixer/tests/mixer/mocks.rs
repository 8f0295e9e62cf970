//! Every client in memory, each of which can be made to fail.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use foryou_io::SystemMonotonic;
use foryou_types::seams::{
    CoreData, FilteredReason, Gizmoduck, InNetworkPosts, InNetworkRequest, InNetworkResponse, LightPost, Ranking,
    RankingRequest, RankingResponse, RecordWindow, Retrieval, RetrievalRequest, RetrievalResponse, Retrieved,
    SeamError, SeenAndServed, ServedFeed, ServedRecorder, SocialGraph, Strato, TweetEntities, UserProfile, ViewerGraph,
    ViewerPreferences, Visibility, VisibilityFiltering, VisibilityRequest,
};
use foryou_types::{
    ActionMask, ActionSet, ActionToken, Clock, ManualClock, PostId, Profile, SplitMix64, Surface, TimeMs,
    UserActionSequence, UserId,
};
use home_mixer::params::MixerParams;
use home_mixer::query::ScoredPostsQuery;
use home_mixer::{Clients, HomeMixer};
use parking_lot::Mutex;

pub(crate) const NOW: TimeMs = TimeMs(1_800_000_000_000);
pub(crate) const VIEWER: UserId = UserId(1);
pub(crate) const HOUR: i64 = 3_600_000;

/// A call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Thunder,
    Retrieval,
    Popular,
    Ranking,
    Prior,
    History,
    Preferences,
    SeenAndServed,
    ActedOn,
    ViewerGraph,
    FollowBack,
    CoreData,
    QuotedPosts,
    EngagementCounts,
    Gizmoduck,
    Visibility,
    ServedRecorder,
}

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Error,
    Slow,
    WrongLength,
    /// One head of the first post is NaN.
    NotANumber,
    /// The first post is not scored.
    NotScored,
}

/// What the clients know.
#[derive(Default)]
pub(crate) struct World {
    pub posts: BTreeMap<PostId, CoreData>,
    pub people: HashMap<UserId, UserProfile>,
    pub graph: ViewerGraph,
    pub follow_back: Vec<UserId>,
    pub history: UserActionSequence,
    pub preferences: ViewerPreferences,
    pub record: SeenAndServed,
    /// Posts the viewer acted on.
    pub acted_on: Vec<PostId>,
    /// What retrieval finds, best first.
    pub retrieved: Vec<PostId>,
    /// What is popular, best first.
    pub popular: Vec<PostId>,
    /// The model's heads by name; a post that is not here gets 0 everywhere.
    pub heads: HashMap<PostId, Vec<(&'static str, f64)>>,
    /// The prior's heads by name.
    pub prior: HashMap<PostId, Vec<(&'static str, f64)>>,
    pub verdicts: HashMap<PostId, FilteredReason>,
    pub thunder_partial: bool,
}

pub(crate) struct Mocks {
    pub world: Mutex<World>,
    pub set: ActionSet,
    pub faults: Mutex<HashMap<Call, Fault>>,
    pub ranked: Mutex<Vec<RankingRequest>>,
    pub thunder_asked: Mutex<Vec<InNetworkRequest>>,
    pub retrieval_asked: Mutex<Vec<RetrievalRequest>>,
    pub visibility_asked: Mutex<Vec<VisibilityRequest>>,
    pub served: Mutex<Vec<(ServedFeed, TimeMs)>>,
    core_calls: AtomicUsize,
}

impl Mocks {
    pub(crate) fn new(world: World) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::new(world),
            set: ActionSet::for_you(),
            faults: Mutex::default(),
            ranked: Mutex::default(),
            thunder_asked: Mutex::default(),
            retrieval_asked: Mutex::default(),
            visibility_asked: Mutex::default(),
            served: Mutex::default(),
            core_calls: AtomicUsize::new(0),
        })
    }

    pub(crate) fn fail(&self, call: Call, fault: Fault) {
        self.faults.lock().insert(call, fault);
    }

    /// Fails or waits where told to; says whether to answer with a wrong length or no number.
    async fn answer(&self, call: Call) -> Result<Option<Fault>, SeamError> {
        let fault = self.faults.lock().get(&call).copied();
        match fault {
            Some(Fault::Error) => Err(SeamError::Unavailable(format!("{call:?} is down"))),
            Some(Fault::Slow) => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                Err(SeamError::DeadlineExceeded)
            }
            other => Ok(other),
        }
    }

    async fn list<T>(&self, call: Call, answer: impl FnOnce(&World) -> Vec<T>) -> Result<Vec<T>, SeamError> {
        let fault = self.answer(call).await?;
        let mut list = answer(&self.world.lock());
        if fault == Some(Fault::WrongLength) {
            list.pop();
        }
        Ok(list)
    }

    fn heads(&self, named: Option<&Vec<(&'static str, f64)>>) -> Box<[f64]> {
        let mut heads = vec![0.0; self.set.len()];
        for &(name, p) in named.into_iter().flatten() {
            heads[usize::from(self.set.index_of(name).expect("a head of the set"))] = p;
        }
        heads.into()
    }

    pub(crate) fn clients(self: &Arc<Self>) -> Clients {
        Clients {
            thunder: Arc::clone(self) as _,
            retrieval: Arc::new(Retriever(Arc::clone(self), Call::Retrieval)),
            popular: Arc::new(Retriever(Arc::clone(self), Call::Popular)),
            ranking: Arc::new(Ranker(Arc::clone(self), Call::Ranking)),
            prior: Arc::new(Ranker(Arc::clone(self), Call::Prior)),
            strato: Arc::clone(self) as _,
            gizmoduck: Arc::clone(self) as _,
            tweet_entities: Arc::clone(self) as _,
            visibility: Arc::clone(self) as _,
            social_graph: Arc::clone(self) as _,
            served_recorder: Arc::clone(self) as _,
            clock: Arc::new(ManualClock::new(NOW)) as Arc<dyn Clock>,
            cache_clock: Arc::new(SystemMonotonic::new()),
            rng: Arc::new(Mutex::new(SplitMix64::new(7))),
        }
    }

    pub(crate) fn mixer(self: &Arc<Self>) -> HomeMixer {
        self.mixer_with(MixerParams::default())
    }

    pub(crate) fn mixer_with(self: &Arc<Self>, params: MixerParams) -> HomeMixer {
        HomeMixer::build_with_clients(self.clients(), params).expect("the pipeline is sound")
    }
}

pub(crate) fn query() -> ScoredPostsQuery {
    query_over(Profile::live())
}

pub(crate) fn query_over(profile: Profile) -> ScoredPostsQuery {
    ScoredPostsQuery::new(VIEWER, NOW, Arc::new(profile), "request".to_owned())
}

/// A post of an author, an hour old.
pub(crate) fn post(author: u64, text: &str) -> CoreData {
    CoreData { author_id: UserId(author), text: Some(text.into()), created_at: NOW - HOUR, ..CoreData::default() }
}

/// A history of one like.
pub(crate) fn some_history() -> UserActionSequence {
    let token = ActionToken {
        post_id: PostId(9_000),
        author_id: UserId(10),
        actions: ActionMask::of(0),
        dwell_ms: 0,
        surface: Surface::Home,
        at: NOW - 2 * HOUR,
    };
    UserActionSequence { total: 1, tokens: vec![token] }
}

#[async_trait]
impl InNetworkPosts for Mocks {
    async fn get_in_network_posts(&self, request: InNetworkRequest) -> Result<InNetworkResponse, SeamError> {
        self.thunder_asked.lock().push(request.clone());
        self.answer(Call::Thunder).await?;
        let world = self.world.lock();
        let excluded: HashSet<PostId> = request.exclude_post_ids.iter().copied().collect();
        let mut posts: Vec<LightPost> = world
            .posts
            .iter()
            .filter(|(id, post)| {
                request.following_user_ids.contains(&post.author_id)
                    && !excluded.contains(id)
                    && !(request.is_video_request && post.video_duration_ms.is_none())
            })
            .map(|(&post_id, post)| LightPost {
                post_id,
                author_id: post.author_id,
                created_at: post.created_at,
                in_reply_to_post_id: PostId::from_option(post.in_reply_to),
                is_retweet: post.reposted.is_some(),
                is_reply: post.in_reply_to.is_some(),
                source_post_id: post.reposted.map_or(PostId::NONE, |(id, _)| id),
                source_user_id: post.reposted.map_or(UserId::NONE, |(_, user)| user),
                ..LightPost::default()
            })
            .collect();
        posts.sort_by_key(|p| std::cmp::Reverse((p.created_at, p.post_id)));
        posts.truncate(request.max_results);
        Ok(InNetworkResponse { posts, partial: world.thunder_partial, warnings: Vec::new() })
    }
}

struct Retriever(Arc<Mocks>, Call);

#[async_trait]
impl Retrieval for Retriever {
    async fn retrieve(&self, request: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        self.0.retrieval_asked.lock().push(request.clone());
        self.0.answer(self.1).await?;
        let world = self.0.world.lock();
        let found = if self.1 == Call::Popular { &world.popular } else { &world.retrieved };
        let wanted = found.iter().filter(|post| !request.exclude_post_ids.contains(post));
        // Retrieval by ids alone does not know authors.
        let posts = wanted.take(request.max_results).zip(0..).map(|(&post_id, rank)| Retrieved {
            post_id,
            author_id: UserId::NONE,
            score: -(rank as f32),
        });
        Ok(RetrievalResponse { posts: posts.collect(), model: Some("retrieval-1".into()) })
    }
}

struct Ranker(Arc<Mocks>, Call);

#[async_trait]
impl Ranking for Ranker {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        let is_prior = self.1 == Call::Prior;
        self.0.ranked.lock().push(request.clone());
        let fault = self.0.answer(self.1).await?;
        let world = self.0.world.lock();
        let known = if is_prior { &world.prior } else { &world.heads };
        let mut scores: Vec<_> = request.candidates.iter().map(|c| self.0.heads(known.get(&c.post_id))).collect();
        match fault {
            Some(Fault::WrongLength) => drop(scores.pop()),
            Some(Fault::NotANumber) => scores[0][0] = f64::NAN,
            Some(Fault::NotScored) => scores[0] = Box::default(),
            _ => {}
        }
        Ok(RankingResponse { scores, model: (!is_prior).then(|| "ranker-1".into()) })
    }
}

#[async_trait]
impl Strato for Mocks {
    async fn user_action_sequence(&self, _: UserId) -> Result<Arc<UserActionSequence>, SeamError> {
        self.core_calls.store(0, Ordering::SeqCst);
        self.answer(Call::History).await?;
        Ok(Arc::new(self.world.lock().history.clone()))
    }

    async fn preferences(&self, _: UserId) -> Result<ViewerPreferences, SeamError> {
        self.answer(Call::Preferences).await?;
        Ok(self.world.lock().preferences.clone())
    }

    async fn seen_and_served(&self, _: UserId, window: RecordWindow) -> Result<SeenAndServed, SeamError> {
        self.answer(Call::SeenAndServed).await?;
        let mut record = self.world.lock().record.clone();
        record.served.truncate(window.served_limit);
        Ok(record)
    }

    async fn originals(&self, posts: &[PostId]) -> Result<Vec<PostId>, SeamError> {
        let world = self.world.lock();
        let reposted =
            |post: &PostId| world.posts.get(post).and_then(|core| core.reposted).map(|(original, _)| original);
        Ok(posts.iter().map(|post| reposted(post).unwrap_or(*post)).collect())
    }

    async fn acted_on(&self, _: UserId, posts: &[PostId]) -> Result<Vec<bool>, SeamError> {
        self.list(Call::ActedOn, |world| posts.iter().map(|post| world.acted_on.contains(post)).collect()).await
    }
}

#[async_trait]
impl SocialGraph for Mocks {
    async fn viewer_graph(&self, _: UserId) -> Result<ViewerGraph, SeamError> {
        self.answer(Call::ViewerGraph).await?;
        Ok(self.world.lock().graph.clone())
    }

    async fn follow_back(&self, _: UserId, users: &[UserId]) -> Result<Vec<bool>, SeamError> {
        self.list(Call::FollowBack, |world| users.iter().map(|user| world.follow_back.contains(user)).collect()).await
    }
}

#[async_trait]
impl Gizmoduck for Mocks {
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<Option<UserProfile>>, SeamError> {
        self.list(Call::Gizmoduck, |world| users.iter().map(|user| world.people.get(user).cloned()).collect()).await
    }
}

#[async_trait]
impl TweetEntities for Mocks {
    async fn core_data(&self, posts: &[PostId]) -> Result<Vec<Option<Arc<CoreData>>>, SeamError> {
        // Within a request the candidates come first, then the posts they quote.
        let first = self.core_calls.fetch_add(1, Ordering::SeqCst) == 0;
        let call = if first { Call::CoreData } else { Call::QuotedPosts };
        self.list(call, |world| posts.iter().map(|id| world.posts.get(id).cloned().map(Arc::new)).collect()).await
    }

    async fn engagement_counts(&self, posts: &[PostId]) -> Result<Vec<Arc<[u64]>>, SeamError> {
        self.list(Call::EngagementCounts, |_| posts.iter().map(|id| Arc::from([id.0, 2])).collect()).await
    }
}

#[async_trait]
impl VisibilityFiltering for Mocks {
    async fn verdicts(&self, _: UserId, posts: &[VisibilityRequest], _: TimeMs) -> Result<Vec<Visibility>, SeamError> {
        self.visibility_asked.lock().extend_from_slice(posts);
        self.list(Call::Visibility, |world| {
            posts
                .iter()
                .map(|p| world.verdicts.get(&p.post_id).map_or(Visibility::Allow, |why| Visibility::Drop(why.clone())))
                .collect()
        })
        .await
    }
}

#[async_trait]
impl ServedRecorder for Mocks {
    async fn record_served(&self, served: ServedFeed, at: TimeMs) -> Result<(), SeamError> {
        self.answer(Call::ServedRecorder).await?;
        self.served.lock().push((served, at));
        Ok(())
    }
}
