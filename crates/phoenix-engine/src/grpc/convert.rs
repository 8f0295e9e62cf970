//! Between the seams' types and the messages. Ids and times keep their bits; a bad request is refused with the field's name.

use std::sync::Arc;

use foryou_proto::phoenix::v1 as proto;
use foryou_types::seams::{
    RankingCandidate, RankingRequest, RankingResponse, RetrievalRequest, RetrievalResponse, Retrieved, SeamError,
};
use foryou_types::{ActionMask, ActionToken, PostId, Surface, TimeMs, UserActionSequence, UserId};

use super::MOST_POSTS;

pub(super) fn rank_request_to_proto(request: &RankingRequest) -> proto::RankRequest {
    let candidate = |candidate: &RankingCandidate| proto::RankCandidate {
        post_id: candidate.post_id.0,
        author_id: candidate.author_id.0,
        created_at_ms: candidate.created_at.map(|at| at.0),
        surface: candidate.surface as u32,
    };
    proto::RankRequest {
        user_id: request.user_id.0,
        history: Some(history_to_proto(&request.history)),
        candidates: request.candidates.iter().map(candidate).collect(),
        now_ms: request.now.0,
    }
}

pub(super) fn rank_request_from_proto(request: proto::RankRequest) -> Result<RankingRequest, String> {
    if request.candidates.len() > MOST_POSTS {
        return Err(format!("candidates: at most {MOST_POSTS}, are {}", request.candidates.len()));
    }
    let candidate = |(index, candidate): (usize, proto::RankCandidate)| {
        Ok::<_, String>(RankingCandidate {
            post_id: post(candidate.post_id).ok_or_else(|| format!("candidates[{index}].post_id: must not be 0"))?,
            author_id: UserId(candidate.author_id),
            created_at: candidate.created_at_ms.map(TimeMs),
            surface: surface(candidate.surface).map_err(|problem| format!("candidates[{index}].surface: {problem}"))?,
        })
    };
    Ok(RankingRequest {
        user_id: UserId(request.user_id),
        history: history_from_proto(request.history)?,
        candidates: request.candidates.into_iter().enumerate().map(candidate).collect::<Result<_, _>>()?,
        now: TimeMs(request.now_ms),
    })
}

/// The matrix row by row; an error where its rows differ in length. A post that could not be scored (an empty row) is a row of NaN.
pub(super) fn rank_response_to_proto(response: RankingResponse) -> Result<proto::RankResponse, String> {
    let heads = response.scores.iter().map(|row| row.len()).max().unwrap_or_default();
    if response.scores.iter().any(|row| !row.is_empty() && row.len() != heads) {
        return Err("ranking answered with rows of different lengths".to_owned());
    }
    let not_scored = vec![f64::NAN; heads];
    let rows = response.scores.iter().map(|row| if row.is_empty() { &not_scored[..] } else { &row[..] });
    Ok(proto::RankResponse {
        scores: rows.flatten().copied().collect(),
        num_actions: heads as u32,
        model: response.model.map(|name| name.to_string()),
    })
}

/// The rows of the matrix; an error where it does not answer for `asked` candidates.
pub(super) fn rank_response_from_proto(
    response: proto::RankResponse,
    asked: usize,
) -> Result<RankingResponse, SeamError> {
    let heads = response.num_actions as usize;
    if asked.checked_mul(heads) != Some(response.scores.len()) || (asked > 0 && heads == 0) {
        let got = response.scores.len();
        return Err(SeamError::Internal(format!(
            "ranking answered with {got} scores of {heads} heads for {asked} posts"
        )));
    }
    let row =
        |row: &[f64]| -> Box<[f64]> { if row.iter().all(|head| head.is_nan()) { Box::default() } else { row.into() } };
    // An empty answer has no width to cut at.
    let scores = response.scores.chunks_exact(heads.max(1)).map(row).collect();
    Ok(RankingResponse { scores, model: response.model.map(Arc::from) })
}

pub(super) fn retrieve_request_to_proto(request: &RetrievalRequest) -> proto::RetrieveRequest {
    proto::RetrieveRequest {
        user_id: request.user_id.0,
        history: Some(history_to_proto(&request.history)),
        max_results: u32::try_from(request.max_results).unwrap_or(u32::MAX),
        not_before_ms: request.not_before.0,
        now_ms: request.now.0,
        exclude_post_ids: request.exclude_post_ids.iter().map(|post| post.0).collect(),
    }
}

pub(super) fn retrieve_request_from_proto(request: proto::RetrieveRequest) -> Result<RetrievalRequest, String> {
    let max_results = request.max_results as usize;
    if !(1..=MOST_POSTS).contains(&max_results) {
        return Err(format!("max_results: must be between 1 and {MOST_POSTS}, is {max_results}"));
    }
    let (excluded, most) = (request.exclude_post_ids.len(), RetrievalRequest::MOST_EXCLUDED);
    if excluded > most {
        return Err(format!("exclude_post_ids: at most {most}, not {excluded}"));
    }
    Ok(RetrievalRequest {
        user_id: UserId(request.user_id),
        history: history_from_proto(request.history)?,
        max_results,
        not_before: TimeMs(request.not_before_ms),
        exclude_post_ids: request.exclude_post_ids.into_iter().map(PostId).collect(),
        now: TimeMs(request.now_ms),
    })
}

pub(super) fn retrieve_response_to_proto(response: RetrievalResponse) -> proto::RetrieveResponse {
    let post = |post: &Retrieved| proto::RetrievedPost {
        post_id: post.post_id.0,
        author_id: post.author_id.0,
        score: post.score,
    };
    proto::RetrieveResponse {
        posts: response.posts.iter().map(post).collect(),
        model: response.model.map(|name| name.to_string()),
    }
}

pub(super) fn retrieve_response_from_proto(response: proto::RetrieveResponse) -> RetrievalResponse {
    let post = |post: &proto::RetrievedPost| Retrieved {
        post_id: PostId(post.post_id),
        author_id: UserId(post.author_id),
        score: post.score,
    };
    RetrievalResponse { posts: response.posts.iter().map(post).collect(), model: response.model.map(Arc::from) }
}

fn history_to_proto(history: &UserActionSequence) -> proto::History {
    let token = |token: &ActionToken| proto::ActionToken {
        post_id: token.post_id.0,
        author_id: token.author_id.0,
        actions: token.actions.0,
        dwell_ms: token.dwell_ms,
        surface: token.surface as u32,
        at_ms: token.at.0,
    };
    proto::History { total: history.total, tokens: history.tokens.iter().map(token).collect() }
}

fn history_from_proto(history: Option<proto::History>) -> Result<Arc<UserActionSequence>, String> {
    let Some(history) = history else { return Ok(Arc::default()) };
    let (kept, most) = (history.tokens.len(), UserActionSequence::KEPT);
    if kept > most {
        return Err(format!("history.tokens: at most {most}, are {kept}"));
    }
    if history.total < kept as u64 {
        return Err(format!("history.total: is {}, but there are {kept} tokens", history.total));
    }
    let token = |(index, token): (usize, proto::ActionToken)| {
        Ok::<_, String>(ActionToken {
            post_id: post(token.post_id).ok_or_else(|| format!("history.tokens[{index}].post_id: must not be 0"))?,
            author_id: UserId(token.author_id),
            actions: ActionMask(token.actions),
            dwell_ms: token.dwell_ms,
            surface: surface(token.surface).map_err(|problem| format!("history.tokens[{index}].surface: {problem}"))?,
            at: TimeMs(token.at_ms),
        })
    };
    let tokens = history.tokens.into_iter().enumerate().map(token).collect::<Result<_, _>>()?;
    Ok(Arc::new(UserActionSequence { total: history.total, tokens }))
}

fn post(id: u64) -> Option<PostId> {
    PostId(id).some()
}

/// A number that a later version may use is an unknown surface; a number that does not fit a byte is a mistake.
fn surface(number: u32) -> Result<Surface, String> {
    u8::try_from(number).map(Surface::from_u8).map_err(|_| format!("must be between 0 and 255, is {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> UserActionSequence {
        let token = ActionToken {
            post_id: PostId(u64::MAX),
            author_id: UserId(0),
            actions: ActionMask(1 << 63 | 1),
            dwell_ms: u32::MAX,
            surface: Surface::External,
            at: TimeMs(-5),
        };
        UserActionSequence { total: u64::MAX, tokens: vec![token; 2] }
    }

    #[test]
    fn requests_survive_the_wire() {
        let candidates = vec![
            RankingCandidate {
                post_id: PostId(u64::MAX),
                author_id: UserId(3),
                created_at: Some(TimeMs(0)),
                surface: Surface::Home,
            },
            RankingCandidate { post_id: PostId(1), author_id: UserId(0), created_at: None, surface: Surface::Unknown },
        ];
        let asked =
            RankingRequest { user_id: UserId(1 << 63), history: Arc::new(history()), candidates, now: TimeMs(-1) };
        let got = rank_request_from_proto(rank_request_to_proto(&asked)).unwrap();
        assert_eq!((got.user_id, got.now), (asked.user_id, asked.now));
        assert_eq!((got.history, got.candidates), (asked.history, asked.candidates));

        let asked = RetrievalRequest {
            user_id: UserId(2),
            history: Arc::new(history()),
            max_results: MOST_POSTS,
            not_before: TimeMs(i64::MIN),
            exclude_post_ids: vec![PostId(7), PostId(u64::MAX)],
            now: TimeMs(i64::MAX),
        };
        let got = retrieve_request_from_proto(retrieve_request_to_proto(&asked)).unwrap();
        assert_eq!((got.user_id, got.max_results, got.history), (asked.user_id, asked.max_results, asked.history));
        assert_eq!(
            (got.not_before, got.now, got.exclude_post_ids),
            (asked.not_before, asked.now, asked.exclude_post_ids)
        );
    }

    #[test]
    fn answers_survive_the_wire_bit_for_bit() {
        let scores: Vec<Box<[f64]>> = vec![[0.1 + 0.2, f64::MIN_POSITIVE].into(), [1.0 / 3.0, -0.0].into()];
        let answer = RankingResponse { scores, model: Some("v7".into()) };
        let got = rank_response_from_proto(rank_response_to_proto(answer.clone()).unwrap(), 2).unwrap();
        let bits = |answer: &RankingResponse| answer.scores.concat().iter().map(|s| s.to_bits()).collect::<Vec<_>>();
        assert_eq!((bits(&got), got.model.as_deref()), (bits(&answer), Some("v7")));
        let scores: Vec<Box<[f64]>> = vec![[].into(), [0.5, f64::NAN].into(), [].into()];
        let answer = RankingResponse { scores, model: None };
        let got = rank_response_from_proto(rank_response_to_proto(answer.clone()).unwrap(), 3).unwrap();
        assert_eq!(bits(&got), bits(&answer));
        assert_eq!(
            got.scores.iter().map(|row| row.len()).collect::<Vec<_>>(),
            [0, 2, 0],
            "what was not scored stays so"
        );
        let nothing = RankingResponse::default();
        assert_eq!(rank_response_from_proto(rank_response_to_proto(nothing.clone()).unwrap(), 0).unwrap(), nothing);

        let posts = vec![Retrieved { post_id: PostId(u64::MAX), author_id: UserId(1), score: 0.1 }];
        let answer = RetrievalResponse { posts, model: None };
        assert_eq!(retrieve_response_from_proto(retrieve_response_to_proto(answer.clone())), answer);
    }

    #[test]
    fn an_answer_of_the_wrong_size_is_refused() {
        let answer =
            |scores: usize, num_actions| proto::RankResponse { scores: vec![0.5; scores], num_actions, model: None };
        assert!(rank_response_from_proto(answer(6, 3), 2).is_ok());
        for (scores, heads, asked) in [(6, 3, 3), (5, 3, 2), (0, 0, 2), (6, 0, 2), (3, 3, 0)] {
            assert!(matches!(rank_response_from_proto(answer(scores, heads), asked), Err(SeamError::Internal(_))));
        }
        let ragged = RankingResponse { scores: vec![[0.0; 2].into(), [0.0; 3].into()], model: None };
        assert!(rank_response_to_proto(ragged).is_err());
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_fields_name() {
        let good = proto::ActionToken { post_id: 1, ..proto::ActionToken::default() };
        let history = |total, tokens: Vec<proto::ActionToken>| Some(proto::History { total, tokens });
        let refused = |history, candidates| {
            let request = proto::RankRequest { history, candidates, ..proto::RankRequest::default() };
            rank_request_from_proto(request).unwrap_err()
        };
        let candidate = proto::RankCandidate { post_id: 1, ..proto::RankCandidate::default() };
        assert!(refused(history(1, vec![good; 2]), vec![]).starts_with("history.total"));
        assert!(refused(history(2_000, vec![good; 1_025]), vec![]).starts_with("history.tokens:"));
        let no_post = proto::ActionToken { post_id: 0, ..good };
        assert!(refused(history(2, vec![good, no_post]), vec![]).starts_with("history.tokens[1].post_id"));
        let nowhere = proto::ActionToken { surface: 256, ..good };
        assert!(refused(history(1, vec![nowhere]), vec![]).starts_with("history.tokens[0].surface"));
        let no_post = proto::RankCandidate { post_id: 0, ..candidate };
        assert!(refused(None, vec![candidate, no_post]).starts_with("candidates[1].post_id"));
        let nowhere = proto::RankCandidate { surface: u32::MAX, ..candidate };
        assert!(refused(None, vec![nowhere]).starts_with("candidates[0].surface"));
        assert!(refused(None, vec![candidate; MOST_POSTS + 1]).starts_with("candidates: at most"));
        for max_results in [0, 10_001] {
            let request = proto::RetrieveRequest { max_results, ..proto::RetrieveRequest::default() };
            assert!(retrieve_request_from_proto(request).unwrap_err().starts_with("max_results"));
        }
        let exclude_post_ids = vec![1; RetrievalRequest::MOST_EXCLUDED + 1];
        let request = proto::RetrieveRequest { max_results: 1, exclude_post_ids, ..proto::RetrieveRequest::default() };
        assert!(retrieve_request_from_proto(request).unwrap_err().starts_with("exclude_post_ids"));
    }
}
