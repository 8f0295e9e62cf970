//! Agreement with the reference files.

use super::*;

#[test]
fn agrees_with_every_reference_file() {
    for file in reference_files() {
        let results = check(&Golden::load(&file).unwrap()).unwrap();
        for result in &results {
            eprintln!("{}: {result:?}", file.display());
        }
        assert_eq!(results.iter().filter(|r| r.model == ModelKind::Ranker).count(), 1);
        assert_eq!(results.iter().filter(|r| r.model == ModelKind::Retrieval).count(), 4);
        assert!(results.iter().all(|result| result.ok), "{results:?}");
    }
}

#[test]
fn a_wrong_parameter_does_not_agree() {
    let Some(file) = reference_files().into_iter().next() else { return };
    let mut golden = Golden::load(&file).unwrap();
    let name = "ranker.params.transformer.decoder_layer_0.rms_norm_1.scale";
    let model_registry::Values::F32(scale) = &mut golden.tensors.get_mut(name).unwrap().data else {
        panic!("not floats");
    };
    for value in scale {
        *value *= 1.01;
    }
    let results = check(&golden).unwrap();
    assert!(results.iter().any(|r| r.what == "logits" && !r.ok));
    assert!(results.iter().all(|r| r.model == ModelKind::Ranker || r.ok));
}
