//! The known posts: author, time and content words, by id.

use std::sync::Arc;

use foryou_types::{PostId, TimeMs, UserId};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

/// What the models may know of a post.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostInfo {
    /// Its author, none where the set has none.
    pub author: UserId,
    /// When it was posted.
    pub created_at: Option<TimeMs>,
    /// Hashes of its content words (see [`crate::content_words`]).
    pub content: Arc<[u32]>,
    /// The post it reposts, none for an original.
    pub source: PostId,
}

/// The posts by id; many readers, one writer.
///
/// About 60 bytes and four per content word a post; posts are added as they are created and leave when they are deleted.
#[derive(Debug, Default)]
pub struct Corpus(RwLock<FxHashMap<PostId, PostInfo>>);

impl Corpus {
    /// An empty corpus.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a post or replaces what was known of it.
    pub fn insert(&self, post: PostId, info: PostInfo) {
        self.0.write().insert(post, info);
    }

    /// Takes a post out.
    pub fn remove(&self, post: PostId) {
        self.0.write().remove(&post);
    }

    /// What is known of a post.
    pub fn get(&self, post: PostId) -> Option<PostInfo> {
        self.0.read().get(&post).cloned()
    }

    /// Number of posts.
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether it holds no posts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` for every post, in no particular order, under the read lock.
    pub fn for_each(&self, mut f: impl FnMut(PostId, &PostInfo)) {
        for (post, info) in self.0.read().iter() {
            f(*post, info);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(author: u64) -> PostInfo {
        PostInfo { author: UserId(author), ..PostInfo::default() }
    }

    #[test]
    fn a_post_is_found_until_it_is_removed() {
        let corpus = Corpus::new();
        assert!(corpus.is_empty());
        corpus.insert(PostId(1), by(10));
        corpus.insert(PostId(2), by(20));
        corpus.insert(PostId(1), by(11));
        assert_eq!((corpus.len(), corpus.get(PostId(1))), (2, Some(by(11))));
        corpus.remove(PostId(1));
        corpus.remove(PostId(1));
        assert_eq!((corpus.len(), corpus.get(PostId(1))), (1, None));
        let mut all = Vec::new();
        corpus.for_each(|post, info| all.push((post, info.author)));
        assert_eq!(all, [(PostId(2), UserId(20))]);
    }

    #[test]
    fn readers_see_a_post_whole_while_it_is_replaced() {
        let corpus = Corpus::new();
        let version = |n: u64| PostInfo { author: UserId(n), source: PostId(n), ..PostInfo::default() };
        corpus.insert(PostId(1), version(0));
        std::thread::scope(|scope| {
            scope.spawn(|| (1..2_000).for_each(|n| corpus.insert(PostId(1), version(n))));
            for _ in 0..2_000 {
                let info = corpus.get(PostId(1)).unwrap();
                assert_eq!(info.author.0, info.source.0);
            }
        });
    }
}
