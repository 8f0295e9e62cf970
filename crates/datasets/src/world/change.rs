//! Changes of mind: what people change without being shown anything.

use event_log::{EdgeEvent, EdgeKind, EventBody};
use foryou_types::{Rng, TimeMs};

use super::lexicon::{NOUNS, TOPICS};
use super::state::{State, has};
use super::tastes::similarity;

/// A change of mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Unfollows the followed author least alike by now: drift shows in the graph.
    Unfollow,
    /// Mutes a word of a topic of no interest.
    MuteKeyword,
    UnmuteKeyword,
    Subscribe,
    Unsubscribe,
    Unblock,
    Unmute,
}

/// The event of a change of mind, `None` where there is nothing to change.
pub(crate) fn change(
    state: &State<'_>,
    at: TimeMs,
    viewer: u32,
    change: Change,
    rng: &mut dyn Rng,
) -> Option<EventBody> {
    let v = viewer as usize;
    let person = &state.viewers[v];
    let mixture = person.tastes.mixture(state.day(at));
    let edge = |author: u32, kind, added| {
        let target_id = state.authors[author as usize].id;
        Some(EventBody::Edge(EdgeEvent { user_id: person.id, target_id, kind, added }))
    };
    match change {
        Change::Unfollow => {
            let alike = |a: u32| similarity(mixture, state.authors[a as usize].tastes.mixture(state.day(at)));
            let least = state.following[v].iter().copied().min_by(|a, b| alike(*a).total_cmp(&alike(*b)))?;
            edge(least, EdgeKind::Follow, false)
        }
        Change::MuteKeyword => {
            let topic = (0..TOPICS).min_by(|a, b| mixture[*a].total_cmp(&mixture[*b]))?;
            let nouns = &NOUNS[topic][person.language as usize];
            let keyword = nouns[rng.below(nouns.len())].to_lowercase();
            let known = state.keywords[v].contains(&keyword);
            (!known).then_some(EventBody::MuteKeyword { user_id: person.id, keyword, muted: true })
        }
        Change::UnmuteKeyword => {
            let keyword = state.keywords[v].first()?.clone();
            Some(EventBody::MuteKeyword { user_id: person.id, keyword, muted: false })
        }
        Change::Subscribe => {
            let sold = |a: &u32| state.authors[*a as usize].sells && !has(&state.subscribed[v], *a);
            edge(state.following[v].iter().copied().find(sold)?, EdgeKind::Subscribe, true)
        }
        Change::Unsubscribe => edge(*state.subscribed[v].first()?, EdgeKind::Subscribe, false),
        Change::Unblock => edge(*state.blocked[v].first()?, EdgeKind::Block, false),
        Change::Unmute => edge(*state.muted[v].first()?, EdgeKind::Mute, false),
    }
}
