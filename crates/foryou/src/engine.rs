//! The parts of a data folder, opened in order and wired into a [`server::App`].

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use event_log::follow::Follows;
use event_log::{
    EdgeKind, EmbeddedLog, EventBody, EventLog, EventSource, FsyncPolicy, LogOptions, Meaning, Position, ReadOnlyLog,
};
use foryou_io::{Background, FolderLock, Step, SystemMonotonic};
use foryou_types::seams::InNetworkPosts;
use foryou_types::{Accounts, Clock, ClockKind, Profile, SplitMix64, UserId, WallClock};
use home_mixer::{Clients, HomeMixer};
use parking_lot::Mutex;
use server::{App, FeedRequest, Folder, ForYou};
use state_store::{
    Ingestor, LogServedRecorder, StateError, StateGizmoduck, StateSocialGraph, StateStore, StateStrato,
    StateTweetEntities, StateVisibility, folder_clock,
};
use thunder::ingest::bootstrap;
use thunder::{FollowingLookup, PostStore, ThunderService};

use crate::config::{Config, Fsync};
use crate::folder::{DataFolder, read_profile};
use crate::models::Phoenix;
use crate::service::Startup;

/// On a wall clock, popular posts are computed once per this many milliseconds of the requests' now.
const POPULARITY_STEP_MS: i64 = 1_000;

/// Log and projections of a data folder, for imports and checks.
pub struct Parts {
    /// What the data is.
    pub profile: Arc<Profile>,
    /// The truth.
    pub log: Arc<dyn EventLog>,
    /// The projections.
    pub state: Arc<StateStore>,
    /// Takes events in.
    pub ingestor: Arc<Ingestor>,
    /// The folder's clock.
    pub clock: Arc<dyn Clock>,
    // The last field, so that the folder is unlocked (or the copy deleted) after its parts are closed.
    place: Place,
}

/// Where the parts of a folder are.
enum Place {
    /// In the folder, which is ours.
    Folder(DataFolder),
    /// The log in the folder, which is only read; the projections in a folder of their own, deleted on drop.
    Aside(#[expect(dead_code, reason = "deleted on drop")] tempfile::TempDir),
}

/// The log and the profile of a data folder as they are now; another process may be writing. Nothing is locked and nothing changed.
pub struct Snapshot {
    /// What the data is.
    pub profile: Arc<Profile>,
    /// The truth, up to now.
    pub log: Arc<ReadOnlyLog>,
    /// The folder's clock.
    pub clock: Arc<dyn Clock>,
}

impl Snapshot {
    /// Reads a folder that must hold data.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let profile = read_profile(&config.data)?;
        let log = ReadOnlyLog::open(&config.data.join("log"))
            .with_context(|| format!("reading the log of {}", config.data.display()))?;
        if let Some(meaning) = log.meaning() {
            meaning.check(&Meaning::of(&profile), log.path())?;
        }
        let (log, profile) = (Arc::new(log), Arc::new(config.clock.apply(&profile)));
        let clock = folder_clock(&profile, log.clone());
        Ok(Self { profile, log, clock })
    }
}

impl Parts {
    /// Opens log and projections; the projections catch up with the log.
    pub fn open(folder: DataFolder, config: &Config) -> anyhow::Result<Self> {
        Self::open_watched(folder, config, &Startup::unseen())
    }

    /// As [`Parts::open`], and reports progress.
    pub fn open_watched(folder: DataFolder, config: &Config, startup: &Startup) -> anyhow::Result<Self> {
        let log = Arc::new(open_log(&folder, config)?);
        startup.log.finish();
        let end = log.head().position.events();
        let report = |position: &Position| startup.state.reached(position.events(), end);
        let path = folder.path().join("state");
        let state = match StateStore::open_reporting(&path, log.clone(), folder.profile(), &report) {
            // They may know events that were lost in a power cut; any other loss is refused.
            Err(StateError::Ahead { covered, .. }) => {
                log.account_for(covered, "its projections")?;
                StateStore::rebuild_reporting(&path, log.clone(), folder.profile(), &report)
            }
            state => state,
        };
        let state = state.with_context(|| format!("opening the projections of {}", folder.path().display()))?;
        startup.state.finish();
        let profile = config.clock.apply(folder.profile());
        Ok(Self::assemble(Place::Folder(folder), log, state, profile, config))
    }

    /// Reads a folder that another process writes to, or that may only be read: the log as it is now, and projections of it in a
    /// folder of their own. Nothing can be written.
    pub fn aside(config: &Config) -> anyhow::Result<Self> {
        let Snapshot { log, .. } = Snapshot::open(config)?;
        let profile = read_profile(&config.data)?;
        let aside = tempfile::tempdir().context("making a folder for the projections")?;
        // A copy of what is there is quicker than reading the whole log, but only a store that nobody writes can be copied.
        if let Some(held_off) = FolderLock::hold_off(&config.data) {
            copy_folder(&config.data.join("state"), aside.path())
                .with_context(|| format!("copying the projections of {}", config.data.display()))?;
            drop(held_off);
        }
        let state = StateStore::open(aside.path(), log.clone(), &profile)
            .with_context(|| format!("reading the log of {}", config.data.display()))?;
        let profile = config.clock.apply(&profile);
        Ok(Self::assemble(Place::Aside(aside), log, state, profile, config))
    }

    /// As [`Parts::open`], with the projections thrown away and rebuilt from the log.
    pub fn rebuild(folder: DataFolder, config: &Config) -> anyhow::Result<Self> {
        let log = Arc::new(open_log(&folder, config)?);
        let state = StateStore::rebuild(&folder.path().join("state"), log.clone(), folder.profile())
            .with_context(|| format!("rebuilding the projections of {}", folder.path().display()))?;
        let profile = config.clock.apply(folder.profile());
        Ok(Self::assemble(Place::Folder(folder), log, state, profile, config))
    }

    fn assemble(place: Place, log: Arc<dyn EventLog>, state: StateStore, profile: Profile, config: &Config) -> Self {
        // Every request on a wall clock has another now; on a log clock nothing passes between two events.
        let step_ms = if profile.clock == ClockKind::Wall { POPULARITY_STEP_MS } else { 0 };
        let (profile, state) = (Arc::new(profile), Arc::new(state.with_answer_step_ms(step_ms)));
        let clock = folder_clock(&profile, log.clone());
        let ingestor = Ingestor::new(log.clone(), state.clone(), profile.clone(), clock.clone());
        let ingestor = Arc::new(ingestor.with_max_gap_days(config.log.max_gap_days));
        Self { profile, log, state, ingestor, clock, place }
    }

    /// Closes the parts and gives back the folder; `None` where they were read aside.
    pub fn into_folder(self) -> Option<DataFolder> {
        let Self { log, state, ingestor, clock, place, profile: _ } = self;
        drop((ingestor, clock, state, log));
        match place {
            Place::Folder(folder) => Some(folder),
            Place::Aside(_) => None,
        }
    }

    /// Deletes the folder's log, projections and profile: for a folder that was just made and holds no data.
    pub fn discard(self) -> anyhow::Result<()> {
        self.into_folder().map_or(Ok(()), DataFolder::clear)
    }
}

/// Copies the contents of a folder; a missing folder is skipped.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(from) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    std::fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            // Without its permissions: the original may be read-only, and the copy must not be.
            std::io::copy(&mut std::fs::File::open(entry.path())?, &mut std::fs::File::create(&target)?)?;
        }
    }
    Ok(())
}

fn open_log(folder: &DataFolder, config: &Config) -> anyhow::Result<EmbeddedLog> {
    // A log that is gone looks like a new one, and the projections of the old one would be thrown away for not fitting it.
    let holds = |name: &str| std::fs::read_dir(folder.path().join(name)).is_ok_and(|mut files| files.next().is_some());
    if holds("state") && !holds("log/segments") {
        anyhow::bail!(
            "{}: the log's segments are gone, and the projections cannot replace them: put log/segments back, or delete state/ to start with an empty log",
            folder.path().display()
        );
    }
    let log = EmbeddedLog::open(&folder.path().join("log"), log_options(config))
        .with_context(|| format!("opening the log of {}", folder.path().display()))?;
    log.pin(&Meaning::of(folder.profile()))?;
    Ok(log)
}

/// The options of the log from the settings.
pub(crate) fn log_options(config: &Config) -> LogOptions {
    let fsync = match config.log.fsync {
        Fsync::Always => FsyncPolicy::Always,
        Fsync::Every => FsyncPolicy::EveryMs(config.log.fsync_ms),
        Fsync::Never => FsyncPolicy::Never,
    };
    LogOptions { partitions: config.log.partitions, fsync, segment_bytes: config.log.segment_bytes }
}

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

/// How long the engine lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It answers once: Thunder is filled before the engine is ready, and does not follow the log.
    Once,
    /// It serves: Thunder fills in the background and follows the log.
    Serving,
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
        let log: Arc<dyn EventLog> = parts.log.clone();

        let (ingest, ready) = (&config.thunder.ingest, &startup.thunder);
        let (reader, trim) = match life {
            Life::Once => {
                bootstrap(&*log, &store, &parts.clock, ingest, ready).context("filling Thunder from the log")?;
                (None, None)
            }
            Life::Serving => {
                let reader = thunder::ingest::follow(log.clone(), &store, &parts.clock, ingest, ready);
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
            log,
            parts.clock.clone(),
            config.mixer.result_size,
            crate::cursor_key::cursor_key(&config.data, matches!(parts.place, Place::Folder(_)))?,
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
        let viewers = self.newest_viewers();
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

    /// Some people from the log's last events, in the folder's form of ids.
    fn newest_viewers(&self) -> Vec<String> {
        let mut viewers = Vec::new();
        let folder = self.app.folder();
        let log = &folder.log;
        let end = log.head().position.events();
        let read = log.position_at(end.saturating_sub(WARM_UP_EVENTS)).and_then(|from| {
            log.read_from(&from.unwrap_or_default(), &mut |records, _| {
                for record in records {
                    let EventBody::Action(action) = &record.event.body else { continue };
                    if let Some(viewer) = folder.ids().print_user(action.user_id)
                        && !viewers.contains(&viewer)
                    {
                        viewers.push(viewer);
                    }
                }
                viewers.len() < WARM_UP_VIEWERS
            })
        });
        if let Err(error) = read {
            tracing::debug!(%error, "nobody to warm up with");
        }
        viewers.truncate(WARM_UP_VIEWERS);
        viewers
    }
}

/// Time of the warm-up.
const WARM_UP: Duration = Duration::from_secs(1);
/// Number of feeds in the warm-up: the first one fills the caches, the others find what it missed.
const WARM_UP_VIEWERS: usize = 8;
/// Events of the log's end among which these people are looked for.
const WARM_UP_EVENTS: u64 = 2_000;

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
