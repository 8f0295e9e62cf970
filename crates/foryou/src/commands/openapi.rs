//! `foryou openapi`: the description of the REST API.

use anyhow::Context;

use crate::output::Output;

pub(super) fn run(output: Output) -> anyhow::Result<()> {
    let text = server::rest::openapi_json();
    let value: serde_json::Value = serde_json::from_str(&text).context("the API description")?;
    output.print(&value, || text)
}
