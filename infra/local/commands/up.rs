//! `counterfoil up`.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Up {}

impl Up {
    pub(crate) async fn perform(self, _place: &crate::place::Place) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
