//! Posts: who posts when, what, and on which other post.

use event_log::{Media, MediaKind, PostEvent};
use foryou_types::{DAY_MS, EngagementCounts, PostId, Rng, SplitMix64, TimeMs};

use super::config::{HOUR_MS, WorldConfig};
use super::lexicon::LANGUAGE_TAGS;
use super::people::{Author, Role, draw_moment};
use super::post::{Kind, Post};
use super::quality::{Belief, POST_SPREAD};
use super::state::State;
use super::tastes::draw_topic;
use super::text::{Frame, write};

/// Who posts when: `config.posts` times, each by an author drawn by activity, at an hour at which the author is awake.
pub(crate) fn plan(config: &WorldConfig, authors: &[Author]) -> Vec<(TimeMs, u32)> {
    let mut rng = SplitMix64::fork(config.seed, "post plan");
    let mut up_to = Vec::with_capacity(authors.len());
    let mut total = 0.0;
    for author in authors {
        total += author.activity;
        up_to.push(total);
    }
    let mut plan: Vec<(TimeMs, u32)> = (0..config.posts)
        .map(|_| {
            let ticket = rng.uniform() * total;
            let author = up_to.partition_point(|end| *end <= ticket).min(authors.len() - 1);
            let midnight = config.start() + rng.below(config.days as usize) as i64 * DAY_MS;
            (draw_moment(midnight, authors[author].clock_hours, &mut rng), author as u32)
        })
        .collect();
    plan.sort_unstable();
    plan
}

/// Composes the next post of an author.
pub(crate) fn compose(state: &State<'_>, at: TimeMs, author: u32, rng: &mut dyn Rng) -> (Post, PostEvent) {
    let person = &state.authors[author as usize];
    let index = state.posts.len();
    let (kind, target) = draw_kind(state, at, author, rng);
    if let (Kind::Repost, Some(target)) = (kind, target) {
        return repost(state, at, author, target);
    }
    let own_topic = draw_topic(person.tastes.mixture(state.day(at)), rng);
    let topic = target.filter(|_| rng.chance(0.85)).map_or(own_topic, |t| state.posts[t as usize].topic as usize);
    let frame = match kind {
        Kind::Reply => Frame::Reply,
        Kind::Quote => Frame::Quote,
        Kind::Original | Kind::Repost => Frame::Original,
    };
    let written = write(frame, person.role, topic, person.language as usize, rng);
    let media = draw_media(kind, rng);
    let id = PostId::snowflake(at, index as u64);
    let target_post = target.map(|t| &state.posts[t as usize]);
    let (root, conversation) = match (kind, target_post) {
        (Kind::Reply, Some(t)) => (t.root, state.posts[t.root as usize].id),
        _ => (index as u32, id),
    };
    let subscribers_only = kind == Kind::Original && person.sells && rng.chance(0.25);
    let target_author = target_post.map(|t| state.authors[t.author as usize].id).unwrap_or_default();
    let target_id = target_post.map(|t| t.id).unwrap_or_default();
    let mut event = PostEvent {
        post_id: id,
        author_id: person.id,
        text: Some(written.text.clone()),
        language: Some(LANGUAGE_TAGS[person.language as usize].to_owned()),
        country: Some(person.country.to_owned()),
        conversation_id: conversation,
        topics: vec![topic as u32],
        ..PostEvent::default()
    };
    match kind {
        Kind::Reply => (event.in_reply_to_post_id, event.in_reply_to_user_id) = (target_id, target_author),
        Kind::Quote => (event.quoted_post_id, event.quoted_user_id) = (target_id, target_author),
        Kind::Original | Kind::Repost => {}
    }
    if subscribers_only {
        event.subscription_author_id = person.id;
    }
    let post = Post {
        id,
        author,
        at,
        kind,
        topic: topic as u8,
        language: person.language,
        quality: person.quality + POST_SPREAD * rng.normal(),
        photo: media.iter().any(|m| m.kind == MediaKind::Photo),
        video_ms: media.iter().filter(|m| m.kind == MediaKind::Video).find_map(|m| m.duration_ms),
        subscribers_only,
        shown: index as u32,
        root,
        text: written.text,
        nouns: written.nouns,
        deleted: false,
        belief: Belief::of_author(person.quality),
        counts: EngagementCounts::default(),
        impressions: 0,
        favorites: 0,
        reports: 0,
    };
    event.media = media;
    (post, event)
}

/// A repost carries the original's text, language and topic, so that whoever reads only the repost knows what it says.
fn repost(state: &State<'_>, at: TimeMs, author: u32, target: u32) -> (Post, PostEvent) {
    let original = &state.posts[target as usize];
    let person = &state.authors[author as usize];
    let id = PostId::snowflake(at, state.posts.len() as u64);
    let event = PostEvent {
        post_id: id,
        author_id: person.id,
        text: Some(original.text.clone()),
        language: Some(LANGUAGE_TAGS[original.language as usize].to_owned()),
        country: Some(person.country.to_owned()),
        source_post_id: original.id,
        source_user_id: state.authors[original.author as usize].id,
        topics: vec![u32::from(original.topic)],
        ..PostEvent::default()
    };
    let post = Post {
        id,
        author,
        at,
        kind: Kind::Repost,
        shown: target,
        root: state.posts.len() as u32,
        counts: EngagementCounts::default(),
        impressions: 0,
        favorites: 0,
        reports: 0,
        deleted: false,
        ..original.clone()
    };
    (post, event)
}

/// 62 % originals, 16 % replies, 8 % quotes, 14 % reposts; spam is mostly original and abuse mostly replies.
fn draw_kind(state: &State<'_>, at: TimeMs, author: u32, rng: &mut dyn Rng) -> (Kind, Option<u32>) {
    let (replies, quotes, reposts) = match state.authors[author as usize].role {
        Role::Regular => (0.16, 0.08, 0.14),
        Role::Spam => (0.10, 0.0, 0.0),
        Role::Abusive => (0.45, 0.15, 0.0),
    };
    let u = rng.uniform();
    let kind = if u < replies {
        Kind::Reply
    } else if u < replies + quotes {
        Kind::Quote
    } else if u < replies + quotes + reposts {
        Kind::Repost
    } else {
        return (Kind::Original, None);
    };
    match draw_target(state, at, author, rng) {
        Some(target) => (kind, Some(target)),
        None => (Kind::Original, None),
    }
}

/// A post of the last day to react to: mostly of a followed author, else any; in half of the cases a post that already has a thread
/// is preferred, which is what makes threads long.
fn draw_target(state: &State<'_>, at: TimeMs, author: u32, rng: &mut dyn Rng) -> Option<u32> {
    let account = state.viewers.len() + author as usize;
    let following = &state.following[account];
    for _ in 0..8 {
        let candidate = if !following.is_empty() && rng.chance(0.7) {
            let followed = following[rng.below(following.len())];
            let theirs = &state.by_author[followed as usize];
            if theirs.is_empty() {
                continue;
            }
            theirs[theirs.len() - 1 - rng.below(theirs.len().min(4))]
        } else {
            if state.posts.is_empty() {
                return None;
            }
            (state.posts.len() - 1 - rng.below(state.posts.len().min(400))) as u32
        };
        let shown = state.posts[candidate as usize].shown;
        let thread = state.threads.get(&state.posts[shown as usize].root);
        let shown = thread.filter(|_| rng.chance(0.5)).map_or(shown, |replies| replies[rng.below(replies.len())]);
        let post = &state.posts[shown as usize];
        let whose = &state.authors[post.author as usize];
        let open =
            !post.deleted && !post.subscribers_only && !whose.protected && !state.suspended[post.author as usize];
        if open && !whose.is_bad() && post.author != author && at.since(post.at) < 24 * HOUR_MS {
            return Some(shown);
        }
    }
    None
}

/// 30 % of originals have photos, 15 % a video (median 40 s), 3 % a loop; replies and quotes a third of that.
fn draw_media(kind: Kind, rng: &mut dyn Rng) -> Vec<Media> {
    if kind != Kind::Original && rng.chance(0.67) {
        return Vec::new();
    }
    let u = rng.uniform();
    if u < 0.30 {
        let photos = 1 + rng.below(4) * usize::from(rng.chance(0.3));
        vec![Media { kind: MediaKind::Photo, duration_ms: None }; photos]
    } else if u < 0.45 {
        let seconds = (40.0 * rng.normal().exp()).clamp(2.0, 1_800.0);
        vec![Media { kind: MediaKind::Video, duration_ms: Some((seconds * 1_000.0) as u32) }]
    } else if u < 0.48 {
        vec![Media { kind: MediaKind::Gif, duration_ms: Some(2_000 + rng.below(4_000) as u32) }]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_in_time_order_and_complete() {
        let config = WorldConfig::demo();
        let authors = super::super::people::draw_authors(&config);
        let plan = plan(&config, &authors);
        assert_eq!(plan.len(), 5_000);
        assert!(plan.is_sorted());
        assert!(plan[0].0 >= config.start() && plan[4_999].0 < config.end);
    }
}
