//! `counterfoil sandbox`: the stand-ins alone.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;

use super::until_stopped;
use crate::stand_ins::{Shape, StandIns};
use crate::state_file::StateFile;
use crate::tls::TlsFiles;

const EXAMPLES: &str = "\
Examples:
  counterfoil sandbox
  counterfoil sandbox --salesforce-port 8091 --xero-port 8092 --seed 7
  counterfoil sandbox --records 100000 --speed 20
  counterfoil sandbox --seed 7 --at 2026-11-22T10:00:00Z --speed 0
  counterfoil sandbox --state stand-ins.json

Any client of Salesforce or Xero can talk to them. They are steered at /_sandbox/, by a page
for people and by calls: faults, the clock, counters, state. Without --state they forget everything when they end.";

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
    /// About so many records in both together
    #[arg(long, value_name = "N", default_value_t = 360)]
    records: usize,
    /// Their time begins here, e.g. 2026-11-22T10:00:00Z, and not now
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Their time runs so many times as fast as this machine's; 0 stops it
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    speed: f64,
    /// Keep everything in this file, and go on from it at the next start
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
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
            begins: self.at,
            tls: self.tls.read()?,
        };
        let stand_ins = StandIns::start(shape).await?;
        let state = self.state.map(StateFile::at);
        let goes_on = state.as_ref().map(|state| state.restore(&stand_ins.sandbox)).transpose()?;
        if goes_on != Some(true) {
            stand_ins.fill_both(self.records)?;
        }
        stand_ins.sandbox.clock.set_speed(self.speed).map_err(anyhow::Error::msg)?;
        stand_ins.introduce();
        match state {
            None => until_stopped().await?,
            Some(state) => {
                tokio::select! {
                    // It listens for the signal before the file is written, which takes its time.
                    biased;
                    stopped = until_stopped() => stopped?,
                    failed = state.follow(&stand_ins.sandbox) => failed?,
                }
                state.write(&stand_ins.sandbox)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
