//! Row-wise Adagrad (Duchi, Hazan, Singer 2011; one accumulator per row as in DLRM, Naumov et al. 2019).

use kernels::{AdagradRows, Kernels};

use super::sparse::SparseGradient;

/// Settings of the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Adagrad {
    /// Step size.
    pub learning_rate: f32,
    /// Added to the root of the accumulator.
    pub eps: f32,
    /// Share of a row that fades each time it is touched, times the step size; 0 for none. Lazy: rows that are not touched keep
    /// their values, so its cost is that of the batch.
    pub decay: f32,
}

/// One table with its optimiser state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AdagradTable {
    dim: usize,
    /// `[rows, dim]`; row 0 is zero.
    values: Vec<f32>,
    /// Running sum of the mean squared gradient, `[rows]`.
    accumulator: Vec<f32>,
}

impl AdagradTable {
    /// A table `[rows, dim]` that nothing was learned in yet.
    pub(crate) fn new(dim: usize, values: Vec<f32>) -> Self {
        let rows = values.len() / dim.max(1);
        Self { dim, values, accumulator: vec![0.0; rows] }
    }

    /// Takes an accumulator `[rows]` up again; `false` where it is not of this table's length.
    pub(crate) fn restore(&mut self, accumulator: Vec<f32>) -> bool {
        let fits = accumulator.len() == self.accumulator.len();
        if fits {
            self.accumulator = accumulator;
        }
        fits
    }

    /// A row, `[dim]`.
    pub(crate) fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.dim;
        &self.values[start..start + self.dim]
    }

    /// Sets a row before anything is learned in it; row 0 stays zero.
    pub(crate) fn start(&mut self, row: u32, values: &[f32]) {
        let start = row as usize * self.dim;
        if row != 0
            && let Some(place) = self.values.get_mut(start..start + self.dim)
        {
            place.copy_from_slice(values);
        }
    }

    /// All rows, `[rows, dim]`.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The accumulators, `[rows]`.
    pub(crate) fn accumulator(&self) -> &[f32] {
        &self.accumulator
    }

    /// Width of a row.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// One step on the rows of `gradient`: `acc += mean(g²)`, `w −= lr · g / (√acc + eps)`.
    pub(crate) fn apply(&mut self, gradient: &SparseGradient, rule: Adagrad) {
        let (rows, gradients) = gradient.parts();
        Kernels::native().run(AdagradRows {
            values: &mut self.values,
            accumulator: &mut self.accumulator,
            rows,
            gradients,
            width: self.dim,
            rate: rule.learning_rate,
            eps: rule.eps,
            keep: 1.0 - rule.learning_rate * rule.decay,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let mut table = AdagradTable::new(2, vec![0.0, 0.0, 1.0, -1.0, 5.0, 5.0]);
        let mut gradient = SparseGradient::new(2);
        gradient.add(1, &[3.0, 1.0], 1.0);
        gradient.add(0, &[9.0, 9.0], 1.0);
        let rule = Adagrad { learning_rate: 0.1, eps: 0.0, decay: 0.0 };
        // acc = (9 + 1) / 2 = 5, then 10.
        table.apply(&gradient, rule);
        let first = 0.1 / 5.0f32.sqrt();
        assert_eq!(table.row(1), [1.0 - 3.0 * first, -1.0 - first]);
        table.apply(&gradient, rule);
        let second = 0.1 / 10.0f32.sqrt();
        assert!((table.row(1)[0] - (1.0 - 3.0 * (first + second))).abs() < 1e-6);
        assert_eq!(table.accumulator(), [0.0, 10.0, 0.0]);
        assert_eq!(table.row(0), [0.0, 0.0], "the padding row is never written");
        assert_eq!(table.row(2), [5.0, 5.0], "a row that was not touched stays");
    }

    #[test]
    fn decay_fades_only_touched_rows() {
        let mut table = AdagradTable::new(1, vec![0.0, 1.0, 1.0]);
        let mut gradient = SparseGradient::new(1);
        gradient.add(2, &[0.0], 1.0);
        table.apply(&gradient, Adagrad { learning_rate: 0.5, eps: 1e-8, decay: 0.1 });
        assert_eq!(table.values(), [0.0, 1.0, 0.95]);
    }
}
