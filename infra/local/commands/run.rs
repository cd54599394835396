//! `counterfoil run` and `counterfoil failures`.

use std::process::ExitCode;

/// Runs: what became of each event
#[derive(Debug, clap::Args)]
pub(crate) struct Run {}

impl Run {
    pub(crate) async fn perform(self, _place: &crate::place::Place) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}

/// The runs that failed
#[derive(Debug, clap::Args)]
pub(crate) struct Failures {}

impl Failures {
    pub(crate) async fn perform(self, _place: &crate::place::Place) -> anyhow::Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
