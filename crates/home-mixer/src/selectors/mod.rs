//! Stage 6: which of the scored posts continue.

pub mod top_k_score_selector;

pub use top_k_score_selector::TopKScoreSelector;
