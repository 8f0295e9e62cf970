//! Settings in layers, each value with its origin.
//!
//! The lowest layer is a complete set of defaults. It says which keys there are and what kind of value each has. Further layers (a TOML
//! file, variables, flags, `a.b=c`) replace single values. The topmost layer that has a key gives its value.
//!
//! * [`Layers`]: the layers. A key or a value that cannot be used is refused where it is set; a value out of its type's range when the
//!   settings are read ([`Layers::extract`]).
//! * [`Setting`]: a value and its origin: `default`, `FILE:LINE`, a variable's or a flag's name.
//! * [`SettingsError`]: what is wrong, with key and origin.
//!
//! What a setting means, and which values fit each other, is the caller's to say. Merging, types and origins are figment's; every value
//! is a provider of its own there, so that its metadata is its origin.

mod error;
mod file;
mod layers;
mod nearest;
#[cfg(test)]
mod tests;

pub use error::SettingsError;
pub use layers::{DEFAULT, Layers, Setting};
