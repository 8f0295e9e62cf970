//! An extended context is a fresh one, to the bit.

use foryou_types::{SplitMix64, TimeMs, UserId, window_start};
use phoenix::{HistoryItem, ModelKind};
use phoenix_engine::{Context, Ranker, ServedContext, ServedRanker};
use proptest::prelude::*;

use crate::models::{bidirectional, bits, candidates, checkpoint, history, history_item, odd, precisions, wide};

fn logits(ranker: &Ranker, context: &Context) -> Vec<u32> {
    let mut out = Vec::new();
    ranker.score(context, &candidates(9, 1), &mut out);
    bits(&out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Tokens come one or several at a time, the last one may change with them, and the window moves once it is full.
    #[test]
    fn over_a_life_of_appends(seed in any::<u64>(), is_wide in any::<bool>(), precision in precisions(), steps in prop::collection::vec((0usize..14, any::<bool>()), 1..16)) {
        let model = if is_wide { wide() } else { odd() };
        let s = model.history_seq_len;
        let ranker = Ranker::from_owned(checkpoint(ModelKind::Ranker, model, seed), precision).unwrap();
        let mut rng = SplitMix64::fork(seed, "appends");
        let mut all = history(3, seed);
        let mut context = ranker.encode(UserId(8), &all);
        for (appended, changes) in steps {
            let before = all.clone();
            if changes {
                let last = all.len() - 1;
                all[last] = history_item(&mut rng);
            }
            all.extend((0..appended).map(|_| history_item(&mut rng)));
            let start = window_start(all.len() as u64, s as u64) as usize;
            context = ranker.extend(&context, &all[start..]);
            if start == window_start(before.len() as u64, s as u64) as usize {
                prop_assert_eq!(context.reused(), 1 + before.len() - start - usize::from(changes));
            }
            let fresh = ranker.encode(UserId(8), &all[start..]);
            prop_assert_eq!(fresh.reused(), 0);
            prop_assert_eq!(context.history(), fresh.history());
            prop_assert_eq!(logits(&ranker, &context), logits(&ranker, &fresh));
        }
    }

    /// The transformer does not see when a token was acted on.
    #[test]
    fn times_do_not_matter(seed in any::<u64>(), at in any::<i64>()) {
        let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, odd(), seed)).unwrap();
        let plain = history(9, seed);
        let timed: Vec<_> = plain.iter().map(|item| HistoryItem { at: TimeMs(at), ..item.clone() }).collect();
        let [plain, timed] = [plain, timed].map(|history| logits(&ranker, &ranker.encode(UserId(2), &history)));
        prop_assert_eq!(plain, timed);
    }

    /// Nothing that is not in the history can matter: a context of a prefix is the same whatever was to come.
    #[test]
    fn the_future_does_not_matter(seed in any::<u64>(), kept in 0usize..40) {
        let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, odd(), seed)).unwrap();
        let past = history(kept, seed);
        let mut whole = past.clone();
        whole.extend(history(40 - kept, seed ^ 1));
        let longer = ranker.encode(UserId(2), &whole);
        let prefix = ranker.extend(&longer, &past);
        prop_assert_eq!(prefix.reused(), 1 + kept);
        prop_assert_eq!(logits(&ranker, &prefix), logits(&ranker, &ranker.encode(UserId(2), &past)));
    }
}

#[test]
fn a_bidirectional_context_and_one_of_another_model_are_computed_afresh() {
    let checkpoint_ = checkpoint(ModelKind::Ranker, bidirectional(odd()), 4);
    let ranker = Ranker::new(&checkpoint_).unwrap();
    let all = history(12, 4);
    let extended = ranker.extend(&ranker.encode(UserId(1), &all[..9]), &all);
    assert_eq!(extended.reused(), 0);
    assert_eq!(logits(&ranker, &extended), logits(&ranker, &ranker.encode(UserId(1), &all)));

    let other = Ranker::new(&checkpoint(ModelKind::Ranker, wide(), 5)).unwrap();
    let foreign = ranker.encode(UserId(1), &all);
    let own = other.encode(UserId(1), &all);
    assert_eq!(other.extend(&foreign, &all).reused(), 0);
    assert_eq!(logits(&other, &other.extend(&foreign, &all)), logits(&other, &own));
    assert_eq!(logits(&other, &foreign), logits(&other, &own));
}

#[test]
fn of_a_history_that_is_too_long_the_newest_count() {
    let ranker = Ranker::new(&checkpoint(ModelKind::Ranker, odd(), 4)).unwrap();
    let all = history(64, 4);
    let context = ranker.encode(UserId(1), &all);
    assert_eq!(context.history(), &all[14..]);
    assert_eq!(logits(&ranker, &context), logits(&ranker, &ranker.encode(UserId(1), &all[14..])));
    // At least keys and values of 51 tokens in 2 layers of 2 heads of 10 values.
    assert!(context.bytes() > 51 * 2 * 2 * 2 * 10 * 4, "{}", context.bytes());
}
