//! Where tensors are computed.

use burn_tensor::Device;

/// The CPU: the one place that says so.
pub(crate) fn device() -> Device {
    Device::flex()
}
