//! Safetensors files: read whole and checked, written through to the disk.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

/// The values of a tensor. Phoenix files hold no other types.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 32-bit signed integers.
    I32(Vec<i32>),
}

/// A tensor as read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RawTensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

/// A file as read: its tensors in the order of their place in the file.
#[derive(Debug)]
pub(crate) struct TensorFile {
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) tensors: Vec<RawTensor>,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(crate) enum ReadProblem {
    /// The system refused.
    Io(io::Error),
    /// It is not a file of this format.
    Format(String),
    /// A tensor has values of another type.
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads a file. For a moment its bytes and its values are both in memory.
pub(crate) fn read(path: &Path) -> Result<TensorFile, ReadProblem> {
    let bytes = fs::read(path).map_err(ReadProblem::Io)?;
    let broken = |e: safetensors::SafeTensorError| ReadProblem::Format(format!("no whole safetensors file: {e}"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    let file = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let tensors = metadata
        .offset_keys()
        .into_iter()
        .map(|name| {
            let view = file.tensor(&name).map_err(broken)?;
            let values = match view.dtype() {
                Dtype::F32 => Values::F32(words(view.data()).map(f32::from_le_bytes).collect()),
                Dtype::I32 => Values::I32(words(view.data()).map(i32::from_le_bytes).collect()),
                other => {
                    return Err(ReadProblem::Tensor {
                        tensor: name,
                        problem: format!("is {other}; F32 and I32 are known"),
                    });
                }
            };
            Ok(RawTensor { shape: view.shape().to_vec(), values, name })
        })
        .collect::<Result<_, _>>()?;
    Ok(TensorFile { metadata: metadata.metadata().clone().unwrap_or_default(), tensors })
}

/// The four-byte groups of a tensor's bytes, which are a multiple of four for the types read here.
fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes.as_chunks().0.iter().copied()
}

/// A tensor to be written: name, shape, values.
pub(crate) type Borrowed<'a> = (&'a str, &'a [usize], &'a [f32]);

/// Writes a file and waits until it is on the disk. The values are converted as they are written, never copied whole.
pub(crate) fn write(path: &Path, tensors: &[Borrowed<'_>]) -> io::Result<()> {
    let mut end = 0;
    let infos = tensors
        .iter()
        .map(|&(name, shape, values)| {
            let start = end;
            end += values.len() * 4;
            (name.to_owned(), TensorInfo { dtype: Dtype::F32, shape: shape.to_vec(), data_offsets: (start, end) })
        })
        .collect();
    let header = Metadata::new(None, infos).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))?;
    let mut header = serde_json::to_vec(&header)?;
    // The format wants the data to start at a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(8), b' ');

    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for (_, _, values) in tensors {
        for value in *values {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.into_inner()?.sync_all()
}

/// Waits until the entries of a folder (files made, renamed, removed) are on the disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Only Unix lets a folder be opened; elsewhere the file system keeps its own order.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
