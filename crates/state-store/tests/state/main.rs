//! The state as its callers see it: every projection by hand, and what holds for all of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod feed;
mod following;
mod graph;
mod history;
mod ingest;
mod late;
mod popularity;
mod posts;
mod shown;
mod splits;
mod support;
mod threads;
