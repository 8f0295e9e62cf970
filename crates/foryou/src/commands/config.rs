//! `foryou config`: the effective settings, each with its origin.

use comfy_table::{Table, presets};

use crate::config::Effective;
use crate::output::Output;

pub(super) fn run(effective: &Effective, output: Output) -> anyhow::Result<()> {
    output.print(&effective.origins, || {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["setting", "value", "from"]);
        for (key, origin) in &effective.origins {
            table.add_row([key.clone(), origin.value.to_string(), origin.origin.clone()]);
        }
        table.to_string()
    })
}
