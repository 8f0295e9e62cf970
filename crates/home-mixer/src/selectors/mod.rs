//! Stage 6: which of the scored posts go on.

pub mod top_k_score_selector;

pub use top_k_score_selector::TopKScoreSelector;
