//! The parts of a data folder, wired into a [`server::App`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use event_log::follow::Follows;
use event_log::{EdgeKind, EventBody};
use for_you_feed::{FeedRequest, ForYou};
use foryou_io::{Background, Step, SystemMonotonic};
use foryou_types::seams::InNetworkPosts;
use foryou_types::{Accounts, SplitMix64, UserId, WallClock};
use home_mixer::{Clients, HomeMixer};
use parking_lot::Mutex;
use server::{App, Folder};
use state_store::{
    LogServedRecorder, StateGizmoduck, StateSocialGraph, StateStore, StateStrato, StateTweetEntities, StateVisibility,
};
use thunder::ingest::bootstrap;
use thunder::{FollowingLookup, PostStore, ThunderService};

use crate::config::Config;
use crate::models::Phoenix;
use crate::parts::{Life, Parts};
use crate::service::Startup;

/// A data folder that serves.
pub struct Engine {
    /// What the transports call.
    pub app: Arc<App>,
    /// The For You feed.
    pub for_you: Arc<ForYou>,
    /// Thunder, for its own gRPC service.
    pub thunder: ThunderService,
    /// Ranking and retrieval, for their own gRPC services.
    pub phoenix: Phoenix,
    _trim: Option<Background>,
    // Holds the folder, or the copy of its projections, open.
    _parts: Parts,
}

impl Engine {
    /// Wires the parts.
    pub fn start(parts: Parts, config: &Config, life: Life) -> anyhow::Result<Self> {
        Self::start_watched(parts, config, life, &Startup::unseen())
    }

    /// As [`Engine::start`], and reports progress. A service has caught up with the log when this returns.
    pub fn start_watched(parts: Parts, config: &Config, life: Life, startup: &Startup) -> anyhow::Result<Self> {
        // Posts that may still be shown must be in memory.
        let mut store_config = config.thunder.store.clone();
        store_config.post_retention_seconds =
            store_config.post_retention_seconds.max(parts.profile.limits.max_post_age_seconds);
        let store = Arc::new(PostStore::new(store_config));

        let (ingest, ready) = (&config.thunder.ingest, &startup.thunder);
        let (reader, trim) = match life {
            Life::Once => {
                bootstrap(&*parts.log, &store, &parts.clock, ingest, ready).context("filling Thunder from the log")?;
                (None, None)
            }
            Life::Serving => {
                let reader = thunder::ingest::follow(parts.log.clone(), &store, &parts.clock, ingest, ready);
                let reader = Arc::new(reader.context("starting Thunder's readers")?);
                let trim = store.start_auto_trim(parts.clock.clone()).context("starting Thunder's trimming")?;
                (Some(reader), Some(trim))
            }
        };
        let following: Arc<dyn FollowingLookup> = Arc::new(StateFollowing(parts.state.clone()));
        let thunder = ThunderService::with(
            store,
            parts.clock.clone(),
            startup.thunder.clone(),
            &config.thunder.service,
            Some(following),
            Arc::new(SystemMonotonic::new()),
        );
        let phoenix = Phoenix::start(&parts, config, life, startup)?;
        startup.thunder.wait_blocking(Duration::MAX);
        let mut followers: Vec<Arc<dyn Follows>> = reader.map(|reader| reader as _).into_iter().collect();
        followers.extend(phoenix.follower());
        let in_network: Arc<dyn InNetworkPosts> = Arc::new(thunder.clone());
        let mixer = mixer(&parts, in_network, &phoenix, config)?;
        let for_you = Arc::new(ForYou::new(mixer));
        let folder = Folder::new(
            parts.profile.clone(),
            parts.log.clone(),
            parts.log.clone(),
            parts.clock.clone(),
            config.mixer.result_size,
            crate::cursor_key::cursor_key(&config.data, parts.is_ours())?,
        );
        let mut app = App::new(Arc::new(folder), parts.state.clone(), parts.ingestor.clone());
        app = app.measuring(for_you.clone());
        for follower in followers {
            app = app.following(follower);
        }
        Ok(Self { app: Arc::new(app), for_you, thunder, phoenix, _trim: trim, _parts: parts })
    }

    /// Answers some feeds of people who were active last, without showing them, so that the first real feed finds
    /// caches filled and threads started. It gives up after a second: being warm is a nicety.
    pub async fn warm_up(&self, step: &Step) {
        let viewers = self.newest_viewers(WARM_UP_VIEWERS);
        let started = Instant::now();
        for (done, viewer) in viewers.iter().enumerate() {
            step.reached(done as u64, viewers.len() as u64);
            let request = FeedRequest { user_id: viewer.clone().into(), record: Some(false), ..FeedRequest::default() };
            if let Err(problem) = self.app.feed(&self.for_you, request, None).await {
                tracing::debug!(viewer, problem = problem.detail, "no feed to warm up with");
            }
            if started.elapsed() > WARM_UP {
                break;
            }
        }
        step.finish();
    }

    /// Up to so many people from the log's last events, in the folder's form of ids.
    pub fn newest_viewers(&self, most: usize) -> Vec<String> {
        let mut viewers = Vec::new();
        let folder = self.app.folder();
        let log = &folder.log;
        let end = log.head().position.events();
        let read = log.position_at(end.saturating_sub(EVENTS_PER_VIEWER * most as u64)).and_then(|from| {
            log.read_from(&from.unwrap_or_default(), &mut |records, _| {
                for record in records {
                    let EventBody::Action(action) = &record.event.body else { continue };
                    if let Some(viewer) = folder.ids().print_user(action.user_id)
                        && !viewers.contains(&viewer)
                    {
                        viewers.push(viewer);
                    }
                }
                viewers.len() < most
            })
        });
        if let Err(error) = read {
            tracing::debug!(%error, "nobody is found who acted");
        }
        viewers.truncate(most);
        viewers
    }
}

/// Time of the warm-up.
const WARM_UP: Duration = Duration::from_secs(1);
/// Number of feeds in the warm-up: the first one fills the caches, the others find what it missed.
const WARM_UP_VIEWERS: usize = 8;
/// Events of the log's end among which each of these people is looked for.
const EVENTS_PER_VIEWER: u64 = 250;

fn mixer(
    parts: &Parts,
    thunder: Arc<dyn InNetworkPosts>,
    phoenix: &Phoenix,
    config: &Config,
) -> anyhow::Result<HomeMixer> {
    let state = || parts.state.clone();
    let request_seed =
        config.seed ^ parts.clock.now().0.cast_unsigned() ^ u64::from(std::process::id()).rotate_left(32);
    let clients = Clients {
        thunder,
        retrieval: phoenix.retrieval.clone(),
        popular: phoenix.popular.clone(),
        ranking: phoenix.ranking.clone(),
        prior: phoenix.prior.clone(),
        strato: Arc::new(StateStrato(state())),
        gizmoduck: Arc::new(StateGizmoduck(state())),
        tweet_entities: Arc::new(StateTweetEntities(state())),
        visibility: Arc::new(StateVisibility(state())),
        social_graph: Arc::new(StateSocialGraph(state())),
        served_recorder: Arc::new(LogServedRecorder(parts.ingestor.clone())),
        // A log clock stands still, but requests must still be forgotten.
        clock: Arc::new(WallClock),
        cache_clock: Arc::new(SystemMonotonic::default()),
        rng: Arc::new(Mutex::new(SplitMix64::new(request_seed))),
    };
    HomeMixer::build_with_clients(clients, config.mixer.clone()).context("building the pipeline")
}

struct StateFollowing(Arc<StateStore>);

impl FollowingLookup for StateFollowing {
    fn following(&self, user_id: UserId) -> Vec<UserId> {
        let followed = self.0.targets(EdgeKind::Follow, user_id).unwrap_or_else(|error| {
            tracing::warn!(%error, "the graph cannot be read: the feed is made as if nobody were followed");
            Accounts::default()
        });
        followed.to_vec()
    }
}
