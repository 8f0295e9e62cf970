//! The recipe of a training: the default for the size of the data, a TOML file over it, `--set` and `--epochs` over both.

use phoenix::ModelKind;
use phoenix_train::recipe::{DataSize, Recipe, RecipeError};

use crate::cli::TrainArgs;
use crate::exit::{WrongUse, wrong_use};

/// How a training gets its recipe.
pub(super) enum Plan {
    /// This recipe.
    Fixed(Box<Recipe>),
    /// Chosen by the size of the data.
    BySize(Settings),
}

impl Plan {
    /// The recipe before the size of the data is known.
    pub(super) fn first(&self) -> anyhow::Result<Recipe> {
        match self {
            Self::Fixed(recipe) => Ok((**recipe).clone()),
            Self::BySize(settings) => settings.recipe(None),
        }
    }
}

/// The recipe settings of the command line.
pub(super) struct Settings {
    kind: ModelKind,
    /// The text of `--recipe` and where it came from.
    file: Option<(String, String)>,
    set: Vec<(String, String)>,
    epochs: Option<u32>,
}

impl Settings {
    /// Reads and checks them, so that a mistake is reported before the log is read.
    pub(super) fn read(kind: ModelKind, args: &TrainArgs) -> anyhow::Result<Self> {
        let file = match &args.recipe {
            Some(path) => {
                let shown = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|e| WrongUse(format!("--recipe {shown}: {e}")))?;
                Some((text, shown))
            }
            None => None,
        };
        let mut set = Vec::new();
        for setting in &args.set {
            let Some((key, value)) = setting.split_once('=') else {
                wrong_use!("--set {setting}: expected KEY=VALUE");
            };
            set.push((key.to_owned(), value.to_owned()));
        }
        let settings = Self { kind, file, set, epochs: args.epochs };
        settings.recipe(None)?;
        Ok(settings)
    }

    /// The recipe for data of a size; without a size, based on the default for large data.
    pub(super) fn recipe(&self, size: Option<DataSize>) -> anyhow::Result<Recipe> {
        let wrong = |error: RecipeError| WrongUse(error.to_string());
        let mut recipe = match size {
            Some(size) => Recipe::sized(self.kind, size),
            None => Recipe::of(self.kind),
        };
        if let Some((text, path)) = &self.file {
            recipe = recipe.with_toml(text).map_err(|e| WrongUse(format!("{path}: {e}")))?;
        }
        for (key, value) in &self.set {
            recipe.set(key, value).map_err(wrong)?;
        }
        if let Some(epochs) = self.epochs {
            recipe.epochs = epochs;
        }
        recipe.check().map_err(wrong)?;
        Ok(recipe)
    }
}

/// The values that depend on the size of the data, after all overrides.
pub(super) fn describe(recipe: &Recipe, size: DataSize) -> String {
    format!(
        "recipe for {} tokens and {} posts: tokens_per_step {}, epochs {}, dense.learning_rate {}, post_dropout {}, \
         start.text_axes {}, data.validation_share {}",
        size.tokens,
        size.posts,
        recipe.tokens_per_step,
        recipe.epochs,
        recipe.dense.learning_rate,
        recipe.post_dropout,
        recipe.start.text_axes,
        recipe.data.validation_share
    )
}
