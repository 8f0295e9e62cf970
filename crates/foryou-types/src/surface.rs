//! Where in the product something happened.

use serde::{Deserialize, Serialize};

/// The product surface of an event or request. The number is stable: it is what logs, models and gRPC carry
/// (0..16 fits the models' default surface table).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Surface {
    /// Not said.
    #[default]
    Unknown = 0,
    /// The For You feed.
    Home = 1,
    /// The feed of followed accounts, newest first.
    Following = 2,
    /// Search results.
    Search = 3,
    /// Someone's profile page.
    Profile = 4,
    /// The notifications page.
    Notifications = 5,
    /// The page of one post and its replies.
    Detail = 6,
    /// A list of accounts.
    List = 7,
    /// A community's or group's page.
    Community = 8,
    /// A page about a topic or trend.
    Explore = 9,
    /// A full-screen video player.
    Video = 10,
    /// A link from outside.
    External = 11,
}

impl Surface {
    /// Every surface, by number.
    pub const ALL: [Self; 12] = [
        Self::Unknown,
        Self::Home,
        Self::Following,
        Self::Search,
        Self::Profile,
        Self::Notifications,
        Self::Detail,
        Self::List,
        Self::Community,
        Self::Explore,
        Self::Video,
        Self::External,
    ];

    /// The surface of a number; [`Surface::Unknown`] for one that this version does not know.
    pub fn from_u8(n: u8) -> Self {
        Self::ALL.get(n as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_surface_has_its_own_number() {
        for (n, surface) in Surface::ALL.into_iter().enumerate() {
            assert_eq!(surface as usize, n);
            assert_eq!(Surface::from_u8(n as u8), surface);
        }
        assert_eq!(Surface::from_u8(200), Surface::Unknown);
    }
}
