//! What can be said on the command line: a contract that scripts rely on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{bench, catalog, connection, demo, describe, flow, link, run, sandbox, up};
use crate::place::Place;

const EXAMPLES: &str = "\
Try it, without any account:
  counterfoil demo
  counterfoil up --sandbox

Everything that is stored is in --data DIR; without it in $COUNTERFOIL_DATA, else in
$XDG_DATA_HOME/counterfoil or ~/.local/share/counterfoil.
With --json, standard output is one JSON document, and words for people go to standard error.
Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Moves work between Salesforce and Xero: when this happens there, do that here.
#[derive(Debug, Parser)]
#[command(name = "counterfoil", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The directory that everything is stored in
    #[arg(long, global = true, value_name = "DIR", help_heading = "Where to look")]
    data: Option<PathBuf>,
    /// A stack that is deployed on AWS, by its name
    #[arg(long, global = true, value_name = "NAME", help_heading = "Where to look", conflicts_with = "data")]
    stack: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Demo(demo::Demo),
    Sandbox(sandbox::SandboxArgs),
    Catalog(catalog::Catalog),
    Describe(describe::Describe),
    Flow(flow::Flow),
    Connection(connection::ConnectionArgs),
    Link(link::Link),
    Run(run::Run),
    Failures(run::Failures),
    Bench(bench::Bench),
}

pub(crate) async fn perform(cli: Cli) -> anyhow::Result<ExitCode> {
    let place = Box::pin(Place::new(cli.data, cli.stack));
    match cli.command {
        Command::Up(up) => up.perform(&place.await?).await,
        Command::Demo(demo) => demo.perform().await,
        Command::Sandbox(sandbox) => sandbox.perform().await,
        Command::Catalog(catalog) => catalog.perform().await,
        Command::Describe(describe) => describe.perform(&place.await?).await,
        Command::Flow(flow) => Box::pin(flow.perform(&place.await?)).await,
        Command::Connection(connection) => Box::pin(connection.perform(&place.await?)).await,
        Command::Link(link) => link.perform(&place.await?).await,
        Command::Run(run) => run.perform(&place.await?).await,
        Command::Failures(failures) => failures.perform(&place.await?).await,
        Command::Bench(bench) => bench.perform().await,
    }
}
