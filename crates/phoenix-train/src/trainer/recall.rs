//! Recall of retrieval: where the posts that were wanted stand among all posts there are.

use std::collections::BTreeMap;

use foryou_types::{ActionSet, PostId};
use kernels::{Aligned, Kernels, Packed, Rows, RowsMut, padded};
use phoenix::ModelKind;
use rustc_hash::FxHashMap;
use train_core::{BatchPlan, Evaluation, Size, TrainError, Workers};

use super::assemble::{Passes, TowerPost};
use super::model::Model;
use super::workspace::Workspaces;
use crate::data::{TrainingData, is_positive};
use crate::model::Moment;

/// Most positives that are looked for, evenly over the validation part: enough for ± 0.01, and cheap.
const MOST_EXAMPLES: usize = 4_000;
/// Posts of a tower batch.
const POSTS_PER_BATCH: usize = 4_096;
/// Users scored at once.
const USERS_PER_BATCH: usize = 64;

/// The vectors of all posts, `[D, posts]`.
struct Index {
    posts: usize,
    vectors: Packed,
}

/// The wanted posts of the validation part and the users at those moments.
pub(crate) struct RecallCheck<'a> {
    data: &'a TrainingData,
    /// Passes of a batch with the places of their candidates that are looked for.
    batches: Vec<Vec<(u32, Vec<u32>)>>,
    /// Places of the posts among those alive.
    place: FxHashMap<PostId, usize>,
    workspaces: Workspaces,
}

impl<'a> RecallCheck<'a> {
    pub(crate) fn new(data: &'a TrainingData, action_set: &ActionSet, tokens: usize) -> Self {
        let place: FxHashMap<PostId, usize> =
            data.alive_posts.iter().enumerate().map(|(i, &(post, _))| (post, i)).collect();
        let mut wanted: Vec<(u32, u32)> = Vec::new();
        for (number, pass) in (0..).zip(&data.validation) {
            for (at, candidate) in (0..).zip(&pass.candidates) {
                if is_positive(candidate, action_set) && place.contains_key(&candidate.item.post) {
                    wanted.push((number, at));
                }
            }
        }
        let every = wanted.len().div_ceil(MOST_EXAMPLES).max(1);
        let mut of_pass: Vec<(u32, Vec<u32>)> = Vec::new();
        for (number, at) in wanted.into_iter().step_by(every) {
            match of_pass.last_mut() {
                Some((last, places)) if *last == number => places.push(at),
                _ => of_pass.push((number, vec![at])),
            }
        }
        let sizes = of_pass
            .iter()
            .map(|(number, _)| Size { sequence: data.validation[*number as usize].history.len(), targets: 0 });
        let plan = BatchPlan::new(sizes.collect(), tokens, 0).in_order();
        let batches = plan.iter().map(|batch| batch.iter().map(|&i| of_pass[i as usize].clone()).collect()).collect();
        Self { data, batches, place, workspaces: Workspaces::default() }
    }

    /// recall@10, @100 and @1000 (each example has one wanted post, so the share found) and the mean reciprocal rank. Equal scores count
    /// against the model. None without examples.
    pub(crate) fn measure(&self, model: &Model, workers: &Workers) -> Result<Option<Evaluation>, TrainError> {
        if self.batches.is_empty() {
            return Ok(None);
        }
        let ranks = self.all_ranks(model, workers)?;
        let mean =
            |f: &dyn Fn(usize) -> f64| ranks.iter().map(|&rank| f(rank)).sum::<f64>() / ranks.len().max(1) as f64;
        let within = |k: usize| mean(&|rank| f64::from(u8::from(rank < k)));
        let metrics = BTreeMap::from([
            ("recall@10".to_owned(), within(10)),
            ("recall@100".to_owned(), within(100)),
            ("recall@1000".to_owned(), within(1000)),
            ("mrr".to_owned(), mean(&|rank| 1.0 / (rank + 1) as f64)),
        ]);
        // Recall alone says nothing where there are hardly more than 100 posts.
        let criterion = -(metrics["recall@100"] + metrics["mrr"]);
        Ok(Some(Evaluation { metrics, details: BTreeMap::new(), criterion }))
    }

    /// Posts among which is looked.
    pub(crate) fn posts(&self) -> usize {
        self.data.alive_posts.len()
    }

    /// Wanted posts that are looked for.
    pub(crate) fn wanted(&self) -> usize {
        self.examples().count()
    }

    /// The ranks (from 0) of all wanted posts by a model.
    pub(crate) fn all_ranks(&self, model: &Model, workers: &Workers) -> Result<Vec<usize>, TrainError> {
        let index = self.index(model, workers)?;
        let mut ranks = Vec::new();
        for part in workers.map(self.batches.iter().collect(), |batch| self.ranks(model, &index, batch)) {
            ranks.extend(part?);
        }
        Ok(ranks)
    }

    /// recall@k of the posts acted on most in the training part; posts that tie stand in every order as often.
    pub(crate) fn popularity_recall(&self, k: usize) -> f64 {
        let count = |post: &PostId| self.data.post_frequency.get(post).copied().unwrap_or(0);
        let mut counts: Vec<u32> = self.data.alive_posts.iter().map(|(post, _)| count(post)).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let found = |post: PostId| {
            let own = count(&post);
            let above = counts.partition_point(|other| *other > own);
            let tied = counts.partition_point(|other| *other >= own) - above;
            (k.saturating_sub(above) as f64 / tied.max(1) as f64).min(1.0)
        };
        let found: Vec<f64> = self.examples().map(found).collect();
        found.iter().sum::<f64>() / found.len().max(1) as f64
    }

    /// The wanted posts that are looked for.
    fn examples(&self) -> impl Iterator<Item = PostId> + '_ {
        self.batches.iter().flatten().flat_map(move |(number, places)| {
            let candidates = &self.data.validation[*number as usize].candidates;
            places.iter().map(move |&at| candidates[at as usize].item.post)
        })
    }

    fn index(&self, model: &Model, workers: &Workers) -> Result<Index, TrainError> {
        let sizes = &model.config.model;
        let chunks: Vec<_> = self.data.alive_posts.chunks(POSTS_PER_BATCH).collect();
        let vectors = workers.map(chunks, |chunk| {
            let infos: Vec<_> =
                chunk.iter().map(|&(post, _)| (post, self.data.corpus.get(post).unwrap_or_default())).collect();
            let tower = infos.iter().map(|(post, info)| TowerPost {
                post: *post,
                hidden: false,
                author: info.author,
                content: &info.content,
            });
            self.workspaces.with(ModelKind::Retrieval, sizes, |space| {
                let mut vectors = Vec::new();
                space.network.load(&model.dense)?;
                space.posts.take(&model.config, &model.tables, tower);
                space.network.posts(&space.posts.ids, space.posts.text.as_deref(), &mut vectors);
                Ok(vectors)
            })
        });
        let (posts, d) = (self.data.alive_posts.len(), sizes.emb_size);
        let mut all = Packed::empty();
        all.shape(d, posts);
        for (i, part) in vectors.into_iter().enumerate() {
            all.write_transposed(0, i * POSTS_PER_BATCH, d, &part?, None, 1.0);
        }
        Ok(Index { posts, vectors: all })
    }

    /// The ranks (from 0) of a batch's wanted posts.
    fn ranks(&self, model: &Model, index: &Index, batch_of: &[(u32, Vec<u32>)]) -> Result<Vec<usize>, TrainError> {
        let (sizes, d) = (&model.config.model, model.config.model.emb_size);
        let numbers: Vec<u32> = batch_of.iter().map(|(number, _)| *number).collect();
        let passes = Passes { all: &self.data.validation, numbers: &numbers };
        let (mut moments, mut wanted) = (Vec::new(), Vec::new());
        for (row, (pass, (_, places))) in passes.iter().zip(batch_of).enumerate() {
            for &at in places {
                let candidate = &pass.candidates[at as usize];
                moments.push(Moment { user: row, cutoff: candidate.cutoff });
                wanted.push(self.place.get(&candidate.item.post).copied().unwrap_or(0));
            }
        }
        let users = self.workspaces.with(ModelKind::Retrieval, sizes, |space| {
            let mut vectors = Vec::new();
            space.network.load(&model.dense)?;
            space.batch.take(model, passes, None, false);
            space.network.users(&model.dense, &space.batch.history, &moments, &mut vectors);
            Ok(vectors)
        })?;
        let (posts, kernels) = (index.posts, Kernels::native());
        let stride = padded(posts);
        let mut scores = Aligned::zeros(USERS_PER_BATCH * stride);
        let mut ranks = Vec::with_capacity(wanted.len());
        for (users, wanted) in users.chunks(USERS_PER_BATCH * d).zip(wanted.chunks(USERS_PER_BATCH)) {
            let out = RowsMut { data: &mut scores, stride };
            kernels.run(index.vectors.product(wanted.len(), Rows { data: users, stride: d }, out));
            for (scores, &at) in scores.chunks_exact(stride).map(|row| &row[..posts]).zip(wanted) {
                // NaN counts against the model: as its own score it is below all, as another's above.
                let own = if scores[at].is_nan() { f32::NEG_INFINITY } else { scores[at] };
                let above =
                    scores.iter().enumerate().filter(|&(i, score)| i != at && score.total_cmp(&own).is_ge()).count();
                ranks.push(above);
            }
        }
        Ok(ranks)
    }
}
