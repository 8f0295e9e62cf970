//! Ids, time, profiles and the seam traits that every foryou crate shares.
//!
//! Start with [`Profile`], the description of one data folder, and [`seams`], the traits behind which
//! Thunder, retrieval and ranking stand in one process or far away.
//!
//! Invariants:
//! * An id is an opaque 64-bit pattern ([`PostId`], [`UserId`]); 0 means none. How it is printed is the profile's matter ([`IdForm`]).
//! * Time is Unix milliseconds ([`TimeMs`]) everywhere.
//! * Nothing here reads the clock, the environment or a random source on its own: [`Clock`] and [`Rng`] are passed in.

mod accounts;
mod actions;
mod clock;
mod config_error;
mod ids;
pub mod keyword;
mod log_time;
mod post_life;
mod prior;
mod profile;
pub mod reposts;
mod rng;
pub mod seams;
mod sequence;
mod standing;
mod surface;
mod time;

pub use accounts::Accounts;
pub use actions::{ActionDef, ActionIndex, ActionKind, ActionMask, ActionSet};
pub use clock::{Clock, ManualClock, WallClock};
pub use config_error::ConfigError;
pub use ids::{Dictionary, IdError, IdForm, Namespace, NoNames, PostId, SNOWFLAKE_EPOCH_MS, UserId};
pub use log_time::{DEFAULT_MAX_GAP_DAYS, DayTimes, LogTime, MAX_AHEAD_MS};
pub use post_life::{Creation, Deletion, PostLife};
pub use prior::{EngagementCounts, HalfLife, PRIOR_IMPRESSIONS, PopularityPrior};
pub use profile::{ClockKind, Has, IdForms, Limits, Profile, ProfileError};
pub use rng::{Rng, SplitMix64, mix, shuffle_key};
pub use sequence::{ActionToken, UserActionSequence, thin_dense_runs, window_start};
pub use standing::Standing;
pub use surface::Surface;
pub use time::{DAY_MS, DurationError, TimeError, TimeMs, parse_duration_ms};
