//! Small tensor functions. Each is written for few passes over memory forward and backward: on the CPU a pass costs more than
//! its arithmetic.

use burn_tensor::activation::sigmoid;
use burn_tensor::{Device, Gradients, Tensor, TensorData};

/// Below this squared length a vector is not scaled to unit length but divided by the root of this.
const LEAST_SQUARED_LENGTH: f32 = 1e-12;

/// A constant from row-major values.
pub(super) fn constant<const R: usize>(values: Vec<f32>, shape: [usize; R], device: &Device) -> Tensor<R> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The gradient of a leaf, row-major; zeros where it has none.
pub(super) fn gradient(leaf: &Tensor<2>, gradients: &Gradients) -> Vec<f32> {
    leaf.grad(gradients)
        .and_then(|gradient| gradient.try_into_vec_as::<f32>().ok())
        .unwrap_or_else(|| vec![0.0; leaf.dims().iter().product()])
}

/// `x / rms(x)` over the columns of `[N, D]`, without the scale (which is folded into the matrix that follows, or multiplied).
pub(super) fn normalize(x: Tensor<2>, eps: f32) -> Tensor<2> {
    let squares = x.clone() * x.clone();
    let inverse = squares.mean_dim(1).add_scalar(eps).sqrt().recip();
    x * inverse
}

/// `x / |x|` over the columns of `[N, D]`.
pub(super) fn unit(x: Tensor<2>) -> Tensor<2> {
    let squares = x.clone() * x.clone();
    let inverse = squares.sum_dim(1).clamp_min(LEAST_SQUARED_LENGTH).sqrt().recip();
    x * inverse
}

/// GELU in its tanh form, as `x · sigmoid(2·√(2/π)·(x + 0.044715·x³))`, which is the same function.
pub(super) fn gelu(x: Tensor<2>) -> Tensor<2> {
    const LINEAR: f32 = 1.595_769;
    const CUBIC: f32 = LINEAR * 0.044_715;
    let inner = (x.clone() * x.clone()).mul_scalar(CUBIC).add_scalar(LINEAR) * x.clone();
    x * sigmoid(inner)
}
