//! Stage 6: which of the scored posts continue.

mod top_k_score_selector;

pub use top_k_score_selector::top_k_score_selector;
