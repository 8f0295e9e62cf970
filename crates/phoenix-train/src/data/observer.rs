//! What serving knows while a log is read, event by event. Callers predict each event before it is taken in.

use event_log::{ActionEvent, Event, EventBody};
use foryou_types::{ActionKind, ActionSet, PostId, Profile, Surface, TimeMs, UserId};
use phoenix::{CandidateItem, HistoryItem, history_item};
use rustc_hash::FxHashMap;

use super::history::History;
use super::posts::Posts;

/// The posts and everyone's history so far, by the rules that training data is made by.
pub struct Observer {
    actions: ActionSet,
    posts: Posts,
    viewers: FxHashMap<UserId, History>,
}

impl Observer {
    /// Nothing is known yet.
    pub fn new(profile: &Profile) -> Self {
        Self { actions: profile.action_set.clone(), posts: Posts::default(), viewers: FxHashMap::default() }
    }

    /// Takes in the next event of the log.
    pub fn take_in(&mut self, event: &Event) {
        match &event.body {
            EventBody::Post(post) => {
                self.posts.create(event.at, post);
                self.posts.settle();
            }
            EventBody::Delete { post_id } => self.posts.delete(*post_id),
            EventBody::Action(action) => self.action(event.at, action),
            _ => {}
        }
    }

    fn action(&mut self, at: TimeMs, event: &ActionEvent) {
        // An action that the profile's set does not have has no place in a history.
        let Some(kind) = self.actions.get(event.action).map(|def| def.kind) else { return };
        let original = self.original(event.post_id);
        let viewer = self.viewers.entry(event.user_id).or_default();
        viewer.take_in(at, event, kind == ActionKind::Discrete, original);
    }

    /// The post itself; of a repost that is known, the original.
    pub fn original(&self, post: PostId) -> PostId {
        self.posts.original(post)
    }

    /// What a model with a history of `s` is shown of a viewer: what stands and is strictly before `at`.
    pub fn history(&self, user: UserId, at: TimeMs, s: usize) -> Vec<HistoryItem> {
        let Some(viewer) = self.viewers.get(&user) else { return Vec::new() };
        let window = viewer.before(at, |post| self.posts.author_and_source(post).0).windowed(s);
        window.iter().map(|token| history_item(token, self.posts.corpus())).collect()
    }

    /// A post as serving would hand it to a model.
    pub fn candidate(&self, post: PostId, surface: Surface, at: TimeMs) -> CandidateItem {
        self.posts.candidate(post, surface, at)
    }

    /// Whether an action of a viewer on a post, or on a repost of it, stands.
    pub fn acted_on(&self, user: UserId, post: PostId) -> bool {
        self.viewers.get(&user).is_some_and(|viewer| viewer.has_acted_on(post))
    }

    /// Whether a post is an original that was created strictly before `at` and not deleted so far.
    pub fn existed_before(&self, post: PostId, at: TimeMs) -> bool {
        let info = self.posts.corpus().get(post);
        info.is_some_and(|info| info.source.is_none() && info.created_at.is_some_and(|created| created < at))
    }

    /// The originals that were created strictly before `at` and not deleted so far, in order of time.
    pub fn existing_before(&self, at: TimeMs) -> impl Iterator<Item = (PostId, TimeMs)> {
        let posts = self.posts.created_until(at - 1).iter();
        posts.filter(|(_, post)| self.posts.exists(*post)).map(|(created, post)| (*post, *created))
    }
}

#[cfg(test)]
mod tests {
    use event_log::{Origin, PostEvent};
    use proptest::prelude::*;

    use super::*;

    fn event(at: i64, body: EventBody) -> Event {
        Event { at: TimeMs(at), id: None, origin: Origin::Import, body }
    }

    fn post(at: i64, id: u64, source: u64) -> Event {
        let post = PostEvent { post_id: PostId(id), source_post_id: PostId(source), ..PostEvent::default() };
        event(at, EventBody::Post(Box::new(post)))
    }

    fn action(at: i64, user: u64, post: u64) -> Event {
        let action = ActionEvent { user_id: UserId(user), post_id: PostId(post), action: 0, ..ActionEvent::default() };
        event(at, EventBody::Action(action))
    }

    fn existing(observer: &Observer, at: i64) -> Vec<u64> {
        let all: Vec<u64> = observer.existing_before(TimeMs(at)).map(|(post, _)| post.0).collect();
        let one_by_one: Vec<u64> = (0..99).filter(|id| observer.existed_before(PostId(*id), TimeMs(at))).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, one_by_one);
        all
    }

    #[test]
    fn what_is_there_at_a_moment() {
        let mut observer = Observer::new(&Profile::live());
        for event in [post(10, 1, 0), post(20, 2, 0), post(30, 3, 1)] {
            observer.take_in(&event);
        }
        assert_eq!(existing(&observer, 20), [1], "a post is a candidate only after its moment");
        assert_eq!(existing(&observer, 100), [1, 2], "a repost is none");
        observer.take_in(&action(40, 7, 3));
        assert!(observer.acted_on(UserId(7), PostId(1)), "acting on a repost is acting on what it reposts");
        assert!(!observer.acted_on(UserId(7), PostId(2)) && !observer.acted_on(UserId(8), PostId(1)));
        let history = |at| observer.history(UserId(7), TimeMs(at), 4);
        assert_eq!((history(40).len(), history(41).len()), (0, 1));
        observer.take_in(&event(50, EventBody::Delete { post_id: PostId(2) }));
        assert_eq!(existing(&observer, 100), [1]);
    }

    proptest! {
        #[test]
        fn nothing_at_or_after_a_moment_is_seen_at_it(
            actions in prop::collection::vec((0i64..100, 1u64..4, 1u64..9), 0..60), moment in 0i64..100,
        ) {
            let mut actions = actions;
            actions.sort_unstable();
            let (mut all, mut before) = (Observer::new(&Profile::live()), Observer::new(&Profile::live()));
            for id in 1..9u64 {
                let created = post(id as i64 * 11, id, 0);
                if created.at.0 < moment {
                    before.take_in(&created);
                }
                all.take_in(&created);
            }
            // Far apart, so that no action joins an earlier token.
            for (at, user, post) in actions {
                if at < moment {
                    before.take_in(&action(at * 1_000_000, user, post));
                }
                all.take_in(&action(at * 1_000_000, user, post));
            }
            let at = TimeMs(moment * 1_000_000);
            for user in 1..4 {
                let posts = |h: Vec<HistoryItem>| h.iter().map(|i| (i.post, i.actions)).collect::<Vec<_>>();
                let (full, cut) = (all.history(UserId(user), at, 8), before.history(UserId(user), at, 8));
                prop_assert_eq!(posts(full), posts(cut));
            }
            prop_assert_eq!(existing(&all, moment), existing(&before, moment));
        }
    }
}
