//! The gRPC service of events.

mod event_draft;
mod events;

pub use events::EventsGrpc;
