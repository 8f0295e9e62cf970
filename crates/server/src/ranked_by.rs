//! What ranked a feed, in words.

use mixer_kit::FeedResult;

/// What may have ranked a feed: a model, the popularity prior, or nothing where both failed.
pub(crate) const RANKED_BY: [&str; 3] = ["model", "popularity_prior", "none"];

/// What ranked a feed.
pub fn ranked_by<C>(result: &FeedResult<C>) -> &'static str {
    ranked(result.model.is_some(), result.ranked_by_prior)
}

fn ranked(model: bool, prior: bool) -> &'static str {
    let [by_model, by_prior, by_nothing] = RANKED_BY;
    if model {
        by_model
    } else if prior {
        by_prior
    } else {
        by_nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_that_nothing_ranked_says_so() {
        assert_eq!(ranked(true, false), "model");
        assert_eq!(ranked(false, true), "popularity_prior");
        assert_eq!(ranked(false, false), "none");
    }
}
