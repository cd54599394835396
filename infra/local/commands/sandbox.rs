//! `counterfoil sandbox`.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct SandboxArgs {}

impl SandboxArgs {
    pub(crate) async fn perform(self) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
