//! The store against a naive one: sorted maps, no locks, no early ends.

use std::collections::{BTreeMap, BTreeSet};

use foryou_types::seams::{InNetworkRequest, LightPost};
use foryou_types::{PostId, TimeMs, UserId};
use proptest::prelude::*;
use thunder::{InsertOutcome, PostStore, StoreConfig};

const ORIGINALS: usize = 0;
const SECONDARY: usize = 1;
const VIDEOS: usize = 2;

fn config() -> StoreConfig {
    StoreConfig {
        post_retention_seconds: 2,
        clock_skew_seconds: 1,
        max_results: 5,
        max_video_results: 3,
        max_following: 3,
        max_excluded: 2,
        max_originals_per_author: 2,
        max_secondary_per_author: 2,
        max_videos_per_author: 2,
        max_scanned_per_timeline: 3,
        max_timeline_entries: 4,
        ..StoreConfig::default()
    }
}

/// The specification, word by word.
struct Naive {
    config: StoreConfig,
    /// Posts with the lists that hold them.
    posts: BTreeMap<u64, (LightPost, [bool; 3])>,
    deleted: BTreeMap<u64, i64>,
    /// (source, repost) of reposts whose source was not stored when they came.
    waiting: BTreeSet<(u64, u64)>,
}

impl Naive {
    fn new(config: StoreConfig) -> Self {
        Self { config, posts: BTreeMap::new(), deleted: BTreeMap::new(), waiting: BTreeSet::new() }
    }

    fn oldest(&self, now: i64) -> i64 {
        now - self.config.post_retention_seconds * 1_000
    }

    fn is_live(&self, post: &LightPost, now: i64) -> bool {
        (self.oldest(now)..=now + self.config.clock_skew_seconds * 1_000).contains(&post.created_at.0)
    }

    fn insert(&mut self, mut post: LightPost, now: i64) -> InsertOutcome {
        let id = post.post_id.0;
        if post.created_at.0 < self.oldest(now) {
            return InsertOutcome::TooOld;
        }
        if !self.is_live(&post, now) {
            return InsertOutcome::FromTheFuture;
        }
        if self.deleted.contains_key(&id) {
            return InsertOutcome::Deleted;
        }
        if self.posts.contains_key(&id) {
            return InsertOutcome::Known;
        }
        let is_original = !post.is_reply && !post.is_retweet;
        let is_source = post.has_video && !post.is_reply;
        let mut in_videos = is_original && post.has_video;
        if post.is_retweet && !post.is_reply && post.source_post_id != post.post_id {
            match self.posts.get(&post.source_post_id.0) {
                Some((source, _)) => in_videos = source.has_video && !source.is_reply && self.is_live(source, now),
                None => {
                    self.waiting.insert((post.source_post_id.0, id));
                }
            }
        }
        post.has_video |= in_videos;
        self.posts.insert(id, (post, [is_original, !is_original, in_videos]));
        self.evict(post.author_id);
        let arrived: Vec<_> = self.waiting.iter().filter(|(source, _)| *source == id).copied().collect();
        for pair in arrived {
            self.waiting.remove(&pair);
            if is_source {
                let (repost, lists) = self.posts.get_mut(&pair.1).unwrap();
                repost.has_video = true;
                lists[VIDEOS] = true;
                let author = repost.author_id;
                self.evict(author);
            }
        }
        InsertOutcome::Stored
    }

    /// The posts of one list of an author, newest first.
    fn list(&self, author: UserId, list: usize) -> Vec<LightPost> {
        let mut posts: Vec<_> =
            self.posts.values().filter(|(post, lists)| post.author_id == author && lists[list]).map(|p| p.0).collect();
        posts.sort_by_key(|post| std::cmp::Reverse((post.created_at, post.post_id)));
        posts
    }

    fn evict(&mut self, author: UserId) {
        for list in [ORIGINALS, SECONDARY, VIDEOS] {
            for post in self.list(author, list).iter().skip(self.config.max_timeline_entries) {
                let lists = &mut self.posts.get_mut(&post.post_id.0).unwrap().1;
                lists[list] = false;
                if *lists == [false; 3] {
                    self.remove(post.post_id.0);
                }
            }
        }
    }

    fn remove(&mut self, id: u64) -> bool {
        self.waiting.retain(|(_, repost)| *repost != id);
        self.posts.remove(&id).is_some()
    }

    fn delete(&mut self, id: u64, now: i64) -> bool {
        let known = self.deleted.entry(id).or_insert(now);
        *known = now.max(*known);
        self.remove(id)
    }

    fn trim(&mut self, now: i64) {
        let oldest = self.oldest(now);
        self.deleted.retain(|_, at| *at >= oldest);
        let old: Vec<_> = self.posts.iter().filter(|(_, (p, _))| p.created_at.0 < oldest).map(|(id, _)| *id).collect();
        for id in old {
            self.remove(id);
        }
    }

    fn is_wanted(&self, post: &LightPost, viewer: UserId, exclude: &[PostId], following: &[UserId], now: i64) -> bool {
        if exclude.contains(&post.post_id) || (post.is_retweet && post.source_user_id == viewer) {
            return false;
        }
        if post.is_retweet && self.deleted.contains_key(&post.source_post_id.0) {
            return false;
        }
        if !post.is_reply {
            return true;
        }
        match self.posts.get(&post.in_reply_to_post_id.0) {
            Some((parent, _)) if self.is_live(parent, now) => {
                (!parent.is_reply && !parent.is_retweet)
                    || (parent.is_reply
                        && parent.in_reply_to_post_id == post.conversation_id
                        && following.contains(&post.in_reply_to_user_id))
            }
            _ => false,
        }
    }

    fn lookup(&self, request: &InNetworkRequest, now: i64) -> Vec<LightPost> {
        let now = request.now.map_or(now, |now| now.0);
        let following: Vec<_> = request.following_user_ids.iter().copied().take(self.config.max_following).collect();
        let exclude: Vec<_> = request.exclude_post_ids.iter().copied().take(self.config.max_excluded).collect();
        let config = &self.config;
        let (lists, most) = if request.is_video_request {
            (vec![(VIDEOS, config.max_videos_per_author)], config.max_video_results)
        } else {
            let originals = (ORIGINALS, config.max_originals_per_author);
            (vec![originals, (SECONDARY, config.max_secondary_per_author)], config.max_results)
        };
        let mut found = Vec::new();
        for author in following.iter().copied().collect::<BTreeSet<_>>() {
            for &(list, keep) in &lists {
                let live = self.list(author, list).into_iter().filter(|post| self.is_live(post, now));
                let scanned = live.take(self.config.max_scanned_per_timeline);
                let wanted = scanned.filter(|p| self.is_wanted(p, request.user_id, &exclude, &following, now));
                found.extend(wanted.take(keep));
            }
        }
        found.sort_by_key(|post| std::cmp::Reverse((post.created_at, post.post_id)));
        found.truncate(if request.max_results == 0 { most } else { request.max_results.min(most) });
        found
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(LightPost),
    Delete(u64),
    Trim,
    Look(InNetworkRequest),
}

/// Ids of which every other has its highest bit set.
fn spread(id: u64) -> u64 {
    if id.is_multiple_of(2) { id } else { id.wrapping_neg() }
}

fn post() -> impl Strategy<Value = LightPost> {
    let (id, author) = (1u64..14, 1u64..5);
    // Few moments, so that many are equal.
    let time = (0i64..16).prop_map(|t| TimeMs(t * 250));
    let kind = 0u8..8;
    (id, author, time, kind, any::<bool>(), 1u64..14, 1u64..6, 1u64..14).prop_map(
        |(id, author, created_at, kind, has_video, other, user, thread)| {
            let (is_reply, is_retweet) = (matches!(kind, 0..=2), matches!(kind, 2..=4));
            let (other, user) = (spread(other), UserId(user));
            LightPost {
                post_id: PostId(spread(id)),
                author_id: UserId(author),
                created_at,
                in_reply_to_post_id: PostId(if is_reply { other } else { 0 }),
                in_reply_to_user_id: if is_reply { user } else { UserId::NONE },
                is_retweet,
                is_reply,
                source_post_id: PostId(if is_retweet { other } else { 0 }),
                source_user_id: if is_retweet { user } else { UserId::NONE },
                has_video,
                conversation_id: PostId(spread(thread)),
            }
        },
    )
}

fn look() -> impl Strategy<Value = InNetworkRequest> {
    let now = prop::option::weighted(0.3, (0i64..24).prop_map(|t| TimeMs(t * 250)));
    let following = prop::collection::vec((1u64..6).prop_map(UserId), 0..5);
    let exclude = prop::collection::vec((1u64..14).prop_map(|id| PostId(spread(id))), 0..4);
    (1u64..6, following, 0usize..8, exclude, any::<bool>(), now).prop_map(
        |(user, following_user_ids, max_results, exclude_post_ids, is_video_request, now)| InNetworkRequest {
            user_id: UserId(user),
            following_user_ids,
            max_results,
            exclude_post_ids,
            is_video_request,
            now,
            ..InNetworkRequest::default()
        },
    )
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let step = prop_oneof![
        12 => post().prop_map(Step::Insert),
        1 => (1u64..14).prop_map(|id| Step::Delete(spread(id))),
        1 => Just(Step::Trim),
        4 => look().prop_map(Step::Look),
    ];
    ((0i64..16).prop_map(|t| t * 250), step)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_store_is_the_naive_one(steps in prop::collection::vec(step(), 1..120)) {
        let store = PostStore::new(config());
        let mut naive = Naive::new(config());
        for (now, step) in steps {
            match step {
                Step::Insert(post) => prop_assert_eq!(store.insert(post, TimeMs(now)), naive.insert(post, now)),
                Step::Delete(id) => {
                    prop_assert_eq!(store.mark_as_deleted(PostId(id), TimeMs(now)), naive.delete(id, now));
                }
                Step::Trim => {
                    store.trim_old_posts(TimeMs(now), usize::MAX);
                    naive.trim(now);
                }
                Step::Look(request) => {
                    let found = store.lookup(&request, &request.following_user_ids, None, TimeMs(now));
                    prop_assert_eq!(found.response.posts, naive.lookup(&request, now));
                }
            }
            let stats = store.stats();
            let authors: BTreeSet<_> = naive.posts.values().map(|(post, _)| post.author_id).collect();
            prop_assert_eq!((stats.posts, stats.authors, stats.deletes), (naive.posts.len(), authors.len(), naive.deleted.len()));
        }
        for (id, (post, _)) in &naive.posts {
            prop_assert_eq!(store.get(PostId(*id)), Some(*post));
        }
    }
}
