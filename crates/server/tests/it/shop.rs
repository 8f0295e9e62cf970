//! A further feed: products, mounted beside the feed of posts and paged through.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use event_log::follow::Follows;
use event_log::{MemoryLog, Position};
use foryou_types::{Clock, ManualClock, PostId, Profile, TimeMs, UserId};
use mixer_kit::{FeedError, FeedOptions, FeedResult, Prediction, Ranked};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::{App, Asked, Common, CursorKey, Feed, Folder, Problem, Scope, Scored, rest};
use state_store::{Ingestor, StateStore};
use tower::ServiceExt;

const NOW: i64 = 1_700_000_000_000;

#[derive(Debug)]
struct Product(u64);

impl Ranked for Product {
    fn item_id(&self) -> PostId {
        PostId(self.0)
    }
    fn created_at(&self) -> Option<TimeMs> {
        None
    }
    fn group_id(&self) -> UserId {
        UserId::NONE
    }
    fn heads(&self) -> &[f64] {
        &[]
    }
    fn is_unscorable(&self) -> bool {
        false
    }
    fn set_prediction(&mut self, _: Prediction) {}
    fn set_weighted_score(&mut self, _: Option<f64>) {}
    fn score(&self) -> Option<f64> {
        None
    }
    fn set_score(&mut self, _: Option<f64>) {}
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShopRequest {
    visitor: String,
    limit: Option<usize>,
    cursor: Option<String>,
    #[serde(default)]
    dear: bool,
}

#[derive(Debug, Serialize)]
struct Offers {
    visitor: String,
    products: Vec<String>,
    degraded: Vec<String>,
    next_cursor: Option<String>,
}

struct Wish {
    visitor: UserId,
    dear: bool,
    limit: usize,
    now: TimeMs,
}

/// Ten products, the dear ones from the other end.
struct Shop;

#[async_trait::async_trait]
impl Feed for Shop {
    type Request = ShopRequest;
    type Query = Wish;
    type Candidate = Product;
    type Answer = Offers;

    fn name(&self) -> &'static str {
        "shop"
    }

    fn common(&self, request: &ShopRequest) -> Result<Common, Problem> {
        let ShopRequest { visitor, limit, cursor, .. } = request;
        Ok(Common { user_id: visitor.clone().into(), limit: *limit, cursor: cursor.clone(), ..Common::default() })
    }

    fn query(&self, request: ShopRequest, asked: Asked, _: &Folder) -> Result<Wish, Problem> {
        Ok(Wish { visitor: asked.viewer, dear: request.dear, limit: asked.limit, now: asked.now })
    }

    fn scope(&self, wish: &Wish) -> Scope {
        Scope::of(self.name(), wish.visitor, &[u8::from(wish.dear)])
    }

    async fn rank(&self, wish: Wish, earlier: &[PostId], _: FeedOptions) -> Result<FeedResult<Product>, FeedError> {
        let mut ids: Vec<u64> = (1..=10).filter(|id| !earlier.contains(&PostId(*id))).collect();
        if wish.dear {
            ids.reverse();
        }
        let items: Vec<_> = ids.into_iter().take(wish.limit).map(Product).collect();
        Ok(FeedResult {
            request_id: "request".to_owned(),
            viewer: wish.visitor,
            empty_because: items.is_empty().then(|| "sold out".to_owned()),
            items: Arc::new(items),
            model: None,
            ranked_by_prior: false,
            viewer_has_history: false,
            now: wish.now,
            degraded: Vec::new(),
            timings_ms: candidate_pipeline::StageTimings::default(),
            components_ms: Vec::new(),
            sizes: candidate_pipeline::StageSizes::default(),
            explanation: None,
        })
    }

    fn answer(&self, scored: Scored<Product>, folder: &Folder) -> Offers {
        let products = scored.result.items.iter().map(|product| folder.ids().print_post(product.item_id()));
        Offers {
            visitor: scored.viewer,
            products: products.collect(),
            degraded: scored.result.degraded.into_iter().map(|d| d.component).collect(),
            next_cursor: scored.next_cursor,
        }
    }
}

/// A part that never comes further.
struct Stuck;

impl Follows for Stuck {
    fn name(&self) -> &'static str {
        "warehouse"
    }
    fn position(&self) -> Position {
        Position::default()
    }
    fn wait_for(&self, _: &Position, timeout: std::time::Duration) -> bool {
        std::thread::sleep(timeout);
        false
    }
}

struct Shopping {
    routes: axum::Router,
    app: Arc<App>,
    _dir: tempfile::TempDir,
}

fn shopping() -> Shopping {
    let dir = tempfile::tempdir().unwrap();
    let profile = Arc::new(Profile::live());
    let log = Arc::new(MemoryLog::default());
    let state = Arc::new(StateStore::open(dir.path(), log.clone(), &profile).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(TimeMs(NOW)));
    let ingestor = Ingestor::new(log.clone(), Arc::clone(&state), Arc::clone(&profile), Arc::clone(&clock));
    let folder = Folder::new(profile, log.clone(), log, clock, 4, CursorKey::new([7; 32]));
    let app = Arc::new(App::new(Arc::new(folder), state, Arc::new(ingestor)).following(Arc::new(Stuck)));
    Shopping { routes: rest::feed_routes(Arc::clone(&app), Arc::new(Shop)), app, _dir: dir }
}

impl Shopping {
    async fn ask(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, query: &str) -> (StatusCode, Value) {
        self.ask(Request::get(format!("/v1/feeds/shop?{query}")).body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn a_feed_of_products_is_paged_to_its_end() {
    let shop = shopping();
    let (mut seen, mut query) = (Vec::new(), "visitor=7".to_owned());
    loop {
        let (status, offers) = shop.get(&query).await;
        assert_eq!((status, &offers["visitor"]), (StatusCode::OK, &Value::from("7")), "{offers}");
        seen.extend(offers["products"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()));
        let Some(cursor) = offers["next_cursor"].as_str() else { break };
        query = format!("visitor=7&cursor={cursor}");
    }
    assert_eq!(seen.len(), 10);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 10);
}

#[tokio::test]
async fn a_cursor_of_other_wishes_is_refused_and_so_is_what_no_feed_understands() {
    let shop = shopping();
    let (_, offers) = shop.get("visitor=7&limit=2").await;
    let cursor = offers["next_cursor"].as_str().unwrap();
    for (query, field) in [
        (format!("visitor=8&cursor={cursor}"), "cursor: "),
        (format!("visitor=7&dear=true&cursor={cursor}"), "cursor: "),
        ("visitor=0".to_owned(), "user_id: "),
        ("visitor=7&limit=0".to_owned(), "limit: "),
        ("visitor=7&colour=red".to_owned(), "the query: "),
    ] {
        let (status, problem) = shop.get(&query).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(problem["detail"].as_str().unwrap().starts_with(field), "{problem}");
    }
    let body = format!(r#"{{"visitor": "7", "limit": 3, "cursor": "{cursor}"}}"#);
    let (status, offers) = shop.ask(Request::post("/v1/feeds/shop").body(Body::from(body)).unwrap()).await;
    assert_eq!((status, &offers["products"]), (StatusCode::OK, &serde_json::json!(["3", "4", "5"])));
}

#[tokio::test]
async fn who_just_wrote_waits_for_every_part_and_is_told_which_one_is_late() {
    let shop = shopping();
    assert_eq!(shop.get("visitor=7").await.1["degraded"], serde_json::json!([]));
    let event = format!(r#"{{"type": "follow", "at": {NOW}, "user_id": 7, "target_id": 8}}"#);
    let taken = shop.app.append(move |_| Ok(vec![event_log::EventDraft::parse(&event)])).await.unwrap();
    assert_eq!(taken.accepted, 1);
    assert_eq!(shop.get("visitor=7").await.1["degraded"], serde_json::json!(["warehouse"]));
    assert_eq!(shop.get("visitor=9").await.1["degraded"], serde_json::json!([]));
}
