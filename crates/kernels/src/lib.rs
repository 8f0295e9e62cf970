//! The numeric core of training and serving: slices and shapes in, slices out.
//!
//! Every kernel is a struct of its operands, written once over [`pulp::Simd`], compiled for every instruction set of the machine's
//! family, and run by [`Kernels::run`].
//!
//! | | serving | training adds |
//! |---|---|---|
//! | products | [`Gemm`] by a [`Packed`] matrix, [`Int8Packed`], [`Bf16Packed`]: in i8, bf16 | [`Outer`]: gradients of weights |
//! | norms, gates | [`Normalise`], [`AddNormalised`], [`Gate`], [`Silu`] | forms that keep what their gradients need, and those: [`NormaliseBack`] ... |
//! | positions | [`Rotate`] | [`RotateTo`], also back |
//! | attention | [`Softmax`] and its neighbours, one head at a time | [`AttendForward`], [`AttendBack`]: one sequence at a time |
//! | retrieval | [`Scan`]: one query against many rows; [`Int8Rows`]: estimates of that with their error | [`SoftmaxCrossEntropy`] of a row, [`Unit`] |
//! | tables, optimisers | | [`MeanOfRows`], [`AddTo`], [`AdamWStep`], [`AdagradRows`], [`SumOfSquares`] |
//!
//! Layout rules that let the kernels do without tails:
//! * the columns of a weight matrix come in panels of [`PANEL`], zero-padded ([`Packed`]);
//! * every activation row has a stride that is a multiple of [`PANEL`] ([`padded`]), and its padding holds zeros;
//! * buffers start on a cache line ([`Aligned`]), so that no vector load straddles two.
//!
//! Every row of every kernel is reduced in one order that depends on nothing but the row's length: a row's bits are the same alone,
//! in a tile, on any thread. K is never split.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function is compiled without its instruction set"
)]

mod aligned;
#[cfg(target_arch = "x86_64")]
mod amx;
mod attend;
mod attention;
mod bf16;
#[cfg(target_arch = "x86_64")]
mod bf16_tiles;
mod cross_entropy;
mod gemm;
mod int8;
mod int8_gemm;
mod math;
mod optim;
mod outer;
mod rope;
mod rows;
mod rows_back;
mod scan;
#[cfg(test)]
mod testing;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use aligned::Aligned;
pub use attend::{AttendBack, AttendForward, AttendScratch, HeadShape, Queries, Seen, Sequence};
pub use attention::{Combine, OwnLogits, OwnValues, Softmax};
pub use bf16::{Bf16Input, Bf16Packed};
pub use cross_entropy::SoftmaxCrossEntropy;
pub use gemm::{Gemm, Packed, Rows, RowsMut};
pub use int8::{BLOCK_ROWS, Estimates, Int8Query, Int8Rows};
pub use int8_gemm::{Int8Input, Int8Packed};
pub use optim::{AdagradRows, AdamWStep, AddTo, MeanOfRows, SumOfSquares};
pub use outer::Outer;
pub use rope::{Rope, Rotate, RotateTo};
pub use rows::{AddNormalised, Gate, Normalise, Silu};
pub use rows_back::{
    AddNormalisedBack, AddNormalisedKeeping, GateBack, GateKeeping, NormaliseBack, SiluBack, SiluKeeping, Unit,
    UnitBack,
};
pub use scan::Scan;

use pulp::{Arch, Scalar, Simd, WithSimd};

/// Columns of a weight panel: two AVX-512 or four AVX2 registers.
pub const PANEL: usize = 32;

/// The next multiple of [`PANEL`].
pub const fn padded(n: usize) -> usize {
    n.next_multiple_of(PANEL)
}

/// Which instruction set the kernels run on.
#[derive(Clone, Copy, Debug)]
pub enum Kernels {
    /// The best one this machine has.
    Native(Arch),
    /// No vector instructions asked for: what a machine of an unknown family runs.
    Portable,
}

impl Kernels {
    /// The best instruction set this machine has.
    pub fn native() -> Self {
        Self::Native(Arch::new())
    }

    /// Runs a kernel.
    #[inline]
    pub fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        match self {
            Self::Native(arch) => arch.dispatch(kernel),
            Self::Portable => Scalar::new().vectorize(kernel),
        }
    }
}
