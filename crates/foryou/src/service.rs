//! The start of a service: the port is open and reports what is missing while the parts behind it are being opened.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use foryou_io::{Readiness, Step};
use server::{App, Door, DoorConfig, RenderMetrics, Services};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::exit::wrong_use;
use crate::listen::Listen;
use crate::output::Output;
use crate::stop::stopped;

/// How often progress lines are printed during the start.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// The steps of a start, in their order.
#[derive(Clone, Debug)]
pub struct Startup {
    /// Opening the log.
    pub log: Step,
    /// Bringing the projections to the log's end.
    pub state: Step,
    /// Filling Thunder.
    pub thunder: Step,
    /// Reading the posts for the models.
    pub phoenix: Step,
    /// Loading the promoted versions.
    pub models: Step,
    /// Warming up with a few feeds.
    pub warm_up: Step,
}

impl Startup {
    /// The steps, each missing until it is done.
    pub fn new(readiness: &Readiness) -> Self {
        Self {
            log: readiness.step("log", "events"),
            state: readiness.step("state", "events"),
            thunder: readiness.step("thunder", "posts"),
            phoenix: readiness.step("phoenix corpus", "posts"),
            models: readiness.step("models", "models"),
            warm_up: readiness.step("warm-up", "feeds"),
        }
    }

    /// Steps that are not shown: for commands that answer once.
    pub fn unseen() -> Self {
        Self::new(&Readiness::default())
    }
}

/// An open port.
pub struct Service {
    door: Door,
    readiness: Readiness,
    address: SocketAddr,
    app: Arc<OnceLock<Arc<App>>>,
    serving: JoinHandle<anyhow::Result<()>>,
    output: Output,
}

impl Service {
    /// Listens and answers health at once; `names` are the gRPC services that will be behind the port.
    pub async fn start(
        config: &DoorConfig,
        listen: &Listen,
        names: &'static [&'static str],
        output: Output,
    ) -> anyhow::Result<Self> {
        let listener = bind(config, listen).await?;
        let address = listener.local_addr().context("the service's address")?;
        let readiness = Readiness::default();
        let app: Arc<OnceLock<Arc<App>>> = Arc::default();
        let reported = Arc::clone(&app);
        let metrics = crate::metrics::renderer().map(|render| {
            Arc::new(move || {
                if let Some(app) = reported.get() {
                    app.report_metrics();
                }
                render()
            }) as RenderMetrics
        });
        let door = Door::new(config, readiness.clone(), metrics);
        let serving = tokio::spawn({
            let door = door.clone();
            async move { door.serve(listener, names, stopped()).await.context("building the service") }
        });
        Ok(Self { door, readiness, address, app, serving, output })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What must be ready before the service is.
    pub const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Opens the parts behind the port on a thread of its own, and reports progress. `None`: the service was stopped meanwhile.
    /// Then a part that was being opened is left as it is, which is as safe as a crash.
    pub async fn opened<T: Send + 'static>(
        &mut self,
        open: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<Option<T>> {
        let (done, mut opened) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            let _inside = runtime.enter();
            // Fails if the service was stopped: then nobody waits for it.
            done.send(open()).ok();
        };
        thread::Builder::new().name("foryou-open".to_owned()).spawn(work).context("starting a thread")?;
        let mut say = tokio::time::interval(SAY_EVERY);
        say.tick().await;
        loop {
            tokio::select! {
                outcome = &mut opened => return outcome.context("opening the folder ended early")?.map(Some),
                ended = &mut self.serving => return ended.context("serving")?.map(|()| None),
                _ = say.tick() => {
                    let missing: Vec<_> = self.readiness.missing().iter().map(ToString::to_string).collect();
                    self.output.say(format!("http://{} is not ready: {}", self.address, missing.join(", ")));
                }
            }
        }
    }

    /// Lets requests through to `services`; `app` is asked for its metrics.
    pub fn let_in(&self, services: Services, app: Option<Arc<App>>) {
        if let Some(app) = app {
            self.app.get_or_init(|| app);
        }
        self.door.open(services);
    }

    /// Serves until Ctrl-C or SIGTERM.
    pub async fn ended(self) -> anyhow::Result<()> {
        self.serving.await.context("serving")?
    }
}

/// A listener on an address.
async fn bind(config: &DoorConfig, listen: &Listen) -> anyhow::Result<TcpListener> {
    let addresses = tokio::task::block_in_place(|| listen.resolve())?;
    if let Some(why) = addresses.iter().find_map(|address| config.refused(*address)) {
        wrong_use!("{why}");
    }
    TcpListener::bind(&*addresses).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!(
                "{listen} is in use by another process: choose another address with --listen (for demo: another --port)"
            )
        }
        _ => anyhow::anyhow!("listening on {listen}: {e}"),
    })
}
