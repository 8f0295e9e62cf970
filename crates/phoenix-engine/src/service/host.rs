//! Owns the models: loads what the registry promotes and exchanges it while it serves.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use foryou_io::Background;
use foryou_types::seams::{Ranking, Retrieval};
use foryou_types::{ActionSet, Clock};
use model_registry::{Kind, ModelFiles, Registry, Version, action_difference};
use parking_lot::Mutex;
use phoenix::Corpus;

use super::config::ServingConfig;
use super::corpus_reader::CorpusListener;
use super::fallback::{RankingOrPrior, RetrievalOrPopular};
use super::fleet::{Fleet, Loaded};
use super::load_error::LoadError;
use super::ranking::PhoenixRanking;
use super::retrieval::PhoenixRetrieval;
use crate::served::{NotServed, RankerOptions, ServedFamilies, ServedFamily, family_of};

/// What a host works with.
pub struct HostParts {
    /// Where the versions are.
    pub registry: Registry,
    /// The families that can serve.
    pub families: ServedFamilies,
    /// The posts, kept up to date by [`follow_posts`](super::follow_posts).
    pub corpus: Arc<Corpus>,
    /// The data's actions: the order of every answer, and what a model must have been trained for.
    pub action_set: ActionSet,
    /// Posts older than this by the clock are not retrieved, in milliseconds.
    pub max_post_age_ms: i64,
    /// The data's clock.
    pub clock: Arc<dyn Clock>,
    /// Ranks while no ranker is promoted.
    pub prior: Arc<dyn Ranking>,
    /// Retrieves while no retrieval model is promoted.
    pub popular: Arc<dyn Retrieval>,
}

/// What serves of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KindStatus {
    /// The version that serves; `None` while the fallback does.
    pub serving: Option<Arc<str>>,
    /// A second version, and the share of the users it serves.
    pub challenger: Option<(Arc<str>, f64)>,
    /// Why the version that should serve does not; what served before it serves on.
    pub error: Option<String>,
}

/// What serves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostStatus {
    /// Ranking.
    pub ranker: KindStatus,
    /// Retrieval.
    pub retrieval: KindStatus,
}

/// Ranking and retrieval by the promoted versions of a registry.
pub struct ModelHost {
    versions: Versions,
    ranking: Arc<PhoenixRanking>,
    retrieval: Arc<PhoenixRetrieval>,
    ranking_seam: Arc<dyn Ranking>,
    retrieval_seam: Arc<dyn Retrieval>,
    config: ServingConfig,
    /// Held while models are loaded, so that two refreshes cannot overtake each other.
    seen: Mutex<Seen>,
    errors: Mutex<Errors>,
}

/// The versions there are, and what can be loaded of them.
struct Versions {
    registry: Registry,
    families: ServedFamilies,
    action_set: ActionSet,
}

/// What was last seen of the registry.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    Unreadable,
    Stamp(u64),
}

#[derive(Clone, Default)]
struct Errors {
    ranker: Option<String>,
    retrieval: Option<String>,
}

impl ModelHost {
    /// Nothing is loaded yet: [`Self::refresh`] does that, best after the corpus has caught up.
    pub fn new(parts: HostParts, config: &ServingConfig) -> Self {
        crate::metrics::describe();
        let HostParts { registry, families, action_set, corpus, max_post_age_ms, clock, prior, popular } = parts;
        let ranking = Arc::new(PhoenixRanking::new(Arc::clone(&corpus), config));
        let retrieval = Arc::new(PhoenixRetrieval::new(corpus, clock, max_post_age_ms, config));
        Self {
            versions: Versions { registry, families, action_set },
            ranking_seam: Arc::new(RankingOrPrior { phoenix: Arc::clone(&ranking), prior }),
            retrieval_seam: Arc::new(RetrievalOrPopular { phoenix: Arc::clone(&retrieval), popular }),
            ranking,
            retrieval,
            config: config.clone(),
            seen: Mutex::default(),
            errors: Mutex::default(),
        }
    }

    /// Ranking by the loaded models; while none is loaded, by the prior, without a model version.
    pub fn ranking(&self) -> Arc<dyn Ranking> {
        Arc::clone(&self.ranking_seam)
    }

    /// Retrieval by the loaded models; while none is loaded, of popular posts, without a model version.
    pub fn retrieval(&self) -> Arc<dyn Retrieval> {
        Arc::clone(&self.retrieval_seam)
    }

    /// Keeps the indexes up to date: for [`follow_posts`](super::follow_posts).
    pub fn listener(&self) -> Arc<dyn CorpusListener> {
        Arc::clone(&self.retrieval) as Arc<dyn CorpusListener>
    }

    /// Loads what the registry promotes and is not loaded, and lets it serve. Loading takes seconds; requests continue meanwhile.
    ///
    /// A version that cannot be loaded changes nothing: what served before serves on, and the status says why. One that should
    /// serve a share of the users beside a good one leaves them to the good one.
    pub fn refresh(&self) -> HostStatus {
        let mut seen = self.seen.lock();
        // Taken before the registry is read: a change in between is seen as one the next time.
        *seen = self.look();
        self.load_promoted();
        self.status()
    }

    /// [`Self::refresh`] if the registry has changed since; says whether it had.
    pub fn refresh_if_changed(&self) -> bool {
        let mut seen = self.seen.lock();
        let now = self.look();
        if now == *seen {
            return false;
        }
        *seen = now;
        self.load_promoted();
        true
    }

    fn look(&self) -> Seen {
        self.versions.registry.stamp().map_or(Seen::Unreadable, Seen::Stamp)
    }

    /// Refreshes now and whenever the registry changes, in a thread, until the watch is dropped.
    pub fn start_watching(self: &Arc<Self>) -> io::Result<Background> {
        let host = Arc::clone(self);
        Background::repeat("phoenix-models", Duration::from_millis(self.config.registry_poll_ms), move || {
            host.refresh_if_changed();
        })
    }

    /// What serves, and what should but does not.
    pub fn status(&self) -> HostStatus {
        let errors = self.errors.lock().clone();
        HostStatus {
            ranker: kind_status(self.ranking.models().fleet().as_deref(), errors.ranker),
            retrieval: kind_status(self.retrieval.models().fleet().as_deref(), errors.retrieval),
        }
    }

    fn load_promoted(&self) {
        let serving = self.ranking.models().fleet();
        let next = self.versions.next_fleet(&Kind::RANKER, serving.as_deref(), |family, version, files| {
            let how = RankerOptions { cache_mb: self.config.context_cache_mb, precision: self.config.precision };
            family.ranker(files, how).map(|ranker| Arc::new(Loaded::new(version, ranker)))
        });
        let error = match next {
            Next::Keep(error) => Some(error),
            Next::Serve(fleet, error) => {
                self.ranking.models().exchange(fleet);
                error
            }
        };
        self.errors.lock().ranker = noted(&Kind::RANKER, error);
        drop(serving);

        let serving = self.retrieval.models().fleet();
        let next = self.versions.next_fleet(&Kind::RETRIEVAL, serving.as_deref(), |family, version, files| {
            family.retrieval(files).map(|model| self.retrieval.load(version, model))
        });
        let error = match next {
            Next::Keep(error) => Some(error),
            Next::Serve(fleet, error) => {
                // The models that stop serving are to be gone before the indexes are looked through for them.
                drop(serving);
                self.retrieval.exchange(fleet);
                error
            }
        };
        self.errors.lock().retrieval = noted(&Kind::RETRIEVAL, error);
        let status = self.status();
        tracing::info!(ranker = ?status.ranker.serving, retrieval = ?status.retrieval.serving, "models");
    }
}

/// Counts and logs why a model was not loaded; gives it as the status has it.
fn noted(kind: &Kind, error: Option<LoadError>) -> Option<String> {
    let error = error?;
    metrics::counter!("phoenix_model_load_errors_total", "kind" => kind.to_string()).increment(1);
    tracing::error!(%kind, %error, "a model was not loaded; what served before serves on");
    Some(error.to_string())
}

/// What a look at the registry leads to.
enum Next<M> {
    /// Notes why a model could not be exchanged; what serves keeps serving.
    Keep(LoadError),
    /// From now on this serves, or nothing does; why a second version does not serve a share, if it should.
    Serve(Option<Fleet<M>>, Option<LoadError>),
}

impl Versions {
    /// The fleet that the registry asks for; models that are loaded already are kept.
    fn next_fleet<M>(
        &self,
        kind: &Kind,
        serving: Option<&Fleet<M>>,
        load: impl Fn(&dyn ServedFamily, &str, &ModelFiles) -> Result<Arc<Loaded<M>>, NotServed>,
    ) -> Next<M> {
        let routing = match self.registry.routing(kind) {
            Ok(routing) => routing,
            Err(error) => return Next::Keep(error.into()),
        };
        let get = |version: &Version| {
            // A version's folder never changes, so its name says it all.
            if let Some(loaded) = serving.and_then(|fleet| fleet.find(&version.name)) {
                return Ok(Arc::clone(loaded));
            }
            let (family, files) = self.open(kind, version)?;
            let failed = |source| LoadError::Model { version: version.name.clone(), source };
            load(family, &version.name, &files).map_err(failed)
        };
        let Some(champion) = &routing.champion else { return Next::Serve(None, None) };
        let champion = match get(champion) {
            Ok(champion) => champion,
            Err(error) => return Next::Keep(error),
        };
        match routing.challenger.as_ref().map(|(version, _)| get(version)) {
            None => Next::Serve(Some(Fleet::of(champion)), None),
            Some(Ok(challenger)) => Next::Serve(Some(Fleet::split(champion, challenger, routing)), None),
            Some(Err(error)) => Next::Serve(Some(Fleet::of(champion)), Some(error)),
        }
    }

    /// The files of a version that is of a kind and was trained for the actions of the data, in their order; and its family.
    fn open(&self, wanted: &Kind, version: &Version) -> Result<(&'static dyn ServedFamily, ModelFiles), LoadError> {
        let name = || version.name.clone();
        let files =
            ModelFiles::open(&version.folder).map_err(|source| LoadError::Checkpoint { version: name(), source })?;
        let manifest = files.manifest();
        if manifest.kind != *wanted {
            return Err(LoadError::Kind { version: name(), is: manifest.kind.clone(), wanted: wanted.clone() });
        }
        if let Some(difference) = action_difference(&manifest.action_set, &self.action_set) {
            return Err(LoadError::ActionSet { version: name(), difference });
        }
        let family = family_of(self.families, manifest);
        let unknown = || LoadError::Family { version: name(), family: manifest.family.clone() };
        Ok((family.ok_or_else(unknown)?, files))
    }
}

fn kind_status<M>(fleet: Option<&Fleet<M>>, error: Option<String>) -> KindStatus {
    KindStatus {
        serving: fleet.map(|fleet| Arc::clone(fleet.champion().version())),
        challenger: fleet.and_then(Fleet::challenger).map(|(model, share)| (Arc::clone(model.version()), share)),
        error,
    }
}
