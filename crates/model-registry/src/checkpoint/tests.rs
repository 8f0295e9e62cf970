use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::tensor_file;
use crate::testing::{Toy, load, toy, toy_of};

fn training() -> Vec<NamedTensor> {
    vec![
        NamedTensor { name: "z.step".to_owned(), shape: vec![1], data: vec![12.0] },
        NamedTensor { name: "a.moment".to_owned(), shape: vec![2, 3], data: vec![0.5; 6] },
    ]
}

fn refusal(folder: &Path) -> String {
    load(folder).unwrap_err().to_string()
}

/// A saved model with what training needs, the folder kept alive by the guard.
fn saved() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    save(&toy(1), &folder, Some(&training())).unwrap();
    (dir, folder)
}

/// As [`saved`], by a version that wrote no checksums: so what is wrong with a file is seen by what is in it.
fn saved_without_checksums() -> (tempfile::TempDir, PathBuf) {
    let (dir, folder) = saved();
    fs::remove_file(folder.join("manifest.json")).unwrap();
    (dir, folder)
}

/// Writes a tensor file of the folder again after a change to its tensors.
fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<NamedTensor>)) {
    let mut tensors: Vec<NamedTensor> = tensor_file::TensorFile::read(path)
        .unwrap()
        .tensors
        .into_iter()
        .map(|t| match t.values {
            tensor_file::Values::F32(data) => NamedTensor { name: t.name, shape: t.shape, data },
            tensor_file::Values::I32(_) => panic!("checkpoints hold floats"),
        })
        .collect();
    change(&mut tensors);
    let views: Vec<_> = tensors.iter().map(TensorView::from).collect();
    tensor_file::write(path, &views).unwrap();
}

#[test]
fn a_model_comes_back_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("not/yet/there");
    let mut model = toy(3);
    model.weights.data[..4].copy_from_slice(&[-0.0, f32::MIN_POSITIVE / 8.0, f32::MAX, 0.1]);
    save(&model, &folder, None).unwrap();
    let back = load(&folder).unwrap();
    let bits = |toy: &Toy| toy.weights.data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!((bits(&back), &back.manifest, &back.bias), (bits(&model), &model.manifest, &model.bias));
    assert_eq!(Manifest::read(&folder).unwrap(), model.manifest);
    assert!(ModelFiles::training_state(&folder).unwrap_err().is_not_found());
    assert_eq!(ModelFiles::count(&folder, &model.manifest).unwrap(), 9);
}

#[test]
fn what_training_needs_comes_back_in_order() {
    let (_dir, folder) = saved();
    assert_eq!(ModelFiles::training_state(&folder).unwrap(), training());
    rewrite(&folder.join(OPTIMIZER), |t| t[1].data[2] = f32::INFINITY);
    let changed = ModelFiles::training_state(&folder).unwrap_err().to_string();
    assert!(changed.contains(OPTIMIZER) && changed.contains("its checksum"), "{changed}");
    // As an earlier version wrote it.
    fs::remove_file(folder.join("manifest.json")).unwrap();
    let error = ModelFiles::training_state(&folder).unwrap_err().to_string();
    assert!(error.contains(OPTIMIZER) && error.contains("a.moment") && error.contains("value 2 is inf"), "{error}");
}

#[test]
fn metrics_that_are_no_numbers_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = toy(1);
    model.manifest.metrics.insert("auc".to_owned(), f64::NAN);
    save(&model, &dir.path().join("m"), None).unwrap();
    let metrics = load(&dir.path().join("m")).unwrap().manifest.metrics;
    assert_eq!(metrics.keys().collect::<Vec<_>>(), ["validation/ndcg@10"]);
}

#[test]
fn a_truncated_or_longer_file_is_refused_by_name() {
    let (_dir, folder) = saved();
    for file in [CONFIG, "weights.safetensors", "bias.safetensors"] {
        let path = folder.join(file);
        let whole = fs::read(&path).unwrap();
        for len in [0, 1, 7, 8, 9, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
            fs::write(&path, &whole[..len]).unwrap();
            let error = refusal(&folder);
            assert!(error.contains(file), "{len} bytes: {error}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(refusal(&folder).contains(file));
        fs::remove_file(&path).unwrap();
        let error = load(&folder).unwrap_err();
        assert!(matches!(&error, CheckpointError::Io { path: p, .. } if *p == path), "{error}");
        fs::write(&path, whole).unwrap();
        load(&folder).unwrap();
    }
}

#[test]
fn a_tensor_that_does_not_belong_is_refused_by_name() {
    type Spoil = fn(&mut Vec<NamedTensor>);
    let cases: [(&str, &str, Spoil); 5] = [
        ("w", "has shape [3, 2], [2, 3] is needed", |t| t[0].shape.reverse()),
        ("w", "value 5 is NaN", |t| t[0].data[5] = f32::NAN),
        ("w", "value 0 is -inf", |t| t[0].data[0] = f32::NEG_INFINITY),
        ("w", "is missing", |t| drop(t.remove(0))),
        ("extra", "not part", |t| t.push(NamedTensor { name: "extra".into(), shape: vec![1], data: vec![0.0] })),
    ];
    for (tensor, problem, spoil) in cases {
        let (_dir, folder) = saved_without_checksums();
        rewrite(&folder.join("weights.safetensors"), spoil);
        let error = refusal(&folder);
        let named = error.contains("weights.safetensors") && error.contains(&format!("tensor {tensor}:"));
        assert!(named && error.contains(problem), "{problem}: {error}");
    }
    for (dtype, bytes) in [("I32", 4), ("F16", 2)] {
        let (_dir, folder) = saved_without_checksums();
        let header = format!(r#"{{"w":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{bytes}]}}}}"#);
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend(vec![0; bytes]);
        fs::write(folder.join("weights.safetensors"), file).unwrap();
        let error = refusal(&folder);
        assert!(error.contains("weights.safetensors") && error.contains(dtype), "{error}");
    }
}

#[test]
fn a_bad_manifest_is_refused_by_its_key() {
    type Spoil = fn(&mut serde_json::Value);
    let cases: [(&str, Spoil); 9] = [
        ("format: is version 3", |c| c["format"] = 3.into()),
        ("format: is missing", |c| drop(c.as_object_mut().unwrap().remove("format"))),
        ("seed", |c| drop(c.as_object_mut().unwrap().remove("seed"))),
        ("payload", |c| drop(c.as_object_mut().unwrap().remove("payload"))),
        ("colour", |c| c["colour"] = 1.into()),
        ("Ranker", |c| c["kind"] = "Ranker".into()),
        ("files[1]", |c| c["files"][1] = "../bias".into()),
        ("files[0]", |c| c["files"][0] = "optimizer".into()),
        ("action_set.actions[1]", |c| c["action_set"]["actions"][1]["name"] = "like".into()),
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

/// Before there were families, what the model is stood beside what any model has.
#[test]
fn a_manifest_of_the_first_version_is_read() {
    let (_dir, folder) = saved_without_checksums();
    let old = serde_json::json!({
        "format": 1, "kind": "ranker", "model": {"emb_size": 4}, "action_set": toy(1).manifest.action_set,
        "hashes": {"user": {"rows": 16}}, "seed": 7, "trained_until": 1_234, "metrics": {"auc": 0.5}
    });
    fs::write(folder.join(CONFIG), old.to_string()).unwrap();
    let manifest = Manifest::read(&folder).unwrap();
    assert_eq!((manifest.family.as_str(), manifest.kind.name(), manifest.seed), ("phoenix", "ranker", 7));
    assert_eq!(manifest.files, ["dense", "tables"]);
    assert_eq!(manifest.payload, serde_json::json!({"model": {"emb_size": 4}, "hashes": {"user": {"rows": 16}}}));
    assert_eq!((manifest.trained_until.unwrap().0, manifest.metrics["auc"]), (1_234, 0.5));
}

#[test]
fn a_broken_model_is_not_saved_and_the_old_one_stays() {
    let (_dir, folder) = saved();
    let spoil: [fn(&mut Toy); 4] = [
        |m| m.weights.data[0] = f32::NAN,
        |m| m.bias.data.truncate(2),
        |m| m.bias.shape = vec![4],
        |m| m.manifest.files.push("a b".to_owned()),
    ];
    for spoil in spoil {
        let mut model = toy(2);
        spoil(&mut model);
        save(&model, &folder, None).unwrap_err();
        assert_eq!(load(&folder).unwrap(), toy(1));
    }
    assert!(save(&toy(1), Path::new("/"), None).is_err());
}

#[test]
fn a_save_replaces_the_folder_and_what_was_in_it() {
    let (dir, folder) = saved();
    fs::write(folder.join("note"), "x").unwrap();
    let other = toy_of("retrieval", 2);
    save(&other, &folder, None).unwrap();
    assert_eq!(load(&folder).unwrap(), other);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    files.sort();
    let left = ["bias.safetensors", CONFIG, "manifest.json", "weights.safetensors"];
    assert_eq!(files, left, "neither the note nor what the old one's training needed");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the folder");
}

#[test]
fn an_interrupted_save_leaves_the_old_or_the_new() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (toy(1), toy(2));
    let folder = dir.path().join("model");
    let (saving, aside) = (dir.path().join(".model.saving"), dir.path().join(".model.old"));
    save(&old, &folder, None).unwrap();

    // Ended while writing: half a file in the new folder.
    fs::create_dir(&saving).unwrap();
    fs::write(saving.join("weights.safetensors"), "half").unwrap();
    assert_eq!(load(&folder).unwrap(), old);

    // Ended between the two renames: the new one is whole, the old one set aside.
    fs::remove_dir_all(&saving).unwrap();
    save(&new, &saving, None).unwrap();
    fs::rename(&folder, &aside).unwrap();
    assert_eq!(load(&folder).unwrap(), old);
    assert_eq!(Manifest::read(&folder).unwrap(), old.manifest);

    // Ended before the old one was removed.
    fs::rename(&saving, &folder).unwrap();
    assert_eq!(load(&folder).unwrap(), new);

    fs::create_dir(&saving).unwrap();
    save(&old, &folder, None).unwrap();
    assert_eq!(load(&folder).unwrap(), old);
    assert!(!saving.exists() && !aside.exists());

    // A refused save does not lose the one set aside.
    fs::rename(&folder, &aside).unwrap();
    save(&new, &folder, None).unwrap();
    assert_eq!(load(&folder).unwrap(), new);
    assert!(!aside.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_header_is_refused_without_a_panic(at in 0_usize..600, byte in any::<u8>()) {
        let (_dir, folder) = saved_without_checksums();
        let path = folder.join("weights.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        if let Err(e) = load(&folder) {
            prop_assert!(e.to_string().contains("weights.safetensors"));
        }
        // The header alone does not bring down the list of versions either.
        let _ = ModelFiles::count(&folder, &toy(1).manifest);
    }
}
