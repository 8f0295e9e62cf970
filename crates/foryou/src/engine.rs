//! The parts of a data folder, opened in order and wired into a [`server::App`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use candidate_pipeline::SystemMonotonic;
use event_log::{EdgeKind, EmbeddedLog, EventLog, FsyncPolicy, LogOptions};
use foryou_types::seams::InNetworkPosts;
use foryou_types::{Clock, Profile, SplitMix64, UserId, WallClock};
use home_mixer::clients::state::{
    LogServedRecorder, StateGizmoduck, StateSocialGraph, StateStrato, StateTweetEntities, StateVisibility,
};
use home_mixer::{Clients, HomeMixer};
use parking_lot::Mutex;
use server::app::{App, Follower};
use state_store::{Ingestor, StateStore, folder_clock};
use thunder::ingest::{Ingest, bootstrap};
use thunder::{AutoTrim, FollowingLookup, PostStore, Readiness, SystemMonotonic as ThunderTime, ThunderService};

use crate::config::{Config, Fsync};
use crate::folder::DataFolder;
use crate::models::Phoenix;

/// Log and projections of a data folder: what imports and checks need.
pub struct Parts {
    /// What the data is.
    pub profile: Arc<Profile>,
    /// The truth.
    pub log: Arc<EmbeddedLog>,
    /// The projections.
    pub state: Arc<StateStore>,
    /// Takes events in.
    pub ingestor: Arc<Ingestor>,
    /// The folder's clock.
    pub clock: Arc<dyn Clock>,
    // Last, so that the folder is unlocked after its parts are closed.
    folder: DataFolder,
}

impl Parts {
    /// Opens log and projections; the projections catch up with the log.
    pub fn open(folder: DataFolder, config: &Config) -> anyhow::Result<Self> {
        let log = Arc::new(open_log(&folder, config)?);
        let state = StateStore::open(&folder.path().join("state"), log.clone(), folder.profile())
            .with_context(|| format!("opening the projections of {}", folder.path().display()))?;
        Ok(Self::with_state(folder, log, state, config))
    }

    /// As [`Parts::open`], with the projections thrown away and rebuilt from the log.
    pub fn rebuild(folder: DataFolder, config: &Config) -> anyhow::Result<Self> {
        let log = Arc::new(open_log(&folder, config)?);
        let state = StateStore::rebuild(&folder.path().join("state"), log.clone(), folder.profile())
            .with_context(|| format!("rebuilding the projections of {}", folder.path().display()))?;
        Ok(Self::with_state(folder, log, state, config))
    }

    fn with_state(folder: DataFolder, log: Arc<EmbeddedLog>, state: StateStore, config: &Config) -> Self {
        let profile = Arc::new(config.clock.apply(folder.profile()));
        let state = Arc::new(state);
        let clock = folder_clock(&profile, log.clone());
        let ingestor = Ingestor::new(log.clone(), state.clone(), profile.clone(), clock.clone());
        let ingestor = Arc::new(ingestor.with_max_gap_days(config.log.max_gap_days));
        Self { profile, log, state, ingestor, clock, folder }
    }

    /// Deletes the folder's log, projections and profile: for one that was just made and holds nothing.
    pub fn discard(self) -> anyhow::Result<()> {
        let Self { log, state, ingestor, clock, folder, profile: _ } = self;
        drop((ingestor, clock, state, log));
        folder.clear()
    }
}

fn open_log(folder: &DataFolder, config: &Config) -> anyhow::Result<EmbeddedLog> {
    // A log that is gone looks like a new one, and the projections of the old one would be thrown away for not fitting it.
    let holds = |name: &str| std::fs::read_dir(folder.path().join(name)).is_ok_and(|mut files| files.next().is_some());
    if holds("state") && !holds("log/segments") {
        anyhow::bail!(
            "{}: the log's segments are gone, and the projections alone are no truth: put log/segments back, or delete state/ to begin anew",
            folder.path().display()
        );
    }
    let fsync = match config.log.fsync {
        Fsync::Always => FsyncPolicy::Always,
        Fsync::Every => FsyncPolicy::EveryMs(config.log.fsync_ms),
        Fsync::Never => FsyncPolicy::Never,
    };
    let options = LogOptions { partitions: config.log.partitions, fsync, segment_bytes: config.log.segment_bytes };
    EmbeddedLog::open(&folder.path().join("log"), options)
        .with_context(|| format!("opening the log of {}", folder.path().display()))
}

/// A data folder that serves.
pub struct Engine {
    /// What the transports call.
    pub app: Arc<App>,
    /// Thunder, for its own gRPC service.
    pub thunder: ThunderService,
    /// Ranking and retrieval, for their own gRPC services.
    pub phoenix: Phoenix,
    _trim: Option<AutoTrim>,
    parts: Parts,
}

/// How long the engine lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It answers once: Thunder is filled before the engine is there, and follows nothing.
    Once,
    /// It serves: Thunder fills in the background and follows the log.
    Serving,
}

impl Engine {
    /// Wires the parts.
    pub fn start(parts: Parts, config: &Config, life: Life) -> anyhow::Result<Self> {
        let metrics = crate::metrics::renderer();
        // Posts that may still be shown must still be in memory.
        let mut store_config = config.thunder.store.clone();
        store_config.post_retention_seconds =
            store_config.post_retention_seconds.max(parts.profile.limits.max_post_age_seconds);
        let store = Arc::new(PostStore::new(store_config));
        let log: Arc<dyn EventLog> = parts.log.clone();

        let mut followers: Vec<Arc<dyn Follower>> = Vec::new();
        let (readiness, trim) = match life {
            Life::Once => {
                bootstrap(&*log, &store, &*parts.clock, &config.thunder.ingest)
                    .context("filling Thunder from the log")?;
                (Readiness::ready(), None)
            }
            Life::Serving => {
                let ingest = Ingest::start(log.clone(), store.clone(), parts.clock.clone(), &config.thunder.ingest)
                    .context("starting Thunder's readers")?;
                let readiness = ingest.readiness().clone();
                followers.push(Arc::new(ThunderFollower(ingest)));
                let trim = store.start_auto_trim(parts.clock.clone()).context("starting Thunder's trimming")?;
                (readiness, Some(trim))
            }
        };
        let following: Arc<dyn FollowingLookup> = Arc::new(StateFollowing(parts.state.clone()));
        let thunder = ThunderService::with(
            store,
            parts.clock.clone(),
            readiness,
            &config.thunder.service,
            Some(following),
            Arc::new(ThunderTime),
        );
        let phoenix = Phoenix::start(&parts, config, life)?;
        followers.extend(phoenix.follower());
        let in_network: Arc<dyn InNetworkPosts> = Arc::new(thunder.clone());
        let mixer = mixer(&parts, in_network, &phoenix, config)?;
        let mut app = App::new(
            parts.profile.clone(),
            log,
            parts.state.clone(),
            parts.ingestor.clone(),
            Arc::new(mixer),
            parts.clock.clone(),
        );
        app.default_limit = config.mixer.result_size;
        for follower in followers {
            app = app.following(follower);
        }
        if let Some(render) = metrics {
            app = app.with_metrics(render);
        }
        Ok(Self { app: Arc::new(app), thunder, phoenix, _trim: trim, parts })
    }

    /// Writes into the folder's lock file where the service listens.
    pub fn announce(&mut self, address: String) -> anyhow::Result<()> {
        self.parts.folder.announce(Some(address))
    }
}

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
        // A log clock stands still, and requests must be forgotten all the same.
        clock: Arc::new(WallClock),
        cache_clock: Arc::new(SystemMonotonic::default()),
        rng: Arc::new(Mutex::new(SplitMix64::new(request_seed))),
    };
    HomeMixer::build_with_clients(clients, config.mixer.clone()).context("building the pipeline")
}

struct ThunderFollower(Ingest);

impl Follower for ThunderFollower {
    fn name(&self) -> &'static str {
        "thunder"
    }

    fn wait_applied(&self, next_seq: u64, timeout: Duration) -> bool {
        self.0.wait_applied(next_seq, timeout)
    }

    fn ready(&self) -> bool {
        self.0.readiness().is_ready()
    }
}

struct StateFollowing(Arc<StateStore>);

impl FollowingLookup for StateFollowing {
    fn following(&self, user_id: UserId) -> Vec<UserId> {
        self.0.targets(EdgeKind::Follow, user_id).unwrap_or_else(|error| {
            tracing::warn!(%error, "the graph cannot be read: nobody is followed");
            Vec::new()
        })
    }
}
