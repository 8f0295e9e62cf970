//! A batch as row-major arrays, embeddings already looked up.

/// The users of a batch and their histories, right-padded to S tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HistoryArrays {
    /// Users B.
    pub b: usize,
    /// Tokens S per history; may be 0.
    pub s: usize,
    /// User rows, `[B, Hu·D]`.
    pub user: Vec<f32>,
    /// Whether the user is known, `[B]`; nothing attends to an unknown one.
    pub user_valid: Vec<bool>,
    /// Post and author rows, `[B, S, (Hi+Ha)·D]`.
    pub ids: Vec<f32>,
    /// Text vectors, `[B, S, D]`; none counts as zeros. Ignored by a model without text.
    pub text: Option<Vec<f32>>,
    /// Actions 0 or 1, `[B, S, A]`.
    pub actions: Vec<f32>,
    /// Surfaces, `[B, S]`.
    pub surface: Vec<u8>,
    /// Post-age buckets, `[B, S]`; ignored by a model without post age.
    pub age: Vec<u8>,
    /// Seconds of attention, `[B, S]`; ignored by a model without dwell.
    pub dwell: Vec<f32>,
    /// Whether there is a token, `[B, S]`.
    pub valid: Vec<bool>,
}

/// The candidates of a batch, right-padded to C each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CandidateArrays {
    /// Users B.
    pub b: usize,
    /// Candidates C per user.
    pub c: usize,
    /// Post and author rows, `[B, C, (Hi+Ha)·D]`.
    pub ids: Vec<f32>,
    /// Text vectors, `[B, C, D]`; none counts as zeros. Ignored by a model without text.
    pub text: Option<Vec<f32>>,
    /// Surfaces, `[B, C]`.
    pub surface: Vec<u8>,
    /// Post-age buckets, `[B, C]`; ignored by a model without post age.
    pub age: Vec<u8>,
    /// How many of the first history tokens each may see, `[B, C]`; more than S is S.
    pub cutoff: Vec<u16>,
    /// Whether there is a candidate, `[B, C]`. The logits of a padded one mean nothing (but are finite); leave them out of
    /// the loss. No other output depends on it.
    pub valid: Vec<bool>,
}

/// The gradients of a batch's looked-up rows, row-major like the arrays; empty where the batch has no such array.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LeafGradients {
    /// `[B, Hu·D]`.
    pub user: Vec<f32>,
    /// `[B, S, (Hi+Ha)·D]`.
    pub history_ids: Vec<f32>,
    /// `[B, S, D]`.
    pub history_text: Vec<f32>,
    /// `[B, C, (Hi+Ha)·D]`.
    pub candidate_ids: Vec<f32>,
    /// `[B, C, D]`.
    pub candidate_text: Vec<f32>,
}
