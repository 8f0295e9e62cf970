//! Events in JSONL.
