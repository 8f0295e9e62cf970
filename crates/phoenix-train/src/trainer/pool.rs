//! The examples and the pool of posts of a retrieval step.

use std::sync::Arc;

use foryou_types::{PostId, Rng, UserId};
use phoenix::{Candidate, Pass};
use rustc_hash::FxHashMap;
use train_core::{StepPlan, stream};

use super::assemble::TowerPost;
use super::softmax::{MASKED, Targets};
use crate::data::TrainingData;
use crate::model::Moment;
use crate::recipe::SamplingRecipe;

/// What the passes of a data set hold for retrieval: places of candidates, per pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engagements {
    pub(crate) positives: Vec<Vec<u32>>,
    pub(crate) rejections: Vec<Vec<u32>>,
}

/// A post of the pool.
#[derive(Clone, Debug)]
pub(crate) struct PoolPost {
    post: PostId,
    author: UserId,
    content: Arc<[u32]>,
    hidden: bool,
}

impl PoolPost {
    pub(crate) fn tower(&self) -> TowerPost<'_> {
        TowerPost { post: self.post, hidden: self.hidden, author: self.author, content: &self.content }
    }
}

/// A step of retrieval.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    /// Examples, a list per shard; the softmax has a row for each, in order.
    pub(crate) examples: Vec<Vec<Moment>>,
    /// The posts: columns of the softmax.
    pub(crate) posts: Vec<PoolPost>,
    pub(crate) targets: Targets,
}

/// What a pool is drawn from.
#[derive(Clone, Copy)]
pub(crate) struct PoolSource<'a> {
    pub(crate) data: &'a TrainingData,
    pub(crate) engagements: &'a Engagements,
    pub(crate) sampling: &'a SamplingRecipe,
    /// Positives of the training part in all.
    pub(crate) all_positives: f64,
    pub(crate) post_dropout: f64,
}

#[derive(Default)]
struct Columns {
    by_post: FxHashMap<PostId, u32>,
    posts: Vec<PoolPost>,
    /// Whether a column is everyone's negative, and not only the one's who rejected it.
    shared: Vec<bool>,
}

impl Columns {
    fn add(&mut self, post: PostId, shared: bool, about: impl FnOnce() -> (UserId, Arc<[u32]>)) -> u32 {
        let next = self.posts.len() as u32;
        let column = *self.by_post.entry(post).or_insert(next);
        if column == next {
            let (author, content) = about();
            self.posts.push(PoolPost { post, author, content, hidden: false });
            self.shared.push(false);
        }
        self.shared[column as usize] |= shared;
        column
    }

    fn add_candidate(&mut self, candidate: &Candidate, shared: bool) -> u32 {
        let item = &candidate.item;
        self.add(item.post, shared, || (item.author, item.content.clone()))
    }
}

impl PoolSource<'_> {
    /// The examples of a step's passes and the posts they are told apart from: each other's positives, posts drawn uniformly, and for
    /// each user the posts he rejected.
    pub(crate) fn draw(&self, plan: &StepPlan) -> Pool {
        let mut columns = Columns::default();
        let mut targets = Targets::default();
        let mut examples = Vec::with_capacity(plan.shards.len());
        for shard in &plan.shards {
            let mut own = Vec::new();
            for (row, &number) in shard.iter().enumerate() {
                let pass = self.pass(number);
                for place in self.some_positives(plan, number) {
                    let candidate = &pass.candidates[place as usize];
                    own.push(Moment { user: row, cutoff: candidate.cutoff });
                    targets.columns.push(columns.add_candidate(candidate, true));
                }
            }
            examples.push(own);
        }
        self.add_uniform(plan, &mut columns);

        // A post that a user wanted is never a negative for that user, whichever pass it is in.
        let mut wanted: FxHashMap<UserId, Vec<(u32, f32)>> = FxHashMap::default();
        for &number in plan.shards.iter().flatten() {
            let pass = self.pass(number);
            for &place in &self.engagements.positives[number as usize] {
                let column = columns.by_post.get(&pass.candidates[place as usize].item.post);
                wanted.entry(pass.user).or_default().extend(column.map(|&column| (column, MASKED)));
            }
        }
        for (shard, examples) in plan.shards.iter().zip(&examples) {
            let mut of_pass: Option<(usize, Vec<(u32, f32)>)> = None;
            for example in examples {
                if of_pass.as_ref().is_none_or(|(row, _)| *row != example.user) {
                    let number = shard[example.user];
                    let mut overrides = Vec::new();
                    if self.sampling.hard_negatives {
                        let pass = self.pass(number);
                        for &place in &self.engagements.rejections[number as usize] {
                            let column = columns.add_candidate(&pass.candidates[place as usize], false);
                            // It is always in the pool of this row: no correction.
                            overrides.push((column, 0.0));
                        }
                    }
                    overrides.extend(wanted.get(&self.pass(number).user).into_iter().flatten());
                    of_pass = Some((example.user, overrides));
                }
                targets.overrides.push(of_pass.as_ref().map(|(_, o)| o.clone()).unwrap_or_default());
            }
        }
        targets.corrections = self.corrections(&columns, targets.columns.len());
        for (column, post) in columns.posts.iter_mut().enumerate() {
            post.hidden = stream(plan.seed, "tower dropout", plan.step, column as u64).chance(self.post_dropout);
        }
        Pool { examples, posts: columns.posts, targets }
    }

    fn pass(&self, number: u32) -> &Pass {
        &self.data.train[number as usize]
    }

    /// The positives of a pass that this step learns from.
    fn some_positives(&self, plan: &StepPlan, number: u32) -> Vec<u32> {
        let mut all = self.engagements.positives[number as usize].clone();
        let most = self.sampling.positives_per_pass;
        if all.len() > most {
            let mut rng = stream(plan.seed, "positives", plan.step, number.into());
            for i in 0..most {
                let other = i + rng.below(all.len() - i);
                all.swap(i, other);
            }
            all.truncate(most);
            all.sort_unstable();
        }
        all
    }

    fn add_uniform(&self, plan: &StepPlan, columns: &mut Columns) {
        let alive = self.data.training_posts();
        let mut rng = stream(plan.seed, "uniform negatives", plan.step, 0);
        for _ in 0..if alive.is_empty() { 0 } else { self.sampling.uniform } {
            let (post, _) = alive[rng.below(alive.len())];
            columns.add(post, true, || {
                self.data.corpus.get(post).map(|info| (info.author, info.content)).unwrap_or_default()
            });
        }
    }

    /// The logarithm of how often each column's post is expected in a pool: by others' positives and by the uniform draw.
    fn corrections(&self, columns: &Columns, examples: usize) -> Vec<f32> {
        let uniform = self.sampling.uniform as f64 / self.data.training_posts().len().max(1) as f64;
        let expected = |post: &PostId| {
            let frequency = self.data.post_frequency.get(post).copied().unwrap_or(0);
            (examples as f64 * f64::from(frequency) / self.all_positives + uniform).max(1e-9)
        };
        let correct = self.sampling.frequency_correction;
        let each = columns.posts.iter().zip(&columns.shared);
        each.map(|(post, &shared)| match (shared, correct) {
            (false, _) => MASKED,
            (true, true) => expected(&post.post).ln() as f32,
            (true, false) => 0.0,
        })
        .collect()
    }
}
