//! Ranking metrics with their definitions.
