//! Random streams by place: what a step draws follows from the seed and its number alone, so a resumed run draws the same.

use foryou_types::{Rng, SplitMix64};

/// The stream of a named purpose at a place, e.g. `(step, pass)`.
pub fn stream(seed: u64, purpose: &str, a: u64, b: u64) -> SplitMix64 {
    let first = SplitMix64::fork(seed, purpose).next_u64();
    let second = SplitMix64::new(first ^ a).next_u64();
    SplitMix64::new(SplitMix64::new(second ^ b).next_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_purposes_have_their_own_streams() {
        let first = |purpose, a, b| stream(7, purpose, a, b).next_u64();
        let all =
            [first("x", 0, 0), first("x", 0, 1), first("x", 1, 0), first("y", 0, 0), stream(8, "x", 0, 0).next_u64()];
        assert!((0..5).all(|i| (0..i).all(|j| all[i] != all[j])));
        assert_eq!(first("x", 3, 4), first("x", 3, 4));
    }
}
