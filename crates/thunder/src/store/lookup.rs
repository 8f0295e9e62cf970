//! "What did these authors post lately": the rules of a lookup.

use foryou_types::seams::{InNetworkRequest, InNetworkResponse, LightPost};
use foryou_types::{PostId, TimeMs, UserId, mix};
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::PostStore;
use super::hash::{Loc, shard_of};
use super::newest::Newest;
use super::timeline::{List, Timeline};
use crate::deadline::Deadline;

/// The deadline is checked once per this many authors.
const AUTHORS_PER_CLOCK_LOOK: usize = 16;

/// A question to the store with all its lists ready.
#[derive(Clone, Copy, Debug)]
pub struct TimelineQuery<'a> {
    /// The viewer: reposts of the viewer's own posts are skipped.
    pub viewer: UserId,
    /// The followed accounts. Duplicates are looked at once.
    pub authors: &'a [UserId],
    /// Posts to leave out.
    pub exclude: &'a [PostId],
    /// At most this many posts.
    pub max_results: usize,
    /// The moment of the question: posts older than the retention, or from after it, do not exist.
    pub now: TimeMs,
    /// When to stop and answer with what has been found.
    pub deadline: Option<Deadline<'a>>,
}

/// Posts of many authors, newest first by (`created_at`, id).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timelines {
    /// The posts.
    pub posts: Vec<LightPost>,
    /// The deadline came before every author was looked at.
    pub partial: bool,
    /// What was done.
    pub stats: LookupStats,
}

/// Counters of a lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookupStats {
    /// Followed accounts looked at, each once.
    pub authors_looked_at: u32,
    /// Entries of their lists read. Lists are left as soon as the rest is older than everything the answer will hold, so
    /// this and the next number are smaller than the lists.
    pub entries_scanned: u32,
    /// Posts among them that the rules let pass.
    pub posts_eligible: u32,
}

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lookup {
    /// The posts and what was cut.
    pub response: InNetworkResponse,
    /// What was done.
    pub stats: LookupStats,
}

impl PostStore {
    /// Answers a request over the accounts of `following` (the request's own list, or what was looked up in its place).
    ///
    /// Lists longer than the configured limits are cut, with a warning; a deadline that passes leaves the answer partial.
    /// `request.now`, where given, stands in for `now`.
    pub fn lookup(
        &self,
        request: &InNetworkRequest,
        following: &[UserId],
        deadline: Option<Deadline<'_>>,
        now: TimeMs,
    ) -> Lookup {
        let mut warnings = Vec::new();
        let authors = cut(following, self.config.max_following, "following_user_ids", &mut warnings);
        let exclude = cut(&request.exclude_post_ids, self.config.max_excluded, "exclude_tweet_ids", &mut warnings);
        let most = if request.is_video_request { self.config.max_video_results } else { self.config.max_results };
        let max_results = if request.max_results == 0 { most } else { request.max_results.min(most) };
        let now = request.now.unwrap_or(now);
        let query = TimelineQuery { viewer: request.user_id, authors, exclude, max_results, now, deadline };
        let found = if request.is_video_request {
            self.get_videos_by_users(&query)
        } else {
            self.get_all_posts_by_users(&query)
        };
        let response = InNetworkResponse { posts: found.posts, partial: found.partial, warnings };
        Lookup { response, stats: found.stats }
    }

    /// The newest originals, replies and reposts of the authors.
    pub fn get_all_posts_by_users(&self, query: &TimelineQuery<'_>) -> Timelines {
        let config = &self.config;
        let lists = [
            Quota::new(List::Originals, config.max_originals_per_author),
            Quota::new(List::Secondary, config.max_secondary_per_author),
        ];
        Scan::new(self, query).run(lists)
    }

    /// The newest videos of the authors: among originals, and reposts of videos.
    pub fn get_videos_by_users(&self, query: &TimelineQuery<'_>) -> Timelines {
        Scan::new(self, query).run([Quota::new(List::Videos, self.config.max_videos_per_author)])
    }
}

/// Cuts a list to its limit and says so.
fn cut<'a, T>(list: &'a [T], limit: usize, name: &str, warnings: &mut Vec<String>) -> &'a [T] {
    if list.len() <= limit {
        return list;
    }
    warnings.push(format!("{name}: only the first {limit} of {} were used", list.len()));
    &list[..limit]
}

/// How much of one list of one author a lookup may still take.
#[derive(Clone, Copy, Debug)]
struct Quota {
    list: List,
    scanned: usize,
    kept: usize,
    keep: usize,
}

impl Quota {
    const fn new(list: List, keep: usize) -> Self {
        Self { list, scanned: 0, kept: 0, keep }
    }

    const fn is_used_up(&self, window: usize) -> bool {
        self.kept >= self.keep || self.scanned >= window
    }
}

/// One lookup under way.
struct Scan<'a> {
    store: &'a PostStore,
    query: &'a TimelineQuery<'a>,
    exclude: FxHashSet<PostId>,
    following: FxHashSet<UserId>,
    newest: Newest<u32>,
    /// Posts the rules let pass, in the order they were met; `newest` holds their places.
    eligible: Vec<LightPost>,
    stats: LookupStats,
}

impl<'a> Scan<'a> {
    fn new(store: &'a PostStore, query: &'a TimelineQuery<'a>) -> Self {
        Self {
            store,
            query,
            exclude: query.exclude.iter().copied().collect(),
            following: query.authors.iter().copied().collect(),
            newest: Newest::new(query.max_results),
            eligible: Vec::new(),
            stats: LookupStats::default(),
        }
    }

    /// A moment such that nothing before it can be in the answer; `None` if there may be room for everything.
    ///
    /// Fetching a post costs a cache miss or two, walking entries next to none. So this walks the entries that are certain to
    /// pass the rules, the originals within the list's quota, whose only way out is to be excluded: the time of the last of
    /// `max_results` and as many more as are excluded is the bound.
    fn floor(&self, quota: Quota) -> Option<i64> {
        let enough = self.query.max_results.saturating_add(self.exclude.len());
        let Quota { list, keep, .. } = quota;
        let keep = keep.min(self.store.config.max_scanned_per_timeline);
        if self.following.len().saturating_mul(keep) < enough {
            return None;
        }
        let mut newest = Newest::new(enough);
        for author in &self.following {
            let hash = mix(author.0);
            let shard = self.store.authors[shard_of(hash)].0.read();
            let Some(timeline) = shard.get(author.0, hash) else { continue };
            let mut left = keep;
            for entry in timeline.newest_first().skip_while(|entry| entry.created_at() > self.latest()) {
                if entry.created_at() < self.earliest() || newest.is_too_old(entry.created_at()) {
                    break;
                }
                if entry.lists() & list.bit() == 0 {
                    continue;
                }
                if left == 0 {
                    break;
                }
                left -= 1;
                if entry.lists() & List::Originals.bit() != 0 {
                    newest.push((entry.created_at(), 0), ());
                }
            }
        }
        newest.last_time()
    }

    /// The time of the oldest post that lives at the request's now.
    fn earliest(&self) -> i64 {
        (self.query.now - self.store.config.retention_ms()).0
    }

    /// The time of the latest post that lives at the request's now.
    fn latest(&self) -> i64 {
        (self.query.now + self.store.config.skew_ms()).0
    }

    fn run<const N: usize>(mut self, quotas: [Quota; N]) -> Timelines {
        self.newest = Newest::new(self.query.max_results).from(quotas.first().and_then(|quota| self.floor(*quota)));
        let mut partial = false;
        let mut seen = FxHashSet::with_capacity_and_hasher(self.following.len(), FxBuildHasher);
        for (n, &author) in self.query.authors.iter().enumerate() {
            let look = n % AUTHORS_PER_CLOCK_LOOK == 0;
            if look && self.query.deadline.is_some_and(|deadline| deadline.is_over()) {
                partial = true;
                break;
            }
            if author.is_none() || !seen.insert(author) {
                continue;
            }
            self.stats.authors_looked_at += 1;
            let hash = mix(author.0);
            let shard = self.store.authors[shard_of(hash)].0.read();
            if let Some(timeline) = shard.get(author.0, hash) {
                self.scan(timeline, quotas);
            }
        }
        let posts = self.newest.into_sorted().filter_map(|i| self.eligible.get(i as usize).copied()).collect();
        Timelines { posts, partial, stats: self.stats }
    }

    /// Takes what one author's lists have to give. The author's lock is held, so every entry's post is there.
    fn scan<const N: usize>(&mut self, timeline: &Timeline, mut quotas: [Quota; N]) {
        let config = &self.store.config;
        let (earliest, latest) = (self.earliest(), self.latest());
        for entry in timeline.newest_first().skip_while(|entry| entry.created_at() > latest) {
            if entry.created_at() < earliest || self.newest.is_too_old(entry.created_at()) {
                return;
            }
            let Some(quota) = quotas.iter_mut().find(|q| entry.lists() & q.list.bit() != 0) else { continue };
            if quota.is_used_up(config.max_scanned_per_timeline) {
                if quotas.iter().all(|q| q.is_used_up(config.max_scanned_per_timeline)) {
                    return;
                }
                continue;
            }
            quota.scanned += 1;
            self.stats.entries_scanned += 1;
            let post = self.post(entry.loc());
            if self.is_wanted(&post) {
                quota.kept += 1;
                self.stats.posts_eligible += 1;
                self.newest.push((post.created_at.0, post.post_id.0), self.eligible.len() as u32);
                self.eligible.push(post);
            }
        }
    }

    fn post(&self, loc: Loc) -> LightPost {
        self.store.posts[loc.shard()].0.read().light(loc.slot())
    }

    fn is_wanted(&self, post: &LightPost) -> bool {
        let own_again = post.is_retweet && post.source_user_id.is_some() && post.source_user_id == self.query.viewer;
        let of_deleted = post.is_retweet && self.is_deleted(post.source_post_id);
        let unwanted = own_again || of_deleted || self.exclude.contains(&post.post_id);
        !unwanted && (!post.is_reply || self.is_wanted_reply(post))
    }

    /// Whether a post was deleted within the retention.
    fn is_deleted(&self, post: PostId) -> bool {
        post.is_some() && self.store.posts[shard_of(mix(post.0))].0.read().is_deleted(post.0)
    }

    /// A reply is wanted only if its parent is in the store and either is an original, or itself replies directly to the first
    /// post of the reply's thread and is by someone the viewer follows.
    fn is_wanted_reply(&self, reply: &LightPost) -> bool {
        let parent = reply.in_reply_to_post_id;
        if parent.is_none() {
            return false;
        }
        let hash = mix(parent.0);
        let posts = self.store.posts[shard_of(hash)].0.read();
        let Some(parent) = posts.find(parent.0, hash).map(|slot| posts.post(slot)) else { return false };
        if !self.store.is_live(parent.created_at(), self.query.now) {
            return false;
        }
        let answers_the_first =
            reply.conversation_id.is_some() && parent.in_reply_to() == reply.conversation_id.0 && parent.is_reply();
        parent.is_original() || (answers_the_first && self.following.contains(&reply.in_reply_to_user_id))
    }
}
