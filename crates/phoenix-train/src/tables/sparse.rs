//! The gradient of the rows of a table that a batch touched.

use kernels::{AddTo, Kernels, SumOfSquares};
use rustc_hash::FxHashMap;

/// Gradients of some rows of one table, in the order in which they were first touched.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SparseGradient {
    dim: usize,
    slots: FxHashMap<u32, u32>,
    rows: Vec<u32>,
    values: Vec<f32>,
}

impl SparseGradient {
    /// No rows, of width `dim`.
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, ..Self::default() }
    }

    /// Adds `scale · gradient` (`[dim]`) to a row's gradient. Row 0 is padding: nothing is added.
    pub(crate) fn add(&mut self, row: u32, gradient: &[f32], scale: f32) {
        debug_assert_eq!(gradient.len(), self.dim, "one value per column");
        if row == 0 {
            return;
        }
        let start = self.slot(row) * self.dim;
        let sum = &mut self.values[start..start + self.dim];
        Kernels::native().run(AddTo { sum, x: gradient, factor: scale });
    }

    fn slot(&mut self, row: u32) -> usize {
        let next = self.rows.len() as u32;
        let slot = *self.slots.entry(row).or_insert(next);
        if slot == next {
            self.rows.push(row);
            self.values.resize(self.values.len() + self.dim, 0.0);
        }
        slot as usize
    }

    /// Forgets all rows, and keeps the room for them.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.rows.clear();
        self.values.clear();
    }

    /// Adds another gradient of the same table, row by row in its order.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (row, gradient) in other.iter() {
            self.add(row, gradient, 1.0);
        }
    }

    /// The touched rows with their gradients, in the order of first touch.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[f32])> {
        self.rows.iter().copied().zip(self.values.chunks_exact(self.dim.max(1)))
    }

    /// The touched rows, and their gradients `[rows, dim]`.
    pub(super) fn parts(&self) -> (&[u32], &[f32]) {
        (&self.rows, &self.values)
    }

    /// Whether every value is finite.
    pub(crate) fn is_finite(&self) -> bool {
        // A sum of squares may overflow although each value is finite.
        Kernels::native().run(SumOfSquares(&self.values)).is_finite() || self.values.iter().all(|x| x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_a_dense_gradient(adds in prop::collection::vec((0u32..9, -3i8..4, 1i8..4), 0..60), split in 0usize..60) {
            let mut dense = [[0.0f32; 2]; 9];
            let (mut first, mut second) = (SparseGradient::new(2), SparseGradient::new(2));
            for (i, &(row, x, scale)) in adds.iter().enumerate() {
                let (x, scale) = (f32::from(x), f32::from(scale));
                let part = if i < split { &mut first } else { &mut second };
                part.add(row, &[x, -2.0 * x], scale);
                if row > 0 {
                    dense[row as usize][0] += scale * x;
                    dense[row as usize][1] -= 2.0 * scale * x;
                }
            }
            first.merge(&second);
            let touched: Vec<u32> = first.iter().map(|(row, _)| row).collect();
            for row in 1..9u32 {
                let named = adds.iter().any(|a| a.0 == row);
                prop_assert_eq!(touched.iter().filter(|&&r| r == row).count(), usize::from(named));
            }
            prop_assert!(!touched.contains(&0));
            for (row, gradient) in first.iter() {
                prop_assert_eq!(gradient, &dense[row as usize][..]);
            }
        }
    }
}
