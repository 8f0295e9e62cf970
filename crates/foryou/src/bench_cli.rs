//! The command line of `bench`.

use clap::{Args, Subcommand, ValueEnum};
use phoenix_engine::Precision;

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// A ranking by the engine, with random weights
    Ranker(RankerArgs),
    /// Exact retrieval of random vectors
    Retrieval(RetrievalArgs),
    /// Steps of a training of the ranker, on random data
    Train(TrainArgs),
    /// Lookups in a store of recent posts
    Thunder(ThunderArgs),
    /// The pipeline itself, with components that do nothing
    Pipeline(PipelineArgs),
    /// Feeds of the data folder, for the people who were active last
    Feed(FeedArgs),
}

/// Arguments of `bench ranker`.
#[derive(Debug, Args)]
pub struct RankerArgs {
    /// Width of a token; a head has a quarter of it
    #[arg(long, value_name = "D", default_value_t = 128)]
    pub dim: usize,
    /// Transformer layers
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub layers: usize,
    /// History tokens
    #[arg(long, value_name = "S", default_value_t = 128)]
    pub history: usize,
    /// Candidates
    #[arg(long, value_name = "C", default_value_t = 512, value_parser = sized(1..=1_000_000))]
    pub candidates: usize,
    /// No cap on attention logits
    #[arg(long)]
    pub no_cap: bool,
    /// The viewer's context is cached: only the candidates are computed
    #[arg(long)]
    pub cached: bool,
    /// What the layers are computed in
    #[arg(long, value_enum, default_value_t = PrecisionArg::F32)]
    pub precision: PrecisionArg,
    /// Rankings
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = sized(1..=1_000_000))]
    pub runs: usize,
}

/// What layers are computed in, see [`Precision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// 32-bit floating point
    F32,
    /// bfloat16
    Bf16,
    /// 8-bit integers
    I8,
}

impl From<PrecisionArg> for Precision {
    fn from(arg: PrecisionArg) -> Self {
        match arg {
            PrecisionArg::F32 => Self::F32,
            PrecisionArg::Bf16 => Self::Bf16,
            PrecisionArg::I8 => Self::I8,
        }
    }
}

/// Arguments of `bench retrieval`.
#[derive(Debug, Args)]
pub struct RetrievalArgs {
    /// Posts in the index
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = sized(1..=100_000_000))]
    pub posts: usize,
    /// Values of a vector
    #[arg(long, value_name = "D", default_value_t = 128, value_parser = sized(1..=8_192))]
    pub dim: usize,
    /// Posts asked for
    #[arg(long, default_value_t = 1_000, value_parser = sized(1..=1_000_000))]
    pub k: usize,
    /// Queries
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = sized(1..=1_000_000))]
    pub runs: usize,
}

/// Arguments of `bench train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Viewers of a step
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = sized(1..=65_536))]
    pub batch: usize,
    /// History tokens
    #[arg(long, value_name = "S", default_value_t = 32, value_parser = sized(1..=800))]
    pub history: usize,
    /// Candidates of a viewer
    #[arg(long, value_name = "C", default_value_t = 8, value_parser = sized(1..=10_000))]
    pub candidates: usize,
    /// Ids of each kind; each has two rows in its table
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = sized(1..=100_000_000))]
    pub rows: usize,
    /// Steps
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = sized(1..=1_000_000))]
    pub runs: usize,
}

/// Arguments of `bench thunder`.
#[derive(Debug, Args)]
pub struct ThunderArgs {
    /// Posts
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = sized(1..=1_000_000_000))]
    pub posts: usize,
    /// Accounts that a viewer follows
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = sized(1..=100_000))]
    pub followed: usize,
    /// Lookups
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = sized(1..=1_000_000))]
    pub runs: usize,
}

/// Arguments of `bench pipeline`.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    /// Requests of each kind
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = sized(1..=10_000_000))]
    pub runs: usize,
}

/// Arguments of `bench feed`.
#[derive(Debug, Args)]
pub struct FeedArgs {
    /// People, each asked for in turn
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = sized(1..=100_000))]
    pub viewers: usize,
    /// Feeds
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = sized(1..=10_000_000))]
    pub runs: usize,
    /// With an explanation of every decision
    #[arg(long)]
    pub explain: bool,
}

/// A size within these bounds.
fn sized(range: std::ops::RangeInclusive<u64>) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u64).range(range).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
}
