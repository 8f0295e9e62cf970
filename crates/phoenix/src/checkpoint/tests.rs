use std::fs;
use std::path::PathBuf;

use model_registry::{Manifest, Registry};

use super::*;
use crate::hashing::PRIME;
use crate::testing::{small, small_config};

const CONFIG: &str = "config.json";

fn refusal(folder: &Path) -> String {
    Checkpoint::load(folder).unwrap_err().to_string()
}

/// A saved small ranker without checksums, so that what is wrong with a file is seen by what is in it; the folder is kept alive by
/// the guard.
fn saved() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    small(ModelKind::Ranker).save(&folder, None).unwrap();
    fs::remove_file(folder.join("manifest.json")).unwrap();
    (dir, folder)
}

#[test]
fn a_new_model_is_fixed_by_its_seed_and_starts_as_told() {
    let model = small(ModelKind::Ranker);
    assert_eq!(model, small(ModelKind::Ranker));
    let other =
        Checkpoint::initial(CheckpointConfig { seed: 8, ..small_config(ModelKind::Ranker) }, TableInit::default());
    assert_ne!(model.dense[0].data, other.dense[0].data);
    assert!(other.tables.post.iter().all(|&x| x == 0.0), "post rows start at zero by default");
    for rows in [&model.tables.user, &model.tables.post, &model.tables.author, &model.tables.text] {
        assert!(rows[..8].iter().all(|&x| x == 0.0), "row 0 is padding");
        assert!(rows[8..].iter().all(|&x| x != 0.0));
    }
    let norm = model.dense("transformer.decoder_layer_0.rms_norm.scale").unwrap();
    assert_eq!(norm.data, [1.0; 8]);
    assert_eq!(model.dense("proj"), None);
    let matrix = &model.dense("phoenix_model.proj_mat_3").unwrap().data;
    let std = (matrix.iter().map(|x| x * x).sum::<f32>() / matrix.len() as f32).sqrt();
    assert!((std * 72_f32.sqrt() - 1.0).abs() < 0.15, "std {std} of a matrix with 72 inputs");
}

#[test]
fn parameters_are_counted() {
    for kind in ModelKind::ALL {
        let model = small(kind);
        let dense: usize = model.dense.iter().map(|t| t.data.len()).sum();
        let tables = [&model.tables.user, &model.tables.post, &model.tables.author, &model.tables.text];
        assert_eq!(model.parameters(), (dense + tables.iter().map(|t| t.len()).sum::<usize>()) as u64);
    }
}

#[test]
fn a_model_comes_back() {
    for kind in ModelKind::ALL {
        for text in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let mut config = small_config(kind);
            config.model.text = text;
            config.model.rms_eps = 1e-5;
            let model = Checkpoint::initial(config, TableInit::default());
            model.save(dir.path(), None).unwrap();
            assert_eq!(Checkpoint::load(dir.path()).unwrap(), model);
            assert_eq!(CheckpointConfig::load(dir.path()).unwrap(), model.config);
            let manifest = fs::read_to_string(dir.path().join(CONFIG)).unwrap();
            assert!(manifest.contains("\"rms_eps\": 0.00001") || manifest.contains("\"rms_eps\": 1e-5"), "{manifest}");
        }
    }
}

/// A file, the name of a tensor in it, what is wrong, and how it came about.
type Case<T> = (&'static str, &'static str, &'static str, fn(&mut T));

/// A model that no check holds back from being saved, with the manifest of a good one.
struct Spoiled(Checkpoint, Manifest);

impl Stored for Spoiled {
    fn manifest(&self) -> Manifest {
        self.1.clone()
    }

    fn tensors(&self, file: &str) -> Vec<TensorView<'_>> {
        self.0.tensors(file)
    }

    fn check(&self, _: &Path) -> Result<(), CheckpointError> {
        Ok(())
    }
}

#[test]
fn a_tensor_that_does_not_belong_is_refused_by_name() {
    let cases: [Case<Checkpoint>; 6] = [
        (DENSE, "phoenix_model.proj_mat_1", "has shape", |m| m.dense[0].shape.reverse()),
        (DENSE, "phoenix_model.proj_mat_1", "is missing", |m| drop(m.dense.remove(0))),
        (DENSE, "extra", "not part", |m| {
            m.dense.push(NamedTensor { name: "extra".to_owned(), shape: vec![1], data: vec![0.0] });
        }),
        (TABLES, "post", "[64, 8] is needed", |m| m.tables.post.truncate(80)),
        (TABLES, "user", "row 0", |m| m.tables.user[3] = 0.5),
        (TABLES, "text", "is missing", |m| m.config.model.text = false),
    ];
    for (file, tensor, problem, spoil) in cases {
        let dir = tempfile::tempdir().unwrap();
        let mut model = small(ModelKind::Ranker);
        let manifest = model.manifest();
        spoil(&mut model);
        model_registry::save(&Spoiled(model, manifest), dir.path(), None).unwrap();
        let error = refusal(dir.path());
        assert!(error.contains(file) && error.contains(tensor) && error.contains(problem), "{tensor}: {error}");
    }
}

#[test]
fn a_bad_configuration_is_refused_by_its_key() {
    type Spoil = fn(&mut serde_json::Value);
    let cases: [(&str, Spoil); 13] = [
        ("family: is neural", |c| c["family"] = "neural".into()),
        ("kind: phoenix has no ss4rec models", |c| c["kind"] = "ss4rec".into()),
        ("files: must be dense and tables", |c| drop(c["files"].as_array_mut().unwrap().pop())),
        ("colour", |c| c["payload"]["colour"] = 1.into()),
        ("hashes", |c| drop(c["payload"].as_object_mut().unwrap().remove("hashes"))),
        ("model.key_size", |c| c["payload"]["model"]["key_size"] = 5.into()),
        ("action_set: has 18", |c| drop(c["action_set"]["actions"].as_array_mut().unwrap().pop())),
        ("hashes.user.rows", |c| c["payload"]["hashes"]["user"]["rows"] = 1.into()),
        ("hashes.post.rows", |c| c["payload"]["hashes"]["post"]["rows"] = ((1_u64 << 31) + 1).into()),
        ("hashes.author.functions: has 1", |c| {
            drop(c["payload"]["hashes"]["author"]["functions"].as_array_mut().unwrap().pop());
        }),
        ("hashes.text.functions[0]", |c| c["payload"]["hashes"]["text"]["functions"][0]["a"] = 0.into()),
        ("hashes.user.functions[1]", |c| c["payload"]["hashes"]["user"]["functions"][1]["a"] = PRIME.into()),
        ("hashes.user.functions[1]", |c| c["payload"]["hashes"]["user"]["functions"][1]["b"] = PRIME.into()),
    ];
    let (_dir, folder) = saved();
    let path = folder.join(CONFIG);
    let whole = fs::read(&path).unwrap();
    for (problem, spoil) in cases {
        let mut config: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        spoil(&mut config);
        fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
        let error = refusal(&folder);
        assert!(error.contains(CONFIG) && error.contains(problem), "{problem}: {error}");
    }
}

#[test]
fn tables_of_another_size_than_the_configuration_are_refused() {
    let (_dir, folder) = saved();
    let path = folder.join(CONFIG);
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["payload"]["hashes"]["post"]["rows"] = 128.into();
    fs::write(&path, config.to_string()).unwrap();
    let error = refusal(&folder);
    assert!(error.contains(TABLES) && error.contains("tensor post") && error.contains("[128, 8]"), "{error}");
}

#[test]
fn a_model_that_could_not_be_loaded_is_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    let spoil: [fn(&mut Checkpoint); 6] = [
        |m| m.dense[3].data[0] = f32::NAN,
        |m| drop(m.dense.pop()),
        |m| m.dense.swap(0, 1),
        |m| m.tables.post.truncate(9),
        |m| m.tables.post[0] = 0.1,
        |m| m.config.model.num_actions = 3,
    ];
    for spoil in spoil {
        let mut model = small(ModelKind::Ranker);
        spoil(&mut model);
        model.save(&folder, None).unwrap_err();
        assert!(!folder.exists());
    }
}

/// What a version before this one left: two rankers and a retrieval model, their files in the first form.
#[test]
fn versions_of_the_first_form_are_read_and_promoted() {
    let dir = tempfile::tempdir().unwrap();
    let models = dir.path().join("models");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/first_models"), &models);
    let registry = Registry::open(&models, &[&Phoenix]).unwrap();
    registry.check_newest().unwrap();
    let list = registry.list().unwrap();
    let brief: Vec<_> = list.iter().map(|v| (v.name.as_str(), v.share, v.created_at.0, &v.problem)).collect();
    assert_eq!(
        brief,
        [("ranker-0001", 0.7, 10, &None), ("ranker-0002", 0.3, 20, &None), ("retrieval-0001", 1.0, 30, &None)]
    );
    for version in &list {
        registry.verify(&version.name).unwrap();
        let model = Checkpoint::load(&registry.version(&version.name).unwrap().folder).unwrap();
        assert_eq!(
            (Some(model.parameters()), model_registry::Kind::from(model.config.kind)),
            (version.parameters, version.kind.clone())
        );
        assert_eq!(
            (model.config.trained_until, model.config.metrics["validation/ndcg@10"]),
            (Some(TimeMs(1_234)), 0.5)
        );
    }
    // Bit for bit: a new one is drawn from the same seed.
    let first = Checkpoint::load(&models.join("ranker/0001")).unwrap();
    let init = TableInit { post: 0.01, ..TableInit::default() };
    assert_eq!(Checkpoint::initial(first.config.clone(), init), first);
    assert!(registry.promote("ranker-0002", TimeMs(50)).unwrap_err().to_string().contains("gate"));
    registry.clone().ignoring_gates().promote("ranker-0002", TimeMs(51)).unwrap();
    registry.rollback(&ModelKind::Ranker.into(), TimeMs(52)).unwrap();
    assert_eq!(registry.promoted(&ModelKind::Ranker.into()).unwrap().unwrap().name, "ranker-0001");
    // A new version stands next to the old ones.
    assert_eq!(registry.add(&first, None, TimeMs(53)).unwrap(), "ranker-0003");
    assert_eq!(Checkpoint::load(&models.join("ranker/0003")).unwrap(), first);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
