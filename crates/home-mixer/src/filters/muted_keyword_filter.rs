//! Posts with words the viewer does not want to read.

use std::sync::Arc;

use candidate_pipeline::{Budget, Filter, FilterPolicy, KeepMask, StageError};
use foryou_types::UserId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::keyword_matcher::KeywordMatcher;
use super::word_scan::WordScan;
use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Removes posts with a muted keyword of the viewer's in their text, in the text they quote or answer, or in the handle of who posted
/// or is reposted. Fails closed, also for a quoted or answered text that could not be fetched.
///
/// A keyword is one or more whole words in sequence, compared without case, accents of encoding, invisible characters and
/// punctuation between them. `rust` also mutes `#rust`, `@rust` and `$rust`, while `#rust` mutes the hashtag only; in scripts
/// without separators between words, and for emoji, a keyword is found anywhere. Inflected forms are words of their own.
///
/// A viewer's matcher is kept for as long as their list stays the same, within 64 MB.
pub struct MutedKeywordFilter {
    matchers: Cache<UserId, Arc<KeywordMatcher>, Bytes>,
}

/// The time left is checked once per this many candidates.
const TILE: usize = 64;
/// Bytes of the matchers kept. One of 20,000 keywords takes some 6 MB.
const CACHE_BYTES: u64 = 64 << 20;
/// Matchers expected: few, so that the cache has few shards and a large one fits into one.
const CACHE_ENTRIES: usize = 64;

#[derive(Clone)]
struct Bytes;

impl Weighter<UserId, Arc<KeywordMatcher>> for Bytes {
    fn weight(&self, _: &UserId, matcher: &Arc<KeywordMatcher>) -> u64 {
        matcher.bytes() as u64
    }
}

impl Default for MutedKeywordFilter {
    fn default() -> Self {
        Self { matchers: Cache::with_weighter(CACHE_ENTRIES, CACHE_BYTES, Bytes) }
    }
}

impl MutedKeywordFilter {
    /// The matcher of a viewer's list.
    fn matcher(&self, viewer: UserId, keywords: &Arc<[String]>) -> Result<Arc<KeywordMatcher>, StageError> {
        let is_current =
            |known: &Arc<KeywordMatcher>| Arc::ptr_eq(known.keywords(), keywords) || known.keywords() == keywords;
        if let Some(known) = self.matchers.get(&viewer).filter(is_current) {
            return Ok(known);
        }
        let matcher = Arc::new(KeywordMatcher::new(Arc::clone(keywords)).map_err(StageError::failed)?);
        self.matchers.insert(viewer, Arc::clone(&matcher));
        Ok(matcher)
    }
}

impl Filter<ScoredPostsQuery, PostCandidate> for MutedKeywordFilter {
    fn name(&self) -> &'static str {
        "MutedKeywordFilter"
    }

    fn policy(&self) -> FilterPolicy {
        FilterPolicy::FailClosed
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        budget: &Budget,
    ) -> Result<(), StageError> {
        let keywords = &super::user_features(query)?.muted_keywords;
        if keywords.is_empty() {
            return Ok(());
        }
        let matcher = self.matcher(query.user_id, keywords)?;
        if matcher.is_empty() {
            return Ok(());
        }
        let mut scan = WordScan::default();
        let mut handle = String::new();
        for (i, candidate) in candidates.iter().enumerate() {
            if i % TILE == 0 && budget.is_spent() {
                // The policy then removes the clean posts before this one, too; to say nothing would let the unread ones through.
                return Err(StageError::DeadlineExceeded);
            }
            let texts = [&candidate.tweet_text, &candidate.quoted_text, &candidate.answered_text];
            let handles = [&candidate.author_screen_name, &candidate.retweeted_screen_name];
            let in_text = texts.into_iter().flatten().find_map(|text| matcher.find(text, &mut scan));
            let found = in_text.or_else(|| {
                handles.into_iter().flatten().find_map(|name| {
                    handle.clear();
                    handle.push('@');
                    handle.push_str(name);
                    matcher.find(&handle, &mut scan)
                })
            });
            if let Some(keyword) = found {
                keep.remove_because(i, || format!("has the muted keyword {keyword:?}"));
            } else if !candidate.related_checked
                && (candidate.quoted_tweet_id.is_some() || candidate.answered_id().is_some())
            {
                keep.remove_because(i, || "the text it quotes or answers is unknown".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::filters::testing::{kept, policy, post, query, query_with, reason, reply, try_kept};
    use crate::query::UserFeatures;

    fn muting(keywords: &[&str]) -> ScoredPostsQuery {
        let muted_keywords = keywords.iter().map(|&k| k.to_owned()).collect();
        query_with(UserFeatures { muted_keywords, ..UserFeatures::default() })
    }

    fn saying(id: u64, text: &str) -> PostCandidate {
        PostCandidate { tweet_text: Some(text.into()), ..post(id) }
    }

    #[test]
    fn own_and_quoted_text_count() {
        let posts = [
            saying(1, "Spoilers for the Season FINALE!"),
            saying(2, "the finale season"),
            PostCandidate { quoted_text: Some("the season finale...".into()), ..saying(3, "wow") },
            PostCandidate { tweet_text: None, ..post(4) },
            saying(5, "buy #Crypto now"),
            saying(6, "cryptography"),
        ];
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&["season finale", "crypto"]), &posts), [2, 4, 6]);
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&[]), &posts), [1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&["", " "]), &posts), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn the_answered_text_and_handles_count() {
        let named = |id, name: &str| PostCandidate { author_screen_name: Some(name.into()), ..saying(id, "hello") };
        let posts = [
            PostCandidate { answered_text: Some("who likes crypto?".into()), ..saying(1, "me") },
            named(2, "Crypto"),
            named(3, "cryptographer"),
            PostCandidate { retweeted_screen_name: Some("crypto".into()), ..saying(4, "hello") },
        ];
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&["crypto"]), &posts), [3]);
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&["@crypto"]), &posts), [1, 3]);
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&["#crypto"]), &posts), [1, 2, 3, 4]);
    }

    #[test]
    fn invisible_characters_hide_nothing() {
        for hidden in
            ["spo\u{202E}iler", "spo\u{200D}iler", "s\u{AD}poiler", "#spo\u{E0061}iler", "ＳＰＯ\u{180E}ＩＬＥＲ"]
        {
            assert_eq!(
                kept(&MutedKeywordFilter::default(), &muting(&["spoiler"]), &[saying(1, hidden)]),
                [0u64; 0],
                "{hidden:?}"
            );
            assert_eq!(
                kept(&MutedKeywordFilter::default(), &muting(&[hidden]), &[saying(1, "#spoiler")]),
                [0u64; 0],
                "{hidden:?}"
            );
        }
    }

    #[test]
    fn what_it_quotes_or_answers_must_be_known() {
        let unchecked = |candidate| PostCandidate { related_checked: false, ..candidate };
        let quoting = PostCandidate { quoted_tweet_id: Some(post(9).tweet_id), ..post(2) };
        let posts = [unchecked(post(1)), unchecked(quoting), unchecked(reply(3, 9))];
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&["x"]), &posts), [1]);
        assert_eq!(kept(&MutedKeywordFilter::default(), &muting(&[]), &posts), [1, 2, 3]);
    }

    #[test]
    fn the_reason_names_the_keyword() {
        let why = reason(&MutedKeywordFilter::default(), &muting(&["Crypto"]), saying(1, "crypto!"));
        assert_eq!(why.as_deref(), Some("has the muted keyword \"Crypto\""));
    }

    #[test]
    fn it_fails_closed() {
        let blind = ScoredPostsQuery { user_features: None, ..query() };
        assert!(try_kept(&MutedKeywordFilter::default(), &blind, &[post(1)]).is_err());
        assert_eq!(policy(&MutedKeywordFilter::default(), &blind, &post(1)), FilterPolicy::FailClosed);
    }

    #[test]
    fn a_list_is_made_ready_once_and_again_when_it_changes() {
        let filter = MutedKeywordFilter::default();
        let list = |keywords: &[&str]| keywords.iter().map(|&keyword| keyword.to_owned()).collect::<Arc<[String]>>();
        let of = |viewer, keywords: &Arc<[String]>| filter.matcher(UserId(viewer), keywords).unwrap();
        let first = of(1, &list(&["a", "b"]));
        assert!(Arc::ptr_eq(&first, &of(1, &list(&["a", "b"]))));
        assert!(!Arc::ptr_eq(&first, &of(1, &list(&["a"]))));
        assert!(!Arc::ptr_eq(&first, &of(2, &list(&["a", "b"]))));
        assert_eq!(kept(&filter, &muting(&["hello"]), &[saying(1, "hello")]), [0u64; 0]);
        assert_eq!(kept(&filter, &muting(&["other"]), &[saying(1, "hello")]), [1]);
    }

    #[test]
    fn a_spent_budget_is_told() {
        let mut keep = KeepMask::all(1);
        let spent = Budget::lasting(Duration::ZERO);
        let told = MutedKeywordFilter::default().filter(&muting(&["x"]), &[post(1)], &mut keep, &spent);
        assert_eq!(told, Err(StageError::DeadlineExceeded));
        // Without keywords there is nothing to be late with.
        assert_eq!(MutedKeywordFilter::default().filter(&muting(&[]), &[post(1)], &mut keep, &spent), Ok(()));
    }
}
