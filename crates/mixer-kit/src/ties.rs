//! Which of two equal items comes first.

use foryou_types::{TimeMs, UserId, shuffle_key};

use crate::ranked::Ranked;

/// Ascends along the order of items with equal scores: the newest first; those of one moment in an order of the viewer's own, which
/// has nothing to do with the order of ids and is the same in every request.
pub(crate) fn tie_break(candidate: &impl Ranked, viewer: UserId) -> u128 {
    let created_at = candidate.created_at().unwrap_or(TimeMs(i64::MIN));
    // Flipping the sign's bit orders signed numbers as unsigned ones; the complement puts the newest first.
    let newest_first = !(created_at.0.cast_unsigned() ^ 1 << 63);
    u128::from(newest_first) << 64 | u128::from(shuffle_key(candidate.item_id().0, viewer.0))
}
