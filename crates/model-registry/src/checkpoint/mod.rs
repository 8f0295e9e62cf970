//! A trained model in a folder.
//!
//! ```text
//! checkpoint/
//!   config.json              the manifest: what the model is
//!   NAME.safetensors         its tensors, f32, in the files that the manifest names
//!   optimizer.safetensors    what training needs to continue; absent in a model that is only served
//!   manifest.json            the checksum of each of these files
//! ```
//!
//! [`save`] makes a new folder next to the old one and renames it into place: whatever happens, what is read afterwards is the old
//! checkpoint or the new one, never parts of both.

mod checksums;
mod error;
mod load;
mod manifest;
mod place;
mod save;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use error::CheckpointError;
pub use load::{ModelFiles, Tensors};
pub use manifest::Manifest;
pub use save::save;

pub(crate) use checksums::sum_of_manifest;

/// The file of the manifest.
pub(crate) const CONFIG: &str = "config.json";
/// The file of what only training needs.
pub(crate) const OPTIMIZER: &str = "optimizer.safetensors";

/// A tensor with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Name.
    pub name: String,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Vec<f32>,
}

/// A tensor to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorView<'a> {
    /// Name.
    pub name: &'a str,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// Values.
    pub data: &'a [f32],
}

impl<'a> From<&'a NamedTensor> for TensorView<'a> {
    fn from(tensor: &'a NamedTensor) -> Self {
        Self { name: &tensor.name, shape: tensor.shape.clone(), data: &tensor.data }
    }
}

/// A model that can be saved.
pub trait Stored {
    /// What it is. [`Manifest::files`] names the files that [`Self::tensors`] is asked for.
    fn manifest(&self) -> Manifest;

    /// The tensors of a file, in the order in which they are written.
    fn tensors(&self, file: &str) -> Vec<TensorView<'_>>;

    /// Checks that the model is one that its family would load again; `folder` is where it is to be written.
    fn check(&self, folder: &Path) -> Result<(), CheckpointError>;
}

/// The name of a tensor file in the folder.
fn tensor_path(folder: &Path, file: &str) -> std::path::PathBuf {
    folder.join(format!("{file}.safetensors"))
}
