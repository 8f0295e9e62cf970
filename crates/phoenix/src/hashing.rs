//! Ids and words become table rows.
//!
//! Multiply-shift modulo a Mersenne prime (Carter and Wegman 1979): `((id·a + b) mod p) mod (rows − 1) + 1` with `p = 2^61 − 1`, so any
//! id works at once, known or not. Row 0 is padding: id 0 (none) goes there.

use foryou_types::{Rng, SplitMix64};
use serde::{Deserialize, Serialize};

use crate::config::ModelConfig;

/// The prime `2^61 − 1`.
pub const PRIME: u64 = (1 << 61) - 1;

/// Rows of a table unless a recipe says otherwise: at most this many.
pub const MOST_ROWS: u32 = 1 << 20;

/// One hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashFn {
    /// Factor, in `[1, p)`.
    pub a: u64,
    /// Summand, in `[0, p)`.
    pub b: u64,
}

impl HashFn {
    /// Draws a function.
    pub fn draw(rng: &mut dyn Rng) -> Self {
        Self { a: 1 + rng.next_u64() % (PRIME - 1), b: rng.next_u64() % PRIME }
    }

    /// The row of an id in a table of `rows` rows; 0 for id 0.
    pub fn row(self, id: u64, rows: u32) -> u32 {
        if id == 0 {
            return 0;
        }
        let product = u128::from(id) * u128::from(self.a) + u128::from(self.b);
        let mixed = (product % u128::from(PRIME)) as u64;
        (mixed % u64::from(rows - 1)) as u32 + 1
    }
}

/// A table: its rows and the functions that point into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Rows, padding row 0 included; at least 2.
    pub rows: u32,
    /// The functions.
    pub functions: Vec<HashFn>,
}

impl TableSpec {
    /// A table for `ids` different ids: the next power of two at or above twice as many rows, at most [`MOST_ROWS`].
    pub fn for_ids(ids: usize, functions: usize, rng: &mut dyn Rng) -> Self {
        let rows = (2 * ids.max(8)).next_power_of_two().min(MOST_ROWS as usize) as u32;
        Self { rows, functions: (0..functions).map(|_| HashFn::draw(rng)).collect() }
    }

    /// The rows of an id, one per function.
    pub fn rows_of(&self, id: u64) -> impl Iterator<Item = u32> + '_ {
        self.functions.iter().map(move |f| f.row(id, self.rows))
    }
}

/// The tables of a model and their hash functions, fixed by seed and stored in the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashTables {
    /// User ids, Hu functions.
    pub user: TableSpec,
    /// Post ids, Hi functions.
    pub post: TableSpec,
    /// Author ids, Ha functions.
    pub author: TableSpec,
    /// Content words, one function.
    pub text: TableSpec,
}

/// How many different ids there are to learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdCounts {
    /// Viewers.
    pub users: usize,
    /// Posts.
    pub posts: usize,
    /// Authors.
    pub authors: usize,
    /// Content words.
    pub words: usize,
}

impl HashTables {
    /// Tables for these numbers of ids, with functions drawn from `seed`.
    pub fn draw(config: &ModelConfig, ids: IdCounts, seed: u64) -> Self {
        let table = |part: &str, ids: usize, functions: usize| {
            TableSpec::for_ids(ids, functions, &mut SplitMix64::fork(seed, part))
        };
        Self {
            user: table("user hashes", ids.users, config.num_user_hashes),
            post: table("post hashes", ids.posts, config.num_item_hashes),
            author: table("author hashes", ids.authors, config.num_author_hashes),
            text: table("text hashes", ids.words, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::UserId;
    use proptest::prelude::*;

    use super::*;

    /// The product modulo p by doubling and adding, which never leaves 64 bits.
    fn by_doubling(id: u64, f: HashFn) -> u64 {
        let add = |x: u64, y: u64| (x + y) % PRIME;
        let (mut sum, mut power, mut left) = (f.b, f.a, id);
        while left > 0 {
            if left & 1 == 1 {
                sum = add(sum, power);
            }
            power = add(power, power);
            left >>= 1;
        }
        sum
    }

    #[test]
    fn rows_are_those_worked_out_by_hand() {
        let plain = HashFn { a: 1, b: 0 };
        assert_eq!(plain.row(5, 4), 5 % 3 + 1);
        assert_eq!(plain.row(PRIME, 1_000), 1);
        // 2^64 - 1 = 8 (2^61 - 1) + 7, and so is the id -1.
        assert_eq!(plain.row(u64::MAX, 1_000), 8);
        assert_eq!(plain.row(UserId::from_i64(-1).0, 1_000), 8);
        // The least negative id: 2^63 = 4 (2^61 - 1) + 4.
        assert_eq!(plain.row(UserId::from_i64(i64::MIN).0, 1_000), 5);
        // a = p - 1 is -1: p - 5 = 2305843009213693946.
        assert_eq!(HashFn { a: PRIME - 1, b: 0 }.row(5, 11), 6 + 1);
        assert_eq!(HashFn { a: PRIME - 1, b: 10 }.row(5, 11), 5 + 1);
        // The largest product: (7 (p - 1) + p - 1) mod p = -8.
        assert_eq!(HashFn { a: PRIME - 1, b: PRIME - 1 }.row(u64::MAX, 11), ((PRIME - 8) % 10) as u32 + 1);
    }

    #[test]
    fn no_id_goes_to_the_padding_row() {
        for seed in 0..50 {
            assert_eq!(HashFn::draw(&mut SplitMix64::new(seed)).row(0, 16), 0);
        }
    }

    #[test]
    fn ids_spread_over_all_rows() {
        let spec = TableSpec::for_ids(100, 2, &mut SplitMix64::new(3));
        assert_eq!(spec.rows, 256);
        // Ids in a row, and ids as snowflakes have them: time in the upper bits.
        for spread in [1_u64, 1 << 22] {
            let mut counts = vec![0_u32; 256];
            for id in 1..=25_500 {
                for row in spec.rows_of(id * spread) {
                    counts[row as usize] += 1;
                }
            }
            assert_eq!(counts[0], 0);
            // 200 a row on average, a binomial's standard deviation is 14.
            assert!(counts[1..].iter().all(|n| (110..290).contains(n)), "{counts:?}");
        }
    }

    #[test]
    fn the_functions_of_a_table_are_independent() {
        let spec = TableSpec::for_ids(1_000, 2, &mut SplitMix64::new(9));
        let rows: std::collections::HashSet<Vec<u32>> = (1..=1_000).map(|id| spec.rows_of(id).collect()).collect();
        // One function alone has about 220 ids on a row that is taken; two rarely agree.
        assert!(rows.len() >= 998, "{}", rows.len());
    }

    #[test]
    fn tables_have_the_next_power_of_two_above_twice_the_ids() {
        let rows = |ids| TableSpec::for_ids(ids, 1, &mut SplitMix64::new(1)).rows;
        assert_eq!([0, 8, 9, 512, 513, 600_000].map(rows), [16, 16, 32, 1_024, 2_048, MOST_ROWS]);
    }

    #[test]
    fn tables_are_fixed_by_the_seed_and_differ_among_each_other() {
        let ids = IdCounts { users: 10, posts: 20, authors: 30, words: 40 };
        let config = ModelConfig { num_item_hashes: 3, num_author_hashes: 1, ..ModelConfig::default() };
        let tables = HashTables::draw(&config, ids, 5);
        assert_eq!(tables, HashTables::draw(&config, ids, 5));
        assert_ne!(tables, HashTables::draw(&config, ids, 6));
        let sizes = |spec: &TableSpec| (spec.rows, spec.functions.len());
        assert_eq!(
            [&tables.user, &tables.post, &tables.author, &tables.text].map(sizes),
            [(32, 2), (64, 3), (64, 1), (128, 1)]
        );
        assert_ne!(tables.user.functions[0], tables.post.functions[0]);
        assert_ne!(tables.user.functions[0], tables.user.functions[1]);
    }

    #[test]
    fn the_smallest_table_has_one_row_for_every_id() {
        let f = HashFn::draw(&mut SplitMix64::new(4));
        for id in [1, PRIME, 8 * PRIME, i64::MIN.cast_unsigned(), u64::MAX] {
            assert_eq!(f.row(id, 2), 1);
        }
    }

    proptest! {
        #[test]
        fn rows_are_in_range_and_right(id in 1_u64.., seed in any::<u64>(), rows in 2_u32..) {
            let f = HashFn::draw(&mut SplitMix64::new(seed));
            prop_assert!((1..PRIME).contains(&f.a) && f.b < PRIME);
            let row = f.row(id, rows);
            prop_assert!((1..rows).contains(&row));
            prop_assert_eq!(u64::from(row), by_doubling(id, f) % u64::from(rows - 1) + 1);
        }
    }
}
