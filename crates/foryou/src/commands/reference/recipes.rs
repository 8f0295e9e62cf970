//! The recipes of a training, from the types that hold them.

use std::collections::BTreeMap;

use phoenix::ModelKind;
use phoenix_train::{DataSize, Recipe, RecipeKey, RecipeSection};

use super::page::{Page, Section, code};

const ABOUT: &str = "Every setting of a training: `foryou train ranker --set dense.learning_rate=0.001`, or a TOML file with \
`--recipe FILE`. This page is printed by `foryou reference recipes`. A run folder's `recipe.toml` holds what a training used.

What neither names keeps its default. Some defaults follow the size of the data; see the last section. `foryou stream` takes the \
same keys with the model in front: `--set ranker.epochs=2`.";

const BY_SIZE: &str = "These defaults follow the number of tokens (people, histories and candidates of one epoch) and of posts. The \
command prints what it chose. A value that you set is kept.";

/// The sizes of data whose defaults the page shows. The last is large enough for the defaults of the tables.
const SIZES: [DataSize; 3] = [
    DataSize { tokens: 30_000, candidates: 15_000, posts: 600 },
    DataSize { tokens: 300_000, candidates: 150_000, posts: 6_000 },
    DataSize { tokens: 3_000_000, candidates: 1_500_000, posts: 60_000 },
];

/// The page.
pub(super) fn page() -> Page {
    let [ranker, retrieval] = ModelKind::ALL.map(Recipe::reference);
    // A section that only one of the models has stands in its place among the others'.
    let names: BTreeMap<_, _> = ranker.iter().chain(&retrieval).map(|section| (&section.name, section)).collect();
    let mut sections: Vec<_> = names.values().map(|section| of_section(section, &ranker, &retrieval)).collect();
    sections.push(by_size());
    Page { title: "Recipes", about: ABOUT.to_owned(), sections }
}

fn of_section(section: &RecipeSection, ranker: &[RecipeSection], retrieval: &[RecipeSection]) -> Section {
    let row = |key: &RecipeKey| {
        let default = |sections: &[RecipeSection]| {
            let found = sections.iter().flat_map(|section| &section.keys).find(|other| other.name == key.name);
            found.map_or_else(String::new, |found| code(&found.default))
        };
        vec![code(&key.name), default(ranker), default(retrieval), key.values.clone(), key.about.clone()]
    };
    Section {
        title: if section.name.is_empty() { "General".to_owned() } else { code(&section.name) },
        about: section.about.clone(),
        columns: vec!["key", "ranker", "retrieval", "value", "meaning"],
        rows: section.keys.iter().map(row).collect(),
        example: None,
    }
}

fn by_size() -> Section {
    let mut rows = Vec::new();
    for kind in ModelKind::ALL {
        let defaults = SIZES.map(|size| Recipe::sized(kind, size).listed());
        for (key, largest) in &defaults[2] {
            let shown: Vec<_> = defaults.iter().filter_map(|of| of.get(key)).map(code).collect();
            if shown.iter().any(|value| *value != code(largest)) {
                rows.push([vec![kind.name().to_owned(), code(key)], shown].concat());
            }
        }
    }
    Section {
        title: "Defaults by the size of the data".to_owned(),
        about: BY_SIZE.to_owned(),
        columns: vec![
            "model",
            "key",
            "30,000 tokens, 600 posts",
            "300,000 tokens, 6,000 posts",
            "3,000,000 tokens, 60,000 posts",
        ],
        rows,
        example: None,
    }
}
