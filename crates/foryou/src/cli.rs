//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use datasets::import::{KINDS, SetKind};
use foryou_types::IdForm;
use model_registry::Kind;
use phoenix::ModelKind;

use crate::bench_cli::BenchCommand;
use crate::clock_setting::ClockSetting;
use crate::listen::Listen;

/// The For You feed as software anyone can run.
#[derive(Debug, Parser)]
#[command(name = "foryou", version, propagate_version = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The data folder, with log, state and models [default: ./foryou-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A TOML file with settings; `foryou config` prints the effective settings
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Seed for everything random [default: 1]
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
    /// Print more log lines on stderr; -vv for all
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a small world (if there is none yet), train both models on it, and serve its feed
    Demo(DemoArgs),
    /// Serve the data folder, gRPC and REST on one port; a missing or empty folder becomes a live one
    Up(UpArgs),
    /// Make a data folder with your own profile: ids, actions and weights, limits, clock
    Init(InitArgs),
    /// Import a data set into the data folder's log
    Import(ImportArgs),
    /// Write a synthetic world to files
    World(WorldArgs),
    /// Print one feed
    Feed(FeedArgs),
    /// Train a model from the data folder's log and register it as a version; it serves if it passes its gate
    ///
    /// The gate judges the model on the newest part of the log, which is held back. The model must be better than chance and than
    /// popularity, and not worse than the serving version. A version that does not pass is registered with the reasons, but not
    /// promoted; the exit code is still 0, and --json says "promoted": false. A training that is stopped (Ctrl-C, SIGTERM) exits
    /// with 1 and leaves a checkpoint; --resume continues from it.
    Train(TrainArgs),
    /// Live through a data set: predict each event, then learn it; print a report
    Stream(StreamArgs),
    /// Measure model versions on the held-out slates of a synthetic world
    Evaluate(EvaluateArgs),
    /// List, promote and roll back versions of the trained models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Check the Phoenix models against reference files, or serve them alone
    #[command(subcommand)]
    Phoenix(PhoenixCommand),
    /// Check the data folder, rebuild its projections, or repair its log
    Doctor(DoctorArgs),
    /// Write every event of the data folder to a file, as JSON lines; works on a damaged folder too
    Dump(DumpArgs),
    /// Make a new data folder from a dump
    ///
    /// Each line of a dump is {"check": ..., "line": {...}}. A line that was changed or damaged is refused by its number. To
    /// change a line on purpose, for example the profile in the first one, keep only the {...}: a line without a check is taken
    /// as it is.
    Restore(RestoreArgs),
    /// Measure how long things take on this machine, beside the most that its f32 products reach
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the effective settings and their origins
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
    /// Number of people in the world
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    pub users: u32,
    /// Port to serve on
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Kind of folder to make if it is missing or empty; a folder with another kind of data is refused
    #[arg(long, value_enum)]
    pub kind: Option<UpKind>,
    /// The folder's clock for this run; `wall` continues live after an import
    #[arg(long, value_enum)]
    pub clock: Option<ClockSetting>,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<Listen>,
    /// Allow --listen with an address that other machines can reach. There are no API keys: anyone who reaches the port can read
    /// every feed and write events
    #[arg(long)]
    pub insecure: bool,
}

/// The kind of folder that `up` makes if it is missing or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UpKind {
    /// People who post, follow and act now: all 19 actions, the machine's clock
    Live,
}

/// Reads the name of a kind of data set.
fn set_kind() -> impl TypedValueParser<Value = &'static SetKind> {
    let values = KINDS.iter().map(|kind| PossibleValue::new(kind.name).help(kind.about));
    PossibleValuesParser::new(values)
        .try_map(|name| SetKind::of(&name).ok_or_else(|| format!("{name} is not a kind of data set")))
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
    /// Form of the ids of people and posts
    #[arg(long, value_enum, default_value_t)]
    pub ids: IdsArg,
    /// An action and its weight, for example --action like=1 --action hide=-5; may be repeated [default: the actions of the For You
    /// feed]
    #[arg(long, value_name = "NAME=WEIGHT", allow_hyphen_values = true)]
    pub action: Vec<String>,
    /// For imported history: now is the time of the newest imported event, not the machine's time
    #[arg(long)]
    pub history: bool,
    /// Age limit: older posts are not shown
    #[arg(long, value_name = "HOURS", default_value_t = 48, value_parser = clap::value_parser!(i64).range(1..=10_000_000))]
    pub max_age_hours: i64,
}

/// The help of `import --map`.
const MAP_HELP: &str = r#"For events in tables (CSV, TSV): a TOML file that says which column is which key.

A table whose columns have the names of keys (type,at,user_id,...) needs no map. Example, for a file that begins with
`uid,item,what,when`:

  [columns]            # key of the event = column of the table
  user_id = "uid"
  post_id = "item"
  action = "what"
  at = "when"

  [constants]          # the same for every row
  type = "action"

  [values.action]      # value in the table = value in the event
  like = "favorite"

Times are RFC 3339, or numbers; their unit (seconds to nanoseconds) is decided for the whole file. A list (post_ids,
topics) is a JSON list, or its parts with spaces, commas, semicolons or bars between them. The separator is taken from
the first line. `foryou reference events` lists every type of event with its keys."#;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Kind of data set
    #[arg(value_parser = set_kind())]
    pub kind: &'static SetKind,
    /// The file or folder; for events also several files, pipes, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// For events in tables (CSV, TSV): a TOML file that says which column is which key
    #[arg(long, value_name = "FILE", long_help = MAP_HELP)]
    pub map: Option<PathBuf>,
    /// Accept also a few events (less than 10, or 1 in 100) more than log.max_gap_days (30) after all before them
    #[arg(long)]
    pub allow_gaps: bool,
}

/// Arguments of `world`.
#[derive(Debug, Args)]
pub struct WorldArgs {
    /// Number of people in the world
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    pub users: u32,
    /// Folder to write to; must be empty or missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Arguments of `feed`.
#[derive(Debug, Args)]
pub struct FeedArgs {
    /// The viewer (`--user=-123` for negative ids)
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub user: String,
    /// Number of posts
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only posts of followed accounts
    #[arg(long)]
    pub in_network_only: bool,
    /// Explain every decision: what each filter removed and what each scorer did
    #[arg(long)]
    pub explain: bool,
    /// Record the posts as served
    #[arg(long)]
    pub record: bool,
    /// The moment of the feed (Unix milliseconds or RFC 3339), instead of the folder's clock
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub now: Option<String>,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Delete the projections and the index, and rebuild them from the log
    #[arg(long)]
    pub rebuild: bool,
    /// Replace a damaged log by everything that can be read from it; the damaged log is kept
    #[arg(long)]
    pub repair: bool,
}

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// The file to write, which must not exist yet; - for stdout
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

/// The models that can be trained, by name.
fn trained() -> impl TypedValueParser<Value = ModelKind> {
    let names = ModelKind::ALL.map(|model| PossibleValue::new(model.name()).help(model.about()));
    PossibleValuesParser::new(names)
        .try_map(|name| ModelKind::named(&name).ok_or_else(|| format!("{name} cannot be trained")))
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
    /// The model to train
    #[arg(value_parser = trained())]
    pub model: ModelKind,
    /// Run folder, for recipe, metrics, curves and checkpoints [default: models/runs/MODEL in the data folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Passes over the training data
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Continue where the run folder's last run stopped
    #[arg(long)]
    pub resume: bool,
    /// A TOML file with settings of the training (`foryou reference recipes` lists them); others keep their defaults
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// One setting of the training, for example --set model.num_layers=2; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Start from this checkpoint: a run folder, its checkpoint or best model, or a version of the registry
    #[arg(long, value_name = "DIR|VERSION")]
    pub from: Option<String>,
    /// Learn only from what was shown at or after this moment: Unix milliseconds, RFC 3339, or @N for the time of the log's event N
    #[arg(long, value_name = "TIME|@OFFSET", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Learn only from events before this moment (Unix milliseconds or RFC 3339). The held-out part of a synthetic world is never
    /// used
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Register the version, but do not promote it
    #[arg(long)]
    pub no_promote: bool,
}

/// Arguments of `stream`.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// Kind of data set
    #[arg(value_parser = set_kind())]
    pub kind: &'static SetKind,
    /// The file or folder
    pub path: PathBuf,
    /// The last part of the set, which is predicted, as a share of its actions (or of its impressions, if it has them)
    #[arg(long, value_name = "0..1", default_value_t = 0.2)]
    pub test_share: f64,
    /// Predict only every n-th event that could be predicted [default: 5 for actions, 1 for impressions]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub every: Option<u64>,
    /// Refresh the models' weights this often, in the log's time (for example 1d or 6h)
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub train_every: String,
    /// How far the first training looks back [default: to the beginning]
    #[arg(long, value_name = "TIME")]
    pub learn_from: Option<String>,
    /// Most posts that the ranker scores; from a larger catalogue, retrieval and recent counts choose them
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(200..=1_000_000))]
    pub shortlist: u32,
    /// Let the log's time pass this many times as fast as the clock [default: as fast as possible]
    #[arg(long, value_name = "N")]
    pub speed: Option<f64>,
    /// A setting of the training, for example --set ranker.epochs=2; may be repeated
    #[arg(long, value_name = "MODEL.KEY=VALUE")]
    pub set: Vec<String>,
    /// Start over: delete the progress of a stream that was begun here
    #[arg(long)]
    pub restart: bool,
    /// Also write the report into this folder, as stream.md and stream.json
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Versions, as `foryou models list` prints them [default: the serving versions]
    #[arg(value_name = "VERSION")]
    pub versions: Vec<String>,
}

/// The commands of `models`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the versions
    List,
    /// Make a version serve
    Promote {
        /// The version
        #[arg(value_name = "VERSION")]
        name: String,
        /// Only for this share of the people; the others keep the current version
        #[arg(long, value_name = "0..1")]
        share: Option<f64>,
        /// Even if the version did not pass its gate
        #[arg(long)]
        force: bool,
    },
    /// Undo the last change: end a share or, without one, return to the version that served before
    Rollback {
        /// The kind of model, as in the names of its versions
        #[arg(value_parser = Kind::new)]
        model: Kind,
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
        /// Address to listen on [default: 127.0.0.1:8080]
        #[arg(long, value_name = "HOST:PORT")]
        listen: Option<Listen>,
        /// Allow --listen with an address that other machines can reach; there are no API keys
        #[arg(long)]
        insecure: bool,
    },
}
