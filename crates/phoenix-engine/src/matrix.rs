//! Weights at a precision.

use kernels::{Bf16Input, Bf16Packed, Int8Input, Int8Packed, Kernels, Packed, Rows, RowsMut};
use serde::{Deserialize, Serialize};

/// What the layers' matrix products are computed in. Attention, norms, tokens and heads are f32 whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// bfloat16 operands, sums in 32-bit floating point.
    Bf16,
    /// 8-bit integers: every row of activations and every column of weights with a scale, sums in 32-bit integers.
    I8,
}

/// What a model computes with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arithmetic {
    pub(crate) kernels: Kernels,
    pub(crate) precision: Precision,
}

impl Arithmetic {
    /// The best instruction set of this machine.
    pub(crate) fn native(precision: Precision) -> Self {
        Self { kernels: Kernels::native(), precision }
    }

    /// Without vector instructions: what a machine of an unknown family runs, to compare with.
    pub(crate) fn portable(precision: Precision) -> Self {
        Self { kernels: Kernels::Portable, precision }
    }
}

/// A right-hand side of products.
#[derive(Clone, Debug)]
pub(crate) enum Matrix {
    F32(Packed),
    Bf16(Bf16Packed),
    I8(Int8Packed),
}

/// Room for a left-hand side at each precision.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    bf16: Bf16Input,
    int8: Int8Input,
}

impl Matrix {
    /// Packs `value(row, column)` at a precision; a matrix too deep for i8 stays f32.
    pub(crate) fn new(
        Arithmetic { kernels, precision }: Arithmetic,
        depth: usize,
        columns: usize,
        value: impl Fn(usize, usize) -> f32,
    ) -> Self {
        match precision {
            Precision::F32 => Self::F32(Packed::new(depth, columns, value)),
            Precision::Bf16 => Self::Bf16(Bf16Packed::new(kernels, depth, columns, value)),
            Precision::I8 => Int8Packed::new(depth, columns, &value)
                .map_or_else(|| Self::F32(Packed::new(depth, columns, &value)), Self::I8),
        }
    }

    /// The product of `rows` rows of `a` with this matrix, into `c` (padded columns included). `inputs` is room for `a`.
    pub(crate) fn multiply(&self, kernels: Kernels, rows: usize, a: Rows<'_>, inputs: &mut Inputs, c: RowsMut<'_>) {
        match self {
            Self::F32(matrix) => kernels.run(matrix.product(rows, a, c)),
            Self::Bf16(matrix) => matrix.multiply(kernels, rows, a, &mut inputs.bf16, c),
            Self::I8(matrix) => matrix.multiply(kernels, rows, a, &mut inputs.int8, c),
        }
    }
}
