//! The whole pipeline over clients in memory, and over the embedded state store.

mod behaviour;
mod contract;
mod failing_clients;
mod happy_path;
mod mocks;
mod own_writes;
mod signals;
mod threads;
mod twins;
