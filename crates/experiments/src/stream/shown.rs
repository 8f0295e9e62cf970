//! For sets that record what was shown: each shown list is ranked again and judged by its clicks.

use evaluation::{DaySpan, ShownListMetrics, TieOrder, shown_list};
use event_log::{ActionEvent, Event, EventBody, ImpressionEvent};
use foryou_types::{ActionMask, ActionSet, PostId, Profile, TimeMs, UserId};
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

/// A post's click rate counts as much as this many impressions at the rate of all posts.
const RATE_PRIOR_IMPRESSIONS: f64 = 10.0;

/// The first rows of the report, and what they order by.
const BASELINES: [(&str, &str); 2] = [
    ("random", "nothing"),
    ("click-rate", "clicks / impressions of the post so far, with 10 impressions at the rate of all posts"),
];
/// What every ranker orders by.
const RANKER: &str = "the model alone: sum of weight x predicted probability";

/// Ranks the lists shown.
pub(crate) struct ShownLists {
    actions: ActionSet,
    clicks: ActionMask,
    observer: Observer,
    rates: ClickRates,
    /// What each person was shown and has not clicked yet.
    shown: FxHashSet<(UserId, PostId)>,
    /// The lists of this period, still waiting for clicks. Lists that are not judged are kept too, so that their clicks do not count
    /// for the others.
    open: Vec<List>,
    of_user: FxHashMap<UserId, Vec<usize>>,
    /// The names of the models.
    rankers: Vec<&'static str>,
    every: u64,
    ties: TieOrder,
}

/// A shown list, and the scores that were computed before it.
struct List {
    judged: bool,
    number: u64,
    day: DaySpan,
    user: UserId,
    at: TimeMs,
    posts: Vec<PostId>,
    /// Each ranker's values, and the logarithms of the click rates.
    values: Vec<Vec<f64>>,
    rates: Vec<f64>,
    clicked: Vec<bool>,
}

/// Clicks per impression, as counted so far.
#[derive(Default)]
struct ClickRates {
    of_post: FxHashMap<PostId, [f64; 2]>,
    of_all: [f64; 2],
}

impl ClickRates {
    fn shown(&mut self, post: PostId) {
        self.of_post.entry(post).or_default()[0] += 1.0;
        self.of_all[0] += 1.0;
    }

    fn clicked(&mut self, post: PostId) {
        self.of_post.entry(post).or_default()[1] += 1.0;
        self.of_all[1] += 1.0;
    }

    fn of(&self, post: PostId) -> f64 {
        let [shown, clicked] = self.of_post.get(&post).copied().unwrap_or_default();
        let rate = (self.of_all[1] + 1.0) / (self.of_all[0] + 2.0);
        (clicked + RATE_PRIOR_IMPRESSIONS * rate) / (shown + RATE_PRIOR_IMPRESSIONS)
    }
}

impl ShownLists {
    pub(crate) fn new(profile: &Profile, learners: &Learners, every: u64, seed: u64) -> Self {
        Self {
            actions: profile.action_set.clone(),
            clicks: positive_actions(&profile.action_set),
            observer: Observer::new(profile),
            rates: ClickRates::default(),
            shown: FxHashSet::default(),
            open: Vec::new(),
            of_user: FxHashMap::default(),
            rankers: learners.named(&Kind::RANKER),
            every,
            ties: TieOrder::new(seed),
        }
    }

    fn open(&mut self, day: DaySpan, at: TimeMs, shown: &ImpressionEvent, models: &Models, number: u64) {
        let judged = number.is_multiple_of(self.every);
        let mut posts: Vec<PostId> = Vec::with_capacity(shown.post_ids.len());
        for post in shown.post_ids.iter().map(|post| self.observer.original(*post)) {
            if post.is_some() && !posts.contains(&post) {
                posts.push(post);
            }
        }
        let mut values = vec![vec![0.0; posts.len()]; self.rankers.len()];
        if judged {
            let item = |post: &PostId| self.observer.candidate(*post, shown.surface, at);
            let items: Vec<CandidateItem> = posts.iter().map(item).collect();
            let of = |ranker: &AnyRanker| -> Vec<f64> {
                let history = self.observer.history(shown.user_id, at, ranker.history_len());
                let heads = ranker.heads(shown.user_id, &history, &items);
                heads.iter().map(|heads| self.actions.value(heads)).collect()
            };
            values.iter_mut().zip(&models.rankers).for_each(|(values, ranker)| *values = of(ranker));
        }
        let rates = posts.iter().map(|post| self.rates.of(*post).ln()).collect();
        let clicked = vec![false; posts.len()];
        self.of_user.entry(shown.user_id).or_default().push(self.open.len());
        self.open.push(List { judged, number, day, user: shown.user_id, at, posts, values, rates, clicked });
    }

    /// A click belongs to the latest list of the person that had the post.
    fn click(&mut self, at: TimeMs, action: &ActionEvent) {
        let post = self.observer.original(action.post_id);
        let lists = self.of_user.get(&action.user_id).into_iter().flatten().rev();
        for list in lists {
            let list = &mut self.open[*list];
            if list.at <= at
                && let Some(place) = list.posts.iter().position(|shown| *shown == post)
            {
                list.clicked[place] = true;
                return;
            }
        }
    }
}

impl Task for ShownLists {
    type Outcome = ShownListMetrics;

    fn models(&self) -> Vec<(String, String)> {
        let baselines = BASELINES.map(|(name, definition)| (name.to_owned(), definition.to_owned()));
        let alone = self.rankers.iter().map(|name| ((*name).to_owned(), RANKER.to_owned()));
        let blend = self.rankers.first().map(|name| {
            let definition = format!("ln({name}) + w ln(click-rate), w the best by NDCG@10 of the periods before");
            (format!("{name} + click-rate"), definition)
        });
        baselines.into_iter().chain(alone).chain(blend).collect()
    }

    fn predict(
        &mut self,
        day: DaySpan,
        event: &Event,
        models: &Models,
        progress: &mut Progress<ShownListMetrics>,
    ) -> Result<(), ExperimentError> {
        if let EventBody::Impression(shown) = &event.body {
            let number = progress.eligible;
            progress.eligible += 1;
            self.open(day, event.at, shown, models, number);
        }
        Ok(())
    }

    fn take_in(&mut self, event: &Event, _: Option<&mut Progress<ShownListMetrics>>) {
        match &event.body {
            EventBody::Impression(shown) => {
                for post in &shown.post_ids {
                    let post = self.observer.original(*post);
                    self.rates.shown(post);
                    self.shown.insert((shown.user_id, post));
                }
            }
            EventBody::Action(action) if self.clicks.has(action.action) && !action.undo => {
                // A click without an impression here (a history from before the log) does not count.
                let post = self.observer.original(action.post_id);
                if self.shown.remove(&(action.user_id, post)) {
                    self.rates.clicked(post);
                }
                self.click(event.at, action);
            }
            _ => {}
        }
        self.observer.take_in(event);
    }

    fn end_period(&mut self, progress: &mut Progress<ShownListMetrics>) -> Result<(), ExperimentError> {
        self.of_user.clear();
        let place = progress.blend.place();
        for list in self.open.drain(..).filter(|list| list.judged) {
            let ids: Vec<u64> = list.posts.iter().map(|post| post.0).collect();
            let measure = |scores: &[f64]| shown_list(scores, &list.clicked, &ids, self.ties, list.number);
            let blend = |values: &Vec<f64>| {
                WEIGHTS.map(|weight| {
                    let pairs = values.iter().zip(&list.rates);
                    measure(&pairs.map(|(value, rate)| blended(*value, *rate, weight)).collect::<Vec<_>>())
                })
            };
            let by_weight = list.values.first().map(blend);
            let nothing = vec![0.0; ids.len()];
            let alone = list.values.iter().map(|values| measure(values));
            let rows = [measure(&nothing), measure(&list.rates)].into_iter().chain(alone);
            let rows = rows.chain(by_weight.map(|by_weight| by_weight[place]));
            // Lists with no click, or only clicks, are skipped: they cannot tell one order from another.
            let Some(rows) = rows.collect::<Option<Vec<_>>>() else { continue };
            progress.table.push(list.day, list.user.0, &rows)?;
            if let Some(by_weight) = by_weight {
                progress.blend.add(by_weight.map(|metrics| metrics.map_or(0.0, |m| m.ndcg_at_10)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use evaluation::{Day, ShownListMetric};
    use event_log::Origin;

    use super::*;
    use crate::stream::models::MODELS;

    fn event(at: i64, body: EventBody) -> Event {
        Event { at: TimeMs(at), id: None, origin: Origin::Import, body }
    }

    fn shown(at: i64, posts: &[u64]) -> Event {
        let post_ids = posts.iter().map(|post| PostId(*post)).collect();
        event(at, EventBody::Impression(ImpressionEvent { user_id: UserId(7), post_ids, ..ImpressionEvent::default() }))
    }

    fn clicked(at: i64, post: u64) -> Event {
        let action = ActionEvent { user_id: UserId(7), post_id: PostId(post), action: 0, ..ActionEvent::default() };
        event(at, EventBody::Action(action))
    }

    #[test]
    fn clicks_go_to_their_own_list_and_rates_know_only_what_was_shown() {
        let profile = Profile { action_set: ActionSet::discrete(1, &[("click", 1.0)]), ..Profile::live() };
        let learners = Learners::new(&MODELS[..1], &[]).unwrap();
        // Of two lists the first is judged.
        let mut task = ShownLists::new(&profile, &learners, 2, 1);
        let names = task.models().into_iter().map(|(name, _)| name);
        let mut progress: Progress<ShownListMetrics> = Progress::new(TimeMs(0), names).unwrap();
        // A history from before the log: nothing of it was shown.
        task.take_in(&clicked(1, 3), None);
        assert_eq!(task.rates.of_all, [0.0, 0.0]);
        for event in [shown(10, &[1, 2, 3]), shown(20, &[1, 4]), clicked(20, 1), clicked(21, 2), clicked(22, 2)] {
            task.predict(Day(0).into(), &event, &Models::default(), &mut progress).unwrap();
            task.take_in(&event, Some(&mut progress));
        }
        // Post 1 was clicked in the second list, which is not judged; post 2 counts one click.
        assert_eq!(task.open[0].clicked, [false, true, false]);
        assert_eq!(task.rates.of_all, [5.0, 2.0]);
        assert_eq!(task.rates.of_post[&PostId(2)], [1.0, 1.0]);
        assert!(task.rates.of(PostId(2)) > task.rates.of(PostId(3)));
        task.end_period(&mut progress).unwrap();
        assert_eq!((progress.table.targets(), progress.eligible), (1, 2));
        // Before the first impression nothing was known: all rates alike, every pair a tie.
        assert_eq!(progress.table.values("click-rate", ShownListMetric::Auc).unwrap(), [0.5]);
        task.end_period(&mut progress).unwrap();
        assert_eq!(progress.table.targets(), 1, "a list is judged once");
    }
}
