//! What a feed of anything is to the transports, and what they do for it.
//!
//! A [`Feed`] reads its own requests, ranks, and writes its own answers. Everything else is done for it here, the same for every feed:
//! the viewer is looked up, the cursor is opened and sealed, the moment is that of the folder's clock, the viewer's own writes are
//! waited for, and an empty feed says why.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use foryou_types::{ClockKind, PostId, TimeMs, UserId};
use mixer_kit::{Degraded, FeedError, FeedOptions, FeedResult, Ranked};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::cursor::{self, Scope};
use crate::explain::Explained;
use crate::folder::Folder;
use crate::ids::GivenId;
use crate::limits;
use crate::problem::Problem;
use crate::time_text::TimeText;

/// A feed of anything.
#[async_trait]
pub trait Feed: Send + Sync + 'static {
    /// The request as callers write it: a query string or a JSON object.
    type Request: DeserializeOwned + Send + 'static;
    /// The request with its ids looked up.
    type Query: Send + 'static;
    /// What is ranked.
    type Candidate: Ranked + 'static;
    /// The answer as callers read it.
    type Answer: Serialize + Send + 'static;

    /// The feed's name in its path and its cursors: lower-case letters.
    fn name(&self) -> &'static str;

    /// What the request says that every feed understands. Refuses strings and lists that are too long.
    fn common(&self, request: &Self::Request) -> Result<Common, Problem>;

    /// The query. Reads the request's other ids; may wait for the disk.
    fn query(&self, request: Self::Request, asked: Asked, folder: &Folder) -> Result<Self::Query, Problem>;

    /// What the pages of a feed have in common: a cursor of something else is refused. It must tell viewers apart, and this feed from
    /// others.
    fn scope(&self, query: &Self::Query) -> Scope;

    /// Ranks. Of `earlier`, the items of earlier pages, none comes again.
    async fn rank(
        &self,
        query: Self::Query,
        earlier: &[PostId],
        options: FeedOptions,
    ) -> Result<FeedResult<Self::Candidate>, FeedError>;

    /// Writes the answer, ids as the folder prints them; may wait for the disk.
    fn answer(&self, scored: Scored<Self::Candidate>, folder: &Folder) -> Self::Answer;
}

/// What every feed understands of a request.
#[derive(Clone, Debug, Default)]
pub struct Common {
    /// Whose feed.
    pub user_id: GivenId,
    /// Number of items.
    pub limit: Option<usize>,
    /// The moment of the request, instead of the folder's clock. Such a feed is never recorded as served.
    pub now: Option<TimeText>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Record the items as served (the default) or not.
    pub record: Option<bool>,
    /// Id of the request; generated if it is empty.
    pub request_id: String,
    /// Explain every decision about every candidate.
    pub explain: bool,
}

/// The same, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whose feed.
    pub viewer: UserId,
    /// The moment of the feed.
    pub now: TimeMs,
    /// Number of items.
    pub limit: usize,
    /// As the caller gave it; may be empty.
    pub request_id: String,
}

/// A ranked feed before its ids are printed.
#[derive(Debug)]
pub struct Scored<C> {
    /// Whose feed, as the folder prints it.
    pub viewer: String,
    /// The feed.
    pub result: FeedResult<C>,
    /// Whether the caller gave the moment of the feed.
    pub said_now: bool,
    /// Sent with the next request it gives the next page; `None` after the last page.
    pub next_cursor: Option<String>,
    /// For an empty feed on a log's clock: the event that set the clock.
    pub made_by: Option<String>,
}

impl<C: Ranked> Scored<C> {
    /// Every decision, if the request asked for it.
    pub fn explained(&self, folder: &Folder) -> Option<Explained> {
        let explanation = self.result.explanation.as_ref()?;
        Some(Explained::new(&self.result.items, explanation, folder.ids()))
    }
}

/// What [`App::scored`] finds out before it ranks.
struct Resolved<Q> {
    printed: String,
    query: Q,
    viewer: UserId,
    scope: Scope,
    /// The items of earlier pages.
    earlier: Vec<PostId>,
    said_now: bool,
    options: FeedOptions,
}

impl App {
    /// One feed.
    pub async fn feed<F: Feed>(
        self: &Arc<Self>,
        feed: &Arc<F>,
        request: F::Request,
        deadline: Option<Instant>,
    ) -> Result<F::Answer, Problem> {
        let mut scored = self.scored(feed, request, deadline).await?;
        let folder = self.folder();
        if scored.result.items.is_empty() && !scored.said_now && folder.profile.clock == ClockKind::Log {
            scored.made_by = folder.made_now().await;
        }
        let feed = Arc::clone(feed);
        folder.looking_up(move |folder| feed.answer(scored, folder)).await
    }

    /// One feed, before its ids are printed.
    pub async fn scored<F: Feed>(
        self: &Arc<Self>,
        feed: &Arc<F>,
        request: F::Request,
        deadline: Option<Instant>,
    ) -> Result<Scored<F::Candidate>, Problem> {
        let reader = Arc::clone(feed);
        let resolved = self.folder().looking_up(move |folder| resolve(&*reader, request, deadline, folder)).await??;
        let Resolved { printed, query, viewer, scope, earlier, said_now, options } = resolved;
        let late: Option<Degraded> = self.wait_for_own_writes(viewer).await;
        let mut result = feed.rank(query, &earlier, options).await?;
        result.degraded.extend(late);
        if let Some(why) = &mut result.empty_because {
            why.push_str(&self.newest_post_against(result.now).await?);
        }
        let page: Vec<_> = result.items.iter().map(Ranked::item_id).collect();
        let next_cursor = cursor::encode(&self.folder().cursor_key, &scope, &earlier, &page);
        Ok(Scored { viewer: printed, result, said_now, next_cursor, made_by: None })
    }
}

fn resolve<F: Feed>(
    feed: &F,
    request: F::Request,
    deadline: Option<Instant>,
    folder: &Folder,
) -> Result<Resolved<F::Query>, Problem> {
    let common = feed.common(&request)?;
    limits::check_request_id("request_id", &common.request_id)?;
    if common.limit.is_some_and(|limit| !(1..=limits::FEED).contains(&limit)) {
        return Err(Problem::field("limit", format!("must be between 1 and {}", limits::FEED)));
    }
    let viewer = folder.ids().viewer(&common.user_id).map_err(|e| Problem::field("user_id", e))?;
    let said_now = common.now.is_some();
    if said_now && common.record == Some(true) {
        let problem = "a feed with its own now is never recorded: leave out now or record";
        return Err(Problem::field("record", problem));
    }
    let asked = Asked {
        viewer: viewer.id,
        now: common.now.map_or_else(|| folder.clock.now(), |t| t.0),
        limit: common.limit.unwrap_or(folder.default_limit),
        request_id: common.request_id,
    };
    let query = feed.query(request, asked, folder)?;
    let scope = feed.scope(&query);
    let earlier = match &common.cursor {
        Some(cursor) => cursor::decode(&folder.cursor_key, &scope, cursor)?,
        None => Vec::new(),
    };
    // A viewer who is missing from the dictionary has no name to record under, and a feed with its own now was shown to
    // nobody.
    let record = common.record.unwrap_or(true) && !viewer.stranger && !said_now;
    let options = FeedOptions { explain: common.explain, record, deadline };
    Ok(Resolved { printed: viewer.printed, query, viewer: viewer.id, scope, earlier, said_now, options })
}
