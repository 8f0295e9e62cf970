//! Where the text table starts: words that the same authors use begin near each other.
//!
//! A random start knows nothing of topics, and what a viewer likes cannot be learned before topics are: on the synthetic worlds
//! that costs more than all epochs affordable on a small machine. Correspondence analysis (Benzécri 1973; Greenacre 1984) of the table
//! authors × words finds the groups of words that authors use together. All leading axes weigh the same here (not by their inertia):
//! languages, which hardly mix, would else hide the topics within them.

use foryou_types::Rng;
use phoenix::ModelKind;
use rustc_hash::FxHashMap;
use train_core::stream;

use super::model::Model;
use crate::data::TrainingData;

/// A word in fewer posts than this says nothing of who uses it.
const LEAST_POSTS: u32 = 3;
/// Rounds of subspace iteration. Axes that matter stand well apart from the rest: a few rounds find them.
const ROUNDS: usize = 8;

/// How often each author used each word: `(author, word row, count)` by places, and the sums of both.
struct Counts {
    cells: Vec<(u32, u32, f32)>,
    authors: Vec<f64>,
    /// The text-table row behind each place.
    rows: Vec<u32>,
    words: Vec<f64>,
    total: f64,
}

/// Starts the rows of words that enough posts have with `axes` leading axes (at most D, and fewer where there is less to tell
/// apart); the mean of a post's rows then has about length `√D · scale`. Other rows keep their start.
pub(crate) fn text_rows(model: &mut Model, data: &TrainingData, axes: usize, scale: f32) {
    let d = model.config.model.emb_size;
    let counts = count(model, data);
    let axes = axes.min(d).min(counts.rows.len() / 4).min(counts.authors.len() / 4);
    if axes == 0 || model.tables.text.values().is_empty() {
        return;
    }
    let seed = model.config.seed ^ u64::from(model.config.kind == ModelKind::Retrieval);
    let basis = leading_axes(&counts, axes, &mut stream(seed, "text start", 0, 0));
    // Coordinates of words: basis / √mass. Rare words would lie far out: no row is longer than the median.
    let mut coordinates: Vec<f32> = basis
        .chunks_exact(axes)
        .zip(&counts.words)
        .flat_map(|(row, mass)| {
            let root = (mass / counts.total).sqrt();
            row.iter().map(move |x| (x / root) as f32)
        })
        .collect();
    let length = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
    let mut lengths: Vec<f32> = coordinates.chunks_exact(axes).map(length).collect();
    lengths.sort_by(f32::total_cmp);
    let median = lengths[lengths.len() / 2];
    for row in coordinates.chunks_exact_mut(axes) {
        let longest = length(row).max(median);
        if longest > 0.0 {
            for x in row {
                *x /= longest;
            }
        }
    }
    let place: FxHashMap<u32, usize> = counts.rows.iter().enumerate().map(|(i, row)| (*row, i)).collect();
    let factor = scale / rms_of_posts(model, data, &coordinates, axes, &place).max(1e-6);
    for (row, at) in counts.rows.iter().zip(coordinates.chunks_exact(axes)) {
        let mut values = vec![0.0; d];
        values.iter_mut().zip(at).for_each(|(value, x)| *value = factor * x);
        model.tables.text.start(*row, &values);
    }
}

/// The counts over the originals of the training part, in order of time.
fn count(model: &Model, data: &TrainingData) -> Counts {
    let text = &model.config.hashes.text;
    let mut posts_with: FxHashMap<u32, u32> = FxHashMap::default();
    let mut cells: FxHashMap<(u64, u32), f32> = FxHashMap::default();
    for (post, _) in data.training_posts() {
        let Some(info) = data.corpus.get(*post) else { continue };
        // In a set without authors each post stands for one.
        let author = if info.author.is_some() { info.author.0 } else { post.0 };
        for row in info.content.iter().flat_map(|word| text.rows_of(u64::from(*word))) {
            *posts_with.entry(row).or_default() += 1;
            *cells.entry((author, row)).or_default() += 1.0;
        }
    }
    let mut cells: Vec<((u64, u32), f32)> =
        cells.into_iter().filter(|((_, row), _)| posts_with[row] >= LEAST_POSTS).collect();
    // Not in the order of a hash map: sums must be the same in every run.
    cells.sort_unstable_by_key(|(key, _)| *key);
    let mut rows: Vec<u32> = cells.iter().map(|((_, row), _)| *row).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut counts = Counts {
        cells: Vec::with_capacity(cells.len()),
        authors: Vec::new(),
        words: vec![0.0; rows.len()],
        rows,
        total: 0.0,
    };
    let mut current = None;
    for ((author, row), n) in cells {
        if current != Some(author) {
            current = Some(author);
            counts.authors.push(0.0);
        }
        let Ok(word) = counts.rows.binary_search(&row) else { continue };
        let author = counts.authors.len() - 1;
        counts.cells.push((author as u32, word as u32, n));
        counts.authors[author] += f64::from(n);
        counts.words[word] += f64::from(n);
        counts.total += f64::from(n);
    }
    counts
}

/// An orthonormal basis, `[words, axes]` row-major, of the leading right singular vectors of the standardised residuals
/// `(n / total − a·w) / √(a·w)` with masses a and w, by subspace iteration.
fn leading_axes(counts: &Counts, axes: usize, rng: &mut dyn Rng) -> Vec<f64> {
    let root = |sums: &[f64]| -> Vec<f64> { sums.iter().map(|n| (n / counts.total).sqrt()).collect() };
    let (author_root, word_root) = (root(&counts.authors), root(&counts.words));
    let mut basis: Vec<f64> = (0..counts.words.len() * axes).map(|_| rng.normal()).collect();
    for _ in 0..ROUNDS {
        orthonormal(&mut basis, axes);
        let there = residuals(counts, &basis, axes, (&word_root, &author_root), |&(author, word, n)| (word, author, n));
        basis = residuals(counts, &there, axes, (&author_root, &word_root), |&cell| cell);
    }
    orthonormal(&mut basis, axes);
    basis
}

/// The residuals (or their transpose) times `x`: `from` and `to` are the roots of the masses on either side.
fn residuals(
    counts: &Counts,
    x: &[f64],
    axes: usize,
    (from, to): (&[f64], &[f64]),
    side: impl Fn(&(u32, u32, f32)) -> (u32, u32, f32),
) -> Vec<f64> {
    let mut out = vec![0.0; to.len() * axes];
    for cell in &counts.cells {
        let (i, j, n) = side(cell);
        let (i, j) = (i as usize, j as usize);
        let value = f64::from(n) / counts.total / (from[i] * to[j]);
        let row = &x[i * axes..(i + 1) * axes];
        out[j * axes..(j + 1) * axes].iter_mut().zip(row).for_each(|(o, x)| *o += value * x);
    }
    // Minus what independence predicts: to · (from · x).
    let mut expected = vec![0.0; axes];
    for (root, row) in from.iter().zip(x.chunks_exact(axes)) {
        expected.iter_mut().zip(row).for_each(|(e, x)| *e += root * x);
    }
    for (root, row) in to.iter().zip(out.chunks_exact_mut(axes)) {
        row.iter_mut().zip(&expected).for_each(|(o, e)| *o -= root * e);
    }
    out
}

/// Makes the columns of `[n, axes]` orthonormal (modified Gram–Schmidt); a column that depends on those before it becomes zero.
fn orthonormal(basis: &mut [f64], axes: usize) {
    for j in 0..axes {
        for i in 0..j {
            let dot: f64 = basis.chunks_exact(axes).map(|row| row[i] * row[j]).sum();
            basis.chunks_exact_mut(axes).for_each(|row| row[j] -= dot * row[i]);
        }
        let norm = basis.chunks_exact(axes).map(|row| row[j] * row[j]).sum::<f64>().sqrt();
        let factor = if norm > 1e-12 { 1.0 / norm } else { 0.0 };
        basis.chunks_exact_mut(axes).for_each(|row| row[j] *= factor);
    }
}

/// The root mean square, per dimension of D, of the mean of a post's coordinates, over the posts.
fn rms_of_posts(
    model: &Model,
    data: &TrainingData,
    coordinates: &[f32],
    axes: usize,
    place: &FxHashMap<u32, usize>,
) -> f32 {
    let text = &model.config.hashes.text;
    let (mut squares, mut posts) = (0.0f64, 0u64);
    for info in data.training_posts().iter().filter_map(|(post, _)| data.corpus.get(*post)) {
        if info.content.is_empty() {
            continue;
        }
        let mut mean = vec![0.0f32; axes];
        for row in info.content.iter().flat_map(|word| text.rows_of(u64::from(*word))) {
            if let Some(at) = place.get(&row) {
                mean.iter_mut().zip(&coordinates[at * axes..]).for_each(|(m, x)| *m += x);
            }
        }
        let words = info.content.len() as f32;
        squares += mean.iter().map(|m| f64::from((m / words).powi(2))).sum::<f64>();
        posts += 1;
    }
    (squares / (posts.max(1) * model.config.model.emb_size as u64) as f64).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use foryou_types::SplitMix64;

    use super::*;

    /// Six authors of two circles that share a common word: the axis tells the circles apart, the common word lies between.
    #[test]
    fn words_of_one_circle_lie_together() {
        let mut cells = Vec::new();
        for author in 0..6u32 {
            let circle = author / 3;
            for word in 0..4u32 {
                cells.push((author, circle * 4 + word, 1.0 + f32::from((author + word) % 2 == 0)));
            }
            cells.push((author, 8, 6.0));
        }
        let (mut authors, mut words) = (vec![0.0; 6], vec![0.0; 9]);
        for (author, word, n) in &cells {
            authors[*author as usize] += f64::from(*n);
            words[*word as usize] += f64::from(*n);
        }
        let total = authors.iter().sum();
        let counts = Counts { cells, authors, rows: (1..=9).collect(), words, total };
        let basis = leading_axes(&counts, 1, &mut SplitMix64::new(4));
        let norm: f64 = basis.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-9);
        let (first, second) = (&basis[..4], &basis[4..8]);
        assert!(first.iter().all(|x| x.signum() == first[0].signum() && x.abs() > 0.2), "{basis:?}");
        assert!(second.iter().all(|x| x.signum() == -first[0].signum() && x.abs() > 0.2), "{basis:?}");
        assert!(basis[8].abs() < 1e-6, "{basis:?}");
    }

    #[test]
    fn columns_become_orthonormal() {
        let mut rng = SplitMix64::new(1);
        let mut basis: Vec<f64> = (0..40 * 5).map(|_| rng.normal()).collect();
        // The last column repeats the first.
        basis.chunks_exact_mut(5).for_each(|row| row[4] = row[0]);
        orthonormal(&mut basis, 5);
        for i in 0..5 {
            for j in 0..5 {
                let dot: f64 = basis.chunks_exact(5).map(|row| row[i] * row[j]).sum();
                let expected = if i == j && i < 4 { 1.0 } else { 0.0 };
                assert!((dot - expected).abs() < 1e-9, "{i} {j} {dot}");
            }
        }
    }
}
