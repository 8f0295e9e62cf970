//! Norms, residual sums and gates of a training: what the forward pass keeps, and the backward pass over it.
//!
//! A kernel's name ends in `Back` where it takes the gradient of an output and gives that of the inputs.

use pulp::{Simd, WithSimd};

use super::math;
use super::rows::scale;

/// `Σ a·b` of two rows.
#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[S::f32s], b: &[S::f32s]) -> f32 {
    let mut sums = [simd.splat_f32s(0.0); 2];
    for (i, (&a, &b)) in a.iter().zip(b).enumerate() {
        sums[i % 2] = simd.mul_add_e_f32s(a, b, sums[i % 2]);
    }
    simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1]))
}

/// The gradient through [`super::Normalise`]: `dx = (dn − n·mean(dn·n)) / rms(x)`.
pub struct NormaliseBack<'a> {
    /// `[rows, stride]`: the normed rows `n`.
    pub normed: &'a [f32],
    /// `[rows]`: `1 / rms(x)`.
    pub inverse: &'a [f32],
    /// `[rows, stride]`: the gradient of the normed rows, zero-padded.
    pub gradient: &'a [f32],
    /// `[rows, stride]`: the gradient of `x` is added to it.
    pub out: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Values of a row that count.
    pub width: usize,
}

impl WithSimd for NormaliseBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.normed.chunks_exact(self.stride).zip(self.gradient.chunks_exact(self.stride));
        for ((n, g), (out, &inverse)) in rows.zip(self.out.chunks_exact_mut(self.stride).zip(self.inverse)) {
            let (n, g) = (S::as_simd_f32s(n).0, S::as_simd_f32s(g).0);
            let along = simd.splat_f32s(-dot(simd, n, g) / self.width as f32);
            let inverse = simd.splat_f32s(inverse);
            for (out, (&n, &g)) in S::as_mut_simd_f32s(out).0.iter_mut().zip(n.iter().zip(g)) {
                *out = simd.mul_add_e_f32s(simd.mul_add_e_f32s(n, along, g), inverse, *out);
            }
        }
    }
}

/// As [`super::AddNormalised`], `x += y / rms(y) · gain`, keeping what the backward pass needs: `y` becomes `y / rms(y)`.
pub struct AddNormalisedKeeping<'a> {
    /// `[rows, stride]`.
    pub x: &'a mut [f32],
    /// `[rows, stride]`.
    pub y: &'a mut [f32],
    /// `[stride]`, zero-padded.
    pub gain: &'a [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Values of a row that count; the rest are zeros.
    pub width: usize,
    /// Added to the mean square.
    pub eps: f32,
    /// `[rows]`: `1 / rms(y)`.
    pub inverse: &'a mut [f32],
}

impl WithSimd for AddNormalisedKeeping<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let gain = S::as_simd_f32s(self.gain).0;
        let rows = self.x.chunks_exact_mut(self.stride).zip(self.y.chunks_exact_mut(self.stride));
        for ((x, y), inverse) in rows.zip(self.inverse) {
            let y = S::as_mut_simd_f32s(y).0;
            *inverse = scale(simd, y, self.width, self.eps);
            let factor = simd.splat_f32s(*inverse);
            for ((x, y), &gain) in S::as_mut_simd_f32s(x).0.iter_mut().zip(y).zip(gain) {
                *y = simd.mul_f32s(*y, factor);
                *x = simd.mul_add_e_f32s(*y, gain, *x);
            }
        }
    }
}

/// The gradient through [`AddNormalisedKeeping`], whose `x` passes it on as it is.
pub struct AddNormalisedBack<'a> {
    /// `[rows, stride]`: the gradient of the sum.
    pub gradient: &'a [f32],
    /// `[rows, stride]`: `y / rms(y)`; becomes the gradient of `y`.
    pub y: &'a mut [f32],
    /// `[rows]`: `1 / rms(y)`.
    pub inverse: &'a [f32],
    /// `[stride]`, zero-padded.
    pub gain: &'a [f32],
    /// `[stride]`: the gradient of `gain` is added to it.
    pub gain_gradient: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// Values of a row that count.
    pub width: usize,
}

impl WithSimd for AddNormalisedBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let gain = S::as_simd_f32s(self.gain).0;
        let gain_gradient = S::as_mut_simd_f32s(self.gain_gradient).0;
        let rows = self.gradient.chunks_exact(self.stride).zip(self.y.chunks_exact_mut(self.stride));
        for ((g, y), &inverse) in rows.zip(self.inverse) {
            let (g, y) = (S::as_simd_f32s(g).0, S::as_mut_simd_f32s(y).0);
            let mut sum = simd.splat_f32s(0.0);
            for ((&g, &y), (&gain, total)) in g.iter().zip(y.iter()).zip(gain.iter().zip(&mut *gain_gradient)) {
                let product = simd.mul_f32s(g, y);
                *total = simd.add_f32s(*total, product);
                sum = simd.mul_add_e_f32s(product, gain, sum);
            }
            let along = simd.splat_f32s(-simd.reduce_sum_f32s(sum) / self.width as f32);
            let inverse = simd.splat_f32s(inverse);
            for ((&g, y), &gain) in g.iter().zip(y).zip(gain) {
                *y = simd.mul_f32s(simd.mul_add_e_f32s(*y, along, simd.mul_f32s(g, gain)), inverse);
            }
        }
    }
}

/// As [`super::Gate`], leaving its input as it is: rows `[gate | value]` to rows `gelu(gate) · value`.
pub struct GateKeeping<'a> {
    /// `[rows, 2·half]`.
    pub x: &'a [f32],
    /// `[rows, half]`.
    pub out: &'a mut [f32],
    /// Stride of the gate's columns.
    pub half: usize,
}

impl WithSimd for GateKeeping<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, out) in self.x.chunks_exact(2 * self.half).zip(self.out.chunks_exact_mut(self.half)) {
            let (gate, value) = row.split_at(self.half);
            let both = S::as_simd_f32s(gate).0.iter().zip(S::as_simd_f32s(value).0);
            for (out, (&gate, &value)) in S::as_mut_simd_f32s(out).0.iter_mut().zip(both) {
                *out = simd.mul_f32s(math::gelu(simd, gate), value);
            }
        }
    }
}

/// The gradient through [`GateKeeping`], whose output is computed again on the way.
pub struct GateBack<'a> {
    /// `[rows, 2·half]`: `[gate | value]`; becomes the gradient of both.
    pub x: &'a mut [f32],
    /// `[rows, half]`: the gradient of the output; becomes the output.
    pub out: &'a mut [f32],
    /// Stride of the gate's columns.
    pub half: usize,
}

impl WithSimd for GateBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, out) in self.x.chunks_exact_mut(2 * self.half).zip(self.out.chunks_exact_mut(self.half)) {
            let (gate, value) = row.split_at_mut(self.half);
            let both = S::as_mut_simd_f32s(gate).0.iter_mut().zip(S::as_mut_simd_f32s(value).0);
            for (out, (gate, value)) in S::as_mut_simd_f32s(out).0.iter_mut().zip(both) {
                let g = *out;
                let (gelu, slope) = math::gelu_and_slope(simd, *gate);
                *out = simd.mul_f32s(gelu, *value);
                *gate = simd.mul_f32s(simd.mul_f32s(g, *value), slope);
                *value = simd.mul_f32s(g, gelu);
            }
        }
    }
}

/// `out = silu(x)`, over slices of one length, a multiple of the panel.
pub struct SiluKeeping<'a> {
    /// The input.
    pub x: &'a [f32],
    /// The output.
    pub out: &'a mut [f32],
}

impl WithSimd for SiluKeeping<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (out, &x) in S::as_mut_simd_f32s(self.out).0.iter_mut().zip(S::as_simd_f32s(self.x).0) {
            *out = math::silu(simd, x);
        }
    }
}

/// The gradient through [`SiluKeeping`].
pub struct SiluBack<'a> {
    /// The input.
    pub x: &'a [f32],
    /// The gradient of the output; becomes that of the input.
    pub gradient: &'a mut [f32],
}

impl WithSimd for SiluBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (g, &x) in S::as_mut_simd_f32s(self.gradient).0.iter_mut().zip(S::as_simd_f32s(self.x).0) {
            *g = simd.mul_f32s(*g, math::silu_slope(simd, x));
        }
    }
}

/// Below this squared length a vector is not scaled to unit length but divided by the root of this.
const LEAST_SQUARED_LENGTH: f32 = 1e-12;

/// Rows scaled to length 1: `x / |x|`.
pub struct Unit<'a> {
    /// `[rows, stride]`, zero-padded.
    pub x: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
    /// `[rows]`: `1 / |x|`.
    pub inverse: &'a mut [f32],
}

impl WithSimd for Unit<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (x, inverse) in self.x.chunks_exact_mut(self.stride).zip(self.inverse) {
            let x = S::as_mut_simd_f32s(x).0;
            *inverse = 1.0 / dot(simd, x, x).max(LEAST_SQUARED_LENGTH).sqrt();
            let factor = simd.splat_f32s(*inverse);
            for x in x {
                *x = simd.mul_f32s(*x, factor);
            }
        }
    }
}

/// The gradient through [`Unit`].
pub struct UnitBack<'a> {
    /// `[rows, stride]`: the unit rows.
    pub unit: &'a [f32],
    /// `[rows]`: `1 / |x|`.
    pub inverse: &'a [f32],
    /// `[rows, stride]`: the gradient of the unit rows, zero-padded; becomes that of `x`.
    pub gradient: &'a mut [f32],
    /// Stride of the rows.
    pub stride: usize,
}

impl WithSimd for UnitBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.unit.chunks_exact(self.stride).zip(self.gradient.chunks_exact_mut(self.stride));
        for ((u, g), &inverse) in rows.zip(self.inverse) {
            let (u, g) = (S::as_simd_f32s(u).0, S::as_mut_simd_f32s(g).0);
            // A vector too short to be scaled to length 1 was divided by a constant.
            let short = inverse * inverse >= 1.0 / LEAST_SQUARED_LENGTH;
            let along = simd.splat_f32s(if short { 0.0 } else { -dot(simd, u, g) });
            let inverse = simd.splat_f32s(inverse);
            for (g, &u) in g.iter_mut().zip(u) {
                *g = simd.mul_f32s(simd.mul_add_e_f32s(u, along, *g), inverse);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};

    use super::*;
    use crate::testing::{Way, ways};

    const ROWS: usize = 3;
    const WIDTH: usize = 35;
    const STRIDE: usize = 64;
    const EPS: f32 = 1e-5;

    /// Rows of random values, zero-padded.
    fn rows(seed: u64) -> Vec<f32> {
        let mut rng = SplitMix64::new(seed);
        (0..ROWS * STRIDE).map(|i| if i % STRIDE < WIDTH { rng.normal() as f32 } else { 0.0 }).collect()
    }

    /// Compares a gradient with central differences of `⟨f(x), d⟩` in f64.
    fn check(what: &str, way: Way, x: &[f32], gradient: &[f32], d: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) {
        let exact: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let loss = |x: &[f64]| f(x).iter().zip(d).map(|(y, &d)| y * f64::from(d)).sum::<f64>();
        for i in (0..x.len()).filter(|i| x.len() < STRIDE || i % STRIDE < WIDTH) {
            let moved = |by: f64| {
                let mut moved = exact.clone();
                moved[i] += by;
                loss(&moved)
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let got = f64::from(gradient[i]);
            assert!((got - slope).abs() < 1e-5 * slope.abs().max(1.0), "{what}, {way:?}, {i}: {got} for {slope}");
        }
    }

    fn normalised(x: &[f64]) -> Vec<f64> {
        let row = |row: &[f64]| {
            let mean = row.iter().map(|x| x * x).sum::<f64>() / WIDTH as f64;
            let inverse = 1.0 / (mean + f64::from(EPS)).sqrt();
            row.iter().map(|x| x * inverse).collect::<Vec<_>>()
        };
        x.chunks_exact(STRIDE).flat_map(row).collect()
    }

    #[test]
    fn norms_have_the_gradients_of_their_functions() {
        let (x, y, d, gain) = (rows(1), rows(2), rows(3), &rows(4)[..STRIDE]);
        let exact = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        for way in ways() {
            let (mut normed, mut inverse, mut out) = (vec![0.0; x.len()], [0.0; ROWS], vec![0.0; x.len()]);
            let (stride, width) = (STRIDE, WIDTH);
            let kept = Some(&mut inverse[..]);
            way.run(crate::Normalise { x: &x, out: &mut normed, stride, width, eps: EPS, inverse: kept });
            way.run(NormaliseBack { normed: &normed, inverse: &inverse, gradient: &d, out: &mut out, stride, width });
            check("norm", way, &x, &out, &d, normalised);

            let (mut sum, mut normed) = (x.clone(), y.clone());
            way.run(AddNormalisedKeeping {
                x: &mut sum,
                y: &mut normed,
                gain,
                stride,
                width,
                eps: EPS,
                inverse: &mut inverse,
            });
            let add = |y: &[f64], gain: &[f64]| -> Vec<f64> {
                normalised(y).iter().enumerate().map(|(i, n)| f64::from(x[i]) + n * gain[i % STRIDE]).collect()
            };
            for (got, expected) in sum.iter().zip(add(&exact(&y), &exact(gain))) {
                assert!((f64::from(*got) - expected).abs() < 1e-5, "{way:?}");
            }
            let mut gain_gradient = vec![0.0; STRIDE];
            way.run(AddNormalisedBack {
                gradient: &d,
                y: &mut normed,
                inverse: &inverse,
                gain,
                gain_gradient: &mut gain_gradient,
                stride,
                width,
            });
            check("sum", way, &y, &normed, &d, |y| add(y, &exact(gain)));
            check("gain", way, &gain[..WIDTH], &gain_gradient, &d, |gain| {
                let mut gain = gain.to_vec();
                gain.resize(STRIDE, 0.0);
                add(&exact(&y), &gain)
            });
        }
    }

    #[test]
    fn unit_vectors_have_the_gradient_of_their_function() {
        let (mut x, d) = (rows(5), rows(6));
        // Too short to be scaled to length 1.
        x[STRIDE..2 * STRIDE].iter_mut().for_each(|x| *x *= 1e-8);
        for way in ways() {
            let (mut unit, mut inverse, mut gradient) = (x.clone(), [0.0; ROWS], d.clone());
            way.run(Unit { x: &mut unit, stride: STRIDE, inverse: &mut inverse });
            way.run(UnitBack { unit: &unit, inverse: &inverse, gradient: &mut gradient, stride: STRIDE });
            let row = |row: &[f64]| {
                let square = row.iter().map(|x| x * x).sum::<f64>().max(f64::from(LEAST_SQUARED_LENGTH));
                row.iter().map(|x| x / square.sqrt()).collect::<Vec<_>>()
            };
            let of = |x: &[f64]| x.chunks_exact(STRIDE).flat_map(row).collect::<Vec<_>>();
            // Differences of the short row are those of a constant factor; of the others, of the function.
            let scaled = |x: &[f64]| {
                let mut all = of(x);
                for (all, x) in all[STRIDE..2 * STRIDE].iter_mut().zip(&x[STRIDE..]) {
                    *all = x / f64::from(LEAST_SQUARED_LENGTH).sqrt();
                }
                all
            };
            check("unit", way, &x, &gradient, &d, scaled);
        }
    }

    #[test]
    fn gates_have_the_gradients_of_their_functions() {
        let (x, d) = ([rows(7), rows(8)].concat(), rows(9));
        // Rows of [gate | value], each padded.
        let gelu = |x: f64| {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + u.tanh())
        };
        let gated = |x: &[f64]| -> Vec<f64> {
            let row = |row: &[f64]| {
                let (gate, value) = row.split_at(STRIDE);
                gate.iter().zip(value).map(|(&gate, value)| gelu(gate) * value).collect::<Vec<_>>()
            };
            x.chunks_exact(2 * STRIDE).flat_map(row).collect()
        };
        let silu = |x: &[f64]| x.iter().map(|x| x / (1.0 + (-x).exp())).collect::<Vec<_>>();
        for way in ways() {
            let (mut out, mut both, mut again) = (vec![0.0; d.len()], x.clone(), d.clone());
            way.run(GateKeeping { x: &x, out: &mut out, half: STRIDE });
            way.run(GateBack { x: &mut both, out: &mut again, half: STRIDE });
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * a.abs();
            assert!(out.iter().zip(&again).all(near), "{way:?}: the output is computed again");
            check("gate", way, &x, &both, &d, gated);

            let (mut out, mut gradient) = (vec![0.0; d.len()], d.clone());
            way.run(SiluKeeping { x: &x[..d.len()], out: &mut out });
            way.run(SiluBack { x: &x[..d.len()], gradient: &mut gradient });
            check("silu", way, &x[..d.len()], &gradient, &d, silu);
        }
    }
}
