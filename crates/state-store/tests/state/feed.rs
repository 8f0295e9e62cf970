//! A For You pipeline over the embedded clients: a viewer's own writes change their very next request.

use std::sync::Arc;

use async_trait::async_trait;
use event_log::{
    ActionEvent, EdgeEvent, EdgeKind, Event, EventBody, EventLog, LabelEvent, LabelTarget, MemoryLog, Origin,
    PostEvent, ProfileEvent,
};
use foryou_io::SystemMonotonic;
use foryou_types::seams::{InNetworkPosts, InNetworkRequest, InNetworkResponse, LightPost, SeamError};
use foryou_types::{Clock, ManualClock, PostId, Profile, SplitMix64, Surface, TimeMs, UserId};
use home_mixer::candidate::ServedType;
use home_mixer::params::MixerParams;
use home_mixer::query::ScoredPostsQuery;
use home_mixer::{Clients, FeedResult, HomeMixer};
use mixer_kit::FeedOptions;
use parking_lot::Mutex;
use state_store::{
    Ingestor, LogServedRecorder, PopularityRanking, PopularityRetrieval, StateGizmoduck, StateSocialGraph, StateStore,
    StateStrato, StateTweetEntities, StateVisibility,
};

const NOW: TimeMs = TimeMs(1_800_000_000_000);
pub(crate) const VIEWER: UserId = UserId(1);
const HOUR: i64 = 3_600_000;

/// Thunder in its simplest form: the posts this folder was given, in memory.
#[derive(Default)]
struct FollowedPosts(Mutex<Vec<LightPost>>);

#[async_trait]
impl InNetworkPosts for FollowedPosts {
    async fn get_in_network_posts(&self, request: InNetworkRequest) -> Result<InNetworkResponse, SeamError> {
        let mut posts = self.0.lock().clone();
        posts.retain(|p| {
            request.following_user_ids.contains(&p.author_id) && !request.exclude_post_ids.contains(&p.post_id)
        });
        Ok(InNetworkResponse { posts, ..InNetworkResponse::default() })
    }
}

pub(crate) struct Folder {
    pub(crate) mixer: HomeMixer,
    ingestor: Arc<Ingestor>,
    thunder: Arc<FollowedPosts>,
    pub(crate) profile: Arc<Profile>,
    _dir: tempfile::TempDir,
}

impl Folder {
    /// Authors 10, 11 and 12 with two posts each: 100 and 101, 110 and 111, 120 and 121; all people unknown to each other.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let profile = Arc::new(Profile::live());
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
        let state = Arc::new(StateStore::open(dir.path(), log.clone(), &profile).expect("an empty state"));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let ingestor = Arc::new(Ingestor::new(log, Arc::clone(&state), Arc::clone(&profile), Arc::clone(&clock)));
        let thunder = Arc::new(FollowedPosts::default());
        let clients = Clients {
            thunder: Arc::clone(&thunder) as _,
            retrieval: Arc::new(PopularityRetrieval(Arc::clone(&state))),
            popular: Arc::new(PopularityRetrieval(Arc::clone(&state))),
            ranking: Arc::new(PopularityRanking(Arc::clone(&state))),
            prior: Arc::new(PopularityRanking(Arc::clone(&state))),
            strato: Arc::new(StateStrato(Arc::clone(&state))),
            gizmoduck: Arc::new(StateGizmoduck(Arc::clone(&state))),
            tweet_entities: Arc::new(StateTweetEntities(Arc::clone(&state))),
            visibility: Arc::new(StateVisibility(Arc::clone(&state))),
            social_graph: Arc::new(StateSocialGraph(state)),
            served_recorder: Arc::new(LogServedRecorder(Arc::clone(&ingestor))),
            clock,
            cache_clock: Arc::new(SystemMonotonic::new()),
            rng: Arc::new(Mutex::new(SplitMix64::new(7))),
        };
        let mixer = HomeMixer::build_with_clients(clients, MixerParams::default()).expect("the pipeline is sound");
        let folder = Self { mixer, ingestor, thunder, profile, _dir: dir };
        for author in [10, 11, 12] {
            for post in [author * 10, author * 10 + 1] {
                folder.post(PostEvent {
                    post_id: PostId(post),
                    author_id: UserId(author),
                    text: Some(format!("post {post} about topic{author}")),
                    ..PostEvent::default()
                });
            }
        }
        folder
    }

    pub(crate) fn submit(&self, body: EventBody) {
        let event = Event { at: NOW - HOUR, id: None, origin: Origin::Live, body };
        let outcome = self.ingestor.submit(vec![event]).expect("the log takes it");
        assert_eq!(outcome.rejected, []);
    }

    pub(crate) fn post(&self, post: PostEvent) {
        self.thunder.0.lock().push(LightPost {
            post_id: post.post_id,
            author_id: post.author_id,
            created_at: NOW - HOUR,
            is_retweet: post.is_repost(),
            source_post_id: post.source_post_id,
            source_user_id: post.source_user_id,
            ..LightPost::default()
        });
        self.submit(EventBody::Post(Box::new(post)));
    }

    pub(crate) fn edge(&self, kind: EdgeKind, user: UserId, target: u64) {
        self.submit(EventBody::Edge(EdgeEvent { user_id: user, target_id: UserId(target), kind, added: true }));
    }

    fn action(&self, name: &str, post: u64) {
        let action = self.profile.action_set.index_of(name).expect("an action of the set");
        let event = ActionEvent {
            user_id: VIEWER,
            post_id: PostId(post),
            action,
            surface: Surface::Home,
            ..ActionEvent::default()
        };
        self.submit(EventBody::Action(event));
    }

    pub(crate) async fn feed_with(&self, options: FeedOptions) -> FeedResult {
        let query = ScoredPostsQuery::new(VIEWER, NOW, Arc::clone(&self.profile), String::new());
        let feed = self.mixer.scored_posts(query, options).await.expect("a sound request");
        assert_eq!(feed.degraded, []);
        feed
    }

    pub(crate) async fn feed(&self) -> Vec<u64> {
        let feed = self.feed_with(FeedOptions::default()).await;
        let mut ids: Vec<u64> = feed.items.iter().map(|p| p.tweet_id.0).collect();
        ids.sort_unstable();
        ids
    }
}

const ALL: [u64; 6] = [100, 101, 110, 111, 120, 121];

#[tokio::test]
async fn a_new_viewer_has_popular_posts() {
    let folder = Folder::new();
    let feed = folder.feed_with(FeedOptions::default()).await;
    assert_eq!(feed.items.len(), 6);
    assert!(feed.items.iter().all(|p| p.served_type == Some(ServedType::Popular) && p.in_network == Some(false)));
    assert_eq!((feed.model, feed.ranked_by_prior, feed.viewer_has_history), (None, true, false));
}

#[tokio::test]
async fn a_follow_brings_an_author_into_the_network() {
    let folder = Folder::new();
    folder.edge(EdgeKind::Follow, VIEWER, 11);
    let feed = folder.feed_with(FeedOptions::default()).await;
    let in_network: Vec<_> = feed.items.iter().filter(|p| p.in_network == Some(true)).map(|p| p.author_id.0).collect();
    assert_eq!(in_network, [11, 11]);
    assert!(feed.items.iter().filter(|p| p.author_id.0 == 11).all(|p| p.served_type == Some(ServedType::Thunder)));
}

#[tokio::test]
async fn a_block_or_a_mute_removes_an_author() {
    for kind in [EdgeKind::Block, EdgeKind::Mute] {
        let folder = Folder::new();
        assert_eq!(folder.feed().await, ALL);
        folder.edge(kind, VIEWER, 11);
        assert_eq!(folder.feed().await, [100, 101, 120, 121]);
    }
    let folder = Folder::new();
    folder.edge(EdgeKind::Block, UserId(12), VIEWER.0);
    assert_eq!(folder.feed().await, [100, 101, 110, 111], "whoever blocks the viewer is not shown either");
}

#[tokio::test]
async fn a_muted_keyword_removes_posts_and_reposts_of_them() {
    let folder = Folder::new();
    folder.edge(EdgeKind::Follow, VIEWER, 10);
    folder.post(PostEvent {
        post_id: PostId(109),
        author_id: UserId(10),
        source_post_id: PostId(120),
        source_user_id: UserId(12),
        ..PostEvent::default()
    });
    assert_eq!(folder.feed().await, [100, 101, 109, 110, 111, 121], "the repost stands for its original");
    folder.submit(EventBody::MuteKeyword { user_id: VIEWER, keyword: "TOPIC12".to_owned(), muted: true });
    assert_eq!(folder.feed().await, [100, 101, 110, 111]);
}

#[tokio::test]
async fn a_liked_post_does_not_come_again() {
    let folder = Folder::new();
    folder.action("favorite", 110);
    let feed = folder.feed_with(FeedOptions::default()).await;
    assert!(feed.viewer_has_history);
    assert!(feed.items.iter().all(|p| p.tweet_id != PostId(110)));
    assert_eq!(feed.items.len(), 5);
    assert!(feed.items.iter().all(|p| p.served_type == Some(ServedType::PhoenixRetrieval)));
}

#[tokio::test]
async fn a_served_feed_does_not_come_again() {
    let folder = Folder::new();
    let served = folder.feed_with(FeedOptions { record: true, ..FeedOptions::default() }).await;
    assert_eq!(served.items.len(), 6);
    // No wait in between: the request itself waits for the record.
    assert_eq!(folder.feed().await, [0u64; 0]);
}

#[tokio::test]
async fn visibility_is_that_of_labels_deletes_and_people() {
    let folder = Folder::new();
    let spam = |target| EventBody::Label(LabelEvent { target, label: "spam".to_owned(), until: None });
    folder.submit(spam(LabelTarget::Post(PostId(100))));
    assert_eq!(folder.feed().await, [101, 110, 111, 120, 121]);
    folder.submit(EventBody::Delete { post_id: PostId(101) });
    assert_eq!(folder.feed().await, [110, 111, 120, 121]);
    let protected = ProfileEvent { user_id: UserId(11), protected: Some(true), ..ProfileEvent::default() };
    folder.submit(EventBody::Profile(Box::new(protected)));
    assert_eq!(folder.feed().await, [120, 121]);
    folder.edge(EdgeKind::Follow, VIEWER, 11);
    assert_eq!(folder.feed().await, [110, 111, 120, 121], "whom the viewer follows may be protected");
    folder.submit(spam(LabelTarget::User(UserId(12))));
    assert_eq!(folder.feed().await, [110, 111]);
}

#[tokio::test]
async fn what_quotes_a_post_that_must_not_be_shown_is_not_shown() {
    let folder = Folder::new();
    folder.post(PostEvent {
        post_id: PostId(102),
        author_id: UserId(10),
        text: Some("look at this".to_owned()),
        quoted_post_id: PostId(120),
        quoted_user_id: UserId(12),
        ..PostEvent::default()
    });
    assert!(folder.feed().await.contains(&102));
    folder.submit(EventBody::Label(LabelEvent {
        target: LabelTarget::Post(PostId(120)),
        label: "abuse".to_owned(),
        until: None,
    }));
    assert_eq!(folder.feed().await, [100, 101, 110, 111, 121]);
}

#[tokio::test]
async fn subscriber_only_posts_are_for_subscribers() {
    let folder = Folder::new();
    folder.post(PostEvent {
        post_id: PostId(102),
        author_id: UserId(10),
        text: Some("for those who pay".to_owned()),
        subscription_author_id: UserId(10),
        ..PostEvent::default()
    });
    assert_eq!(folder.feed().await, ALL);
    folder.edge(EdgeKind::Subscribe, VIEWER, 10);
    assert_eq!(folder.feed().await, [100, 101, 102, 110, 111, 120, 121]);
}
