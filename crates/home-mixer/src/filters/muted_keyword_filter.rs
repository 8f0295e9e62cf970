//! Posts with words the viewer does not want to read.

use candidate_pipeline::{Budget, Filter, FilterPolicy, KeepMask, StageError};

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
#[derive(Clone, Copy, Debug, Default)]
pub struct MutedKeywordFilter;

/// Candidates between two looks at the budget.
const TILE: usize = 64;

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
        let matcher = KeywordMatcher::new(&super::user_features(query)?.muted_keywords);
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
        assert_eq!(kept(&MutedKeywordFilter, &muting(&["season finale", "crypto"]), &posts), [2, 4, 6]);
        assert_eq!(kept(&MutedKeywordFilter, &muting(&[]), &posts), [1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(&MutedKeywordFilter, &muting(&["", " "]), &posts), [1, 2, 3, 4, 5, 6]);
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
        assert_eq!(kept(&MutedKeywordFilter, &muting(&["crypto"]), &posts), [3]);
        assert_eq!(kept(&MutedKeywordFilter, &muting(&["@crypto"]), &posts), [1, 3]);
        assert_eq!(kept(&MutedKeywordFilter, &muting(&["#crypto"]), &posts), [1, 2, 3, 4]);
    }

    #[test]
    fn invisible_characters_hide_nothing() {
        for hidden in
            ["spo\u{202E}iler", "spo\u{200D}iler", "s\u{AD}poiler", "#spo\u{E0061}iler", "ＳＰＯ\u{180E}ＩＬＥＲ"]
        {
            assert_eq!(kept(&MutedKeywordFilter, &muting(&["spoiler"]), &[saying(1, hidden)]), [0u64; 0], "{hidden:?}");
            assert_eq!(
                kept(&MutedKeywordFilter, &muting(&[hidden]), &[saying(1, "#spoiler")]),
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
        assert_eq!(kept(&MutedKeywordFilter, &muting(&["x"]), &posts), [1]);
        assert_eq!(kept(&MutedKeywordFilter, &muting(&[]), &posts), [1, 2, 3]);
    }

    #[test]
    fn the_reason_names_the_keyword() {
        let why = reason(&MutedKeywordFilter, &muting(&["Crypto"]), saying(1, "crypto!"));
        assert_eq!(why.as_deref(), Some("has the muted keyword \"Crypto\""));
    }

    #[test]
    fn it_fails_closed() {
        let blind = ScoredPostsQuery { user_features: None, ..query() };
        assert!(try_kept(&MutedKeywordFilter, &blind, &[post(1)]).is_err());
        assert_eq!(policy(&MutedKeywordFilter, &blind, &post(1)), FilterPolicy::FailClosed);
    }

    #[test]
    fn a_spent_budget_is_told() {
        let mut keep = KeepMask::all(1);
        let spent = Budget::lasting(Duration::ZERO);
        let told = MutedKeywordFilter.filter(&muting(&["x"]), &[post(1)], &mut keep, &spent);
        assert_eq!(told, Err(StageError::DeadlineExceeded));
        // Without keywords there is nothing to be late with.
        assert_eq!(MutedKeywordFilter.filter(&muting(&[]), &[post(1)], &mut keep, &spent), Ok(()));
    }
}
