//! The feeds that the service knows by name.

pub(crate) mod for_you;
