//! Products, a shopper, and a pipeline over both.

use std::sync::Arc;

use async_trait::async_trait;
use candidate_pipeline::{Budget, Pipeline, Source, StageError};
use foryou_types::seams::{Ranking, RankingRequest, RankingResponse, SeamError};
use foryou_types::{ActionMask, ActionSet, ActionToken, PostId, Profile, Surface, TimeMs, UserActionSequence, UserId};
use mixer_kit::{
    FeedQuery, GroupDiversityScorer, Known, OffsetScorer, PhoenixScorer, Prediction, Ranked, RequestNotes, SeenFilter,
    ServedFilter, TopKSelector, WeightedScorer,
};
use rustc_hash::FxHashSet;

pub(crate) const NOW: TimeMs = TimeMs(1_700_000_000_000);

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Product {
    pub(crate) id: u64,
    pub(crate) category: u64,
    heads: Box<[f64]>,
    unscorable: bool,
    pub(crate) worth: Option<f64>,
    pub(crate) score: Option<f64>,
}

pub(crate) fn product(id: u64, category: u64) -> Product {
    Product { id, category, ..Product::default() }
}

impl Ranked for Product {
    fn item_id(&self) -> PostId {
        PostId(self.id)
    }
    fn created_at(&self) -> Option<TimeMs> {
        None
    }
    fn group_id(&self) -> UserId {
        UserId(self.category)
    }
    fn heads(&self) -> &[f64] {
        &self.heads
    }
    fn is_unscorable(&self) -> bool {
        self.unscorable
    }
    fn set_prediction(&mut self, prediction: Prediction) {
        self.heads = prediction.heads.unwrap_or_default();
        self.unscorable = prediction.unscorable;
    }
    fn set_weighted_score(&mut self, score: Option<f64>) {
        self.worth = score;
    }
    fn score(&self) -> Option<f64> {
        self.score
    }
    fn set_score(&mut self, score: Option<f64>) {
        self.score = score;
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Shopping {
    pub(crate) profile: Arc<Profile>,
    pub(crate) bought: Option<Arc<UserActionSequence>>,
    pub(crate) viewed: FxHashSet<PostId>,
    pub(crate) offered: Vec<PostId>,
    pub(crate) notes: Arc<RequestNotes>,
    pub(crate) limit: usize,
}

impl Shopping {
    pub(crate) fn new() -> Self {
        let mut profile = Profile::live();
        profile.action_set = ActionSet::discrete(1, &[("transaction", 10.0), ("addtocart", 3.0), ("return", -20.0)]);
        let token = ActionToken {
            post_id: PostId(900),
            author_id: UserId(1),
            actions: ActionMask::of(0),
            dwell_ms: 0,
            surface: Surface::Detail,
            at: NOW - 60_000,
        };
        Self {
            profile: Arc::new(profile),
            bought: Some(Arc::new(UserActionSequence { total: 1, tokens: vec![token] })),
            viewed: FxHashSet::default(),
            offered: Vec::new(),
            notes: Arc::default(),
            limit: 4,
        }
    }
}

impl FeedQuery for Shopping {
    fn viewer(&self) -> UserId {
        UserId(7)
    }
    fn request_id(&self) -> &'static str {
        "shopping"
    }
    fn now(&self) -> TimeMs {
        NOW
    }
    fn limit(&self) -> usize {
        self.limit
    }
    fn surface(&self) -> Surface {
        Surface::Detail
    }
    fn profile(&self) -> &Profile {
        &self.profile
    }
    fn actions(&self) -> Option<&Arc<UserActionSequence>> {
        self.bought.as_ref()
    }
    fn known(&self) -> Known<'_> {
        Known { said_served: &self.offered, seen: Some(&self.viewed), ..Known::default() }
    }
    fn notes(&self) -> &RequestNotes {
        &self.notes
    }
    fn print_item(&self, id: PostId) -> String {
        format!("product {}", id.0)
    }
}

/// Knows how likely each product is bought, put into the cart and sent back; the others it does not know.
pub(crate) struct Model(pub(crate) Vec<(u64, [f64; 3])>);

#[async_trait]
impl Ranking for Model {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        let heads = |id: PostId| self.0.iter().find(|(known, _)| *known == id.0).map(|(_, heads)| Box::from(*heads));
        let scores = request.candidates.iter().map(|c| heads(c.post_id).unwrap_or_default());
        Ok(RankingResponse { scores: scores.collect(), model: Some("shop-1".into()) })
    }
}

/// Expects the same of every product.
pub(crate) struct Prior;

#[async_trait]
impl Ranking for Prior {
    async fn rank(&self, request: RankingRequest) -> Result<RankingResponse, SeamError> {
        let scores = request.candidates.iter().map(|_| Box::from([0.01, 0.02, 0.0]));
        Ok(RankingResponse { scores: scores.collect(), model: None })
    }
}

struct Shelf(Vec<Product>);

#[async_trait]
impl Source<Shopping, Product> for Shelf {
    fn name(&self) -> &'static str {
        "Shelf"
    }
    async fn get_candidates(&self, _: &Shopping, _: &Budget) -> Result<Vec<Product>, StageError> {
        Ok(self.0.clone())
    }
}

pub(crate) fn pipeline(products: Vec<Product>, model: Model) -> Pipeline<Shopping, Product> {
    Pipeline::builder("shop")
        .source(Shelf(products))
        .filter(SeenFilter::new("JustViewedFilter"))
        .filter(ServedFilter::new("OfferedFilter", |_: &Shopping| true))
        .scorer(PhoenixScorer::new(Arc::new(model), Arc::new(Prior)))
        .scorer(WeightedScorer::new(false))
        .scorer(GroupDiversityScorer::new("CategoryDiversityScorer", 0.5, 0.0))
        .scorer(OffsetScorer::new(true))
        .selector(TopKSelector::new("BestOffers", 10))
        .build()
        .unwrap()
}
