//! Which clock a folder runs on, as a setting and as an argument.

use clap::ValueEnum;
use foryou_types::{ClockKind, Profile};
use serde::{Deserialize, Serialize};

/// Which clock a folder runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClockSetting {
    /// What its profile says.
    Profile,
    /// The machine's clock.
    Wall,
    /// The newest imported event.
    Log,
}

impl ClockSetting {
    /// The profile with the clock that is set.
    pub fn apply(self, profile: &Profile) -> Profile {
        let clock = match self {
            Self::Profile => profile.clock,
            Self::Wall => ClockKind::Wall,
            Self::Log => ClockKind::Log,
        };
        Profile { clock, ..profile.clone() }
    }
}
