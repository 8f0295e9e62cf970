//! `foryou openapi`: the description of the REST API, with the actions and ids of the data folder.

use anyhow::Context;

use crate::config::Config;
use crate::folder::profile_or_live;
use crate::output::Output;

pub(super) fn run(config: &Config, output: Output) -> anyhow::Result<()> {
    let value = for_you_feed::openapi(&profile_or_live(&config.data)?);
    let text = serde_json::to_string_pretty(&value).context("the API description")?;
    output.print(&value, || text)
}
