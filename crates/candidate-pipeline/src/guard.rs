//! The two things no component may do to a request: keep it waiting, and take it down.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

use crate::budget::Budget;
use crate::error::StageError;

/// Runs a component's future until it ends, its budget ends, or it panics.
///
/// A budget that is spent from the start still lets the future be polled once: a component that has its answer at hand gives
/// it, one that waits is abandoned at its first wait.
///
/// `AssertUnwindSafe`: what a component shares across requests is behind its own locks, and what it was lent is only read.
pub(crate) async fn guarded<T>(
    budget: Budget,
    future: impl Future<Output = Result<T, StageError>>,
) -> Result<T, StageError> {
    let bounded = async {
        match budget.deadline() {
            None => future.await,
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), future).await.unwrap_or(Err(StageError::DeadlineExceeded))
            }
        }
    };
    AssertUnwindSafe(bounded).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// Runs a component's closure, a panic being its failure.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, StageError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panicked(&*panic))
}

/// Runs `each` over all items, going on after those on which it panics, which `on_panic` is told of by position.
pub(crate) fn caught_each<I: Iterator>(
    items: I,
    mut each: impl FnMut(usize, I::Item),
    mut on_panic: impl FnMut(usize, StageError),
) {
    let mut items = items.enumerate();
    let mut at = 0;
    while let Err(error) = caught(|| {
        for (i, item) in items.by_ref() {
            at = i;
            each(i, item);
        }
    }) {
        on_panic(at, error);
    }
}

fn panicked(payload: &(dyn Any + Send)) -> StageError {
    let message = payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    StageError::Panicked(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_visited_in_spite_of_panics() {
        let mut seen = Vec::new();
        let mut panics = Vec::new();
        caught_each(
            0..5,
            |i, item| {
                assert!(item % 2 == 0, "odd {item}");
                seen.push(i);
            },
            |i, error| panics.push((i, error)),
        );
        assert_eq!(seen, [0, 2, 4]);
        assert_eq!(
            panics,
            [(1, StageError::Panicked("odd 1".to_owned())), (3, StageError::Panicked("odd 3".to_owned()))]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_spent_budget_lets_an_answer_at_hand_through() {
        let spent = Budget::lasting(std::time::Duration::ZERO);
        assert_eq!(guarded(spent, async { Ok(1) }).await, Ok(1));
        assert_eq!(
            guarded(spent, std::future::pending::<Result<(), StageError>>()).await,
            Err(StageError::DeadlineExceeded)
        );
    }
}
