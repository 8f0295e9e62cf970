//! Where examples stand in an array of cut-offs, one row per pass.

use super::pool::Example;

/// Where a share's examples stand in the array `[B, per_pass]` of cut-offs.
pub(super) struct Places {
    pub(super) cutoffs: Vec<u16>,
    pub(super) per_pass: usize,
    at: Vec<usize>,
}

impl Places {
    /// For examples in order of their pass.
    pub(super) fn of(examples: &[Example], passes: usize) -> Self {
        let mut counts = vec![0usize; passes];
        for example in examples {
            counts[example.row] += 1;
        }
        let per_pass = counts.iter().copied().max().unwrap_or(0);
        let mut places = Self { cutoffs: vec![0; passes * per_pass], per_pass, at: Vec::with_capacity(examples.len()) };
        counts.fill(0);
        for example in examples {
            let at = example.row * per_pass + counts[example.row];
            counts[example.row] += 1;
            places.cutoffs[at] = example.cutoff;
            places.at.push(at);
        }
        places
    }

    /// The rows of the examples out of `[B · per_pass, d]`.
    pub(super) fn pick(&self, all: &[f32], d: usize) -> Vec<f32> {
        self.at.iter().flat_map(|at| &all[at * d..(at + 1) * d]).copied().collect()
    }

    /// The opposite of [`Self::pick`]; zero elsewhere.
    pub(super) fn spread(&self, rows: &[f32], d: usize) -> Vec<f32> {
        let mut all = vec![0.0; self.cutoffs.len() * d];
        for (at, row) in self.at.iter().zip(rows.chunks_exact(d)) {
            all[at * d..(at + 1) * d].copy_from_slice(row);
        }
        all
    }
}
