//! Posts by how often training has seen them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many impressions a post has in the training examples.
///
/// A feed lives on new posts, so a metric over all impressions hides what matters: the number for [`Zero`](Self::Zero) is the one
/// that hash ids alone cannot reach. Serialised as its [`name`](Self::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ImpressionBucket {
    /// Never seen.
    #[serde(rename = "0")]
    Zero,
    /// 1 to 9.
    #[serde(rename = "1-9")]
    OneToNine,
    /// 10 to 99.
    #[serde(rename = "10-99")]
    TenTo99,
    /// 100 and more.
    #[serde(rename = "100+")]
    HundredUp,
}

impl ImpressionBucket {
    /// Every bucket, from the fewest impressions: the order of columns.
    pub const ALL: [Self; 4] = [Self::Zero, Self::OneToNine, Self::TenTo99, Self::HundredUp];

    /// The bucket of a post with `n` training impressions.
    pub const fn of(n: u32) -> Self {
        match n {
            0 => Self::Zero,
            1..=9 => Self::OneToNine,
            10..=99 => Self::TenTo99,
            100.. => Self::HundredUp,
        }
    }

    /// The name of its column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zero => "0",
            Self::OneToNine => "1-9",
            Self::TenTo99 => "10-99",
            Self::HundredUp => "100+",
        }
    }
}

impl fmt::Display for ImpressionBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges() {
        let names = [0, 1, 9, 10, 99, 100, u32::MAX].map(|n| ImpressionBucket::of(n).name());
        assert_eq!(names, ["0", "1-9", "1-9", "10-99", "10-99", "100+", "100+"]);
    }

    #[test]
    fn in_order_of_columns() {
        assert!(ImpressionBucket::ALL.is_sorted());
        assert_eq!([0, 1, 10, 100].map(ImpressionBucket::of), ImpressionBucket::ALL);
    }

    #[test]
    fn written_as_its_name() {
        for bucket in ImpressionBucket::ALL {
            let json = serde_json::to_string(&bucket).unwrap();
            assert_eq!(json, format!("\"{}\"", bucket.name()));
            assert_eq!(serde_json::from_str::<ImpressionBucket>(&json).unwrap(), bucket);
        }
        assert_eq!(format!("[{:>6}]", ImpressionBucket::OneToNine), "[   1-9]");
    }
}
