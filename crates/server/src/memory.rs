//! How much is held in memory, as metrics.

use std::sync::Arc;

use metrics::{Unit, describe_gauge, gauge};

use state_store::StateMemory;

const BYTES: &str = "foryou_memory_bytes";
const ENTRIES: &str = "foryou_memory_entries";

/// Something that holds memory.
pub trait Measured: Send + Sync {
    /// Bytes held, by the name of what holds them.
    fn memory_bytes(&self) -> Vec<(&'static str, u64)>;
}

/// Names the gauges, for `/metrics`.
pub(crate) fn describe() {
    describe_gauge!(BYTES, Unit::Bytes, "What a cache or buffer holds");
    describe_gauge!(ENTRIES, "Entries of a table in memory");
}

/// Sets the gauges of every cache and of every table that grows with the number of people.
pub(crate) fn measure(state: &StateMemory, parts: &[Arc<dyn Measured>], waiting_writers: usize) {
    for (name, bytes) in [
        ("state_blocks", state.cached_block_bytes),
        ("state_write_buffer", state.write_buffer_bytes),
        ("state_posts", state.cached_post_bytes),
        ("state_histories", state.cached_history_bytes),
        ("state_graph", state.cached_graph_bytes),
        ("state_profiles", state.cached_profile_bytes),
        ("state_keywords", state.cached_keyword_bytes),
    ] {
        gauge!(BYTES, "cache" => name).set(bytes as f64);
    }
    for (name, bytes) in parts.iter().flat_map(|part| part.memory_bytes()) {
        gauge!(BYTES, "cache" => name).set(bytes as f64);
    }
    for (name, entries) in
        [("recent_posts", state.recent_posts), ("active_people", state.active_people), ("own_writes", waiting_writers)]
    {
        gauge!(ENTRIES, "table" => name).set(entries as f64);
    }
}
