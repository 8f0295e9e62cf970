//! What a log promises, tested from outside.

mod compat;
mod concurrent;
mod contract;
mod damage;
mod faults;
mod folder;
mod json;
mod kill;
mod samples;
mod strategies;
