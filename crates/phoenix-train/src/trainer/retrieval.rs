//! Training retrieval: users' vectors at every moment they wanted something, against a pool of posts.
//!
//! The user tower is causal and a user's vector is the mean of the outputs so far, so one pass over a window gives the vector at
//! every cut-off in it. Threads compute vectors of their share of users and posts; the softmax over all of them is between the
//! forward and the backward pass, so that the result does not depend on how the step was shared out.

use std::sync::mpsc::{Receiver, Sender, channel};

use foryou_types::ActionSet;
use model_registry::NamedTensor;
use phoenix::{ModelKind, Pass};
use train_core::{Evaluation, NotFinite, Size, StepPlan, TrainError, Workers};

use super::assemble::{Batch, Dropout, Passes, Posts};
use super::loss::Loss;
use super::model::{Model, StepGradients, all_finite, culprit};
use super::pool::{Engagements, Pool, PoolPost, PoolSource};
use super::recall::RecallCheck;
use super::shard::ShardError;
use super::softmax::{SoftmaxLoss, sampled_softmax};
use super::start;
use super::text_start::text_rows;
use super::workspace::{Workspace, Workspaces};
use crate::data::{TrainingData, is_hard_negative, is_positive};
use crate::model::Moment;
use crate::recipe::{Recipe, SamplingRecipe, StartRecipe};

const LOG_TEMPERATURE: &str = "retrieval.log_temperature";
/// Bounds of the learned temperature: below, gradients vanish for all but one post; above 1 nothing is told apart.
const TEMPERATURE: (f32, f32) = (0.01, 1.0);

/// The softmax loss of retrieval over the passes of a data set.
pub(crate) struct RetrievalLoss<'a> {
    data: &'a TrainingData,
    sampling: &'a SamplingRecipe,
    engagements: Engagements,
    all_positives: f64,
    post_dropout: f64,
    start: StartRecipe,
    recall: RecallCheck<'a>,
    workspaces: Workspaces,
}

/// What a thread works on.
struct Share<'a> {
    passes: &'a [u32],
    examples: &'a [Moment],
    posts: &'a [PoolPost],
    vectors: Sender<Result<Vectors, NotFinite>>,
    gradients: Receiver<Vectors>,
}

/// Vectors `[N, D]` of a share's examples and `[M, D]` of its posts, or their gradients.
#[derive(Default)]
struct Vectors {
    users: Vec<f32>,
    posts: Vec<f32>,
}

impl<'a> RetrievalLoss<'a> {
    pub(crate) fn new(
        data: &'a TrainingData,
        action_set: &'a ActionSet,
        recipe: &Recipe,
        sampling: &'a SamplingRecipe,
    ) -> Result<Self, TrainError> {
        let places = |pass: &Pass, of: fn(&phoenix::Candidate, &ActionSet) -> bool| -> Vec<u32> {
            let candidates = (0..).zip(&pass.candidates);
            candidates.filter(|(_, candidate)| of(candidate, action_set)).map(|(place, _)| place).collect()
        };
        let engagements = Engagements {
            positives: data.train.iter().map(|pass| places(pass, is_positive)).collect(),
            rejections: data.train.iter().map(|pass| places(pass, is_hard_negative)).collect(),
        };
        let all_positives = engagements.positives.iter().map(Vec::len).sum::<usize>();
        if all_positives == 0 {
            return Err(TrainError::Empty("no post was acted on in a way that has a positive weight"));
        }
        Ok(Self {
            data,
            sampling,
            engagements,
            all_positives: all_positives as f64,
            post_dropout: recipe.post_dropout,
            start: recipe.start.clone(),
            recall: RecallCheck::new(data, action_set, recipe.tokens_per_step),
            workspaces: Workspaces::default(),
        })
    }

    /// The gradients of a share; none where it has nothing to do, or another share's vectors were not finite.
    fn share(&self, model: &Model, plan: &StepPlan, share: Share<'_>) -> Result<Option<Workspace>, ShardError> {
        let mut space = self.workspaces.lend(ModelKind::Retrieval, &model.config.model)?;
        match self.fill(&mut space, model, plan, share) {
            Ok(true) => Ok(Some(space)),
            other => {
                self.workspaces.give_back(space);
                other.map(|_| None)
            }
        }
    }

    /// The gradients of a share, left in a workspace; answers whether there are any.
    fn fill(
        &self,
        space: &mut Workspace,
        model: &Model,
        plan: &StepPlan,
        share: Share<'_>,
    ) -> Result<bool, ShardError> {
        let Workspace { network, batch, leaves, posts, dense, tables, .. } = space;
        let passes = Passes { all: &self.data.train, numbers: share.passes };
        let dropout = Dropout { probability: self.post_dropout, seed: plan.seed, step: plan.step };
        batch.take(model, passes, Some(dropout), false);
        posts.take(&model.config, &model.tables, share.posts.iter().map(PoolPost::tower));
        network.load(&model.dense)?;
        let mut vectors = Vectors::default();
        if !share.examples.is_empty() {
            network.users(&model.dense, &batch.history, share.examples, &mut vectors.users);
        }
        network.posts(&posts.ids, posts.text.as_deref(), &mut vectors.posts);
        let finite = all_finite(&vectors.users) && all_finite(&vectors.posts);
        let sent = if finite { Ok(vectors) } else { Err(blame(model, batch, posts)) };
        // An end that is gone is another share's failure: the caller says which.
        let answer = share.vectors.send(sent).ok().and_then(|()| share.gradients.recv().ok());
        let Some(slopes) = answer else { return Ok(false) };
        if share.examples.is_empty() && share.posts.is_empty() {
            return Ok(false);
        }
        tables.clear();
        if !share.examples.is_empty() {
            network.users_back(&batch.history, share.examples, &slopes.users, leaves);
            batch.scatter(model, leaves, tables);
        }
        network.posts_back(&slopes.posts, posts.text.is_some(), leaves);
        posts.scatter(model, leaves, tables);
        network.gradients(&model.dense, dense);
        Ok(true)
    }

    /// The softmax over what all shares computed; each is sent its gradients.
    fn softmax(
        &self,
        model: &Model,
        pool: &Pool,
        from: Vec<Receiver<Result<Vectors, NotFinite>>>,
        to: Vec<Sender<Vectors>>,
    ) -> Result<SoftmaxLoss, NotFinite> {
        let d = model.config.model.emb_size;
        let (mut users, mut posts, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for share in from {
            // A share that failed before it sent anything reports its own error.
            let Ok(vectors) = share.recv() else { return Err(NotFinite("a share".to_owned())) };
            match vectors {
                Ok(vectors) => {
                    sizes.push((vectors.users.len(), vectors.posts.len()));
                    users.extend(vectors.users);
                    posts.extend(vectors.posts);
                }
                Err(what) => return Err(what),
            }
        }
        let mut loss = sampled_softmax(&users, &posts, d, temperature(&model.extra), &pool.targets);
        if !loss.loss.is_finite() {
            return Err(culprit(model, &[], "the softmax"));
        }
        if !self.sampling.learn_temperature {
            loss.log_temperature = 0.0;
        }
        let (mut user, mut post) = (0, 0);
        for (share, (users, posts)) in to.into_iter().zip(sizes) {
            let part = Vectors {
                users: loss.users[user..user + users].to_vec(),
                posts: loss.posts[post..post + posts].to_vec(),
            };
            (user, post) = (user + users, post + posts);
            // A share that is gone reports its own error.
            let _ = share.send(part);
        }
        Ok(loss)
    }
}

impl Loss for RetrievalLoss<'_> {
    fn kind(&self) -> ModelKind {
        ModelKind::Retrieval
    }

    fn extra(&self) -> Vec<NamedTensor> {
        let start = (self.sampling.temperature as f32).ln();
        vec![NamedTensor { name: LOG_TEMPERATURE.to_owned(), shape: vec![1], data: vec![start] }]
    }

    fn prepare(&self, model: &mut Model) -> Result<(), TrainError> {
        start::scales(model, &self.start);
        text_rows(model, self.data, self.start.text_axes, self.start.text_scale);
        Ok(())
    }

    fn passes(&self) -> Vec<(u32, Size)> {
        let passes = (0u32..).zip(self.data.train.iter().zip(&self.engagements.positives));
        passes
            .filter(|(_, (_, positives))| !positives.is_empty())
            .map(|(number, (pass, _))| (number, Size { sequence: pass.history.len(), targets: 0 }))
            .collect()
    }

    fn step(
        &self,
        model: &Model,
        plan: &StepPlan,
        workers: &Workers,
    ) -> Result<Result<StepGradients, NotFinite>, TrainError> {
        let source = PoolSource {
            data: self.data,
            engagements: &self.engagements,
            sampling: self.sampling,
            all_positives: self.all_positives,
            post_dropout: self.post_dropout,
        };
        let pool = source.draw(plan);
        let examples: usize = pool.examples.iter().map(Vec::len).sum();
        let (mut shares, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
        let threads = plan.shards.len();
        for (i, (passes, examples)) in plan.shards.iter().zip(&pool.examples).enumerate() {
            let posts = &pool.posts[i * pool.posts.len() / threads..(i + 1) * pool.posts.len() / threads];
            let (vectors, receive) = channel();
            let (send, gradients) = channel();
            shares.push(Share { passes, examples, posts, vectors, gradients });
            from.push(receive);
            to.push(send);
        }
        let (results, loss) =
            workers.map_beside(shares, |share| self.share(model, plan, share), || self.softmax(model, &pool, from, to));
        let mut spaces = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Ok(space) => spaces.extend(space),
                Err(ShardError::NotFinite(what)) => return Ok(Err(what)),
                Err(ShardError::Failed(e)) => return Err(e),
            }
        }
        let loss = match loss {
            Ok(loss) => loss,
            Err(what) => return Ok(Err(what)),
        };
        let space = self.workspaces.sum(spaces, workers);
        let mut space = space.ok_or(TrainError::Empty("a step without examples"))?;
        space.dense.push(vec![loss.log_temperature]);
        Ok(Ok(self.workspaces.gradients(space, loss.loss, examples, workers.count())))
    }

    fn constrain(&self, extra: &mut [NamedTensor]) {
        for tensor in extra.iter_mut().filter(|tensor| tensor.name == LOG_TEMPERATURE) {
            tensor.data.iter_mut().for_each(|x| *x = x.clamp(TEMPERATURE.0.ln(), TEMPERATURE.1.ln()));
        }
    }

    fn evaluate(&self, model: &Model, workers: &Workers) -> Result<Option<Evaluation>, TrainError> {
        let mut evaluation = self.recall.measure(model, workers)?;
        if let Some(evaluation) = &mut evaluation {
            evaluation.details.insert("temperature".to_owned(), f64::from(temperature(&model.extra)).exp());
        }
        Ok(evaluation)
    }

    fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }

    fn measures(&self) -> &'static [&'static str] {
        &["recall@100", "temperature"]
    }
}

fn temperature(extra: &[NamedTensor]) -> f32 {
    extra
        .iter()
        .find(|tensor| tensor.name == LOG_TEMPERATURE)
        .and_then(|tensor| tensor.data.first().copied())
        .unwrap_or(0.0)
}

fn blame(model: &Model, batch: &Batch, tower: &Posts) -> NotFinite {
    let mut inputs = batch.inputs();
    inputs.push(("tower post and author rows", &tower.ids));
    inputs.extend(tower.text.as_ref().map(|text| ("tower word rows", &text[..])));
    culprit(model, &inputs, "user or post vectors")
}
