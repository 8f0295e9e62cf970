//! From requests to what the models see.

use foryou_types::seams::{RankingCandidate, SeamError};
use foryou_types::{TimeMs, UserActionSequence};
use phoenix::{CandidateItem, Corpus, HistoryItem, PostInfo, age_bucket, history_item};

/// A history, as the state keeps it, cut to the window of a model's `length` S and made its tokens, oldest first, `[n ≤ S + S/4]`. An
/// action beyond the model's number of `actions` is a bad request.
///
/// The one place of serving that cuts a history.
pub(super) fn history_items(
    history: &UserActionSequence,
    length: usize,
    actions: usize,
    corpus: &Corpus,
) -> Result<Vec<HistoryItem>, SeamError> {
    let window = history.windowed(length);
    let unknown = u64::MAX.checked_shl(actions as u32).unwrap_or(0);
    if let Some(token) = window.iter().find(|token| token.actions.0 & unknown != 0) {
        let post = token.post_id.0;
        let problem = format!("history: the token of post {post} has an action beyond the {actions}");
        return Err(SeamError::BadRequest(problem));
    }
    Ok(window.iter().map(|token| history_item(token, corpus)).collect())
}

/// A candidate with what the corpus knows of it.
pub(super) fn candidate_item(candidate: &RankingCandidate, corpus: &Corpus, now: TimeMs) -> CandidateItem {
    let known = corpus.get(candidate.post_id).unwrap_or_default();
    CandidateItem {
        post: candidate.post_id,
        author: candidate.author_id.some().unwrap_or(known.author),
        surface: candidate.surface as u8,
        age_bucket: age_bucket(candidate.created_at.or(known.created_at), now),
        content: known.content,
    }
}

/// A post of the corpus as the candidate tower sees it: the tower knows no surface and no age.
pub(super) fn tower_item(post: foryou_types::PostId, info: &PostInfo) -> CandidateItem {
    CandidateItem { post, author: info.author, content: info.content.clone(), ..CandidateItem::default() }
}

#[cfg(test)]
mod tests {
    use foryou_types::{ActionMask, ActionToken, PostId, Surface, UserId};

    use super::*;

    const NOW: TimeMs = TimeMs(1_700_000_000_000);

    fn corpus() -> Corpus {
        let corpus = Corpus::new();
        let info = PostInfo {
            author: UserId(9),
            created_at: Some(NOW - 7_200_000),
            content: [5, 6].into(),
            ..PostInfo::default()
        };
        corpus.insert(PostId(1), info);
        corpus
    }

    #[test]
    fn a_candidate_is_completed_from_the_corpus() {
        let asked =
            RankingCandidate { post_id: PostId(1), author_id: UserId(0), created_at: None, surface: Surface::Home };
        let known = candidate_item(&asked, &corpus(), NOW);
        let expected =
            CandidateItem { post: PostId(1), author: UserId(9), surface: 1, age_bucket: 3, content: [5, 6].into() };
        assert_eq!(known, expected);
        // What the request says wins.
        let said = RankingCandidate { author_id: UserId(4), created_at: Some(NOW), ..asked };
        let known = candidate_item(&said, &corpus(), NOW);
        assert_eq!((known.author, known.age_bucket), (UserId(4), 1));
        let unknown = candidate_item(&RankingCandidate { post_id: PostId(2), ..asked }, &corpus(), NOW);
        assert_eq!((unknown.author, unknown.age_bucket, unknown.content.len()), (UserId(0), 0, 0));
    }

    #[test]
    fn a_history_is_windowed_and_its_actions_checked() {
        let token = |actions| ActionToken {
            post_id: PostId(1),
            author_id: UserId(9),
            actions: ActionMask(actions),
            dwell_ms: 0,
            surface: Surface::Home,
            at: NOW,
        };
        let of = |actions: &[u64]| UserActionSequence {
            total: actions.len() as u64,
            tokens: actions.iter().copied().map(token).collect(),
        };
        assert_eq!(history_items(&of(&[1, 2, 3, 4, 5, 6, 7]), 4, 3, &corpus()).unwrap().len(), 5);
        assert!(matches!(history_items(&of(&[1, 8]), 4, 3, &corpus()), Err(SeamError::BadRequest(_))));
        assert!(history_items(&of(&[u64::MAX]), 4, 64, &corpus()).is_ok());
    }
}
