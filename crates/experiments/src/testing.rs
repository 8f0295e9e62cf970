//! A second family of models, for tests: it ranks by age and retrieves by a post's id.

use std::collections::BTreeMap;
use std::path::Path;

use foryou_types::{ActionSet, TimeMs, UserId};
use model_registry::{CheckpointError, Families, Family, Kind, Manifest, ModelFiles, Stored, TensorView};
use phoenix::{CandidateItem, HistoryItem, Phoenix};
use phoenix_engine::{
    AnyRanker, NotServed, RankerOptions, ServedContext, ServedFamilies, ServedFamily, ServedRanker, ServedRetrieval,
};

pub(crate) const KNOWN: Families = &[&Phoenix, &NewestFamily];
pub(crate) const FAMILIES: ServedFamilies = &[&Phoenix, &NewestFamily];

/// The family.
#[derive(Debug)]
pub(crate) struct NewestFamily;

/// A model of it, of any kind.
pub(crate) struct Newest {
    pub(crate) kind: Kind,
    pub(crate) action_set: ActionSet,
    pub(crate) trained_until: TimeMs,
}

impl Stored for Newest {
    fn manifest(&self) -> Manifest {
        Manifest {
            family: NewestFamily.name().to_owned(),
            kind: self.kind.clone(),
            action_set: self.action_set.clone(),
            seed: 0,
            trained_until: Some(self.trained_until),
            metrics: BTreeMap::new(),
            files: vec!["nothing".to_owned()],
            payload: serde_json::Value::Null,
        }
    }

    fn tensors(&self, _: &str) -> Vec<TensorView<'_>> {
        vec![TensorView { name: "zero", shape: vec![1], data: &[0.0] }]
    }

    fn check(&self, _: &Path) -> Result<(), CheckpointError> {
        Ok(())
    }
}

impl Family for NewestFamily {
    fn name(&self) -> &'static str {
        "newest"
    }

    fn problem(&self, _: &Manifest) -> Option<String> {
        None
    }

    fn check(&self, files: &ModelFiles) -> Result<(), CheckpointError> {
        files.tensors("nothing")?.take("zero", &[1]).map(drop)
    }
}

impl ServedFamily for NewestFamily {
    fn ranker(&self, files: &ModelFiles, how: RankerOptions) -> Result<AnyRanker, NotServed> {
        Ok(AnyRanker::new(ByAge(files.manifest().action_set.clone()), how.cache_mb))
    }

    fn retrieval(&self, files: &ModelFiles) -> Result<Box<dyn ServedRetrieval>, NotServed> {
        Ok(Box::new(ByAge(files.manifest().action_set.clone())))
    }
}

/// It needs nothing of a history.
pub(crate) struct ByAge(pub(crate) ActionSet);

/// What it keeps of a viewer.
pub(crate) struct Kept(Vec<HistoryItem>);

impl ServedContext for Kept {
    fn history(&self) -> &[HistoryItem] {
        &self.0
    }

    fn reused(&self) -> usize {
        0
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

impl ServedRanker for ByAge {
    type Context = Kept;

    fn action_set(&self) -> &ActionSet {
        &self.0
    }

    fn history_len(&self) -> usize {
        4
    }

    fn context_bytes(&self) -> usize {
        4 * size_of::<HistoryItem>()
    }

    fn encode(&self, _: UserId, history: &[HistoryItem]) -> Kept {
        Kept(history.to_vec())
    }

    fn extend(&self, _: &Kept, history: &[HistoryItem]) -> Kept {
        Kept(history.to_vec())
    }

    fn score(&self, _: &Kept, candidates: &[CandidateItem], logits: &mut Vec<f32>) {
        logits.clear();
        for (candidate, action) in candidates.iter().flat_map(|c| self.0.actions.iter().map(move |a| (c, a))) {
            let sign = if action.weight < 0.0 { 1.0 } else { -1.0 };
            logits.push(sign * f32::from(candidate.age_bucket) / 16.0);
        }
    }
}

impl ServedRetrieval for ByAge {
    fn action_set(&self) -> &ActionSet {
        &self.0
    }

    fn history_len(&self) -> usize {
        4
    }

    fn width(&self) -> usize {
        1
    }

    fn user_vector(&self, _: UserId, _: &[HistoryItem]) -> Vec<f32> {
        vec![1.0]
    }

    fn post_vectors(&self, posts: &[CandidateItem]) -> Vec<f32> {
        posts.iter().map(|post| (post.post.0 % 1_000) as f32).collect()
    }
}
