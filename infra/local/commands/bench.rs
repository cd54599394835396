//! `counterfoil bench`.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Bench {}

impl Bench {
    pub(crate) async fn perform(self) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
