//! Importers of real data sets and the synthetic world.

pub mod import;
pub mod world;
