//! What the tests of kernels share: every instruction set that this machine can run.

use pulp::{Arch, Scalar, Simd, WithSimd};

/// A way to run a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// The best instruction set there is.
    Native(Arch),
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    V3(pulp::x86::V3),
    /// The shapes of AVX-512, on a machine that may only have AVX2.
    #[cfg(target_arch = "x86_64")]
    Sixteens(pulp::x86::V3_512b),
    /// No vector instructions.
    Portable,
}

impl Way {
    pub(crate) fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        match self {
            Self::Native(arch) => arch.dispatch(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::V3(simd) => Simd::vectorize(simd, kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Sixteens(simd) => Simd::vectorize(simd, kernel),
            Self::Portable => Scalar::new().vectorize(kernel),
        }
    }
}

/// All ways of this machine.
pub(crate) fn ways() -> Vec<Way> {
    let mut all = vec![Way::Native(Arch::new()), Way::Portable];
    #[cfg(target_arch = "x86_64")]
    if let Some(v3) = pulp::x86::V3::try_new() {
        all.extend([Way::V3(v3), Way::Sixteens(pulp::x86::V3_512b(v3))]);
    }
    all
}
