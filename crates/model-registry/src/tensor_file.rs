//! Safetensors files: read whole and checked, written through to the disk.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use crate::checkpoint::{CheckpointError, TensorView};

/// The format allows no longer header.
const MOST_HEADER_BYTES: u64 = 100_000_000;

/// The values of a tensor. No other types are read.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 32-bit signed integers.
    I32(Vec<i32>),
}

/// A tensor as read.
#[derive(Clone, Debug, PartialEq)]
pub struct RawTensor {
    /// Its name.
    pub name: String,
    /// Its shape, row-major.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Values,
}

/// A file as read: its tensors in the order of their place in the file.
#[derive(Debug)]
pub struct TensorFile {
    /// What the file says besides.
    pub metadata: HashMap<String, String>,
    /// The tensors.
    pub tensors: Vec<RawTensor>,
}

impl TensorFile {
    /// Reads a file. For a moment its bytes and its values are both in memory.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
        let broken = |e: safetensors::SafeTensorError| {
            CheckpointError::format(path, format!("is not a whole safetensors file: {e}"))
        };
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
                        let problem = format!("is {other}; F32 and I32 are known");
                        return Err(CheckpointError::tensor(path, &name, problem));
                    }
                };
                Ok(RawTensor { shape: view.shape().to_vec(), values, name })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { metadata: metadata.metadata().clone().unwrap_or_default(), tensors })
    }
}

/// Number of values of all tensors of a file, by its header alone.
pub(crate) fn count_values(path: &Path) -> Result<u64, CheckpointError> {
    let at = |source| CheckpointError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(at)?;
    let mut len = [0; 8];
    file.read_exact(&mut len).map_err(at)?;
    let len = u64::from_le_bytes(len).min(MOST_HEADER_BYTES);
    let mut header = Vec::new();
    file.take(len).read_to_end(&mut header).map_err(at)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|e| CheckpointError::format(path, format!("its header: {e}")))?;
    let len = |shape: &[usize]| shape.iter().fold(1u64, |len, &size| len.saturating_mul(size as u64));
    Ok(header.tensors().values().fold(0, |sum: u64, tensor| sum.saturating_add(len(&tensor.shape))))
}

/// The four-byte groups of a tensor's bytes, which are a multiple of four for the types read here.
fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes.as_chunks().0.iter().copied()
}

/// Writes a file and waits until it is on the disk. The values are converted as they are written, never copied whole.
pub(crate) fn write(path: &Path, tensors: &[TensorView<'_>]) -> io::Result<()> {
    let mut end = 0;
    let infos = tensors
        .iter()
        .map(|tensor| {
            let start = end;
            end += tensor.data.len() * 4;
            let (shape, data_offsets) = (tensor.shape.clone(), (start, end));
            (tensor.name.to_owned(), TensorInfo { dtype: Dtype::F32, shape, data_offsets })
        })
        .collect();
    let header = Metadata::new(None, infos).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))?;
    let mut header = serde_json::to_vec(&header)?;
    // The format wants the data to start at a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(8), b' ');

    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in tensors {
        for value in tensor.data {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.into_inner()?.sync_all()
}
