//! Ranking and retrieval of a data folder: by the promoted models, here or in another process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use event_log::follow::{Follower, Follows};
use foryou_io::Background;
use foryou_types::seams::{Ranking, Retrieval};
use model_registry::{Families, Kind, Registry, RegistryError};
use phoenix::Corpus;
use phoenix_engine::ServedFamilies;
use phoenix_engine::grpc::{RankingClient, RetrievalClient};
use phoenix_engine::service::{HostParts, ModelHost, ServingConfig, follow_posts, read_posts};
use state_store::{PopularityRanking, PopularityRetrieval};
use tonic::transport::{Channel, Endpoint};

use crate::config::{Config, PhoenixConfig};
use crate::parts::{Life, Parts};
use crate::service::Startup;

/// The families of models that this program knows.
const FAMILIES: Families = &[&phoenix::Phoenix];
/// Those that can serve.
pub const SERVED: ServedFamilies = &[&phoenix::Phoenix];

/// The versions of models of a data folder.
pub fn registry(data: &Path) -> Result<Registry, RegistryError> {
    Registry::open(&data.join("models"), FAMILIES)
}

/// Ranking and retrieval for the pipeline, and what keeps them up to date.
pub struct Phoenix {
    /// Ranks: the promoted version, the prior if no version is promoted, or another process.
    pub ranking: Arc<dyn Ranking>,
    /// Retrieves, in the same way.
    pub retrieval: Arc<dyn Retrieval>,
    /// Ranks without a model.
    pub prior: Arc<dyn Ranking>,
    /// Retrieves without a model.
    pub popular: Arc<dyn Retrieval>,
    follower: Option<Arc<Follower>>,
    _watch: Option<Background>,
}

impl Phoenix {
    /// Reads the posts and loads the promoted versions. A service then follows both.
    pub fn start(parts: &Parts, config: &Config, life: Life, startup: &Startup) -> anyhow::Result<Self> {
        let started = Self::start_steps(parts, config, life, startup)?;
        startup.phoenix.finish();
        startup.models.finish();
        Ok(started)
    }

    fn start_steps(parts: &Parts, config: &Config, life: Life, startup: &Startup) -> anyhow::Result<Self> {
        let prior: Arc<dyn Ranking> = Arc::new(PopularityRanking(parts.state.clone()));
        let popular: Arc<dyn Retrieval> = Arc::new(PopularityRetrieval(parts.state.clone()));
        let PhoenixConfig { ranking_address, retrieval_address, remote_timeout_ms, serving } = &config.phoenix;
        let timeout = Some(Duration::from_millis(*remote_timeout_ms));
        let remote_ranking: Option<Arc<dyn Ranking>> =
            channel(ranking_address)?.map(|c| Arc::new(RankingClient::new(c, timeout)) as _);
        let remote_retrieval: Option<Arc<dyn Retrieval>> =
            channel(retrieval_address)?.map(|c| Arc::new(RetrievalClient::new(c, timeout)) as _);
        if let (Some(ranking), Some(retrieval)) = (&remote_ranking, &remote_retrieval) {
            let (ranking, retrieval) = (ranking.clone(), retrieval.clone());
            return Ok(Self { ranking, retrieval, prior, popular, follower: None, _watch: None });
        }
        let registry = registry(&config.data)?;
        if let Err(error) = registry.check_newest() {
            tracing::warn!(%error, "the registry is an older copy: other models may serve than those that were promoted last");
        }
        let serves = |kind: &Kind| registry.promoted(kind).map(|version| version.is_some());
        if life == Life::Once && !serves(&Kind::RANKER)? && !serves(&Kind::RETRIEVAL)? {
            // A single feed by the prior needs no posts in memory.
            return Ok(Self {
                ranking: remote_ranking.unwrap_or_else(|| prior.clone()),
                retrieval: remote_retrieval.unwrap_or_else(|| popular.clone()),
                prior,
                popular,
                follower: None,
                _watch: None,
            });
        }

        let corpus = Arc::new(Corpus::new());
        let host = Arc::new(ModelHost::new(
            HostParts {
                registry,
                families: SERVED,
                corpus: corpus.clone(),
                action_set: parts.profile.action_set.clone(),
                max_post_age_ms: parts.profile.limits.max_post_age_seconds.saturating_mul(1_000),
                clock: parts.clock.clone(),
                prior: prior.clone(),
                popular: popular.clone(),
            },
            &ServingConfig {
                max_concurrent: if serving.max_concurrent == 0 { config.threads } else { serving.max_concurrent },
                ..serving.clone()
            },
        ));
        let (follower, watch) = match life {
            Life::Once => {
                read_posts(&*parts.log, &corpus).context("reading the posts for the models")?;
                host.refresh();
                (None, None)
            }
            Life::Serving => {
                // No model is loaded yet, so the listener has nothing to do until all posts are read.
                let follower = follow_posts(parts.log.clone(), &corpus, Some(host.listener()), &startup.phoenix);
                let follower = follower.context("starting the reader of posts")?;
                startup.phoenix.wait_blocking(Duration::MAX);
                host.refresh();
                let watch = host.start_watching().context("starting to watch for promoted models")?;
                (Some(Arc::new(follower)), Some(watch))
            }
        };
        Ok(Self {
            ranking: remote_ranking.unwrap_or_else(|| host.ranking()),
            retrieval: remote_retrieval.unwrap_or_else(|| host.retrieval()),
            prior,
            popular,
            follower,
            _watch: watch,
        })
    }

    /// What keeps the posts up to date in a service. A feed waits for it, so that it sees its viewer's newest events.
    pub fn follower(&self) -> Option<Arc<dyn Follows>> {
        self.follower.clone().map(|follower| follower as _)
    }
}

/// A connection that is made at the first call; `None` for an empty address.
fn channel(address: &str) -> anyhow::Result<Option<Channel>> {
    if address.is_empty() {
        return Ok(None);
    }
    let endpoint = Endpoint::from_shared(address.to_owned()).with_context(|| format!("the address {address}"))?;
    // Requests are written whole: Nagle's algorithm would only delay them.
    Ok(Some(endpoint.tcp_nodelay(true).connect_timeout(Duration::from_secs(2)).connect_lazy()))
}
