//! exp, tanh and what is made of them, a vector at a time.

use pulp::Simd;

/// `e^x` to about 2 ulp; below -87 and above 88 the value there (no infinity, no denormal).
///
/// Cephes' `expf`: `x = n·ln 2 + r` with `ln 2` in two parts, a polynomial in `r`, and `2^n` put together from bits.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// `1.5·2^23`: added to a small number, it leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let s = |value: f32| simd.splat_f32s(value);
    let x = simd.min_f32s(simd.max_f32s(x, s(-87.0)), s(88.0));
    let shifted = simd.mul_add_e_f32s(x, s(std::f32::consts::LOG2_E), s(ROUND));
    let n = simd.sub_f32s(shifted, s(ROUND));
    let r = simd.mul_add_e_f32s(n, s(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, s(2.121_944_4e-4), r);
    let mut p = s(1.987_569_1e-4);
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        p = simd.mul_add_e_f32s(p, r, s(c));
    }
    let value = simd.mul_add_e_f32s(p, simd.mul_f32s(r, r), simd.add_f32s(r, s(1.0)));
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let scale = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23)));
    simd.mul_f32s(value, scale)
}

/// `tanh x` to a few ulp: the rational minimax approximation of Eigen (`ptanh_float`), clamped where the result is ±1 in f32.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const CLAMP: f32 = 7.905_311;
    let s = |value: f32| simd.splat_f32s(value);
    let x = simd.min_f32s(simd.max_f32s(x, s(-CLAMP)), s(CLAMP));
    let square = simd.mul_f32s(x, x);
    let mut p = s(-2.760_768_5e-16);
    for c in [2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_3e-4, 4.893_524_6e-3] {
        p = simd.mul_add_e_f32s(p, square, s(c));
    }
    let mut q = s(1.198_258_4e-6);
    for c in [1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3] {
        q = simd.mul_add_e_f32s(q, square, s(c));
    }
    simd.div_f32s(simd.mul_f32s(p, x), q)
}

/// `x · sigmoid(x)`.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(x, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// GELU in its tanh form, `x/2 · (1 + tanh u)` with `u = √(2/π)·(x + 0.044715·x³)`, computed as the equal `x · sigmoid(2u)`, which does
/// not cancel for negative `x`.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// `-2·√(2/π)`.
    const OUTER: f32 = -1.595_769;
    let s = |value: f32| simd.splat_f32s(value);
    let square = simd.mul_f32s(x, x);
    let inner = simd.mul_add_e_f32s(square, s(OUTER * 0.044_715), s(OUTER));
    simd.div_f32s(x, simd.add_f32s(s(1.0), exp(simd, simd.mul_f32s(x, inner))))
}

/// The slope of [`silu`].
#[inline(always)]
pub(crate) fn silu_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let sigmoid = simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))));
    // σ + x·σ·(1 − σ)
    simd.mul_f32s(sigmoid, simd.mul_add_e_f32s(x, simd.sub_f32s(one, sigmoid), one))
}

/// [`gelu`] and its slope: with `σ = sigmoid(2u)`, `σ + x·σ·(1 − σ)·2u'`.
#[inline(always)]
pub(crate) fn gelu_and_slope<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    /// `2·√(2/π)`.
    const OUTER: f32 = 1.595_769;
    let s = |value: f32| simd.splat_f32s(value);
    let square = simd.mul_f32s(x, x);
    let inner = simd.mul_add_e_f32s(square, s(-OUTER * 0.044_715), s(-OUTER));
    let sigmoid = simd.div_f32s(s(1.0), simd.add_f32s(s(1.0), exp(simd, simd.mul_f32s(x, inner))));
    let gelu = simd.mul_f32s(x, sigmoid);
    let rise = simd.mul_add_e_f32s(square, s(3.0 * OUTER * 0.044_715), s(OUTER));
    let rest = simd.mul_f32s(simd.sub_f32s(s(1.0), sigmoid), rise);
    (gelu, simd.mul_add_e_f32s(gelu, rest, sigmoid))
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::Kernels;

    struct All<'a>(&'a [f32; 16]);

    impl WithSimd for All<'_> {
        type Output = [[f32; 16]; 4];
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let mut out = [[0.0; 16]; 4];
            let x = S::as_simd_f32s(self.0).0;
            let f = [exp::<S>, tanh::<S>, silu::<S>, gelu::<S>];
            for (out, f) in out.iter_mut().zip(f) {
                for (out, &x) in S::as_mut_simd_f32s(out).0.iter_mut().zip(x) {
                    *out = f(simd, x);
                }
            }
            out
        }
    }

    #[test]
    fn they_are_what_f64_says_within_a_few_ulp() {
        for kernels in [Kernels::native(), Kernels::Portable] {
            for block in -2_000..2_000 {
                let x: [f32; 16] = std::array::from_fn(|i| (block as f32 + i as f32 / 16.0) * 0.009);
                let got = kernels.run(All(&x));
                for (i, &x) in x.iter().enumerate() {
                    let x = f64::from(x);
                    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                    let expected = [x.exp(), x.tanh(), x / (1.0 + (-x).exp()), 0.5 * x * (1.0 + u.tanh())];
                    for (f, expected) in expected.into_iter().enumerate() {
                        let error = (f64::from(got[f][i]) - expected).abs();
                        let relative = error / expected.abs().max(1e-30);
                        assert!(relative < 6e-7 || error < 1e-7, "function {f} at {x}: {} for {expected}", got[f][i]);
                    }
                }
            }
        }
    }

    #[test]
    fn extremes_stay_finite() {
        let x = [
            f32::MAX,
            f32::MIN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
            -0.0,
            1e20,
            -1e20,
            88.9,
            -88.9,
            1e-40,
            -1e-40,
            100.0,
            -100.0,
            1e10,
            -1e10,
        ];
        for kernels in [Kernels::native(), Kernels::Portable] {
            let got = kernels.run(All(&x));
            assert!(got[0].iter().chain(&got[1]).all(|y| y.is_finite()), "{got:?}");
            // silu and gelu of ±∞ have no use; of every finite number they are finite.
            let finite = |f: usize| got[f].iter().zip(&x).all(|(y, x)| y.is_finite() || x.is_infinite());
            assert!(finite(2) && finite(3), "{got:?}");
            assert_eq!(got[1][0], got[1][2]);
            assert!((got[1][0] - 1.0).abs() < 3e-7);
        }
    }
}
