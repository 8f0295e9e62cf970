//! The recipe of a training: the default for the size of the data, a TOML file over it, `--set` and `--epochs` over both.

use phoenix::ModelKind;
use phoenix_train::{DataSize, Recipe};

use crate::cli::TrainArgs;
use crate::exit::WrongUse;

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
    set: Vec<String>,
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
        let settings = Self { kind, file, set: args.set.clone(), epochs: args.epochs };
        settings.recipe(None)?;
        Ok(settings)
    }

    /// The recipe for data of a size; without a size, based on the default for large data.
    pub(super) fn recipe(&self, size: Option<DataSize>) -> anyhow::Result<Recipe> {
        let default = match size {
            Some(size) => Recipe::sized(self.kind, size),
            None => Recipe::of(self.kind),
        };
        let recipe = default.with(|mut layers| {
            if let Some((text, path)) = &self.file {
                layers = layers.file(path, text)?;
            }
            for setting in &self.set {
                layers = layers.assignment("--set", setting)?;
            }
            match self.epochs {
                Some(epochs) => layers.value("--epochs", "epochs", epochs),
                None => Ok(layers),
            }
        });
        recipe.map_err(|error| WrongUse(error.to_string()).into())
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
