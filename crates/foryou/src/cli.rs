//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use foryou_types::IdForm;

use crate::config::ClockSetting;
use crate::listen::Listen;

/// The For You feed as software anyone can run.
#[derive(Debug, Parser)]
#[command(name = "foryou", version, propagate_version = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The folder that holds log, state, snapshots and models [default: ./foryou-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Settings; `foryou config` prints the effective ones
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Seed of everything random [default: 1]
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
    /// Threads; 0 for one per core [default: 0]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// With --json, print times as RFC 3339
    #[arg(long, global = true, requires = "json")]
    pub human: bool,
    /// Say more on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a small world where there is none and serve its feed
    Demo(DemoArgs),
    /// Serve what is in the data folder, gRPC and REST on one port; a missing or empty folder becomes a live one
    Up(UpArgs),
    /// Begin a data folder with a profile of your own: ids, actions and weights, limits, clock
    Init(InitArgs),
    /// Import a data set into the data folder's log
    Import(ImportArgs),
    /// Make a synthetic world and write it to files
    World(WorldArgs),
    /// Print one feed
    Feed(FeedArgs),
    /// Train a model from the data folder's log and register it as a version; it serves if it passes its gate
    ///
    /// The gate judges the model on the newest part of the log, which is held back: it must be better than chance and than
    /// popularity, and not worse than the version that serves. A version that does not pass is registered with the reasons and
    /// not promoted; the exit code is 0 all the same, and --json says "promoted": false. A training that is stopped (Ctrl-C,
    /// SIGTERM) exits with 1 and leaves a checkpoint to --resume from.
    Train(TrainArgs),
    /// Live through a data set: predict each event, then learn it; report as evaluation does
    Stream(StreamArgs),
    /// Measure model versions on the held-out slates of a synthetic world
    Evaluate(EvaluateArgs),
    /// Versions of the trained models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// The Phoenix models: check them against reference files, serve them alone
    #[command(subcommand)]
    Phoenix(PhoenixCommand),
    /// Check the data folder; rebuild its projections, repair its log
    Doctor(DoctorArgs),
    /// Write every event of the data folder to a file, as JSON lines; also from a damaged folder
    Dump(DumpArgs),
    /// Make a new data folder from a dump
    Restore(RestoreArgs),
    /// Print the effective settings and where each came from
    Config,
    /// Print the description of the REST API (OpenAPI), with the actions and ids of the data folder
    Openapi,
    /// Print a reference as Markdown: every event, every setting, or every key of the training recipes
    Reference(ReferenceArgs),
}

/// Arguments of `reference`.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// What it is about
    pub topic: Topic,
}

/// The references.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Topic {
    /// Every type of event with its keys, for the actions and ids of the data folder
    Events,
    /// Every setting with its default and range
    Settings,
    /// Every key of the training recipes with its defaults and range
    Recipes,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Print one viewer's feed and exit
    #[arg(long)]
    pub once: bool,
    /// People of the world
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    pub users: u32,
    /// Port to serve on
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// What to make of a missing or empty folder; a folder with other data is refused
    #[arg(long, value_enum)]
    pub kind: Option<UpKind>,
    /// The folder's clock, for this run: `wall` goes on live after an import
    #[arg(long, value_enum)]
    pub clock: Option<ClockSetting>,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<Listen>,
    /// Allow --listen with an address that other machines reach. There are no keys: anyone who reaches the port can read every
    /// feed and write events
    #[arg(long)]
    pub insecure: bool,
}

/// What `up` makes of a missing or empty folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UpKind {
    /// People who post, follow and act now: all 19 actions, the machine's clock
    Live,
}

/// Kinds of data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImportKind {
    /// Events as JSON lines or a table (--map), packed or not: files, - for standard input, or a folder with events.jsonl
    Events,
    /// A folder written by `foryou world`
    World,
    /// Higgs Twitter (SNAP): a folder with its .gz files
    Higgs,
    /// Deskdrop (CI&T): a folder with its interactions
    Deskdrop,
    /// Globo.com news: clicks.csv, packed or not, or a folder with it
    Globo,
    /// MIND (Microsoft News): a folder with behaviors.tsv and news.tsv
    Mind,
    /// KuaiRand (Kuaishou): one log, or a folder with it
    Kuairand,
    /// RecBole's atomic files: NAME.inter, or a folder with it (and NAME.item)
    Recbole,
}

impl ImportKind {
    /// The kind's name, as the importers know it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Forms of ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum IdsArg {
    /// Any strings
    #[default]
    String,
    /// Numbers from 1 to 2^64 - 1
    Unsigned,
    /// Numbers from -2^63 to 2^63 - 1, without 0
    Signed,
}

impl IdsArg {
    /// The form as the profile has it.
    pub const fn form(self) -> IdForm {
        match self {
            Self::String => IdForm::Dictionary,
            Self::Unsigned => IdForm::Unsigned,
            Self::Signed => IdForm::Signed,
        }
    }
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Name of the kind of data
    #[arg(long, default_value = "own")]
    pub name: String,
    /// What the ids of people and posts are
    #[arg(long, value_enum, default_value_t)]
    pub ids: IdsArg,
    /// An action and its weight, e.g. --action like=1 --action hide=-5; may be repeated [default: those of the For You feed]
    #[arg(long, value_name = "NAME=WEIGHT", allow_hyphen_values = true)]
    pub action: Vec<String>,
    /// The folder holds history: now is the time of its newest imported event, not the machine's
    #[arg(long)]
    pub history: bool,
    /// Posts older than this are not shown
    #[arg(long, value_name = "HOURS", default_value_t = 48, value_parser = clap::value_parser!(i64).range(1..=10_000_000))]
    pub max_age_hours: i64,
}

/// The help of `import --map`.
const MAP_HELP: &str = r#"Events from tables (CSV and the like): which column is which key, as TOML.

A table whose columns have the names of keys (type,at,user_id,...) needs no map. Example, for a file that begins with
`uid,item,what,when`:

  [columns]            # key of the event = column of the table
  user_id = "uid"
  post_id = "item"
  action = "what"
  at = "when"

  [constants]          # the same for every row
  type = "action"

  [values.action]      # what the table says = what the event says
  like = "favorite"

Times are RFC 3339, or numbers whose unit (seconds to nanoseconds) is decided for the whole file; the separator is
found in the first line. `foryou reference events` lists every type of event with its keys."#;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Kind of data set
    pub kind: ImportKind,
    /// The file or folder; of events also several files, and - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Events from tables (CSV and the like): which column is which key, as TOML
    #[arg(long, value_name = "FILE", long_help = MAP_HELP)]
    pub map: Option<PathBuf>,
    /// Take events that are more than log.max_gap_days (30) after all events before them
    #[arg(long)]
    pub allow_gaps: bool,
}

/// Arguments of `world`.
#[derive(Debug, Args)]
pub struct WorldArgs {
    /// People of the world
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    pub users: u32,
    /// Folder to write; must be empty or missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Arguments of `feed`.
#[derive(Debug, Args)]
pub struct FeedArgs {
    /// The viewer (`--user=-123` for negative ids)
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub user: String,
    /// Posts wanted
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only posts of followed accounts
    #[arg(long)]
    pub in_network_only: bool,
    /// Tell every decision: what each filter removed and what each scorer did
    #[arg(long)]
    pub explain: bool,
    /// Record the posts as served
    #[arg(long)]
    pub record: bool,
    /// The moment of the feed, Unix milliseconds or RFC 3339, instead of the folder's clock
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub now: Option<String>,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Throw the projections and the index away and rebuild them from the log
    #[arg(long)]
    pub rebuild: bool,
    /// Make a whole log of what can be read of a damaged one; the damaged one is kept beside it
    #[arg(long)]
    pub repair: bool,
}

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// The file to write, which must not be there yet; - for stdout
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file written by `foryou dump`; - for stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// The models that can be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrainModel {
    /// Probabilities of every action on given posts
    Ranker,
    /// Unit vectors of people and posts, to find posts by
    Retrieval,
}

/// Where training computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The processor
    #[default]
    Cpu,
    /// A graphics card
    Gpu,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Which model
    pub model: TrainModel,
    /// Run folder: recipe, metrics, curves, checkpoints [default: models/runs/MODEL in the data folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Passes over the training data
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Go on where the run folder's last run stopped
    #[arg(long)]
    pub resume: bool,
    /// Settings of the training, as TOML; what it does not name keeps its default
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// One setting of the training, e.g. --set model.num_layers=2; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Go on from this checkpoint instead of anew: a run folder, its checkpoint or best model, or a version of the registry
    #[arg(long, value_name = "DIR|VERSION")]
    pub from: Option<String>,
    /// Learn only from what was shown at or after this moment (Unix milliseconds or RFC 3339), or that of the log's event N (@N)
    #[arg(long, value_name = "TIME|@OFFSET", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Learn only from events before this moment (Unix milliseconds or RFC 3339); a synthetic world's held-out part is never used
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Register the version without serving it
    #[arg(long)]
    pub no_promote: bool,
}

/// Arguments of `stream`.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// Kind of data set
    pub kind: ImportKind,
    /// The file or folder
    pub path: PathBuf,
    /// The last part of the set that is predicted, as a share of its actions (or impressions, where it has those)
    #[arg(long, value_name = "0..1", default_value_t = 0.2)]
    pub test_share: f64,
    /// Predict only every n-th of what could be predicted [default: 5 of actions, 1 of impressions]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub every: Option<u64>,
    /// Refresh the models' weights this often, in the log's time (e.g. 1d, 6h)
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub train_every: String,
    /// The first training looks back this far [default: to the beginning]
    #[arg(long, value_name = "TIME")]
    pub learn_from: Option<String>,
    /// Most posts that the ranker is asked about; of a larger catalogue those that retrieval and recent counts find
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(200..=1_000_000))]
    pub shortlist: u32,
    /// Let the log's time pass this many times as fast as the clock's [default: as fast as it can]
    #[arg(long, value_name = "N")]
    pub speed: Option<f64>,
    /// A setting of the training, e.g. --set ranker.epochs=2; may be repeated
    #[arg(long, value_name = "MODEL.KEY=VALUE")]
    pub set: Vec<String>,
    /// Forget a stream that was begun here
    #[arg(long)]
    pub restart: bool,
    /// Write the report into this folder too, as stream.md and stream.json
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Versions, as `foryou models list` names them [default: those that serve]
    #[arg(value_name = "VERSION")]
    pub versions: Vec<String>,
}

/// The commands of `models`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the versions
    List,
    /// Let a version serve
    Promote {
        /// The version
        #[arg(value_name = "VERSION")]
        name: String,
        /// Only for this share of the users, beside the version that serves now
        #[arg(long, value_name = "0..1")]
        share: Option<f64>,
        /// Also a version that did not pass its gate
        #[arg(long)]
        force: bool,
    },
    /// Take the last change back: end a share, or else go back to the version that served before
    Rollback {
        /// Of which model
        model: TrainModel,
    },
}

/// The commands of `phoenix`.
#[derive(Debug, Subcommand)]
pub enum PhoenixCommand {
    /// Compare the trainer's model and the engine with reference files
    Check {
        /// The files
        #[arg(required = true, value_name = "FILE.safetensors")]
        files: Vec<PathBuf>,
    },
    /// Serve ranking and retrieval alone, over gRPC
    Serve {
        /// Where to listen [default: 127.0.0.1:8080]
        #[arg(long, value_name = "HOST:PORT")]
        listen: Option<Listen>,
        /// Allow --listen with an address that other machines reach; there are no keys
        #[arg(long)]
        insecure: bool,
    },
}
