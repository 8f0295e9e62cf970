//! Stage 9: what happens once the feed is on its way.

mod cache_request_info_side_effect;
mod record_served_side_effect;

pub use cache_request_info_side_effect::{CacheRequestInfoSideEffect, QuerySummary, RequestInfo, ShownPost};
pub use record_served_side_effect::RecordServedSideEffect;
