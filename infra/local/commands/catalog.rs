//! `counterfoil catalog`.

use std::process::ExitCode;

/// Every trigger and action, with its input, its effect and an example
#[derive(Debug, clap::Args)]
pub(crate) struct Catalog {}

impl Catalog {
    pub(crate) async fn perform(self) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
