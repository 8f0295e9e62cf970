//! For sets that record only actions: at each judged first interaction, the whole catalogue of that moment is ranked.

use evaluation::{
    Baseline, Cooccurrence, DaySpan, Measured, Outcome, Popular, RankMetric, RecentPopular, TieOrder, rank_of,
    share_below,
};
use event_log::{ActionEvent, Event, EventBody};
use foryou_types::{ActionMask, ActionSet, PostId, Profile, Surface, TimeMs, UserId};
use phoenix::{CandidateItem, ModelKind};
use phoenix_engine::{ServedRanker, ServedRetrieval};
use phoenix_train::{Observer, positive_actions};
use rustc_hash::{FxHashMap, FxHashSet};

use super::blend::{WEIGHTS, blended};
use super::models::{Models, Recipes};
use super::state::Progress;
use super::task::Task;
use crate::ExperimentError;
use crate::vectors::PostVectors;

/// The window of the recent counts, in milliseconds: 7 days.
const RECENT_MS: i64 = 7 * 86_400_000;

/// The rows of the report without baselines, in order, and what they order by.
const MODELS: [(&str, &str); 6] = [
    ("popular, age limit", "popular, over what a feed may show (the profile's age limit), as the models"),
    ("cooccurrence, age limit", "cooccurrence, over what a feed may show, as the models"),
    ("newest", "the time of the post's creation"),
    (
        "retrieval",
        "the model alone: dot product of the person's and the post's vector, over what a feed may show (the age limit)",
    ),
    (
        "ranker",
        "the model alone: sum of weight x predicted probability, over what a feed may show and retrieval put on the shortlist",
    ),
    (
        "ranker + 7-day counts",
        "ln(ranker) + w ln(1 + recent-popular), over the same posts and those of any age that were acted on in the 7 days; w is what had the best NDCG@10 + recall@100 in the periods before",
    ),
];

/// Ranks the catalogue.
pub(crate) struct Catalogue {
    actions: ActionSet,
    /// The actions that are judged and counted: those with a positive weight.
    wanted: ActionMask,
    /// Per person, the last interaction counted: several actions on one post at one moment are one interaction.
    counted: FxHashMap<UserId, (PostId, TimeMs)>,
    observer: Observer,
    baselines: [Box<dyn Baseline>; 3],
    vectors: PostVectors,
    /// Histories as long as each model's.
    histories: [usize; 2],
    /// Most posts that the ranker scores.
    shortlist: usize,
    max_age_ms: i64,
    /// Judge every n-th interaction that can be judged.
    every: u64,
    ties: TieOrder,
}

/// A question: on which of these posts did the person act?
struct Question {
    number: u64,
    user: UserId,
    surface: Surface,
    at: TimeMs,
    posts: Vec<PostId>,
    created: Vec<TimeMs>,
    target: usize,
}

impl Catalogue {
    pub(crate) fn new(profile: &Profile, recipes: &Recipes, shortlist: usize, every: u64, seed: u64) -> Self {
        Self {
            actions: profile.action_set.clone(),
            wanted: positive_actions(&profile.action_set),
            counted: FxHashMap::default(),
            observer: Observer::new(profile),
            baselines: [
                Box::new(Popular::default()),
                Box::new(RecentPopular::new(RECENT_MS)),
                Box::new(Cooccurrence::default()),
            ],
            vectors: PostVectors::default(),
            histories: [ModelKind::Ranker, ModelKind::Retrieval].map(|kind| recipes.history(kind)),
            shortlist,
            max_age_ms: profile.limits.max_post_age_seconds.saturating_mul(1_000),
            every,
            ties: TieOrder::new(seed),
        }
    }

    /// The question that an action answers; `None` if the person knew the post already, or no feed could have shown it.
    fn question(&self, at: TimeMs, action: &ActionEvent, progress: &mut Progress<Outcome>) -> Option<Question> {
        let post = self.observer.original(action.post_id);
        if !self.wanted.has(action.action) || self.observer.acted_on(action.user_id, post) {
            return None;
        }
        if !self.observer.existed_before(post, at) {
            return None;
        }
        let number = progress.eligible;
        progress.eligible += 1;
        if !number.is_multiple_of(self.every) {
            return None;
        }
        let (posts, created): (Vec<PostId>, Vec<TimeMs>) =
            self.observer.existing_before(at).filter(|(id, _)| !self.observer.acted_on(action.user_id, *id)).unzip();
        let target = posts.iter().position(|id| *id == post)?;
        Some(Question { number, user: action.user_id, surface: action.surface, at, posts, created, target })
    }

    fn judge(
        &mut self,
        day: DaySpan,
        question: &Question,
        models: &Models,
        progress: &mut Progress<Outcome>,
    ) -> Result<(), ExperimentError> {
        let (user, at, target) = (question.user, question.at, question.target);
        let ids: Vec<u64> = question.posts.iter().map(|post| post.0).collect();
        let ties = self.ties;
        let rank = |scores: &[f64]| Outcome::ranked(rank_of(target, &ids, scores, ties, question.number));
        let mut ranks = Vec::with_capacity(MODELS.len());
        let (mut counts, mut limited) = (Vec::new(), Vec::new());
        let mut scores = Vec::new();
        for baseline in &mut self.baselines {
            baseline.scores(user.0, at.0, &ids, &mut scores);
            ranks.push(rank(&scores));
            match baseline.name() {
                "recent-popular" => counts.clone_from(&scores),
                _ => limited.push(scores.clone()),
            }
        }
        // A model ranks what a feed may show. A target outside of that, or not on the shortlist, counts as missed.
        let all: Vec<usize> = (0..ids.len()).collect();
        let shown: Vec<usize> = (0..ids.len()).filter(|i| question.created[*i] >= at - self.max_age_ms).collect();
        let wanted = self.retrieve(question, &shown, models);
        let among = |list: &[usize], score: &dyn Fn(usize) -> f64| match list.iter().position(|i| *i == target) {
            Some(place) => {
                let listed: Vec<u64> = list.iter().map(|i| ids[*i]).collect();
                let scores: Vec<f64> = list.iter().map(|i| score(*i)).collect();
                Outcome::ranked(rank_of(place, &listed, &scores, ties, question.number))
            }
            None => Outcome::MISSED,
        };
        ranks.extend(limited.iter().map(|scores| among(&shown, &|i| scores[i])));
        ranks.push(among(&all, &|i| question.created[i].0 as f64));
        ranks.push(among(&shown, &|i| wanted[i]));
        let found = self.shortlist(target, shown, &wanted, &counts);
        let (values, below) = self.rank_by_model(question, models, &found);
        ranks.push(among(&found.retrieved, &|i| values[i]));
        let by_weight = WEIGHTS.map(|weight| among(&found.all, &|i| blended(values[i], counts[i].ln_1p(), weight)));
        ranks.push(by_weight[progress.blend.place()]);

        progress.table.push(day, user.0, &ranks)?;
        let worth = |rank: Outcome| rank.value(RankMetric::NdcgAt10) + rank.value(RankMetric::RecallAt100);
        progress.blend.add(by_weight.map(worth));
        progress.actions.predict(user, question.posts[target], below);
        Ok(())
    }

    /// Retrieval's scores of the posts at these places.
    fn retrieve(&mut self, question: &Question, places: &[usize], models: &Models) -> Vec<f64> {
        let mut scores = vec![0.0; question.posts.len()];
        let Some(model) = &models.retrieval else { return scores };
        let history = self.observer.history(question.user, question.at, self.histories[1]);
        let user = model.user_vector(question.user, &history);
        let posts = places.iter().map(|i| question.posts[*i]);
        self.vectors.add(model, posts, |post| self.observer.candidate(post, question.surface, question.at));
        for i in places {
            scores[*i] = self.vectors.dot(&user, question.posts[*i]);
        }
        scores
    }

    /// The posts that the ranker scores: all that a feed may show if they are few enough, else the best by retrieval. The blend also
    /// gets recently popular posts of any age.
    fn shortlist(&self, target: usize, shown: Vec<usize>, wanted: &[f64], counts: &[f64]) -> Shortlist {
        let best = |mut places: Vec<usize>, scores: &[f64], n: usize| {
            if places.len() > n {
                places.select_nth_unstable_by(n, |a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
                places.truncate(n);
            }
            places
        };
        let retrieved = best(shown, wanted, self.shortlist);
        let popular = best((0..counts.len()).filter(|i| counts[*i] > 0.0).collect(), counts, self.shortlist);
        let known: FxHashSet<usize> = retrieved.iter().copied().collect();
        let others = popular.into_iter().filter(|i| !known.contains(i));
        let all: Vec<usize> = retrieved.iter().copied().chain(others).collect();
        let target = (!all.contains(&target)).then_some(target);
        Shortlist { retrieved, all, target }
    }

    /// The ranker's values by place (posts that it did not score are below all others), and per head the share of the other
    /// candidates below the target.
    fn rank_by_model(&self, question: &Question, models: &Models, list: &Shortlist) -> (Vec<f64>, Vec<Option<f64>>) {
        let mut values = vec![f64::NEG_INFINITY; question.posts.len()];
        let Some(ranker) = &models.ranker else { return (values, Vec::new()) };
        let history = self.observer.history(question.user, question.at, self.histories[0]);
        let context = ranker.encode(question.user, &history);
        let asked: Vec<usize> = list.all.iter().copied().chain(list.target).collect();
        let item = |i: &usize| self.observer.candidate(question.posts[*i], question.surface, question.at);
        let items: Vec<CandidateItem> = asked.iter().map(item).collect();
        let mut logits = Vec::new();
        ranker.score(&context, &items, &mut logits);
        let heads: Vec<Box<[f64]>> = logits.chunks_exact(self.actions.len()).map(|row| ranker.heads(row)).collect();
        for (i, heads) in asked.iter().zip(&heads) {
            values[*i] = self.actions.value(heads);
        }
        let Some(target) = asked.iter().position(|i| *i == question.target) else { return (values, Vec::new()) };
        let others = || heads.iter().enumerate().filter(|(i, _)| *i != target).map(|(_, heads)| heads);
        let below = (0..self.actions.len())
            .map(|head| share_below(heads[target][head], others().map(|heads| heads[head])))
            .collect();
        (values, below)
    }
}

/// Places of posts.
struct Shortlist {
    /// The posts that the ranker alone orders.
    retrieved: Vec<usize>,
    /// The posts that the blend orders.
    all: Vec<usize>,
    /// The target, if it is on neither list: only its heads are computed.
    target: Option<usize>,
}

impl Task for Catalogue {
    type Outcome = Outcome;

    fn models(&self) -> Vec<(String, String)> {
        let baselines = self.baselines.iter().map(|baseline| (baseline.name().to_owned(), baseline.definition()));
        baselines.chain(MODELS.map(|(name, definition)| (name.to_owned(), definition.to_owned()))).collect()
    }

    fn predict(
        &mut self,
        day: DaySpan,
        event: &Event,
        models: &Models,
        progress: &mut Progress<Outcome>,
    ) -> Result<(), ExperimentError> {
        match &event.body {
            EventBody::Action(action) if !action.undo => match self.question(event.at, action, progress) {
                Some(question) => self.judge(day, &question, models, progress),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn take_in(&mut self, event: &Event, progress: Option<&mut Progress<Outcome>>) {
        if let EventBody::Action(action) = &event.body
            && !action.undo
        {
            let post = self.observer.original(action.post_id);
            let moment = (post, event.at);
            if self.wanted.has(action.action) && self.counted.insert(action.user_id, moment) != Some(moment) {
                for baseline in &mut self.baselines {
                    baseline.observe(action.user_id.0, post.0, event.at.0);
                }
            }
            if let Some(progress) = progress {
                progress.actions.take(action.user_id, post, action.action);
            }
        }
        self.observer.take_in(event);
    }

    fn end_period(&mut self, _: &mut Progress<Outcome>) -> Result<(), ExperimentError> {
        self.vectors = PostVectors::default();
        Ok(())
    }
}
