//! `counterfoil connection`.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct ConnectionArgs {}

impl ConnectionArgs {
    pub(crate) async fn perform(self, _place: &crate::place::Place) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
