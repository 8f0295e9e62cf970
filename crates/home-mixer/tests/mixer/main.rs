//! The whole pipeline over clients in memory.

mod behaviour;
mod compliance;
mod contract;
mod failing_clients;
mod happy_path;
mod mocks;
mod signals;
mod twins;
