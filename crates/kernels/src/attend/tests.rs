//! Against sums in f64, and central differences of them.

use foryou_types::{Rng, SplitMix64};

use super::*;
use crate::RowsMut;
use crate::testing::ways;

/// A sequence of 53 tokens and 51 candidates, so that blocks and panels end in the middle.
const TOKENS: usize = 53;
const CANDIDATES: usize = 51;
const ROWS: usize = TOKENS + CANDIDATES;

struct Case {
    shape: HeadShape,
    causal: bool,
    /// Masked tokens.
    hidden: &'static [usize],
}

fn cases() -> [Case; 4] {
    let shape = HeadShape { heads: 4, groups: 2, key: 8, cap: Some(3.0) };
    [
        Case { shape, causal: true, hidden: &[0, 7] },
        Case { shape, causal: false, hidden: &[5, 50] },
        Case { shape: HeadShape { cap: None, ..shape }, causal: true, hidden: &[0, 1, 2] },
        Case { shape: HeadShape { heads: 1, groups: 1, key: 34, cap: Some(90.0) }, causal: true, hidden: &[] },
    ]
}

impl Case {
    fn seen(&self, row: usize, token: usize) -> bool {
        let valid = !self.hidden.contains(&token);
        match row.checked_sub(TOKENS) {
            None => row == token || valid && (!self.causal || token <= row),
            Some(candidate) => valid && token < cutoff(candidate),
        }
    }

    /// The output `[rows, H·K]` in f64, for queries whose factor is in them.
    fn output(&self, qkv: &[f64], stride: usize) -> Vec<f64> {
        let HeadShape { heads, groups, key, cap } = self.shape;
        let mut out = vec![0.0; ROWS * heads * key];
        for row in 0..ROWS {
            for head in 0..heads {
                let group = head / (heads / groups);
                let part = |row: usize, at: usize| &qkv[row * stride + at * key..][..key];
                let logit = |token: usize| {
                    let z: f64 = part(row, head).iter().zip(part(token, heads + group)).map(|(q, k)| q * k).sum();
                    cap.map_or(z, |cap| f64::from(cap) * z.tanh())
                };
                let keys = (0..TOKENS).filter(|&token| self.seen(row, token)).chain((row >= TOKENS).then_some(row));
                let weights: Vec<(usize, f64)> = keys.map(|token| (token, logit(token).exp())).collect();
                let sum: f64 = weights.iter().map(|(_, w)| w).sum();
                for (token, weight) in weights {
                    for (i, v) in part(token, heads + groups + group).iter().enumerate() {
                        out[(row * heads + head) * key + i] += weight / sum * v;
                    }
                }
            }
        }
        out
    }
}

fn cutoff(candidate: usize) -> usize {
    candidate * 7 % (TOKENS + 3)
}

#[test]
fn outputs_and_gradients_are_those_of_f64() {
    for (number, case) in cases().into_iter().enumerate() {
        let HeadShape { heads, groups, key, .. } = case.shape;
        let (width, wide) = ((heads + 2 * groups) * key, heads * key);
        let stride = padded(width);
        let mut rng = SplitMix64::new(number as u64);
        let mut normal = |n: usize| (0..n).map(|_| 0.5 * rng.normal() as f32).collect::<Vec<_>>();
        let (qkv, d_out) = (normal(ROWS * stride + PANEL), normal(ROWS * wide + PANEL));
        let exact: Vec<f64> = qkv.iter().map(|&x| f64::from(x)).collect();
        let expected = case.output(&exact, stride);
        let loss =
            |qkv: &[f64]| -> f64 { case.output(qkv, stride).iter().zip(&d_out).map(|(o, &d)| o * f64::from(d)).sum() };
        let mut mask = vec![0.0; padded(TOKENS)];
        (0..TOKENS).for_each(|token| mask[token] = if case.hidden.contains(&token) { 0.0 } else { 1.0 });
        let seen: Vec<u32> = (0..CANDIDATES).map(|candidate| cutoff(candidate) as u32).collect();
        let own = if case.causal { Seen::Causal } else { Seen::All };
        let queries = [
            Queries { first: 0, rows: TOKENS, seen: own },
            Queries { first: TOKENS, rows: CANDIDATES, seen: Seen::Candidates(&seen) },
        ];
        let sequence = Sequence { first: 0, tokens: TOKENS, mask: &mask, queries: &queries };
        for way in ways() {
            let mut scratch = AttendScratch::default();
            let (mut out, mut log_sums) = (vec![0.0; ROWS * wide], vec![0.0; ROWS * heads]);
            way.run(AttendForward {
                shape: case.shape,
                sequence,
                qkv: Rows { data: &qkv, stride },
                out: RowsMut { data: &mut out, stride: wide },
                log_sums: &mut log_sums,
                scratch: &mut scratch,
            });
            for (i, (o, e)) in out.iter().zip(&expected).enumerate() {
                assert!((f64::from(*o) - e).abs() < 1e-5, "case {number}, {way:?}, output {i}: {o} for {e}");
            }
            let mut gradient = vec![f32::NAN; ROWS * stride];
            way.run(AttendBack {
                shape: case.shape,
                sequence,
                qkv: Rows { data: &qkv, stride },
                out: Rows { data: &out, stride: wide },
                out_gradient: Rows { data: &d_out, stride: wide },
                log_sums: &log_sums,
                gradient: RowsMut { data: &mut gradient, stride },
                scratch: &mut scratch,
            });
            // Every 61st value: central differences cost two passes each.
            for at in (0..ROWS * stride).step_by(61).filter(|at| at % stride < width) {
                let moved = |by: f64| {
                    let mut moved = exact.clone();
                    moved[at] += by;
                    loss(&moved)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let got = f64::from(gradient[at]);
                assert!(
                    (got - slope).abs() < 2e-5 * slope.abs().max(1.0),
                    "case {number}, {way:?}, gradient {at}: {got} for {slope}"
                );
            }
        }
    }
}
