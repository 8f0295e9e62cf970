//! A family of small models for the tests of this crate: some weights in one file, a bias in another.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::{ActionSet, TimeMs};

use crate::{CheckpointError, Families, Family, Kind, Manifest, ModelFiles, NamedTensor, Stored, TensorView};

/// A model whose payload says how many weights it has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Toy {
    pub(crate) manifest: Manifest,
    pub(crate) weights: NamedTensor,
    pub(crate) bias: NamedTensor,
}

/// The family of [`Toy`].
#[derive(Debug)]
pub(crate) struct Toys;

/// The families of the tests.
pub(crate) const TOYS: Families = &[&Toys];

pub(crate) fn kind(name: &str) -> Kind {
    Kind::new(name).unwrap()
}

/// A model that depends on its seed, for the kind `ranker`.
pub(crate) fn toy(seed: u64) -> Toy {
    toy_of("ranker", seed)
}

/// A model of any kind.
pub(crate) fn toy_of(name: &str, seed: u64) -> Toy {
    let tensor = |name: &str, shape: &[usize], start: f32| NamedTensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        data: (0..shape.iter().product()).map(|i: usize| start + i as f32 / 3.0).collect(),
    };
    Toy {
        manifest: Manifest {
            family: "toy".to_owned(),
            kind: kind(name),
            action_set: ActionSet::discrete(1, &[("like", 1.0), ("hide", -5.0)]),
            seed,
            trained_until: Some(TimeMs(1_234)),
            metrics: BTreeMap::from([("validation/ndcg@10".to_owned(), 0.5)]),
            files: vec!["weights".to_owned(), "bias".to_owned()],
            payload: serde_json::json!({"width": 3}),
        },
        weights: tensor("w", &[2, 3], seed as f32),
        bias: tensor("b", &[3], -1.0),
    }
}

impl Stored for Toy {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn tensors(&self, file: &str) -> Vec<TensorView<'_>> {
        vec![TensorView::from(if file == "weights" { &self.weights } else { &self.bias })]
    }

    fn check(&self, folder: &Path) -> Result<(), CheckpointError> {
        TensorView::from(&self.weights).check(&folder.join("weights.safetensors"), &[2, 3])?;
        TensorView::from(&self.bias).check(&folder.join("bias.safetensors"), &[3])
    }
}

impl Family for Toys {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn problem(&self, manifest: &Manifest) -> Option<String> {
        (manifest.payload["width"] != 3).then(|| format!("payload.width: must be 3, is {}", manifest.payload["width"]))
    }

    fn check(&self, files: &ModelFiles) -> Result<(), CheckpointError> {
        read(files).map(drop)
    }
}

fn read(files: &ModelFiles) -> Result<Toy, CheckpointError> {
    if let Some(problem) = Toys.problem(files.manifest()) {
        return Err(CheckpointError::format(&files.folder().join("config.json"), problem));
    }
    let one = |file: &str, name: &str, shape: &[usize]| {
        let mut tensors = files.tensors(file)?;
        let tensor = tensors.take(name, shape)?;
        tensors.finish().map(|()| tensor)
    };
    let (weights, bias) = (one("weights", "w", &[2, 3])?, one("bias", "b", &[3])?);
    Ok(Toy { manifest: files.manifest().clone(), weights, bias })
}

/// Loads a [`Toy`].
pub(crate) fn load(folder: &Path) -> Result<Toy, CheckpointError> {
    read(&ModelFiles::open(folder)?)
}
