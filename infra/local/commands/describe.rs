//! `counterfoil describe`.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Describe {}

impl Describe {
    pub(crate) async fn perform(self, _place: &crate::place::Place) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
