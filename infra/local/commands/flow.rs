//! `counterfoil flow`.

use std::process::ExitCode;

/// Flows: check, push, enable and try them
#[derive(Debug, clap::Args)]
pub(crate) struct Flow {}

impl Flow {
    pub(crate) async fn perform(self, _place: &crate::place::Place) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
