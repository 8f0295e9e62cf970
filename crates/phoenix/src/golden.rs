//! Reference files: inputs, parameters and outputs of the public JAX models, to hold every implementation against.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model_registry::{CheckpointError, NamedTensor, TensorFile, Values};
use serde::Serialize;
use serde_json::Value;

use crate::config::{ModelConfig, ModelKind};
use crate::params::dense_params;

/// Most that a logit may differ from the reference's, in f32.
pub const LOGIT_TOLERANCE: f32 = 2e-5;
/// Most that a value of a unit vector may differ from the reference's, in f32.
pub const VECTOR_TOLERANCE: f32 = 1e-5;

/// A reference file, its shapes checked against its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// Where it is.
    pub path: PathBuf,
    /// The model: without text, post age and dwell unless the file says otherwise.
    pub config: ModelConfig,
    /// Batch size B.
    pub batch: usize,
    /// Candidates C of every row.
    pub candidates: usize,
    /// Length K of the retrieval answer; 0 where the file has none.
    pub top_k: usize,
    /// All tensors by name.
    pub tensors: BTreeMap<String, GoldenTensor>,
}

/// How far one output of an implementation is from the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Which model.
    pub model: ModelKind,
    /// The output, by its name in the file.
    pub what: String,
    /// The largest difference of a value, infinite where lengths differ or a value is not finite; for `top_k_indices` the number of
    /// places where the index differs.
    pub max_abs_diff: f64,
    /// The largest that agrees.
    pub tolerance: f64,
    /// Whether it agrees.
    pub ok: bool,
}

impl Agreement {
    /// Compares floats.
    pub fn of_values(model: ModelKind, what: &str, ours: &[f32], reference: &[f32], tolerance: f32) -> Self {
        // A NaN must not pass: `f64::max` would drop it.
        let largest = |largest: f64, (a, b): (&f32, &f32)| {
            let difference = f64::from((a - b).abs());
            if difference.is_nan() { f64::INFINITY } else { largest.max(difference) }
        };
        let max_abs_diff =
            if ours.len() == reference.len() { ours.iter().zip(reference).fold(0.0, largest) } else { f64::INFINITY };
        let tolerance = f64::from(tolerance);
        Self { model, what: what.to_owned(), max_abs_diff, tolerance, ok: max_abs_diff <= tolerance }
    }

    /// Compares lists of indices, which must be the same.
    pub fn of_indices(model: ModelKind, what: &str, ours: &[i32], reference: &[i32]) -> Self {
        let other = ours.iter().zip(reference).filter(|(a, b)| a != b).count() + ours.len().abs_diff(reference.len());
        Self { model, what: what.to_owned(), max_abs_diff: other as f64, tolerance: 0.0, ok: other == 0 }
    }
}

/// A tensor of a reference file.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenTensor {
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Values,
}

impl Golden {
    /// Reads a file and checks it: the configuration, the shape of every tensor it prescribes, every float finite.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let file = TensorFile::read(path)?;
        let format = |problem: String| CheckpointError::format(path, problem);
        let text = file.metadata.get("config").ok_or_else(|| format("has no metadata key `config`".to_owned()))?;
        let (config, mut sizes) = read_config(text).map_err(|p| format(format!("config: {p}")))?;
        let mut size = |key: &str| sizes.remove(key).ok_or_else(|| format(format!("config: {key}: is missing")));
        let (batch, candidates) = (size("batch")?, size("candidate_seq_len")?);
        let top_k = sizes.remove("top_k").unwrap_or(0);
        let tensors = file
            .tensors
            .into_iter()
            .map(|tensor| (tensor.name, GoldenTensor { shape: tensor.shape, data: tensor.values }))
            .collect();
        let golden = Self { path: path.to_owned(), config, batch, candidates, top_k, tensors };
        golden.check()?;
        Ok(golden)
    }

    /// The floats of a tensor.
    pub fn f32(&self, name: &str) -> Result<&[f32], CheckpointError> {
        match &self.tensor(name)?.data {
            Values::F32(values) => Ok(values),
            Values::I32(_) => Err(self.bad(name, "is I32, F32 is needed")),
        }
    }

    /// The integers of a tensor.
    pub fn i32(&self, name: &str) -> Result<&[i32], CheckpointError> {
        match &self.tensor(name)?.data {
            Values::I32(values) => Ok(values),
            Values::F32(_) => Err(self.bad(name, "is F32, I32 is needed")),
        }
    }

    /// The parameters of a model in the order of [`dense_params`]; `None` if the file has none of that model.
    pub fn dense(&self, kind: ModelKind) -> Result<Option<Vec<NamedTensor>>, CheckpointError> {
        let prefix = format!("{}.params.", kind.name());
        let mut left: Vec<&str> = self.tensors.keys().filter_map(|name| name.strip_prefix(&prefix)).collect();
        if left.is_empty() {
            return Ok(None);
        }
        let mut dense = Vec::new();
        for spec in dense_params(kind, &self.config) {
            let full = format!("{prefix}{}", spec.name);
            let data = self.f32(&full)?.to_vec();
            self.check_shape(&full, &spec.shape)?;
            left.retain(|name| *name != spec.name);
            dense.push(NamedTensor { name: spec.name, shape: spec.shape, data });
        }
        match left.first() {
            Some(name) => Err(self.bad(&format!("{prefix}{name}"), "is not part of this model")),
            None => Ok(Some(dense)),
        }
    }

    fn tensor(&self, name: &str) -> Result<&GoldenTensor, CheckpointError> {
        self.tensors.get(name).ok_or_else(|| self.bad(name, "is missing"))
    }

    fn bad(&self, tensor: &str, problem: &str) -> CheckpointError {
        CheckpointError::tensor(&self.path, tensor, problem)
    }

    fn check_shape(&self, name: &str, shape: &[usize]) -> Result<(), CheckpointError> {
        let found = &self.tensor(name)?.shape;
        if found == shape {
            return Ok(());
        }
        Err(self.bad(name, &format!("has shape {found:?}, {shape:?} is needed")))
    }

    fn check(&self) -> Result<(), CheckpointError> {
        for (name, tensor) in &self.tensors {
            if let Values::F32(values) = &tensor.data
                && let Some(i) = values.iter().position(|x| !x.is_finite())
            {
                return Err(self.bad(name, &format!("value {i} is {}", values[i])));
            }
        }
        let ModelConfig { emb_size: d, history_seq_len: s, num_actions: a, .. } = self.config;
        let (b, c, k) = (self.batch, self.candidates, self.top_k);
        let (hu, hi, ha) = (self.config.num_user_hashes, self.config.num_item_hashes, self.config.num_author_hashes);
        let shapes: [(&str, &[usize]); 18] = [
            ("in.user_hashes", &[b, hu]),
            ("in.history_post_hashes", &[b, s, hi]),
            ("in.history_author_hashes", &[b, s, ha]),
            ("in.history_actions", &[b, s, a]),
            ("in.history_product_surface", &[b, s]),
            ("in.candidate_post_hashes", &[b, c, hi]),
            ("in.candidate_author_hashes", &[b, c, ha]),
            ("in.candidate_product_surface", &[b, c]),
            ("in.user_embeddings", &[b, hu, d]),
            ("in.history_post_embeddings", &[b, s, hi, d]),
            ("in.history_author_embeddings", &[b, s, ha, d]),
            ("in.candidate_post_embeddings", &[b, c, hi, d]),
            ("in.candidate_author_embeddings", &[b, c, ha, d]),
            ("ranker.out.logits", &[b, c, a]),
            ("retrieval.out.user_representation", &[b, d]),
            ("retrieval.out.candidate_representation", &[b, c, d]),
            ("retrieval.out.top_k_indices", &[b, k]),
            ("retrieval.out.top_k_scores", &[b, k]),
        ];
        for (name, shape) in shapes.into_iter().filter(|(name, _)| self.tensors.contains_key(*name)) {
            self.check_shape(name, shape)?;
        }
        let corpus = "retrieval.in.corpus_embeddings";
        if let Some(tensor) = self.tensors.get(corpus) {
            self.check_shape(corpus, &[tensor.shape.first().copied().unwrap_or_default(), d])?;
        }
        Ok(())
    }
}

/// The model's configuration, and the sizes that belong to the file.
///
/// Keys that are neither are left alone: a file may say more about how it was made. What the reference does not have (text, post age,
/// dwell) is off and positions are sequential unless the file says otherwise.
fn read_config(text: &str) -> Result<(ModelConfig, BTreeMap<String, usize>), String> {
    let given: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let Ok(Value::Object(mut model)) = serde_json::to_value(ModelConfig::default()) else {
        return Err("the default configuration is not an object".to_owned());
    };
    for key in ["text", "post_age", "dwell"] {
        model.insert(key.to_owned(), Value::Bool(false));
    }
    model.insert("positions".to_owned(), Value::from("sequential"));
    let mut sizes = BTreeMap::new();
    for (key, value) in given {
        if let Some(slot) = model.get_mut(&key) {
            *slot = value;
        } else if let Some(size) = value.as_u64() {
            sizes.insert(key, size as usize);
        }
    }
    let config: ModelConfig = serde_json::from_value(Value::Object(model)).map_err(|e| e.to_string())?;
    config.check().map_err(|e| e.to_string())?;
    Ok((config, sizes))
}

/// For tests: the reference files, sorted: those in the folder that the environment variable `TEST_SHARED_GOLDEN` names, else in the
/// first `shared/golden` in a folder above the crate under test. Without such files the list is empty, and SKIPPED is
/// printed. It panics instead where the environment variable `TEST_REQUIRE_SHARED` demands them.
#[cfg(any(test, feature = "testing"))]
#[expect(clippy::print_stdout, reason = "only tests call it")]
pub fn reference_files() -> Vec<PathBuf> {
    let folder = std::env::var_os("TEST_SHARED_GOLDEN").map(PathBuf::from).or_else(|| {
        let start =
            std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| std::env::current_dir().ok())?;
        start.ancestors().map(|above| above.join("shared/golden")).find(|folder| folder.is_dir())
    });
    let mut files: Vec<PathBuf> = folder
        .and_then(|folder| folder.read_dir().ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    files.sort();
    if files.is_empty() {
        let missing = "the reference files are absent (shared/golden above the repository, or TEST_SHARED_GOLDEN)";
        assert!(std::env::var_os("TEST_REQUIRE_SHARED").is_none(), "TEST_REQUIRE_SHARED is set, and {missing}");
        println!("SKIPPED: {missing}");
    }
    files
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    /// A file as the reference writes it, for a tiny ranker: name, type, shape, bytes of all values the same.
    struct File {
        config: Option<String>,
        tensors: Vec<(String, Dtype, Vec<usize>, [u8; 4])>,
    }

    impl File {
        fn new() -> Self {
            let config = r#"{"emb_size": 4, "key_size": 2, "num_q_heads": 2, "num_kv_heads": 1, "num_layers": 1,
                "widening_factor": 2.0, "attn_output_multiplier": 0.125, "history_seq_len": 3, "candidate_seq_len": 5,
                "num_actions": 2, "product_surface_vocab_size": 3, "batch": 2, "top_k": 7, "corpus": 9, "made_by": "hand"}"#;
            let (model, _) = read_config(config).unwrap();
            let half = 0.5_f32.to_le_bytes();
            let mut tensors: Vec<_> = dense_params(ModelKind::Ranker, &model)
                .into_iter()
                .map(|spec| (format!("ranker.params.{}", spec.name), Dtype::F32, spec.shape, half))
                .collect();
            tensors.push(("in.user_hashes".to_owned(), Dtype::I32, vec![2, 2], 7_i32.to_le_bytes()));
            tensors.push(("ranker.out.logits".to_owned(), Dtype::F32, vec![2, 5, 2], half));
            Self { config: Some(config.to_owned()), tensors }
        }

        fn tensor(&mut self, name: &str) -> &mut (String, Dtype, Vec<usize>, [u8; 4]) {
            self.tensors.iter_mut().find(|t| t.0.ends_with(name)).unwrap()
        }

        fn bytes(&self) -> Vec<u8> {
            let data: Vec<Vec<u8>> = self.tensors.iter().map(|t| t.3.repeat(t.2.iter().product())).collect();
            let views = self
                .tensors
                .iter()
                .zip(&data)
                .map(|(t, bytes)| (t.0.clone(), TensorView::new(t.1, t.2.clone(), bytes).unwrap()));
            let metadata = self.config.clone().map(|config| HashMap::from([("config".to_owned(), config)]));
            safetensors::serialize(views, metadata).unwrap()
        }

        fn load(&self) -> Result<Golden, CheckpointError> {
            load(&self.bytes())
        }
    }

    fn load(bytes: &[u8]) -> Result<Golden, CheckpointError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tiny.safetensors");
        std::fs::write(&path, bytes).unwrap();
        Golden::load(&path)
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, CheckpointError>, words: &[&str]) {
        let error = result.unwrap_err().to_string();
        for word in words.iter().chain(&["tiny.safetensors"]) {
            assert!(error.contains(word), "{word}: {error}");
        }
    }

    #[test]
    fn a_file_is_read_with_its_sizes_and_switches() {
        let golden = File::new().load().unwrap();
        assert_eq!((golden.batch, golden.candidates, golden.top_k), (2, 5, 7));
        let config = &golden.config;
        assert_eq!((config.emb_size, config.attn_output_multiplier), (4, Some(0.125)));
        assert_eq!(config.positions, crate::config::Positions::Sequential);
        assert!(!config.text && !config.post_age && !config.dwell);
        assert_eq!(golden.i32("in.user_hashes").unwrap(), [7; 4]);
        assert_eq!(golden.f32("ranker.out.logits").unwrap(), [0.5; 20]);
        let dense = golden.dense(ModelKind::Ranker).unwrap().unwrap();
        let names: Vec<_> = dense_params(ModelKind::Ranker, config).into_iter().map(|p| p.name).collect();
        assert_eq!(dense.into_iter().map(|t| t.name).collect::<Vec<_>>(), names);
        assert_eq!(golden.dense(ModelKind::Retrieval).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_no_whole_one_is_refused() {
        let bytes = File::new().bytes();
        for len in [0, 7, 8, 40, bytes.len() / 2, bytes.len() - 1] {
            refused(load(&bytes[..len]), &["safetensors"]);
        }
        let missing = Golden::load(Path::new("tiny.safetensors"));
        assert!(matches!(missing, Err(CheckpointError::Io { .. })));
    }

    #[test]
    fn a_configuration_is_needed() {
        let with = |config: Option<&str>| File { config: config.map(str::to_owned), ..File::new() }.load();
        refused(with(None), &["config"]);
        refused(with(Some("junk")), &["config"]);
        refused(with(Some(r#"{"batch": 1, "candidate_seq_len": 2, "key_size": 3}"#)), &["config", "key_size"]);
        refused(with(Some(r#"{"batch": 1, "candidate_seq_len": 2, "key_size": "x"}"#)), &["config", "x"]);
        refused(with(Some(r#"{"candidate_seq_len": 2}"#)), &["config", "batch"]);
    }

    #[test]
    fn a_tensor_that_does_not_fit_is_named() {
        let mut file = File::new();
        file.tensor("logits").2 = vec![2, 2, 5];
        refused(file.load(), &["ranker.out.logits", "[2, 2, 5]", "[2, 5, 2]"]);

        let mut file = File::new();
        file.tensor("logits").3 = f32::NAN.to_le_bytes();
        refused(file.load(), &["ranker.out.logits", "NaN"]);

        let mut file = File::new();
        file.tensor("logits").1 = Dtype::U32;
        refused(file.load(), &["ranker.out.logits", "U32"]);

        let mut file = File::new();
        file.tensor("proj_mat_1").2.reverse();
        refused(file.load().unwrap().dense(ModelKind::Ranker), &["ranker.params.phoenix_model.proj_mat_1", "shape"]);

        let mut file = File::new();
        file.tensors.retain(|t| !t.0.ends_with("unembeddings"));
        refused(file.load().unwrap().dense(ModelKind::Ranker), &["phoenix_model.unembeddings", "missing"]);

        let mut file = File::new();
        file.tensors.push(("ranker.params.extra".to_owned(), Dtype::F32, vec![1], [0; 4]));
        refused(file.load().unwrap().dense(ModelKind::Ranker), &["ranker.params.extra", "not part"]);

        let golden = File::new().load().unwrap();
        refused(golden.f32("in.user_hashes"), &["in.user_hashes", "I32"]);
        refused(golden.i32("ranker.out.logits"), &["ranker.out.logits", "F32"]);
        refused(golden.f32("nothing"), &["nothing", "missing"]);
    }

    #[test]
    fn the_reference_files_are_read_whole() {
        for path in reference_files() {
            let golden = Golden::load(&path).unwrap();
            for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
                golden.dense(kind).unwrap();
            }
            let hashes = golden.i32("in.user_hashes").unwrap();
            assert_eq!(hashes.len(), golden.batch * golden.config.num_user_hashes);
        }
    }
}
