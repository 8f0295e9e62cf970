//! `foryou openapi`: the description of the REST API.

use anyhow::Context;

use crate::output::Output;

pub(super) fn run(output: Output) -> anyhow::Result<()> {
    let value = server::rest::openapi(&foryou_types::Profile::live());
    let text = serde_json::to_string_pretty(&value).context("the API description")?;
    output.print(&value, || text)
}
