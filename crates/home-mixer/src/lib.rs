//! The For You pipeline: one component per file.
pub mod bloom;
pub mod candidate;
pub mod clients;
pub mod params;
pub mod query;
