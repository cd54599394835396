//! `counterfoil sandbox`: the stand-ins alone.

use std::process::ExitCode;

use counterfoil_sandbox::salesforce::Amounts;

use super::until_stopped;
use crate::stand_ins::{Shape, StandIns};
use crate::tls::TlsFiles;

const EXAMPLES: &str = "\
Examples:
  counterfoil sandbox
  counterfoil sandbox --salesforce-port 8091 --xero-port 8092 --seed 7

Any client of Salesforce or Xero can talk to them. They are steered at /_sandbox/: faults, the clock, counters, state.
They forget everything when they end.";

/// Run stand-ins of Salesforce and Xero on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SandboxArgs {
    /// The port of the Salesforce stand-in; any free one when left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    salesforce_port: u16,
    /// The port of the Xero stand-in; any free one when left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    xero_port: u16,
    /// The same number makes the same org and the same books
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    tls: TlsFiles,
}

impl SandboxArgs {
    pub(crate) async fn perform(self) -> anyhow::Result<ExitCode> {
        let shape = Shape {
            seed: self.seed,
            salesforce_port: self.salesforce_port,
            xero_port: self.xero_port,
            without_limits: false,
            tls: self.tls.read()?,
        };
        let stand_ins = StandIns::start(shape).await?;
        stand_ins.fill(&Amounts::default())?;
        stand_ins.introduce();
        until_stopped().await?;
        Ok(ExitCode::SUCCESS)
    }
}
