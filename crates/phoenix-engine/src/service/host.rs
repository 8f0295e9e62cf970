//! Owns the models: loads what the registry promotes and exchanges it while it serves.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use foryou_types::seams::{Ranking, Retrieval};
use foryou_types::{ActionSet, Clock};
use parking_lot::Mutex;
use phoenix::{Checkpoint, Corpus, ModelKind, Registry, RegistryError, Routing, Version};

use super::config::ServingConfig;
use super::corpus_reader::CorpusListener;
use super::fallback::{RankingOrPrior, RetrievalOrPopular};
use super::fleet::{Fleet, Versioned};
use super::load_error::LoadError;
use super::ranking::PhoenixRanking;
use super::retrieval::PhoenixRetrieval;
use super::watch::Watch;

/// What a host works with.
pub struct HostParts {
    /// Where the versions are.
    pub registry: Registry,
    /// The posts, kept up to date by a [`CorpusReader`](super::CorpusReader).
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
    registry: Registry,
    ranking: Arc<PhoenixRanking>,
    retrieval: Arc<PhoenixRetrieval>,
    ranking_seam: Arc<dyn Ranking>,
    retrieval_seam: Arc<dyn Retrieval>,
    poll: Duration,
    /// Held while models are loaded, so that two refreshes cannot overtake each other.
    seen: Mutex<Seen>,
    errors: Mutex<Errors>,
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
        let HostParts { registry, corpus, action_set, max_post_age_ms, clock, prior, popular } = parts;
        let ranking = Arc::new(PhoenixRanking::new(Arc::clone(&corpus), action_set.clone(), config));
        let retrieval = Arc::new(PhoenixRetrieval::new(corpus, clock, action_set, max_post_age_ms, config));
        Self {
            registry,
            ranking_seam: Arc::new(RankingOrPrior { phoenix: Arc::clone(&ranking), prior }),
            retrieval_seam: Arc::new(RetrievalOrPopular { phoenix: Arc::clone(&retrieval), popular }),
            ranking,
            retrieval,
            poll: Duration::from_millis(config.registry_poll_ms),
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

    /// Keeps the indexes up to date: for [`CorpusReader::follow`](super::CorpusReader::follow).
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
        self.registry.stamp().map_or(Seen::Unreadable, Seen::Stamp)
    }

    /// Refreshes now and whenever the registry changes, in a thread, until the watch is dropped.
    pub fn start_watching(self: &Arc<Self>) -> io::Result<Watch> {
        let host = Arc::clone(self);
        Watch::start("phoenix-models", self.poll, move || {
            host.refresh_if_changed();
        })
    }

    /// What serves, and what should but does not.
    pub fn status(&self) -> HostStatus {
        let errors = self.errors.lock().clone();
        HostStatus {
            ranker: kind_status(self.ranking.serving().as_deref(), errors.ranker),
            retrieval: kind_status(self.retrieval.serving().as_deref(), errors.retrieval),
        }
    }

    fn load_promoted(&self) {
        let routing = self.registry.routing(ModelKind::Ranker);
        let serving = self.ranking.serving();
        let load = |name: &str, checkpoint| self.ranking.load(name, checkpoint);
        let error = match next_fleet(routing, serving.as_deref(), load) {
            Next::Keep(error) => Some(error),
            Next::Serve(fleet, error) => {
                self.ranking.serve(fleet);
                error
            }
        };
        self.note(ModelKind::Ranker, error.as_ref());
        drop(serving);

        let routing = self.registry.routing(ModelKind::Retrieval);
        let serving = self.retrieval.serving();
        let load = |name: &str, checkpoint| self.retrieval.load(name, checkpoint);
        let error = match next_fleet(routing, serving.as_deref(), load) {
            Next::Keep(error) => Some(error),
            Next::Serve(fleet, error) => {
                // The models that stop serving are to be gone before the indexes are looked through for them.
                drop(serving);
                self.retrieval.serve(fleet);
                error
            }
        };
        self.note(ModelKind::Retrieval, error.as_ref());
        let status = self.status();
        tracing::info!(ranker = ?status.ranker.serving, retrieval = ?status.retrieval.serving, "models");
    }

    fn note(&self, kind: ModelKind, error: Option<&LoadError>) {
        let mut errors = self.errors.lock();
        let slot = match kind {
            ModelKind::Ranker => &mut errors.ranker,
            ModelKind::Retrieval => &mut errors.retrieval,
        };
        if let Some(error) = error {
            metrics::counter!("phoenix_model_load_errors_total", "kind" => kind.name()).increment(1);
            tracing::error!(kind = kind.name(), %error, "a model was not loaded; what served before serves on");
        }
        *slot = error.map(ToString::to_string);
    }
}

/// What a look at the registry leads to.
enum Next<M> {
    /// Notes why a model could not be exchanged; what serves keeps serving.
    Keep(LoadError),
    /// From now on this serves, or nothing does; why a second version does not serve a share, if it should.
    Serve(Option<Fleet<M>>, Option<LoadError>),
}

/// The fleet that the routing asks for; models that are loaded already are kept.
fn next_fleet<M: Versioned>(
    routing: Result<Routing, RegistryError>,
    serving: Option<&Fleet<M>>,
    load: impl Fn(&str, Checkpoint) -> Result<Arc<M>, LoadError>,
) -> Next<M> {
    let routing = match routing {
        Ok(routing) => routing,
        Err(error) => return Next::Keep(error.into()),
    };
    let get = |version: &Version| {
        // A version's folder never changes, so its name says it all.
        if let Some(loaded) = serving.and_then(|fleet| fleet.find(&version.name)) {
            return Ok(Arc::clone(loaded));
        }
        let checkpoint = Checkpoint::load(&version.folder)
            .map_err(|source| LoadError::Checkpoint { version: version.name.clone(), source })?;
        load(&version.name, checkpoint)
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

fn kind_status<M: Versioned>(fleet: Option<&Fleet<M>>, error: Option<String>) -> KindStatus {
    KindStatus {
        serving: fleet.map(|fleet| Arc::clone(fleet.champion().version())),
        challenger: fleet.and_then(Fleet::challenger).map(|(model, share)| (Arc::clone(model.version()), share)),
        error,
    }
}
