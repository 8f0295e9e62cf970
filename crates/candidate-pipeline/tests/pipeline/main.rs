//! The promises of the framework, each shown on components that do exactly what a test tells them.

mod allocations;
mod building;
mod caching;
mod compliance;
mod deadlines;
mod filters;
mod fixtures;
mod hydrators;
mod metrics;
mod order;
mod panics;
mod properties;
mod refill;
mod side_effects;
mod tracing;
