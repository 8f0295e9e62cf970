//! Ranking and retrieval over gRPC (`foryou.phoenix.v1`).
//!
//! [`ranking_server`] and [`retrieval_server`] serve any implementation of the seam traits, [`RankingClient`] and
//! [`RetrievalClient`] are those of another process. Scores cross the wire as the doubles they are: an answer is bit-equal to the one given in process.

mod client;
mod convert;
mod server;

pub use client::{RankingClient, RetrievalClient};
pub use server::{RankingGrpc, RetrievalGrpc, ranking_server, retrieval_server};

/// Most candidates of a ranking request, and most posts of a retrieval.
pub const MOST_POSTS: usize = 10_000;

/// Largest message in bytes, either way: 64 heads of 10,000 candidates are 5.1 MB.
const MOST_BYTES: usize = 16 << 20;
