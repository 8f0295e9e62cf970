//! Picks restaurants for tonight: two sources, a dependency between hydrators, a filter that fails closed, a slow service
//! that is left behind at its deadline, and the trace that explains the result.
//!
//! ```text
//! cargo run -p candidate-pipeline --example restaurants
//! ```

#![expect(clippy::print_stdout, reason = "the example shows its result")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use candidate_pipeline::{
    Budget, Budgets, CachedHydrator, CandidateTrace, ExecuteOptions, Filter, FilterPolicy, Hydrator, KeepMask,
    Pipeline, Scorer, Selector, SideEffect, SideEffectInput, Source, StageError,
};
use foryou_io::SystemMonotonic;

/// Who is hungry, and where.
#[derive(Clone)]
struct Guest {
    at: (f64, f64),
    vegetarian: bool,
    party: u32,
}

#[derive(Clone, Debug, Default)]
struct Restaurant {
    id: u64,
    name: &'static str,
    at: (f64, f64),
    vegetarian_menu: bool,
    distance_km: Option<f64>,
    walk_minutes: Option<f64>,
    stars: Option<f64>,
    free_seats: Option<u32>,
    score: f64,
}

/// Gives restaurants from a fixed list, as a guide or a list of favourites would.
struct Guide {
    name: &'static str,
    list: Vec<Restaurant>,
}

#[async_trait]
impl Source<Guest, Restaurant> for Guide {
    fn name(&self) -> &'static str {
        self.name
    }
    async fn get_candidates(&self, _: &Guest, _: &Budget) -> Result<Vec<Restaurant>, StageError> {
        Ok(self.list.clone())
    }
}

struct Distance;

#[async_trait]
impl Hydrator<Guest, Restaurant> for Distance {
    type Fields = f64;
    fn name(&self) -> &'static str {
        "distance"
    }
    async fn hydrate(
        &self,
        guest: &Guest,
        restaurants: &[Restaurant],
        _: &Budget,
    ) -> Result<Vec<Result<f64, StageError>>, StageError> {
        Ok(restaurants.iter().map(|r| Ok((r.at.0 - guest.at.0).hypot(r.at.1 - guest.at.1))).collect())
    }
    fn update(&self, restaurant: &mut Restaurant, km: f64) {
        restaurant.distance_km = Some(km);
    }
}

/// Reads what [`Distance`] fills, so it says so and runs in the next wave.
struct WalkingTime;

#[async_trait]
impl Hydrator<Guest, Restaurant> for WalkingTime {
    type Fields = f64;
    fn name(&self) -> &'static str {
        "walking_time"
    }
    fn needs(&self) -> &'static [&'static str] {
        &["distance"]
    }
    async fn hydrate(
        &self,
        _: &Guest,
        restaurants: &[Restaurant],
        _: &Budget,
    ) -> Result<Vec<Result<f64, StageError>>, StageError> {
        let minutes = |r: &Restaurant| r.distance_km.map(|km| km / 5.0 * 60.0).ok_or(StageError::failed("no distance"));
        Ok(restaurants.iter().map(minutes).collect())
    }
    fn update(&self, restaurant: &mut Restaurant, minutes: f64) {
        restaurant.walk_minutes = Some(minutes);
    }
}

/// A review service that does not know every place.
struct Stars;

#[async_trait]
impl Hydrator<Guest, Restaurant> for Stars {
    type Fields = f64;
    fn name(&self) -> &'static str {
        "stars"
    }
    async fn hydrate(
        &self,
        _: &Guest,
        restaurants: &[Restaurant],
        _: &Budget,
    ) -> Result<Vec<Result<f64, StageError>>, StageError> {
        let known = [(1, 4.6), (2, 3.9), (3, 4.8), (4, 4.1), (6, 4.4)];
        let stars = |r: &Restaurant| {
            let found = known.iter().find(|(id, _)| *id == r.id);
            found.map(|(_, stars)| *stars).ok_or_else(|| StageError::failed("never reviewed"))
        };
        Ok(restaurants.iter().map(stars).collect())
    }
    fn update(&self, restaurant: &mut Restaurant, stars: f64) {
        restaurant.stars = Some(stars);
    }
}

/// A booking system that takes longer than anyone wants to wait.
struct FreeSeats;

#[async_trait]
impl Hydrator<Guest, Restaurant> for FreeSeats {
    type Fields = u32;
    fn name(&self) -> &'static str {
        "free_seats"
    }
    async fn hydrate(
        &self,
        _: &Guest,
        restaurants: &[Restaurant],
        _: &Budget,
    ) -> Result<Vec<Result<u32, StageError>>, StageError> {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(restaurants.iter().map(|_| Ok(2)).collect())
    }
    fn update(&self, restaurant: &mut Restaurant, seats: u32) {
        restaurant.free_seats = Some(seats);
    }
}

/// Each restaurant once; the first that a source gave wins.
struct Once;

impl Filter<Guest, Restaurant> for Once {
    fn name(&self) -> &'static str {
        "once"
    }
    fn filter(&self, _: &Guest, restaurants: &[Restaurant], keep: &mut KeepMask, _: &Budget) -> Result<(), StageError> {
        for (i, restaurant) in restaurants.iter().enumerate() {
            if restaurants[..i].iter().any(|earlier| earlier.id == restaurant.id) {
                keep.remove_because(i, || "given before".to_owned());
            }
        }
        Ok(())
    }
}

/// Must not err on the wrong side, so a failure removes.
struct Diet;

impl Filter<Guest, Restaurant> for Diet {
    fn name(&self) -> &'static str {
        "diet"
    }
    fn enable(&self, guest: &Guest) -> bool {
        guest.vegetarian
    }
    fn policy(&self) -> FilterPolicy {
        FilterPolicy::FailClosed
    }
    fn filter(&self, _: &Guest, restaurants: &[Restaurant], keep: &mut KeepMask, _: &Budget) -> Result<(), StageError> {
        for (i, _) in restaurants.iter().enumerate().filter(|(_, r)| !r.vegetarian_menu) {
            keep.remove_because(i, || "nothing vegetarian".to_owned());
        }
        Ok(())
    }
}

/// Where the number of seats is not known, the benefit of the doubt.
struct Room;

impl Filter<Guest, Restaurant> for Room {
    fn name(&self) -> &'static str {
        "room"
    }
    fn filter(
        &self,
        guest: &Guest,
        restaurants: &[Restaurant],
        keep: &mut KeepMask,
        _: &Budget,
    ) -> Result<(), StageError> {
        for (i, restaurant) in restaurants.iter().enumerate() {
            if let Some(seats) = restaurant.free_seats.filter(|seats| *seats < guest.party) {
                keep.remove_because(i, || format!("{seats} seats for {}", guest.party));
            }
        }
        Ok(())
    }
}

struct Quality;

#[async_trait]
impl Scorer<Guest, Restaurant> for Quality {
    type Fields = f64;
    fn name(&self) -> &'static str {
        "quality"
    }
    async fn score(&self, _: &Guest, restaurants: &[Restaurant], _: &Budget) -> Result<Vec<f64>, StageError> {
        Ok(restaurants.iter().map(|r| r.stars.unwrap_or(3.5)).collect())
    }
    fn update(&self, restaurant: &mut Restaurant, score: f64) {
        restaurant.score = score;
    }
}

/// Takes off a tenth of a star for each minute of walking.
struct Nearness;

#[async_trait]
impl Scorer<Guest, Restaurant> for Nearness {
    type Fields = f64;
    fn name(&self) -> &'static str {
        "nearness"
    }
    async fn score(&self, _: &Guest, restaurants: &[Restaurant], _: &Budget) -> Result<Vec<f64>, StageError> {
        Ok(restaurants.iter().map(|r| r.score - 0.1 * r.walk_minutes.unwrap_or(30.0)).collect())
    }
    fn update(&self, restaurant: &mut Restaurant, score: f64) {
        restaurant.score = score;
    }
}

struct TopThree;

impl Selector<Guest, Restaurant> for TopThree {
    fn name(&self) -> &'static str {
        "top_three"
    }
    fn score(&self, restaurant: &Restaurant) -> f64 {
        restaurant.score
    }
    fn id(&self, restaurant: &Restaurant) -> u64 {
        restaurant.id
    }
    fn size(&self, _: &Guest) -> usize {
        3
    }
}

/// Would write the suggestion down somewhere; here the disk is full.
struct Diary;

#[async_trait]
impl SideEffect<Guest, Restaurant> for Diary {
    fn name(&self) -> &'static str {
        "diary"
    }
    async fn run(&self, input: Arc<SideEffectInput<Guest, Restaurant>>) -> Result<(), StageError> {
        Err(StageError::failed(format!("no room for {} lines", input.selected.len())))
    }
}

fn restaurant(id: u64, name: &'static str, at: (f64, f64), vegetarian_menu: bool) -> Restaurant {
    Restaurant { id, name, at, vegetarian_menu, ..Restaurant::default() }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let favourites =
        vec![restaurant(1, "Green Corner", (0.3, 0.4), true), restaurant(2, "Steak & Sons", (0.1, 0.0), false)];
    let guide = vec![
        restaurant(3, "Chez Louise", (2.0, 1.5), true),
        restaurant(1, "Green Corner", (0.3, 0.4), true),
        restaurant(4, "Noodle Bar", (0.0, 0.5), true),
        restaurant(5, "The New Place", (0.6, 0.0), true),
        restaurant(6, "Harbour View", (1.2, 0.9), true),
    ];
    let an_hour = Duration::from_hours(1);
    let clock = Arc::new(SystemMonotonic::new());
    let pipeline = Pipeline::builder("restaurants")
        .source(Guide { name: "favourites", list: favourites })
        .source(Guide { name: "guide", list: guide })
        .hydrator(WalkingTime)
        .hydrator(Distance)
        .hydrator(CachedHydrator::new(Stars, |r: &Restaurant| Some(r.id), 10_000, an_hour, clock))
        .hydrator(FreeSeats)
        .filter(Once)
        .filter(Diet)
        .filter(Room)
        .scorer(Quality)
        .scorer(Nearness)
        .selector(TopThree)
        .side_effect(Diary)
        .budgets(Budgets::default().request(Duration::from_millis(500)).cap("free_seats", Duration::from_millis(50)))
        .build()?;
    println!("hydrators by wave: {:?}", pipeline.hydrator_waves());

    let guest = Guest { at: (0.0, 0.0), vegetarian: true, party: 4 };
    let answer = pipeline.execute(guest, ExecuteOptions::EXPLAIN).await;

    println!("\ntonight");
    for (rank, restaurant) in answer.selected.iter().enumerate() {
        println!("  {}. {:<14} {:.2}", rank + 1, restaurant.name, restaurant.score);
    }
    println!("\nnot quite as it should be");
    for degradation in &answer.degraded {
        println!("  {}: {}", degradation.component, degradation.reason);
    }
    println!("\nwhy");
    for candidate in answer.trace.iter().flat_map(|trace| &trace.candidates) {
        println!("  {}", explain(candidate));
    }

    pipeline.side_effects_idle().await;
    println!("\nside effects that failed: {:?}", pipeline.side_effect_failures());
    Ok(())
}

fn explain(candidate: &CandidateTrace) -> String {
    let origin = format!("#{} from {}", candidate.id, candidate.source);
    if let Some(removal) = &candidate.removed {
        return format!(
            "{origin}: removed by {}: {}",
            removal.filter,
            removal.reason.as_deref().unwrap_or("no reason")
        );
    }
    let steps = candidate.scores.iter().map(|step| format!("{} {:+.2}", step.scorer, step.after - step.before));
    let failures = candidate.failed.iter().map(|failure| format!("{} ({})", failure.hydrator, failure.error));
    let parts: Vec<String> = std::iter::once(origin).chain(steps).chain(failures).collect();
    let end = candidate.rank.map_or("not among the best".to_owned(), |rank| format!("rank {}", rank + 1));
    format!("{}: {end}", parts.join(", "))
}
