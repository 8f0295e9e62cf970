//! The gRPC services of the feed and of events.

mod event_draft;
mod events;
mod scored_posts;

pub use events::EventsGrpc;
pub use scored_posts::ScoredPostsGrpc;
