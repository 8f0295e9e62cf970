//! For sets that record only actions: at each judged first interaction, the whole catalogue of that moment is ranked.

use evaluation::{
    Baseline, Cooccurrence, DaySpan, Measured, Outcome, Popular, RankMetric, RecentPopular, TieOrder, rank_of,
    share_below,
};
use event_log::{ActionEvent, Event, EventBody};
use foryou_types::{ActionMask, ActionSet, DAY_MS, PostId, Profile, Surface, TimeMs, UserId};
use model_registry::Kind;
use phoenix::CandidateItem;
use phoenix_engine::AnyRanker;
use phoenix_train::{Observer, positive_actions};
use rustc_hash::{FxHashMap, FxHashSet};

use super::blend::{WEIGHTS, blended};
use super::models::{Learners, Models};
use super::state::Progress;
use super::task::Task;
use crate::ExperimentError;
use crate::vectors::PostVectors;

/// The window of the recent counts, in milliseconds: 7 days.
const RECENT_MS: i64 = 7 * DAY_MS;

/// The rows of the report between the baselines and the models, and what they order by.
const LIMITED: [(&str, &str); 3] = [
    ("popular, age limit", "popular, over what a feed may show (the profile's age limit), as the models"),
    ("cooccurrence, age limit", "cooccurrence, over what a feed may show, as the models"),
    ("newest", "the time of the post's creation"),
];
/// What every retrieval model orders by.
const RETRIEVAL: &str =
    "the model alone: dot product of the person's and the post's vector, over what a feed may show (the age limit)";
/// What every ranker orders by.
const RANKER: &str = "the model alone: sum of weight x predicted probability, over what a feed may show and retrieval put on the shortlist";

/// Ranks the catalogue.
pub(crate) struct Catalogue {
    actions: ActionSet,
    /// The actions that are judged and counted: those with a positive weight.
    wanted: ActionMask,
    /// Per person, the last interaction counted: several actions on one post at one moment are one interaction.
    counted: FxHashMap<UserId, (PostId, TimeMs)>,
    observer: Observer,
    baselines: [Box<dyn Baseline>; 3],
    /// The names of the models, and the posts' vectors by each retrieval model.
    rankers: Vec<&'static str>,
    retrievals: Vec<(&'static str, PostVectors)>,
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
    pub(crate) fn new(profile: &Profile, learners: &Learners, shortlist: usize, every: u64, seed: u64) -> Self {
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
            rankers: learners.named(&Kind::RANKER),
            retrievals: learners
                .named(&Kind::RETRIEVAL)
                .into_iter()
                .map(|name| (name, PostVectors::default()))
                .collect(),
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
        let mut ranks = Vec::new();
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
        ranks.extend(wanted.iter().map(|wanted| among(&shown, &|i| wanted[i])));
        let nothing = vec![0.0; ids.len()];
        let found = self.shortlist(target, shown, wanted.first().unwrap_or(&nothing), &counts);
        let ranked: Vec<Ranked> =
            (0..self.rankers.len()).map(|i| self.rank_by_model(question, models.rankers.get(i), &found)).collect();
        ranks.extend(ranked.iter().map(|ranked| among(&found.retrieved, &|i| ranked.values[i])));
        if let Some(Ranked { values, below }) = ranked.into_iter().next() {
            let by_weight = WEIGHTS.map(|weight| among(&found.all, &|i| blended(values[i], counts[i].ln_1p(), weight)));
            ranks.push(by_weight[progress.blend.place()]);
            let worth = |rank: Outcome| rank.value(RankMetric::NdcgAt10) + rank.value(RankMetric::RecallAt100);
            progress.blend.add(by_weight.map(worth));
            progress.actions.predict(user, question.posts[target], below);
        }
        progress.table.push(day, user.0, &ranks)?;
        Ok(())
    }

    /// Each retrieval model's scores of the posts at these places.
    fn retrieve(&mut self, question: &Question, places: &[usize], models: &Models) -> Vec<Vec<f64>> {
        let mut scores = vec![vec![0.0; question.posts.len()]; self.retrievals.len()];
        for (((_, vectors), model), scores) in self.retrievals.iter_mut().zip(&models.retrievals).zip(&mut scores) {
            let history = self.observer.history(question.user, question.at, model.history_len());
            let user = model.user_vector(question.user, &history);
            let posts = places.iter().map(|i| question.posts[*i]);
            vectors.add(&**model, posts, |post| self.observer.candidate(post, question.surface, question.at));
            for i in places {
                scores[*i] = vectors.dot(&user, question.posts[*i]);
            }
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

    /// What a ranker says of the posts on a list.
    fn rank_by_model(&self, question: &Question, ranker: Option<&AnyRanker>, list: &Shortlist) -> Ranked {
        let mut ranked = Ranked { values: vec![f64::NEG_INFINITY; question.posts.len()], below: Vec::new() };
        let Some(ranker) = ranker else { return ranked };
        let history = self.observer.history(question.user, question.at, ranker.history_len());
        let asked: Vec<usize> = list.all.iter().copied().chain(list.target).collect();
        let item = |i: &usize| self.observer.candidate(question.posts[*i], question.surface, question.at);
        let items: Vec<CandidateItem> = asked.iter().map(item).collect();
        let heads = ranker.heads(question.user, &history, &items);
        for (i, heads) in asked.iter().zip(&heads) {
            ranked.values[*i] = self.actions.value(heads);
        }
        if let Some(target) = asked.iter().position(|i| *i == question.target) {
            let others = || heads.iter().enumerate().filter(|(i, _)| *i != target).map(|(_, heads)| heads);
            let below = |head: usize| share_below(heads[target][head], others().map(|heads| heads[head]));
            ranked.below = (0..self.actions.len()).map(below).collect();
        }
        ranked
    }
}

/// What a ranker says of a question.
struct Ranked {
    /// Values by place; posts that it did not score are below all others.
    values: Vec<f64>,
    /// Per head, the share of the other candidates below the target.
    below: Vec<Option<f64>>,
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
        let limited = LIMITED.map(|(name, definition)| (name.to_owned(), definition.to_owned()));
        let retrievals = self.retrievals.iter().map(|(name, _)| ((*name).to_owned(), RETRIEVAL.to_owned()));
        let rankers = self.rankers.iter().map(|name| ((*name).to_owned(), RANKER.to_owned()));
        let blend = self.rankers.first().map(|name| {
            let definition = format!(
                "ln({name}) + w ln(1 + recent-popular), over the same posts and those of any age that were acted on in the 7 days; w is what had the best NDCG@10 + recall@100 in the periods before"
            );
            (format!("{name} + 7-day counts"), definition)
        });
        baselines.chain(limited).chain(retrievals).chain(rankers).chain(blend).collect()
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
        self.retrievals.iter_mut().for_each(|(_, vectors)| *vectors = PostVectors::default());
        Ok(())
    }
}
