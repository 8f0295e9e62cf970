//! The For You pipeline: one component per file.
