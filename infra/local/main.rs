//! `counterfoil`: all of Counterfoil in one process on SQLite, and the command line.

mod cli;
mod commands;
mod output;
mod place;
mod secret;
mod server;
mod serving;
mod since;
mod stand_ins;
mod state_file;
mod tls;
mod watch;
mod whole;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    output::start_telemetry();
    match cli::perform(cli).await {
        Ok(code) => code,
        Err(error) => output::failed(&error),
    }
}
