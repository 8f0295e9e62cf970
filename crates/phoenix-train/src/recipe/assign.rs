//! Settings over a recipe.

use foryou_settings::{Layers, SettingsError};

use super::{Recipe, RecipeError};

impl Recipe {
    /// This recipe with settings over it: those of a file, of `--set` and so on. The result is checked; an error names where the
    /// value at fault was set.
    pub fn with(&self, settings: impl FnOnce(Layers) -> Result<Layers, SettingsError>) -> Result<Self, RecipeError> {
        let layers = settings(Layers::over(self)?)?;
        let recipe: Self = layers.extract()?;
        match recipe.check() {
            Ok(()) => Ok(recipe),
            Err(RecipeError::Value { key, problem }) => {
                let origin = layers.setting(&key).origin;
                Err(SettingsError::Value { origin, key, problem }.into())
            }
            Err(error) => Err(error),
        }
    }
}
