//! What people do without being shown anything: accounts, first follows, and when they change their mind.

use event_log::{EdgeEvent, EdgeKind, EventBody, LabelEvent, LabelTarget, ProfileEvent};
use foryou_types::{DAY_MS, Rng, SplitMix64, TimeMs};

use super::change::Change;
use super::config::HOUR_MS;
use super::graph::Follow;
use super::lexicon::LANGUAGE_TAGS;
use super::people::Role;
use super::simulation::{Simulation, What};

/// The graph grew during this time before the start.
const BEFORE_MS: i64 = 30 * DAY_MS;

/// The changes of a day and how likely each is.
const DAILY: [(Change, f64); 7] = [
    (Change::Unfollow, 0.03),
    (Change::MuteKeyword, 0.02),
    (Change::UnmuteKeyword, 0.01),
    (Change::Subscribe, 0.02),
    (Change::Unsubscribe, 0.01),
    (Change::Unblock, 0.02),
    (Change::Unmute, 0.02),
];

/// Records accounts, first follows, subscriptions and muted words, known offenders, and plans every later change of mind.
pub(crate) fn settle(simulation: &mut Simulation<'_>, follows: &[Follow]) {
    let config = simulation.state.config;
    let (viewers, authors) = (simulation.state.viewers, simulation.state.authors);
    let mut rng = SplitMix64::fork(config.seed, "habits");
    let start = config.start();
    let before = start - BEFORE_MS;
    for profile in profiles(simulation, follows, before, &mut rng) {
        simulation.emit(before, EventBody::Profile(Box::new(profile)));
    }
    for (i, (account, author)) in follows.iter().enumerate() {
        let at = before + 1 + (i as i64 * (BEFORE_MS - 2)) / follows.len() as i64;
        let target_id = authors[*author as usize].id;
        let user_id = foryou_types::UserId(u64::from(*account) + 1);
        simulation.emit(at, EventBody::Edge(EdgeEvent { user_id, target_id, kind: EdgeKind::Follow, added: true }));
        if authors[*author as usize].sells && (*account as usize) < viewers.len() && rng.chance(0.25) {
            let edge = EdgeEvent { user_id, target_id, kind: EdgeKind::Subscribe, added: true };
            simulation.emit(at, EventBody::Edge(edge));
        }
    }
    for author in authors.iter().filter(|a| a.is_bad()) {
        if rng.chance(0.3) {
            let label = if author.role == Role::Spam { "spam" } else { "abuse" }.to_owned();
            let label = LabelEvent { target: LabelTarget::User(author.id), label, until: None };
            let at = start + (rng.uniform() * 12.0 * HOUR_MS as f64) as i64;
            simulation.at(at, What::Event(EventBody::Label(label)));
        }
    }
    for viewer in 0..viewers.len() as u32 {
        if rng.chance(0.1) {
            simulation.at(start, What::Change { viewer, change: Change::MuteKeyword });
        }
        for day in 0..config.days {
            for (change, probability) in DAILY {
                if rng.chance(probability) {
                    let at = start + i64::from(day) * DAY_MS + (rng.uniform() * DAY_MS as f64) as i64;
                    simulation.at(at, What::Change { viewer, change });
                }
            }
        }
    }
}

fn profiles(
    simulation: &Simulation<'_>,
    follows: &[Follow],
    before: TimeMs,
    rng: &mut SplitMix64,
) -> Vec<ProfileEvent> {
    let (viewers, authors) = (simulation.state.viewers, simulation.state.authors);
    let mut followers = vec![0u64; authors.len()];
    for follow in follows {
        followers[follow.1 as usize] += 1;
    }
    let mut created_at = || Some(before - (rng.uniform() * 3_000.0 * DAY_MS as f64) as i64);
    let of_viewer = viewers.iter().map(|v| (v.id, format!("viewer_{}", v.id.0), v.country, v.language));
    let mut profiles: Vec<ProfileEvent> = of_viewer
        .map(|(user_id, screen_name, country, language)| ProfileEvent {
            user_id,
            screen_name: Some(screen_name),
            followers: Some(0),
            country: Some(country.to_owned()),
            language: Some(LANGUAGE_TAGS[language as usize].to_owned()),
            created_at: created_at(),
            ..ProfileEvent::default()
        })
        .collect();
    profiles.extend(authors.iter().zip(followers).map(|(author, followers)| ProfileEvent {
        user_id: author.id,
        screen_name: Some(author.screen_name.clone()),
        followers: Some(followers),
        verified: Some(author.verified),
        protected: Some(author.protected),
        suspended: Some(false),
        country: Some(author.country.to_owned()),
        language: Some(LANGUAGE_TAGS[author.language as usize].to_owned()),
        created_at: created_at(),
    }));
    profiles
}
