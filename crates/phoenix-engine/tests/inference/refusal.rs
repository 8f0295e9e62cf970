//! A model that is not whole is refused with the name of what is wrong.

use model_registry::NamedTensor;
use phoenix::{Checkpoint, ModelKind};
use phoenix_engine::{EngineError, Ranker, RetrievalModel};

use crate::models::{checkpoint, odd};

/// What is said of a ranker that `breaks` has broken.
#[track_caller]
fn assert_refused(expected: &str, breaks: impl Fn(&mut Checkpoint)) {
    let mut checkpoint = checkpoint(ModelKind::Ranker, odd(), 1);
    breaks(&mut checkpoint);
    let error = Ranker::new(&checkpoint).unwrap_err().to_string();
    assert!(error.contains(expected), "{error} for {expected}");
}

fn unembed(checkpoint: &mut Checkpoint) -> &mut NamedTensor {
    checkpoint.dense.iter_mut().find(|t| t.name.ends_with("unembeddings")).unwrap()
}

#[test]
fn a_broken_checkpoint_is_named() {
    assert_refused("unembeddings: is missing", |c| c.dense.truncate(c.dense.len() - 1));
    assert_refused("unembeddings: has shape [5, 20]", |c| unembed(c).shape = vec![5, 20]);
    assert_refused("unembeddings: value 3 is NaN", |c| unembed(c).data[3] = f32::NAN);
    assert_refused("post table: has", |c| c.tables.post.truncate(20));
    assert_refused("text table: value 7 is inf", |c| c.tables.text[7] = f32::INFINITY);
    assert_refused("user table: has 1 hash functions, 2 are needed", |c| c.config.hashes.user.functions.truncate(1));
    assert_refused("author table: has 1 rows", |c| c.config.hashes.author.rows = 1);
    assert_refused("5 heads, its action set 4 actions", |c| c.config.action_set.actions.truncate(4));
    assert_refused("key_size: must be even", |c| c.config.model.key_size = 7);
}

#[test]
fn each_model_takes_only_its_own_kind() {
    let (ranker, retrieval) = (checkpoint(ModelKind::Ranker, odd(), 1), checkpoint(ModelKind::Retrieval, odd(), 1));
    assert!(matches!(Ranker::new(&retrieval), Err(EngineError::WrongKind { needed: ModelKind::Ranker, .. })));
    assert!(matches!(RetrievalModel::new(&ranker), Err(EngineError::WrongKind { needed: ModelKind::Retrieval, .. })));
}
