use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::tensor_file;
use crate::testing::{small, small_config};

const KINDS: [ModelKind; 2] = [ModelKind::Ranker, ModelKind::Retrieval];

fn optimizer() -> Vec<NamedTensor> {
    vec![
        NamedTensor { name: "z.step".to_owned(), shape: vec![1], data: vec![12.0] },
        NamedTensor { name: "a.moment".to_owned(), shape: vec![2, 3], data: vec![0.5; 6] },
    ]
}

/// The bits, so that -0 and 0 differ.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn refusal(folder: &Path) -> String {
    Checkpoint::load(folder).unwrap_err().to_string()
}

/// A saved small ranker, the folder kept alive by the guard.
fn saved() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    small(ModelKind::Ranker).save(&folder, Some(&optimizer())).unwrap();
    (dir, folder)
}

/// As [`saved`], by a version that wrote no checksums: so what is wrong with a file is seen by what is in it.
fn saved_without_checksums() -> (tempfile::TempDir, PathBuf) {
    let (dir, folder) = saved();
    fs::remove_file(folder.join("manifest.json")).unwrap();
    (dir, folder)
}

/// Writes a tensor file of the folder again after a change to its tensors.
fn rewrite(folder: &Path, file: &str, change: impl FnOnce(&mut Vec<NamedTensor>)) {
    let path = folder.join(file);
    let mut tensors: Vec<NamedTensor> = tensor_file::read(&path)
        .unwrap()
        .tensors
        .into_iter()
        .map(|t| match t.values {
            tensor_file::Values::F32(data) => NamedTensor { name: t.name, shape: t.shape, data },
            tensor_file::Values::I32(_) => panic!("checkpoints hold floats"),
        })
        .collect();
    change(&mut tensors);
    let borrowed: Vec<tensor_file::Borrowed<'_>> =
        tensors.iter().map(|t| (t.name.as_str(), &t.shape[..], &t.data[..])).collect();
    tensor_file::write(&path, &borrowed).unwrap();
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
    for kind in KINDS {
        let model = small(kind);
        let dense: usize = model.dense.iter().map(|t| t.data.len()).sum();
        let tables = [&model.tables.user, &model.tables.post, &model.tables.author, &model.tables.text];
        assert_eq!(model.parameters(), (dense + tables.iter().map(|t| t.len()).sum::<usize>()) as u64);
    }
}

#[test]
fn a_model_comes_back_bit_for_bit() {
    for (kind, text) in [(KINDS[0], true), (KINDS[1], true), (KINDS[0], false), (KINDS[1], false)] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("not/yet/there");
        let mut config = small_config(kind);
        config.model.text = text;
        let mut model = Checkpoint::initial(config, TableInit::default());
        model.dense[0].data[..4].copy_from_slice(&[-0.0, f32::MIN_POSITIVE / 8.0, f32::MAX, 0.1]);
        model.save(&folder, None).unwrap();
        let back = Checkpoint::load(&folder).unwrap();
        assert_eq!(back, model);
        assert_eq!(bits(&back.dense[0].data), bits(&model.dense[0].data));
        assert_eq!(Checkpoint::load_config(&folder).unwrap(), model.config);
        assert!(matches!(Checkpoint::load_optimizer(&folder), Err(CheckpointError::Io { .. })));
    }
}

#[test]
fn the_optimizer_comes_back_in_order() {
    let (_dir, folder) = saved();
    assert_eq!(Checkpoint::load_optimizer(&folder).unwrap(), optimizer());
    rewrite(&folder, OPTIMIZER, |t| t[1].data[2] = f32::INFINITY);
    let changed = Checkpoint::load_optimizer(&folder).unwrap_err().to_string();
    assert!(changed.contains(OPTIMIZER) && changed.contains("its checksum"), "{changed}");
    // As an earlier version wrote it.
    fs::remove_file(folder.join("manifest.json")).unwrap();
    let error = Checkpoint::load_optimizer(&folder).unwrap_err().to_string();
    assert!(error.contains(OPTIMIZER) && error.contains("a.moment") && error.contains("value 2 is inf"), "{error}");
}

#[test]
fn metrics_that_are_no_numbers_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = small(ModelKind::Ranker);
    model.config.metrics.insert("auc".to_owned(), f64::NAN);
    model.save(&dir.path().join("m"), None).unwrap();
    let metrics = Checkpoint::load(&dir.path().join("m")).unwrap().config.metrics;
    assert_eq!(metrics.keys().collect::<Vec<_>>(), ["validation/ndcg@10"]);
}

#[test]
fn a_truncated_or_longer_file_is_refused_by_name() {
    let (_dir, folder) = saved();
    for file in [CONFIG, DENSE, TABLES] {
        let path = folder.join(file);
        let whole = fs::read(&path).unwrap();
        for len in [0, 1, 7, 8, 9, 100, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
            fs::write(&path, &whole[..len]).unwrap();
            let error = refusal(&folder);
            assert!(error.contains(file), "{len} bytes: {error}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(refusal(&folder).contains(file));
        fs::remove_file(&path).unwrap();
        let error = Checkpoint::load(&folder).unwrap_err();
        assert!(matches!(&error, CheckpointError::Io { path: p, .. } if *p == path), "{error}");
        fs::write(&path, whole).unwrap();
        Checkpoint::load(&folder).unwrap();
    }
}

#[test]
fn a_tensor_that_does_not_belong_is_refused_by_name() {
    type Spoil = fn(&mut Vec<NamedTensor>);
    let cases: [(&str, &str, &str, Spoil); 10] = [
        (DENSE, "phoenix_model.proj_mat_1", "shape", |t| t[0].shape.reverse()),
        (DENSE, "phoenix_model.proj_mat_1", "value 5 is NaN", |t| t[0].data[5] = f32::NAN),
        (DENSE, "phoenix_model.proj_mat_3", "value 0 is -inf", |t| t[1].data[0] = f32::NEG_INFINITY),
        (DENSE, "phoenix_model.proj_mat_1", "is missing", |t| drop(t.remove(0))),
        (DENSE, "extra", "not part", |t| t.push(NamedTensor { name: "extra".into(), shape: vec![1], data: vec![0.0] })),
        (TABLES, "post", "shape", |t| t[1].shape = vec![8, 64]),
        (TABLES, "author", "is NaN", |t| t[2].data[20] = f32::NAN),
        (TABLES, "user", "row 0", |t| t[0].data[3] = 0.5),
        (TABLES, "text", "is missing", |t| drop(t.pop())),
        (TABLES, "extra", "not part", |t| t.push(NamedTensor { name: "extra".into(), shape: vec![0], data: vec![] })),
    ];
    for (file, tensor, problem, spoil) in cases {
        let (_dir, folder) = saved_without_checksums();
        rewrite(&folder, file, spoil);
        let error = refusal(&folder);
        assert!(error.contains(file) && error.contains(tensor) && error.contains(problem), "{tensor}: {error}");
    }
}

#[test]
fn a_tensor_of_another_type_is_refused_by_name() {
    let (_dir, folder) = saved_without_checksums();
    let path = folder.join(DENSE);
    for (dtype, bytes) in [("I32", 4), ("F16", 2)] {
        let header =
            format!(r#"{{"phoenix_model.proj_mat_1":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{bytes}]}}}}"#);
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend(vec![0; bytes]);
        fs::write(&path, file).unwrap();
        let error = refusal(&folder);
        assert!(error.contains(DENSE) && error.contains("proj_mat_1") && error.contains(dtype), "{error}");
    }
}

#[test]
fn a_bad_configuration_is_refused_by_its_key() {
    type Spoil = fn(&mut serde_json::Value);
    let cases: [(&str, Spoil); 13] = [
        ("format: is version 2", |c| c["format"] = 2.into()),
        ("format: is missing", |c| drop(c.as_object_mut().unwrap().remove("format"))),
        ("seed", |c| drop(c.as_object_mut().unwrap().remove("seed"))),
        ("colour", |c| c["colour"] = 1.into()),
        ("model.key_size", |c| c["model"]["key_size"] = 5.into()),
        ("action_set.actions[1]", |c| c["action_set"]["actions"][1]["name"] = "favorite".into()),
        ("action_set: has 18", |c| drop(c["action_set"]["actions"].as_array_mut().unwrap().pop())),
        ("hashes.user.rows", |c| c["hashes"]["user"]["rows"] = 1.into()),
        ("hashes.post.rows", |c| c["hashes"]["post"]["rows"] = ((1_u64 << 31) + 1).into()),
        ("hashes.author.functions: has 1", |c| {
            drop(c["hashes"]["author"]["functions"].as_array_mut().unwrap().pop());
        }),
        ("hashes.text.functions[0]", |c| c["hashes"]["text"]["functions"][0]["a"] = 0.into()),
        ("hashes.user.functions[1]", |c| c["hashes"]["user"]["functions"][1]["a"] = crate::hashing::PRIME.into()),
        ("hashes.user.functions[1]", |c| c["hashes"]["user"]["functions"][1]["b"] = crate::hashing::PRIME.into()),
    ];
    let (_dir, folder) = saved_without_checksums();
    let path = folder.join(CONFIG);
    let whole = fs::read(&path).unwrap();
    for (problem, spoil) in cases {
        let mut config: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        spoil(&mut config);
        fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
        let error = refusal(&folder);
        assert!(error.contains(CONFIG) && error.contains(problem), "{problem}: {error}");
    }
    for junk in [&b"junk"[..], b"[]", b"{}", b"\xff\xfe", b"null"] {
        fs::write(&path, junk).unwrap();
        assert!(refusal(&folder).contains(CONFIG));
    }
}

#[test]
fn tables_of_another_size_than_the_configuration_are_refused() {
    let (_dir, folder) = saved_without_checksums();
    let path = folder.join(CONFIG);
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["hashes"]["post"]["rows"] = 128.into();
    fs::write(&path, config.to_string()).unwrap();
    let error = refusal(&folder);
    assert!(error.contains(TABLES) && error.contains("tensor post") && error.contains("[128, 8]"), "{error}");
}

#[test]
fn a_broken_model_is_not_saved_and_the_old_one_stays() {
    let (_dir, folder) = saved();
    let spoil: [fn(&mut Checkpoint); 5] = [
        |m| m.dense[3].data[0] = f32::NAN,
        |m| drop(m.dense.pop()),
        |m| m.dense.swap(0, 1),
        |m| m.tables.post.truncate(9),
        |m| m.config.format = 9,
    ];
    for spoil in spoil {
        let mut model = small(ModelKind::Ranker);
        spoil(&mut model);
        model.save(&folder, None).unwrap_err();
        assert_eq!(Checkpoint::load(&folder).unwrap(), small(ModelKind::Ranker));
    }
    assert!(small(ModelKind::Ranker).save(Path::new("/"), None).is_err());
}

#[test]
fn a_save_replaces_the_folder_and_what_was_in_it() {
    let (dir, folder) = saved();
    fs::write(folder.join("note"), "x").unwrap();
    let other = small(ModelKind::Retrieval);
    other.save(&folder, None).unwrap();
    assert_eq!(Checkpoint::load(&folder).unwrap(), other);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, [CONFIG, DENSE, "manifest.json", TABLES], "neither the note nor the old optimizer");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the folder");
}

#[test]
fn an_interrupted_save_leaves_the_old_or_the_new() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (small(ModelKind::Ranker), small(ModelKind::Retrieval));
    let folder = dir.path().join("model");
    let (saving, aside) = (dir.path().join(".model.saving"), dir.path().join(".model.old"));
    old.save(&folder, None).unwrap();

    // Ended while writing: half a file in the new folder.
    fs::create_dir(&saving).unwrap();
    fs::write(saving.join(DENSE), "half").unwrap();
    assert_eq!(Checkpoint::load(&folder).unwrap(), old);

    // Ended between the two renames: the new one is whole, the old one set aside.
    fs::remove_dir_all(&saving).unwrap();
    new.save(&saving, None).unwrap();
    fs::rename(&folder, &aside).unwrap();
    assert_eq!(Checkpoint::load(&folder).unwrap(), old);
    assert_eq!(Checkpoint::load_config(&folder).unwrap(), old.config);

    // Ended before the old one was removed.
    fs::rename(&saving, &folder).unwrap();
    assert_eq!(Checkpoint::load(&folder).unwrap(), new);

    fs::create_dir(&saving).unwrap();
    old.save(&folder, None).unwrap();
    assert_eq!(Checkpoint::load(&folder).unwrap(), old);
    assert!(!saving.exists() && !aside.exists());

    // A refused save does not lose the one set aside.
    fs::rename(&folder, &aside).unwrap();
    new.save(&folder, None).unwrap();
    assert_eq!(Checkpoint::load(&folder).unwrap(), new);
    assert!(!aside.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_header_is_refused_without_a_panic(at in 0_usize..600, byte in any::<u8>()) {
        let (_dir, folder) = saved();
        let path = folder.join(TABLES);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        if let Err(e) = Checkpoint::load(&folder) {
            prop_assert!(e.to_string().contains(TABLES));
        }
    }
}

#[test]
fn action_sets_are_compared_by_name_kind_and_order() {
    let config = |actions: &[(&str, f64)]| CheckpointConfig {
        action_set: ActionSet::discrete(1, actions),
        ..small_config(ModelKind::Ranker)
    };
    let mut data = ActionSet::discrete(1, &[("like", 1.0), ("hide", -5.0)]);
    assert_eq!(config(&[("like", 7.0), ("hide", 0.0)]).action_difference(&data), None, "weights are the data's");
    let swapped = config(&[("hide", -5.0), ("like", 1.0)]).action_difference(&data).unwrap();
    assert_eq!(swapped, "action 0 is hide in the model and like in the data");
    let shorter = config(&[("like", 1.0)]).action_difference(&data).unwrap();
    assert_eq!(shorter, "it predicts 1 actions, the data has 2");
    data.actions[1].kind = foryou_types::ActionKind::Continuous;
    let other = config(&[("like", 1.0), ("hide", -5.0)]).action_difference(&data).unwrap();
    assert_eq!(other, "hide is Discrete in the model and Continuous in the data");
}
