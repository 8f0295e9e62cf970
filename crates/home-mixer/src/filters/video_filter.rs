//! Feeds without video, and feeds of nothing else.

use candidate_pipeline::{Budget, Filter, KeepMask, StageError};

use crate::candidate::PostCandidate;
use crate::query::ScoredPostsQuery;

/// Removes posts with a video where the request excludes videos, and posts without one where it asks for videos only.
#[derive(Clone, Copy, Debug, Default)]
pub struct VideoFilter;

impl Filter<ScoredPostsQuery, PostCandidate> for VideoFilter {
    fn name(&self) -> &'static str {
        "VideoFilter"
    }

    fn enable(&self, query: &ScoredPostsQuery) -> bool {
        query.exclude_videos || query.video_only
    }

    fn filter(
        &self,
        query: &ScoredPostsQuery,
        candidates: &[PostCandidate],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for (i, candidate) in candidates.iter().enumerate() {
            let has_video = candidate.video_duration_ms.is_some();
            if has_video && query.exclude_videos {
                keep.remove_because(i, || "has a video".to_owned());
            } else if !has_video && query.video_only {
                keep.remove_because(i, || "has no video".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::testing::{enabled, kept, post, query};

    #[test]
    fn each_wish_is_kept() {
        let posts = [post(1), PostCandidate { video_duration_ms: Some(3_000), ..post(2) }];
        let exclude = ScoredPostsQuery { exclude_videos: true, ..query() };
        let only = ScoredPostsQuery { video_only: true, ..query() };
        let both = ScoredPostsQuery { exclude_videos: true, video_only: true, ..query() };
        assert_eq!(kept(&VideoFilter, &exclude, &posts), [1]);
        assert_eq!(kept(&VideoFilter, &only, &posts), [2]);
        assert_eq!(kept(&VideoFilter, &both, &posts), [0u64; 0]);
        assert_eq!([&query(), &exclude, &only].map(|q| enabled(&VideoFilter, q)), [false, true, true]);
    }
}
