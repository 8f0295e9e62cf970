//! The rotary embedding (Su et al. 2021), half-split form.

use pulp::{Simd, WithSimd};

/// Cosines and sines by position.
#[derive(Clone, Debug)]
pub struct Rope {
    frequencies: Vec<f64>,
    /// `[positions, key/2]`.
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rope {
    /// Tables for `positions` positions; others are computed when they are asked for.
    pub fn new(key: usize, base: f64, positions: usize) -> Self {
        let half = key / 2;
        let frequencies: Vec<f64> = (0..half).map(|i| base.powf(-(2.0 * i as f64) / key as f64)).collect();
        let angles = |f: fn(f64) -> f64| {
            (0..positions).flat_map(|p| frequencies.iter().map(move |w| f(p as f64 * w) as f32)).collect::<Vec<_>>()
        };
        let (cos, sin) = (angles(f64::cos), angles(f64::sin));
        Self { frequencies, cos, sin }
    }

    /// Rotates the heads at the start of a row (`heads · key` values) to a position.
    #[inline(always)]
    fn rotate(&self, row: &mut [f32], position: usize, back: bool) {
        let half = self.frequencies.len();
        let at = position * half;
        let beyond: (Vec<f32>, Vec<f32>);
        let (cos, sin) = if let (Some(cos), Some(sin)) = (self.cos.get(at..at + half), self.sin.get(at..at + half)) {
            (cos, sin)
        } else {
            let angle = |f: fn(f64) -> f64| self.frequencies.iter().map(|w| f(position as f64 * w) as f32).collect();
            beyond = (angle(f64::cos), angle(f64::sin));
            (&beyond.0[..], &beyond.1[..])
        };
        let sign = if back { -1.0 } else { 1.0 };
        for head in row.chunks_exact_mut(2 * half) {
            let (first, second) = head.split_at_mut(half);
            for (((a, b), &c), s) in first.iter_mut().zip(second).zip(cos).zip(sin.iter().map(|s| sign * s)) {
                (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
            }
        }
    }
}

/// Rotates queries and keys: the first `heads · key` values of every row, row `r` to position `first + r · step`.
pub struct Rotate<'a> {
    /// The angles.
    pub rope: &'a Rope,
    /// `[rows, stride]`.
    pub x: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Values of a row to rotate.
    pub width: usize,
    /// Position of the first row.
    pub first: usize,
    /// From a row's position to the next one's.
    pub step: usize,
}

impl WithSimd for Rotate<'_> {
    type Output = ();

    // Plain loops: inside the dispatched function the compiler vectorises them for its instruction set.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (r, row) in self.x.chunks_exact_mut(self.stride).enumerate() {
            self.rope.rotate(&mut row[..self.width], self.first + r * self.step, false);
        }
    }
}

/// As [`Rotate`], each row to a position of its own.
pub struct RotateTo<'a> {
    /// The angles.
    pub rope: &'a Rope,
    /// `[rows, stride]`.
    pub x: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Values of a row to rotate.
    pub width: usize,
    /// `[rows]`.
    pub positions: &'a [u32],
    /// Whether to rotate back, as the gradient goes.
    pub back: bool,
}

impl WithSimd for RotateTo<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (row, &position) in self.x.chunks_exact_mut(self.stride).zip(self.positions) {
            self.rope.rotate(&mut row[..self.width], position as usize, self.back);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kernels;

    #[test]
    fn positions_in_and_beyond_the_table_turn_alike() {
        // key 4, base 100: angles p and p/10.
        let mut rows = vec![vec![0.0; 8]; 2];
        for (positions, row) in [(10, 0), (2, 1)] {
            let rope = Rope::new(4, 100.0, positions);
            rows[row] = vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 9.0];
            let x = &mut rows[row];
            Kernels::native().run(Rotate { rope: &rope, x, stride: 8, width: 4, first: 5, step: 1 });
        }
        assert_eq!(rows[0], rows[1]);
        let (c, s, d, t) = (5f32.cos(), 5f32.sin(), 0.5f32.cos(), 0.5f32.sin());
        let expected = [c - 3.0 * s, 2.0 * d - 4.0 * t, 3.0 * c + s, 4.0 * d + 2.0 * t, 0.0, 0.0, 0.0, 9.0];
        for (x, e) in rows[0].iter().zip(expected) {
            assert!((x - e).abs() < 1e-6, "{:?}", rows[0]);
        }
    }
}
