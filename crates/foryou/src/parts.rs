//! The parts of a data folder: log and projections, opened in order, held or aside.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use event_log::{EmbeddedLog, EventLog, EventSource, FsyncPolicy, LogOptions, Meaning, Position, ReadOnlyLog};
use foryou_io::FolderLock;
use foryou_types::{Clock, ClockKind, Profile};
use state_store::{Ingestor, StateError, StateStore, folder_clock};

use crate::config::{Config, Fsync};
use crate::folder::{DataFolder, read_profile};
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

    /// Whether the folder is ours, not read aside.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.place, Place::Folder(_))
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

/// How long the engine lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It answers once: Thunder is filled before the engine is ready, and does not follow the log.
    Once,
    /// It serves: Thunder fills in the background and follows the log.
    Serving,
}
