//! A domain-free framework for recommendation pipelines: sources give candidates, hydrators fill them, filters remove them,
//! scorers score them, a selector puts them in order. `Q` is the query, `C` the candidate; nothing here knows what they are.
//!
//! # The stages
//!
//! | | stage | how it runs | when a component fails or is late |
//! |---|---|---|---|
//! | 1 | [`QueryHydrator`]s | in parallel on the query as it came; merged in list order | left out |
//! | 2 | [`Source`]s | in parallel; outputs concatenated in list order | gives nothing |
//! | 3 | [`Hydrator`]s | in parallel on the same slice, in waves where one [`needs`](Hydrator::needs) another | the candidate, or all, stay as they were |
//! | 4 | [`Filter`]s | one after the other; each says in a [`KeepMask`] who stays | its [`FilterPolicy`] decides, per candidate |
//! | 5 | [`Scorer`]s | one after the other | ignored |
//! | 6 | [`Selector`] | sort by score, ties by id, non-finite scores last; the best K | candidates it fails on go last |
//! | 7 | post-selection [`Hydrator`]s | as 3, on the selected only | as 3 |
//! | 8 | post-selection [`Filter`]s | as 4; while too few survive, the next best go through 7 and 8 (*refill*) | as 4 |
//! | 9 | [`SideEffect`]s | detached, after the answer is built | recorded |
//!
//! # What holds
//!
//! * **A request always gets an answer.** A component that errs, panics, waits too long or answers for the wrong number of
//!   candidates is left out as the table says, and the answer names it in [`Execution::degraded`].
//! * **Candidates are dropped by filters only, and never duplicated.** Every candidate that a source gave is selected, not
//!   selected, or removed by a filter that is named.
//! * **The order is reproducible.** It depends on what the components answer, not on when.
//! * **Every decision can be seen.** With [`ExecuteOptions::explain`] the answer has a [`Trace`]: for each candidate its
//!   source, who filled it, who removed it and why, what each scorer made of its score, and its rank.
//! * **A pipeline that cannot work is not built.** Duplicate names, no source, needs that nothing fills or that form a cycle
//!   are [`BuildError`]s.
//!
//! # Time
//!
//! [`Budgets`] gives the request a time and components their caps; each component is handed a [`Budget`]. A component that
//! waits is abandoned when its budget is spent. One that computes checks [`Budget::is_spent`] between tiles and returns what it has: a hydrator
//! gives [`StageError::DeadlineExceeded`] for the candidates it did not reach, a filter returns it, and a source, query
//! hydrator or scorer that ends after its budget is reported as possibly cut short.
//!
//! # Example
//!
//! ```
//! use async_trait::async_trait;
//! use candidate_pipeline::{
//!     Budget, ExecuteOptions, Filter, KeepMask, Pipeline, Scorer, Selector, Source, StageError,
//! };
//!
//! #[derive(Clone)]
//! struct Reader { wants_long: bool }
//! #[derive(Clone, Debug, PartialEq)]
//! struct Book { isbn: u64, pages: u32, score: f64 }
//!
//! struct Shelf;
//! #[async_trait]
//! impl Source<Reader, Book> for Shelf {
//!     fn name(&self) -> &'static str { "shelf" }
//!     async fn get_candidates(&self, _: &Reader, _: &Budget) -> Result<Vec<Book>, StageError> {
//!         Ok([(1, 90), (2, 800), (3, 3)].map(|(isbn, pages)| Book { isbn, pages, score: 0.0 }).to_vec())
//!     }
//! }
//!
//! struct NoLeaflets;
//! impl Filter<Reader, Book> for NoLeaflets {
//!     fn name(&self) -> &'static str { "no_leaflets" }
//!     fn filter(&self, _: &Reader, books: &[Book], keep: &mut KeepMask, _: &Budget) -> Result<(), StageError> {
//!         for (i, book) in books.iter().enumerate().filter(|(_, book)| book.pages < 10) {
//!             keep.remove_because(i, || format!("{} pages", book.pages));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! struct Length;
//! #[async_trait]
//! impl Scorer<Reader, Book> for Length {
//!     type Fields = f64;
//!     fn name(&self) -> &'static str { "length" }
//!     async fn score(&self, reader: &Reader, books: &[Book], _: &Budget) -> Result<Vec<f64>, StageError> {
//!         let sign = if reader.wants_long { 1.0 } else { -1.0 };
//!         Ok(books.iter().map(|book| sign * f64::from(book.pages)).collect())
//!     }
//!     fn update(&self, book: &mut Book, score: f64) { book.score = score; }
//! }
//!
//! struct Best;
//! impl Selector<Reader, Book> for Best {
//!     fn name(&self) -> &'static str { "best" }
//!     fn score(&self, book: &Book) -> f64 { book.score }
//!     fn id(&self, book: &Book) -> u64 { book.isbn }
//!     fn size(&self, _: &Reader) -> usize { 10 }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), candidate_pipeline::BuildError> {
//! let pipeline = Pipeline::builder("books").source(Shelf).filter(NoLeaflets).scorer(Length).selector(Best).build()?;
//! let answer = pipeline.execute(Reader { wants_long: true }, ExecuteOptions::EXPLAIN).await;
//!
//! assert_eq!(answer.selected.iter().map(|book| book.isbn).collect::<Vec<_>>(), [2, 1]);
//! assert!(answer.degraded.is_empty());
//! let trace = answer.trace.expect("explained");
//! let leaflet = trace.of(3).next().expect("given by the shelf");
//! assert_eq!(leaflet.removed.as_ref().and_then(|r| r.reason.as_deref()), Some("3 pages"));
//! # Ok(())
//! # }
//! ```
//!
//! # Cost
//!
//! Candidates are moved, not cloned; without a trace nothing is written per candidate. `benches/overhead.rs` runs 2 sources,
//! 5 hydrators, 12 filters and 4 scorers that do nothing over 1,500 candidates of 256 bytes, compared with a plain loop.
//!
//! Start reading at the stage traits ([`Source`], [`Hydrator`], [`Filter`], [`Scorer`]), then [`PipelineBuilder`], [`Pipeline::execute`] and [`Execution`].

mod budget;
mod builder;
mod cached;
pub mod compliance;
mod component;
mod erased;
mod error;
mod execution;
mod executor;
mod guard;
mod keep_mask;
pub mod metrics;
mod pipeline;
mod pool;
mod report;
mod side_effects;
mod stage;
mod stages;
mod trace;
mod waves;

pub use budget::{Budget, Budgets};
pub use builder::PipelineBuilder;
pub use cached::{CacheCounters, CachedHydrator};
pub use error::{BuildError, StageError};
pub use execution::{
    ComponentTiming, Degradation, ExecuteOptions, Execution, REFILL, Removed, StageSizes, StageTimings,
};
pub use keep_mask::KeepMask;
pub use pipeline::Pipeline;
pub use side_effects::SideEffectFailure;
pub use stage::Stage;
pub use stages::{
    Filter, FilterPolicy, Hydrator, QueryHydrator, Scorer, Selector, SideEffect, SideEffectInput, Source,
};
pub use trace::{CandidateTrace, HydrationFailure, Removal, ScoreStep, Trace};
