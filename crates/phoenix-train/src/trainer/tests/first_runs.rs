//! Runs that the first form of the folder left, stopped after three steps.

use std::fs;

use train_core::events_of_run;

use super::*;

/// The recipe that they were begun with.
fn tiny(kind: ModelKind) -> Recipe {
    let mut recipe = recipe(kind);
    (recipe.model.emb_size, recipe.model.key_size) = (4, 2);
    recipe.tokens_per_step = 60;
    recipe.stopping.evaluate_every = Some(2);
    recipe
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

#[test]
fn a_run_of_the_first_form_is_gone_on_with() {
    for kind in BOTH {
        let (dir, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/first_runs").join(kind.name()), dir.path());
        check_run(dir.path()).unwrap();
        assert_eq!(events_of_run(dir.path()).unwrap(), None, "its data came from no log");
        let resume = RunOptions { resume: true, ..options(2) };
        let other = train(kind, &data(12), &Recipe { epochs: 9, ..tiny(kind) }, dir.path(), &resume).unwrap_err();
        assert!(other.to_string().contains("the recipe (epochs)"), "{other}");
        let resumed = train(kind, &data(12), &tiny(kind), dir.path(), &resume).unwrap();
        let expected = train(kind, &data(12), &tiny(kind), whole.path(), &options(2)).unwrap();
        assert_eq!((resumed.steps, resumed.stopped), (expected.steps, false));
        assert!(resumed.steps > 3 && losses(dir.path()).len() == losses(whole.path()).len());
        // On another machine the last bits may differ.
        let [resumed, expected] = [&resumed, &expected].map(|outcome| Checkpoint::load(&outcome.checkpoint).unwrap());
        assert_eq!(resumed.config.hashes, expected.config.hashes);
        for (a, b) in resumed.dense.iter().zip(&expected.dense) {
            let close = a.data.iter().zip(&b.data).all(|(a, b)| (a - b).abs() < 1e-3);
            assert!(close, "{kind:?}, {}", a.name);
        }
    }
}
