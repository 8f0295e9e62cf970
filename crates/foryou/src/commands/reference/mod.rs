//! `foryou reference`: what can be written in events, settings and recipes, made from what reads them.
//!
//! The pages for a folder that nothing was changed about are `docs/events.md`, `docs/settings.md` and `docs/recipes.md`.

mod events;
mod page;
mod recipes;
mod settings;

use crate::cli::{ReferenceArgs, Topic};
use crate::config::Config;
use crate::folder::profile_or_live;
use crate::output::Output;

pub(super) fn run(config: &Config, args: &ReferenceArgs, output: Output) -> anyhow::Result<()> {
    let page = match args.topic {
        Topic::Events => events::page(&profile_or_live(&config.data)?),
        Topic::Settings => settings::page()?,
        Topic::Recipes => recipes::page(),
    };
    output.print(&page, || page.to_string())
}
