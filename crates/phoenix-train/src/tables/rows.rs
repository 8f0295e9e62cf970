//! The table rows of a batch's tokens.

use foryou_types::{PostId, UserId};
use phoenix::HashTables;

/// The rows of a run of tokens: ids `[T, Hi + Ha]` (posts first) and, per token, any number of word rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenRows {
    pub(super) ids: Vec<u32>,
    pub(super) words: Vec<u32>,
    /// Where each token's words end in `words`, `[T]`.
    pub(super) word_ends: Vec<u32>,
}

impl TokenRows {
    /// Number of tokens.
    pub(crate) fn len(&self) -> usize {
        self.word_ends.len()
    }

    /// Forgets all tokens, and keeps the room for them.
    pub(crate) fn clear(&mut self) {
        self.ids.clear();
        self.words.clear();
        self.word_ends.clear();
    }

    /// Adds a token. A `hidden` post has only its author and words: all its rows are the padding row, as for a post that nobody has
    /// touched and whose rows are still zero.
    pub(crate) fn push(
        &mut self,
        hashes: &HashTables,
        text: bool,
        post: PostId,
        hidden: bool,
        author: UserId,
        content: &[u32],
    ) {
        let post = if hidden { 0 } else { post.0 };
        self.ids.extend(hashes.post.rows_of(post));
        self.ids.extend(hashes.author.rows_of(author.0));
        if text && let Some(function) = hashes.text.functions.first() {
            self.words.extend(content.iter().map(|&word| function.row(u64::from(word), hashes.text.rows)));
        }
        self.word_ends.push(self.words.len() as u32);
    }

    /// Adds padding, so that `len` tokens are reached.
    pub(crate) fn pad_to(&mut self, hashes: &HashTables, len: usize) {
        let width = hashes.post.functions.len() + hashes.author.functions.len();
        self.ids.resize(len * width, 0);
        self.word_ends.resize(len, self.words.len() as u32);
    }

    /// The word rows of every token, in order.
    pub(super) fn words(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.word_ends.iter().map(move |&end| {
            let words = &self.words[start as usize..end as usize];
            start = end;
            words
        })
    }
}
