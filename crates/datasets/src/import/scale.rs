//! The scale of a column of ratings, and what on it is a like or a dislike: decided once for a whole file.

use super::fields::shown;

/// Where scales end.
const TOPS: [f64; 5] = [1.0, 5.0, 7.0, 10.0, 100.0];

/// The scale to 10 begins at 1 in practice, and a 0 in such files says that nobody rated (Book-Crossing).
const TEN: usize = 3;

/// From here on a rating is a like, and up to here a dislike, as a share of the top.
const LIKED_FROM: f64 = 0.8;
const DISLIKED_TO: f64 = 0.4;

/// The same on a scale with negative ratings.
const SIGNED_FROM: f64 = 0.5;

/// One rating in this many may be off the scale: it is refused and does not stretch the scale for all others.
const OFF_SCALE: u64 = 1_000;

/// What a rating says of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    Like,
    Dislike,
}

/// The scale of a file's ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// The place in [`TOPS`]; `None`: the ratings do not say what was liked.
    top: Option<usize>,
    /// Ratings below 0 are dislikes.
    is_signed: bool,
    /// -1 says that nobody rated.
    has_unrated: bool,
}

impl Scale {
    /// The scale to 5, on which files without a decided one were read.
    pub(super) const FIVE: Self = Self { top: Some(1), is_signed: false, has_unrated: false };

    /// The scale as a word of a mark.
    pub(super) fn code(self) -> u32 {
        let top = self.top.map_or(0, |top| top as u32 + 1);
        top | u32::from(self.is_signed) << 8 | u32::from(self.has_unrated) << 9
    }

    /// The scale of a word.
    pub(super) fn from_code(code: u32) -> Self {
        let top = (code as usize & 0xff).checked_sub(1).filter(|&top| top < TOPS.len());
        Self { top, is_signed: code >> 8 & 1 == 1, has_unrated: code >> 9 & 1 == 1 }
    }

    fn limits(self) -> Option<(f64, f64, f64)> {
        let top = TOPS[self.top?];
        Some(if self.is_signed {
            (top, top * SIGNED_FROM, -top * SIGNED_FROM)
        } else {
            (top, top * LIKED_FROM, top * DISLIKED_TO)
        })
    }

    /// What a rating says.
    pub(super) fn opinion(self, text: &str) -> Result<Option<Opinion>, String> {
        let rating = text.trim().parse::<f64>().ok().filter(|rating| rating.is_finite());
        let rating = rating.ok_or_else(|| format!("rating {} is not a number", shown(text)))?;
        let Some((top, like, dislike)) = self.limits() else { return Ok(None) };
        let is_unrated =
            (self.has_unrated && rating == -1.0) || (self.top == Some(TEN) && !self.is_signed && rating == 0.0);
        if is_unrated {
            return Ok(None);
        }
        let lowest = if self.is_signed { -top } else { 0.0 };
        if !(lowest..=top).contains(&rating) {
            return Err(format!("rating {} is outside of this file's scale, {lowest} to {top}", shown(text)));
        }
        Ok(if rating >= like {
            Some(Opinion::Like)
        } else if rating <= dislike {
            Some(Opinion::Dislike)
        } else {
            None
        })
    }

    /// The decision in words.
    pub(super) fn in_words(self) -> String {
        let Some((top, like, dislike)) = self.limits() else {
            return "the ratings do not say what was liked (all are equal, or they are counts): they are ignored"
                .to_owned();
        };
        let lowest = if self.is_signed { -top } else { 0.0 };
        let unrated = match (self.has_unrated, self.top == Some(TEN) && !self.is_signed) {
            (true, true) => ", 0 and -1 are not ratings",
            (true, false) => ", -1 is not a rating",
            (false, true) => ", 0 is not a rating",
            (false, false) => "",
        };
        format!(
            "the ratings are read on the scale from {lowest} to {top}: {like} or more is a like, {dislike} or less is a dislike{unrated}"
        )
    }
}

/// Counts by which the scale of a file is decided.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ratings {
    count: u64,
    /// Ratings by the first top that their size does not exceed; the last of those beyond all.
    up_to: [u64; TOPS.len() + 1],
    below_minus_one: u64,
    between: u64,
    minus_ones: u64,
    first: Option<f64>,
    is_varied: bool,
}

impl Ratings {
    /// Counts a rating; text that is not a number is ignored.
    pub(super) fn see(&mut self, text: &str) {
        let Some(rating) = text.trim().parse::<f64>().ok().filter(|rating| rating.is_finite()) else { return };
        self.count += 1;
        let place = TOPS.iter().position(|&top| rating.abs() <= top).unwrap_or(TOPS.len());
        self.up_to[place] += 1;
        if rating < -1.0 {
            self.below_minus_one += 1;
        } else if rating == -1.0 {
            self.minus_ones += 1;
        } else if rating < 0.0 {
            self.between += 1;
        }
        self.is_varied |= *self.first.get_or_insert(rating) != rating;
    }

    /// The smallest scale that holds the ratings.
    pub(super) fn decided(&self) -> Scale {
        if !self.is_varied {
            return Scale { top: None, is_signed: false, has_unrated: false };
        }
        let may_be_off = self.count / OFF_SCALE;
        let above = |top: usize| self.up_to[top + 1..].iter().sum::<u64>();
        let top = (0..TOPS.len()).find(|&top| above(top) <= may_be_off);
        let is_small = top == Some(0) && self.minus_ones + self.between > may_be_off;
        let is_signed = self.below_minus_one + self.between > may_be_off || is_small;
        Scale { top, is_signed, has_unrated: !is_signed && self.minus_ones > 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(ratings: &[&str]) -> Scale {
        let mut all = Ratings::default();
        for rating in ratings {
            all.see(rating);
        }
        all.decided()
    }

    fn opinions(scale: Scale, ratings: &[&str]) -> String {
        let letter = |rating: &&str| match scale.opinion(rating) {
            Ok(Some(Opinion::Like)) => '+',
            Ok(Some(Opinion::Dislike)) => '-',
            Ok(None) => '0',
            Err(_) => 'x',
        };
        ratings.iter().map(letter).collect()
    }

    #[test]
    fn likes_and_dislikes_are_relative_to_the_scale_of_the_file() {
        let tens = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
        assert_eq!(opinions(decided(&tens), &tens), "----000+++");
        let fives = ["0.5", "1", "2", "2.5", "3", "3.5", "4", "5"];
        assert_eq!(opinions(decided(&fives), &fives), "---000++");
        assert_eq!(opinions(decided(&fives), &["0", "6", "-1", "nan", "good"]), "-xxxx");
        assert_eq!(opinions(decided(&["0", "1"]), &["0", "1", "0.5"]), "-+0");
        assert_eq!(opinions(decided(&["-1", "1", "0"]), &["-1", "0", "1"]), "-0+");
        assert_eq!(opinions(decided(&["-10", "9.5", "0"]), &["-10", "-4", "0", "5", "10"]), "-00++");
        assert_eq!(opinions(decided(&["100", "20", "80"]), &["0", "40", "60", "80"]), "--0+");
        assert_eq!(opinions(decided(&["1", "7", "4"]), &["2", "4", "6"]), "-0+");
    }

    #[test]
    fn what_was_not_rated_is_neither() {
        assert_eq!(opinions(decided(&["0", "10", "7"]), &["0", "1", "10"]), "0-+");
        assert_eq!(opinions(decided(&["-1", "10", "7"]), &["-1", "0", "1", "10"]), "00-+");
        assert_eq!(opinions(decided(&["1", "1", "1"]), &["1"]), "0");
        assert_eq!(opinions(decided(&[]), &["1"]), "0");
        assert_eq!(opinions(decided(&["1", "17", "4011"]), &["1", "4011"]), "00", "counts are not a scale");
    }

    #[test]
    fn one_rating_off_the_scale_does_not_stretch_it() {
        let mut all = Ratings::default();
        (0..2_000).for_each(|i| all.see(["1", "3", "5"][i % 3]));
        all.see("55");
        assert_eq!(all.decided(), Scale::FIVE);
        assert!(Scale::FIVE.opinion("55").unwrap_err().contains("scale, 0 to 5"));
        all.see("6");
        all.see("7");
        assert_ne!(all.decided(), Scale::FIVE);
    }

    #[test]
    fn a_scale_survives_its_mark() {
        for ratings in [&["1", "10"][..], &["1", "5"], &["-1", "1"], &["-1", "10"], &["1", "1"], &["0", "100"]] {
            let scale = decided(ratings);
            assert_eq!(Scale::from_code(scale.code()), scale);
            assert!(!scale.in_words().is_empty());
        }
    }
}
