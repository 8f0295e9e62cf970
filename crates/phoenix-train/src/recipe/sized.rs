//! How the default recipe depends on the size of the data.

use phoenix::ModelKind;
use serde::Serialize;

use super::Recipe;
use crate::data::TrainingData;

/// Tokens of an epoch from which on the default recipe is used as it is: about the default synthetic world.
const ENOUGH_TOKENS: f64 = 1_048_576.0;
/// Steps that an epoch is to have: with fewer, a model has hardly moved when its recipe ends.
const STEPS_PER_EPOCH: u64 = 256;
/// Fewest tokens of a step: below, gradients are mostly noise.
const LEAST_TOKENS_PER_STEP: u64 = 512;
/// Most epochs: beyond, small data is learned by heart.
const MOST_EPOCHS: f64 = 6.0;
/// The lowest learning rate, as a share of the default.
const LEAST_RATE: f64 = 1.0 / 3.0;
/// The post dropout of the smallest data: a post's own row is known from few impressions, and author and text must suffice.
const MOST_POST_DROPOUT: f64 = 0.5;
/// Posts for the square of the text's axes: further axes of a small corpus are noise.
const POSTS_PER_SQUARED_AXIS: f64 = 16.0;
/// Fewest axes of the text.
const LEAST_TEXT_AXES: usize = 4;
/// Candidates to be held out at least, up to [`MOST_VALIDATION_SHARE`]: an AUC of .7 is then known to about ± .02.
const HELD_OUT_CANDIDATES: f64 = 1_500.0;
/// Most of the slates that are held out.
const MOST_VALIDATION_SHARE: f64 = 0.1;

/// How much there is to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DataSize {
    /// Tokens of an epoch: users, histories and candidates of all passes, held-out ones included.
    pub tokens: u64,
    /// Candidates of all passes.
    pub candidates: u64,
    /// Posts ever created.
    pub posts: u64,
}

impl DataSize {
    /// That of training data.
    pub fn of(data: &TrainingData) -> Self {
        let passes = || data.train.iter().chain(&data.validation);
        Self {
            tokens: passes().map(|pass| pass.tokens() as u64).sum(),
            candidates: passes().map(|pass| pass.candidates.len() as u64).sum(),
            posts: data.posts,
        }
    }
}

impl Recipe {
    /// The default of a model for data of a size.
    ///
    /// With `r = min(1, tokens / 2^20)`, and `r = 1` giving [`Recipe::of`]:
    ///
    /// | setting | value |
    /// |---|---|
    /// | `tokens_per_step` | the power of two that gives an epoch at least 256 steps, from 512 to the default |
    /// | `epochs` | the default times `r^-1/4`, at most 6 |
    /// | `data.validation_share` | 1,500 candidates, from the default to a tenth |
    /// | `dense.learning_rate` (ranker) | the default times `r^1/3`, at least a third of it |
    /// | `post_dropout` (ranker) | from the default at `r = 1` up to .5, linear in `r` |
    /// | `start.text_axes` (ranker) | `√(posts / 16)`, from 4 to the default |
    ///
    /// The constants were chosen on generated forums of 30 to 400 people. For retrieval they gave no better learning rate, dropout
    /// and axes than the default's.
    pub fn sized(kind: ModelKind, size: DataSize) -> Self {
        let mut recipe = Self::of(kind);
        let share = (size.tokens as f64 / ENOUGH_TOKENS).min(1.0);
        let most = recipe.tokens_per_step as u64;
        let per_step = (size.tokens / STEPS_PER_EPOCH).max(1);
        recipe.tokens_per_step = (1u64 << per_step.ilog2()).clamp(LEAST_TOKENS_PER_STEP, most) as usize;
        let epochs = f64::from(recipe.epochs);
        recipe.epochs = (epochs * share.powf(-0.25)).round().clamp(epochs, MOST_EPOCHS.max(epochs)) as u32;
        let least = recipe.data.validation_share;
        let held_out = HELD_OUT_CANDIDATES / size.candidates.max(1) as f64;
        recipe.data.validation_share = rounded(held_out.clamp(least, MOST_VALIDATION_SHARE.max(least)));
        if kind == ModelKind::Ranker {
            recipe.dense.learning_rate = rounded(recipe.dense.learning_rate * share.cbrt().max(LEAST_RATE));
            let least = recipe.post_dropout;
            recipe.post_dropout = rounded(MOST_POST_DROPOUT - (MOST_POST_DROPOUT - least) * share);
            let axes = (size.posts as f64 / POSTS_PER_SQUARED_AXIS).sqrt() as usize;
            recipe.start.text_axes = axes.clamp(LEAST_TEXT_AXES, recipe.start.text_axes);
        }
        recipe
    }
}

/// Two significant digits: what is printed is what is used.
fn rounded(value: f64) -> f64 {
    if value <= 0.0 {
        return value;
    }
    let scale = 10f64.powf(1.0 - value.log10().floor());
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(tokens: u64, candidates: u64, posts: u64) -> DataSize {
        DataSize { tokens, candidates, posts }
    }

    #[test]
    fn large_data_has_the_default_and_a_forum_of_fifty_people_small_steps() {
        for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
            // 2^21 tokens give retrieval's larger steps their 256 an epoch.
            assert_eq!(Recipe::sized(kind, size(1 << 21, 1 << 20, 50_000)), Recipe::of(kind));
        }
        let forum = Recipe::sized(ModelKind::Ranker, size(27_000, 13_740, 600));
        assert_eq!((forum.tokens_per_step, forum.epochs, forum.start.text_axes), (512, 6, 6));
        assert_eq!((forum.dense.learning_rate, forum.post_dropout, forum.data.validation_share), (0.001, 0.49, 0.1));
        let nothing = Recipe::sized(ModelKind::Ranker, size(0, 0, 0));
        assert_eq!((nothing.tokens_per_step, nothing.epochs, nothing.start.text_axes), (512, 6, 4));
        assert_eq!((nothing.dense.learning_rate, nothing.post_dropout), (0.001, 0.5));
    }

    proptest! {
        #[test]
        fn every_size_gives_a_recipe_in_range(tokens in 0u64..1 << 40, candidates in 0u64..1 << 40, posts in 0u64..1 << 40) {
            for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
                let (recipe, default) = (Recipe::sized(kind, size(tokens, candidates, posts)), Recipe::of(kind));
                prop_assert_eq!(recipe.check(), Ok(()));
                prop_assert!(recipe.tokens_per_step <= default.tokens_per_step && recipe.epochs >= default.epochs);
                let more = Recipe::sized(kind, size(tokens.saturating_mul(2), candidates, posts));
                prop_assert!(more.tokens_per_step >= recipe.tokens_per_step && more.epochs <= recipe.epochs);
                prop_assert!(more.post_dropout <= recipe.post_dropout);
            }
        }
    }
}
